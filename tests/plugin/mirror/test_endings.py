"""How a run that has ended closes the instances of mapped tasks that nobody else can end."""

from __future__ import annotations

from typing import Any

import pytest
from ductwork.contracts import ledger as schema
from ductwork_airflow.mirror import end_tasks
from remote_runs import Remote


def left(remote: Remote, dag_id: str, size: int, states: dict[int, str]) -> tuple[Any, list[dict[str, Any]]]:
    """A run of one mapped task with instances in these states; ``-1`` is the task as a whole."""
    ledger = remote.ledger
    ledger.start_run(dag_id, "r", target="stepfunctions", execution_arn="arn", run_type="manual", tasks={"t": {}})
    ledger.update(schema.run_pk(dag_id, "r"), schema.map_sk("t"), {"size": size})
    for index, state in states.items():
        ledger.record_task(dag_id, "r", "t", state, 1, map_index=index)
    return ledger.run(dag_id, "r"), ledger.tasks(dag_id, "r")


def found(remote: Remote, dag_id: str) -> dict[int, tuple[str, str | None]]:
    items = remote.ledger.tasks(dag_id, "r")
    return {item["map_index"]: (item["state"], item.get("error")) for item in items}


@pytest.mark.parametrize(
    ("size", "states", "refused", "expected"),
    [
        # A restart has expanded to fewer.
        (1, {0: "success", 1: "scheduled", 2: "success"}, {}, {0: "success", 1: "removed", 2: "success"}),
        # To none: the task as a whole has ended.
        (2, {-1: "skipped", 0: "scheduled", 1: "scheduled"}, {}, {-1: "skipped", 0: "removed", 1: "removed"}),
        # Those that are to run are left alone.
        (2, {0: "scheduled", 1: "success"}, {}, {0: "scheduled", 1: "success"}),
        # Batch did not take the array: those that have begun before, and those that nobody has heard of.
        (3, {0: "success", 1: "scheduled"}, {"t": "no queue"}, {0: "success", 1: "failed", 2: "failed"}),
        (2, {}, {"other": "no queue"}, {}),
    ],
    ids=["fewer", "none", "the same", "refused", "another refused"],
)
def test_closing_mapped(
    remote: Remote,
    request: pytest.FixtureRequest,
    size: int,
    states: dict[int, str],
    refused: dict[str, str],
    expected: dict[int, str],
) -> None:
    dag_id = f"closed_{request.node.callspec.id.replace(' ', '_')}"
    run, items = left(remote, dag_id, size, states)
    changed = end_tasks.close_mapped(remote.ledger, run, items, refused)
    after = found(remote, dag_id)
    assert {index: state for index, (state, _) in after.items()} == expected
    assert changed == (expected != states)
    for index, (state, error) in after.items():
        assert error == ("no queue" if state == "failed" else None), index
    # Once more finds nothing that is left to do but what was refused, and changes nothing.
    end_tasks.close_mapped(remote.ledger, run, remote.ledger.tasks(dag_id, "r"), refused)
    assert found(remote, dag_id) == after
