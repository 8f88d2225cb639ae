"""What Airflow renders: its own context, environment and templates, for the task of a DAG with params."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from functools import cache
from typing import Any

from ductwork.ir.templating import Templating

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


# What tasks above the one whose templates are rendered have left, by task and key.
XCOMS: dict[tuple[str, str], object] = {
    ("made", "return_value"): {"path": "s3://b/k", "rows": 12, "share": 1.0, "parts": ["a", "it's"], "none": None},
    ("made", "count"): 7,
    ("made", "large"): 12345678901234567890,
    ("made", "flag"): False,
    ("made", "text"): " X y ",
    ("made", "nothing"): None,
    ("made", "empty"): [],
    ("made", "one"): [[1.0]],
    ("group.first", "a b"): "in a group",
}
# The key under which the conf of the run is an XCom, too: anything there may be.
ANY = "any"


class _Supervisor:
    """Answers a worker's questions for XComs, as Airflow's supervisor does."""

    def __init__(self, conf: dict[str, Any]) -> None:
        self._conf = conf

    def send(self, msg: Any) -> Any:
        from airflow.sdk.execution_time.comms import GetXComSequenceSlice, XComSequenceSliceResult

        assert isinstance(msg, GetXComSequenceSlice), msg
        asked = msg.task_id, msg.key
        found = xcoms(self._conf)
        return XComSequenceSliceResult(root=[json.loads(json.dumps(found[asked]))] if asked in found else [])


def xcoms(conf: dict[str, Any]) -> dict[tuple[str, str], object]:
    """What there is to pull in a run of that conf."""
    return {**XCOMS, ("made", ANY): conf}


def _shout(text: str) -> str:
    return text.upper() + "!"


def task() -> Any:
    """The task whose templates are rendered; a new one each time, for Airflow writes a run's conf into its params."""
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG, Param, TaskGroup

    params = {
        "name": "a b",
        "text": Param(" X y ", type="string"),
        "number": Param(7, type="integer"),
        "flag": Param(False, type="boolean"),
        "maybe": Param(None, type=["null", "string"]),
        "empty": "",
        "items_": ["a", "it's", 3],
        "nested": {"a": {"b": 1}, "c": [True, None, "x"]},
        "ratio": 0.25,
        "whole": 1.0,
        "large": 12345678901234567890,
        "checked": Param("a", type="string", maxLength=3),
    }
    with DAG(
        "a-dag.of_templates",
        schedule=None,
        params=params,
        user_defined_macros={"own": "constant", "own_macro": _shout, "own_list": ["a", 1]},
        user_defined_filters={"shout": _shout},
    ):
        own = BashOperator(task_id="the_task", bash_command="true", params={"empty": "", "of_task": "t"})
        with TaskGroup("group"):
            first = BashOperator(task_id="first", bash_command="true")
        mapped = BashOperator.partial(task_id="mapped").expand(bash_command=["true", "false"])
        (
            BashOperator(task_id="made", bash_command="true")
            >> first
            >> [own, mapped]
            >> BashOperator(task_id="later", bash_command="true")
        )
        mapped >> own
        return own


@cache
def templating() -> Templating:
    """What is known of it when it is compiled."""
    from ductwork.frontend.templating import templating_of

    return templating_of(task(), pulls=True)


def context(run_id: str, logical_date: datetime, start: datetime, end: datetime, conf: dict[str, Any]) -> Any:
    """As a worker has it, for a run.

    :raises Exception: the conf is not what the params' schemas say
    """
    own = task()
    from airflow.sdk.api.datamodels._generated import DagRun, DagRunState, DagRunType, TIRunContext
    from airflow.sdk.execution_time import task_runner

    run = DagRun(
        dag_id=own.dag_id,
        run_id=run_id,
        logical_date=logical_date,
        data_interval_start=start,
        data_interval_end=end,
        run_after=end,
        start_date=end,
        end_date=None,
        run_type=DagRunType.MANUAL,
        state=DagRunState.RUNNING,
        # As it comes out of the ledger.
        conf=json.loads(json.dumps(conf)),
        consumed_asset_events=[],
        partition_key=None,
    )
    instance = task_runner.RuntimeTaskInstance.model_construct(
        id="0", task_id=own.task_id, dag_id=run.dag_id, run_id=run_id, try_number=1, map_index=-1, task=own
    )
    instance._ti_context_from_server = TIRunContext(dag_run=run, max_tries=0)
    # Airflow sets it in a worker's process, and nowhere else.
    task_runner.SUPERVISOR_COMMS = _Supervisor(run.conf)
    return instance.get_template_context()


def rendered(source: str, values: Any) -> Any:
    """A template as a field of the task is rendered."""
    return values["task"].render_template(source, values)
