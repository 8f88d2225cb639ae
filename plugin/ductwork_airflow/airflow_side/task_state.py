"""What Airflow says of a task instance, asked from its own task or trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstance

# A user has marked it: after a kill, any other state but ``running`` means that it is to run again.
MARKED = frozenset({"success", "failed", "skipped"})


def own_state(ti: TaskInstance) -> str | None:
    """The state of a task instance in Airflow now; None before it is scheduled. Blocks.

    :param ti: a task instance of Airflow
    :raises AirflowRuntimeError: Airflow cannot say
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    mapped = {} if ti.map_index is None or ti.map_index < 0 else {"map_index": ti.map_index}
    states = RuntimeTaskInstance.get_task_states(dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], **mapped)
    state = states.get(ti.run_id, {}).get(ti.task_id if not mapped else f"{ti.task_id}_{ti.map_index}")
    return None if state is None else str(getattr(state, "value", state))
