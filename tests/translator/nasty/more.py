"""More that calls the author's code: names of template fields, assets, functions over XComs, macros, notifiers."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset, BaseNotifier, BaseOperator, task


def never(self, *more, **named):
    raise LookupError("only where the task runs")


class Lookup(BaseOperator):
    """Computes a template field, and has another that it does not have yet."""

    template_fields = ("query", "later")

    def __init__(self, table, **kwargs):
        self.table = table
        super().__init__(**kwargs)

    @property
    def query(self):
        if not hasattr(self, "prepared"):
            return "select 1"
        raise LookupError("no catalogue here")

    def execute(self, context):
        pass


class Remembers(BaseOperator):
    """Keeps an argument in a way of its own, which only its descriptor knows."""

    class Secret:
        def __get__(self, instance, owner):
            raise LookupError("the vault is closed")

        def __set__(self, instance, value):
            pass

    password = Secret()

    def __init__(self, password, **kwargs):
        self.password = password
        super().__init__(**kwargs)

    def execute(self, context):
        pass


class Signed(BaseOperator):
    """Says something of its own of its parameters."""

    __signature__ = property(never)

    def execute(self, context):
        context["ti"].xcom_pull("names")


class Table(Asset):
    @property
    def description(self):
        raise LookupError("no catalogue here")


class Tell(BaseNotifier):
    __repr__ = __eq__ = never
    __hash__ = BaseNotifier.__hash__

    def notify(self, context):
        pass


class Macro:
    __getattr__ = __call__ = __repr__ = never


with DAG(
    "more",
    schedule=None,
    user_defined_macros={"macro": Macro()},
    user_defined_filters={"odd": Macro()},
    default_args={"on_failure_callback": Tell()},
    on_success_callback=Tell(),
):
    Lookup(task_id="computed", table="t")
    Remembers(task_id="descriptor", password="x")
    Signed(task_id="signed")
    BashOperator(task_id="macros", bash_command="{{ macro('x') | odd }}")

    @task(outlets=[Table("s3://bucket/table")])
    def names():
        return ["a", "b"]

    @task
    def load(name):
        pass

    load.expand(name=names().map(lambda name: never(name)))
