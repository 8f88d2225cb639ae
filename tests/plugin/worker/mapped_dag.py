"""Mapped tasks, one for each way that an instance gets its values."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, get_current_context, task, task_group

NOTES = Path(__file__).parent / "notes"


def note(line: str) -> None:
    with NOTES.open("a") as notes:
        notes.write(f"{line}\n")


def failed(context) -> None:
    note(f"failure {context['ti'].map_index} {context['ti'].try_number}")


with DAG("mapped_example"):

    @task
    def numbers():
        return [10, 20, 30]

    @task
    def letters():
        return {"a": 1, "b": 2}

    @task
    def too_many():
        return list(range(6))

    @task
    def nothing():
        return None

    @task
    def no_list():
        return 5

    @task
    def arguments():
        return [{"x": 1, "y": 2}, {"x": 3, "y": 4}]

    @task
    def literal(x):
        return x * x

    @task
    def of_list(x, *, ti):
        return [x, ti.map_index]

    @task
    def of_dict(pair):
        return list(pair)

    @task
    def cross(x, y):
        return [x, y]

    @task
    def same(x):
        return x

    @task
    def double(x):
        return 2 * x

    @task
    def added(x, y, z):
        return x + y + z

    @task(map_index_template="number {{ my_label }}")
    def labelled(x):
        get_current_context()["my_label"] = x
        return x

    @task
    def stores(x):
        ti = get_current_context()["ti"]
        store = get_current_context()["task_state_store"]
        before = store.get("seen")
        store.set("seen", [x])
        return [before, store.get("seen"), ti.map_index]

    @task
    def pulls(*, ti):
        return {
            "one": ti.xcom_pull(task_ids="literal", map_indexes=1),
            "some": ti.xcom_pull(task_ids="literal", map_indexes=[2, 0]),
            "all": list(ti.xcom_pull(task_ids="literal")),
            "two": ti.xcom_pull(task_ids=["numbers", "letters"]),
        }

    @task
    def total(values):
        return {
            "kind": type(values).__name__,
            "length": len(values),
            "first": values[0],
            "last": values[-1],
            "slice": list(values[3:9:2]),
            "sum": sum(values),
        }

    @task
    def many(x):
        return x

    @task(retries=1, on_failure_callback=failed)
    def dies(x):
        note(f"dies {get_current_context()['ti'].map_index}")
        os.kill(os.getpid(), signal.SIGKILL)

    @task(retries=2)
    def breaks(x):
        note(f"breaks {get_current_context()['ti'].try_number}")
        raise ValueError("it broke")

    listed, lettered, squares = numbers(), letters(), literal.expand(x=[1, 2, 3])
    of_list.expand(x=listed)
    of_dict.expand(pair=lettered)
    cross.expand(x=listed, y=[1, 2])
    cross.override(task_id="from_kwargs").expand_kwargs(arguments())
    cross.override(task_id="zipped").expand_kwargs(listed.zip(squares).map(lambda pair: {"x": pair[0], "y": pair[1]}))
    same.override(task_id="mapped_values").expand(x=listed.map(lambda value: -value))
    same.override(task_id="joined").expand(x=listed.concat(squares))
    double.expand(x=squares)
    added.partial(z=1000).expand(x=[1], y=listed)
    labelled.expand(x=[7, 8])
    stores.expand(x=["p", "q"])
    pulls() << squares
    same.override(task_id="of_too_many").expand(x=too_many())
    same.override(task_id="of_nothing").expand(x=nothing())
    same.override(task_id="of_no_list").expand(x=no_list())
    BashOperator.partial(task_id="shell").expand(bash_command=["echo {{ ti.map_index }}", "echo {{ ds }}"])
    total(many.expand(x=list(range(100))))
    dies.expand(x=[1, 2, 3, 4])
    breaks.expand(x=[1])

    @task_group
    def group(n):
        @task
        def first(n):
            return n + 1

        @task
        def second(value):
            return value * 100

        second(first(n))

    group.expand(n=listed)
