"""What became of a task in the DAG's run before this one: for ``depends_on_past`` and ``wait_for_downstream``.

The counterpart of Airflow's ``PrevDagrunDep``. A run's place among the others is its logical date. Runs are found by
the index ``by_dag``, which may be a moment behind; everything else is read consistently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ductwork_airflow.execution_api import dag_runs
from ductwork_airflow.ledger import Item, Ledger

_SUCCESSFUL = frozenset({"success", "skipped"})


@dataclass(frozen=True)
class Past:
    """One task in the previous run.

    :param state: the run's
    :param outcomes: of the task's instances; None for one that has not begun. Empty if the run does not have the task
    :param seen_before: whether any run before this one has the task
    :param downstream_done: whether all instances of the tasks directly downstream ended as success or skipped
    """

    run_id: str
    state: str
    outcomes: Sequence[str | None]
    seen_before: bool
    downstream_done: bool

    def allows(self, *, wait_for_downstream: bool = False, ignore_first: bool = False) -> bool:
        """Whether a task with ``depends_on_past`` may run.

        :param ignore_first: Airflow's ``ignore_first_depends_on_past``
        """
        if not self.outcomes:
            return ignore_first and not self.seen_before
        return _SUCCESSFUL.issuperset(self.outcomes) and (self.downstream_done or not wait_for_downstream)


def look(
    ledger: Ledger,
    dag_id: str,
    task_id: str,
    logical_date: datetime,
    *,
    scheduled: bool = False,
    downstream: Sequence[str] | None = None,
) -> Past | None:
    """
    :param logical_date: of the run that asks
    :param scheduled: pass over runs that were started by hand, as Airflow does for DAGs with ``catchup``
    :param downstream: the tasks directly downstream; None for those that the previous run itself knows
    :return: None if there is no earlier run, so that there is nothing to depend on
    """
    runs = dag_runs.before(ledger, dag_id, logical_date)
    earlier = [run for run in runs if not (scheduled and run.get("run_type") == "manual")]
    if not earlier:
        return None
    previous = ledger.run(dag_id, earlier[0]["run_id"]) or earlier[0]
    items = ledger.tasks(dag_id, previous["run_id"])
    outcomes = _outcomes(previous, items, task_id)
    return Past(
        run_id=previous["run_id"],
        state=previous["state"],
        outcomes=outcomes,
        seen_before=bool(outcomes) or any(_has(ledger, run, task_id) for run in earlier[1:]),
        downstream_done=all(
            _SUCCESSFUL.issuperset(_outcomes(previous, items, below))
            for below in (_below(previous, task_id) if downstream is None else downstream)
        ),
    )


def _outcomes(run: Item, items: Sequence[Item], task_id: str) -> list[str | None]:
    found: list[str | None] = [item.get("state") for item in items if item["task_id"] == task_id]
    return found or ([None] if task_id in (run.get("tasks") or {}) else [])


def _below(run: Item, task_id: str) -> list[str]:
    return [name for name, facts in (run.get("tasks") or {}).items() if task_id in facts.get("upstream", ())]


def _has(ledger: Ledger, run: Item, task_id: str) -> bool:
    known = task_id in (run.get("tasks") or {})
    return known or any(item["task_id"] == task_id for item in ledger.tasks(run["dag_id"], run["run_id"]))
