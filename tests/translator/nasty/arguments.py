"""Arguments and operators whose own methods look things up, raise or never end as Python's usually do."""

import functools
from collections.abc import Mapping

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, BaseOperator, Connection, Param


def never(self, *more, **named):
    raise LookupError("only where the task runs")


class Odd:
    """As clients, data frames and lazy proxies are."""

    __repr__ = __str__ = __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __getattr__ = never


class OddCall(Odd):
    """Airflow itself asks callbacks whether they are true."""

    def __bool__(self):
        return True

    def __call__(self, context):
        pass


class OddText(str):
    __repr__ = __str__ = __eq__ = __len__ = never
    __hash__ = str.__hash__


class OddMapping(Mapping):
    __getitem__ = __iter__ = __len__ = never


class Upload(BaseOperator):
    """Looks up what its argument names when it runs, under the argument's own name."""

    def __init__(self, target, **kwargs):
        super().__init__(**kwargs)
        self._target_id = target

    @functools.cached_property
    def target(self):
        return Connection.get(self._target_id)

    def execute(self, context):
        return self.target.host


class Anything(BaseOperator):
    __init_subclass__ = classmethod(lambda cls, **named: None)

    def __init__(self, value=None, **kwargs):
        super().__init__(**kwargs)
        self.value = value

    @property
    def client(self):
        raise LookupError("no client here")

    def execute(self, context):
        pass


class Wrapped(Anything):
    """Its method is wrapped around what is no function."""

    execute = functools.wraps(functools.partial(print))(lambda self, context: None)
    other = functools.wraps(type("Call", (), {"__call__": print})())(lambda self: None)


def circle():
    pass


circle.__wrapped__ = circle
myself = []
myself.append(myself)
deep = []
for _ in range(500):
    deep = [deep]

with DAG("arguments", schedule=None, params={"needed": Param(type="string")}):
    Upload(task_id="property", target="only_on_workers")
    Anything(task_id="object", value=Odd())
    Anything(task_id="nested", value={"a": [Odd()], "b": OddMapping()})
    Anything(task_id="text", value=OddText("x"))
    Anything(task_id="itself", value=myself)
    Anything(task_id="deep", value=deep)
    Anything(task_id="callbacks", on_failure_callback=OddCall(), on_execute_callback=[OddCall()])
    Anything(task_id="config", executor_config={"KubernetesExecutor": {"x": Odd()}})
    Wrapped(task_id="wrapped")
    PythonOperator(task_id="partial", python_callable=functools.partial(functools.partial(print, 1), Odd()))
    PythonOperator(task_id="circle", python_callable=circle)
    PythonOperator(task_id="callable", python_callable=OddCall())
    BashOperator(task_id="templated", bash_command="echo {{ params.needed }}", env={"A": OddText("x")})
    BashOperator.partial(task_id="mapped").expand(bash_command=[OddText("true"), "true"])
