"""kill -9 of the process that runs the operator, at random moments: the next one finds the run that is there.

The small sister of ``tests/e2e/test_kills.py``, which kills the processes of a whole Airflow.
"""

import subprocess
import time
from collections import Counter
from datetime import datetime, timezone
from random import Random

import pytest

KILLS = 3
BEGUN = "[DAG TEST] starting task_id=submit"


@pytest.mark.parametrize(("target", "way", "seed"), [("stepfunctions", "sync", 1), ("batch", "deferred", 2)])
def test_a_killed_process(airflow_process, run_dag, remote, traces, tmp_path, target, way, seed):
    dag_id, chance = f"killed_{target}_{way}", Random(seed)
    steps = (f"at:{datetime.now(timezone.utc).isoformat()}", "run")
    for number in range(KILLS):
        kill_in_the_task(airflow_process(dag_id, *steps), tmp_path / f"log{number}", chance.uniform(0, 2.5))
    (tmp_path / "switch").touch()
    (found,) = run_dag(dag_id, *steps)
    assert (found["state"], found["tasks"]["submit"]["state"]) == ("success", "success")
    assert Counter(traces()) == {"first": 1, "slow": 1}
    assert remote.tasks("long", found["run_id"]) == {"first": ("success", 1), "slow": ("success", 1)}
    assert len(remote.executions("long", found["run_id"])) == (1 if target == "stepfunctions" else 0)
    assert len(remote.jobs("long", found["run_id"])) == 2


def kill_in_the_task(process, log, seconds):
    """Start a process and kill it so many seconds after its task has begun."""
    command, environment = process
    with log.open("wb") as out:
        started = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    deadline = time.monotonic() + 120
    while BEGUN not in log.read_text():
        assert started.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.02)
    time.sleep(seconds)
    assert started.poll() is None, "it has ended before it could be killed"
    started.kill()
    started.wait()
