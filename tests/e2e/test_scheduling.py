"""What ``dag.test()`` may show otherwise than Airflow's scheduler: here the scheduler itself is the oracle.

It agrees with ``dag.test()`` about tasks outside their dates, which the differential tests compare with
(``semantics/windows.py``), and with ``test_fail_fast.py`` about tasks that are running when another one fails.
"""

import pytest

DATE = "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("dag_id", "state", "tasks"),
    [
        ("alone_dates", "failed", {"works": "success", "below": None, "last": None, "always": "success"}),
        ("alone_dates_leaf", "success", {"works": "success"}),
        (
            "alone_fail_fast",
            "success",
            {"slow": "failed", "works": "skipped", "breaks": "failed", "end": "skipped"},
        ),
    ],
)
def test_a_run_ends_so(airflow, dag_id, state, tasks):
    run_id = airflow.trigger(dag_id, run_id=f"{dag_id}-once", logical_date=DATE)
    assert airflow.wait(dag_id, run_id) == state
    assert {name: found["state"] for name, found in airflow.instances(dag_id, run_id).items()} == tasks
