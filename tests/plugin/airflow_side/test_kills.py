"""kill -9 of the process that runs the operator, at random moments: the next one finds the run that is there.

The small sister of ``tests/e2e/test_kills.py``, which kills the processes of a whole Airflow.
"""

import signal
import time
from collections import Counter
from datetime import datetime, timezone
from random import Random

import pytest

KILLS = 3
BEGUN = "[DAG TEST] starting task_id=submit"


@pytest.mark.parametrize(("target", "way", "seed"), [("stepfunctions", "sync", 1), ("batch", "deferred", 2)])
def test_a_killed_process(start_dag, run_dag, remote, traces, tmp_path, target, way, seed):
    dag_id, chance = f"killed_{target}_{way}", Random(seed)
    steps = (f"at:{datetime.now(timezone.utc).isoformat()}", "run")
    for _ in range(KILLS):
        kill_in_the_task(start_dag(dag_id, *steps), chance.uniform(0, 2.5))
    (tmp_path / "switch").touch()
    (found,) = run_dag(dag_id, *steps)
    assert (found["state"], found["tasks"]["submit"]["state"]) == ("success", "success")
    assert Counter(traces()) == {"first": 1, "slow": 1}
    assert remote.tasks("long", found["run_id"]) == {"first": ("success", 1), "slow": ("success", 1)}
    assert len(remote.executions("long", found["run_id"])) == (1 if target == "stepfunctions" else 0)
    assert len(remote.jobs("long", found["run_id"])) == 2


def kill_in_the_task(process, seconds):
    """Kill a process so many seconds after its task has begun."""
    deadline = time.monotonic() + 120
    while BEGUN not in process.err():
        assert not process.has_ended and time.monotonic() < deadline, process.err()[-3000:]
        time.sleep(0.02)
    time.sleep(seconds)
    assert not process.has_ended, "it has ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    assert process.wait().code == -signal.SIGKILL
