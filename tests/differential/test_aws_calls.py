"""Operators that call AWS: under Airflow, whose operators call the embedded AWS; in workers; and as states of a machine."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool
from ductwork_airflow.embedded_aws.services import CREDENTIALS, EmbeddedAws
from records import differences

HERE = Path(__file__).parent / "aws_calls"
FILES = sorted(HERE.glob("*.py"))
NAMES = [file.stem for file in FILES]
pytestmark = pytest.mark.timeout(600)
# What AWS makes up: ids of Glue's runs and EMR's jobs, UUIDs; and how long a sensor has waited, in seconds.
MADE_UP = re.compile(
    "jr_[0-9a-f]{64}|\\b[a-z0-9]{19}\\b|\\b[a-z0-9]{25}\\b|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=run duration of )[0-9.]+"
)


@pytest.fixture(scope="session")
def called(gather, tmp_path_factory):
    """The records of Airflow and of the machines."""
    folder = tmp_path_factory.mktemp("aws")
    with WorkerPool() as pool, EmbeddedAws(pool=pool, jobs=0, log_dir=folder) as aws:
        settings = {
            "AWS_ENDPOINT_URL": aws.endpoint_url,
            "AWS_ACCESS_KEY_ID": CREDENTIALS[0],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS[1],
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        return without_ids(gather(FILES, targets=("stepfunctions",), **settings))


@pytest.fixture(scope="session")
def in_workers(gather):
    """The records of Airflow's own operators in workers."""
    return without_ids(gather(FILES, targets=("stepfunctions",), airflow=False, AIRFLOW__DUCTWORK__NATIVE="False"))


def without_ids(records):
    """Records with one text for all that AWS makes up. What HTTP says of an answer is another each time: a task of the
    case has looked at its form."""
    return json.loads(MADE_UP.sub("(made up)", json.dumps(records)), object_hook=_without_metadata)


def _without_metadata(found):
    return {**found, "ResponseMetadata": "(made up)"} if "ResponseMetadata" in found else found


# Step Functions does not tell the code of errors of SQS's and EC2's, nor of one that S3's model does not list; an
# operator of a job that is not there tries to make it, which it cannot without a script; and no process has run into a
# time limit.
TOLD_OTHERWISE = {"lost[-1]", "no_instance[-1]", "no_job[-1]", "no_bucket[-1]", "hurried[-1]"}


@pytest.mark.parametrize("name", NAMES)
def test_equal_to_airflow(called, name):
    airflow, ours = called["airflow"][name], called["stepfunctions"][name]
    assert "diagnostics" not in ours, ours["diagnostics"]
    different = {dag: found for dag in airflow if (found := differences(airflow[dag], ours[dag]))}
    assert not different, "\n".join(f"\n{dag}\n{found}" for dag, found in different.items())


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_what_is_said_of_failures_is_what_the_operators_raise(called, in_workers, name):
    said = [
        {
            dag: {task: of["error"] for task, of in run["tasks"].items()}
            for dag, run in side["stepfunctions"][name].items()
        }
        for side in (called, in_workers)
    ]
    for ours, theirs in zip(*(each.values() for each in said), strict=True):
        assert ours.keys() == theirs.keys()
        different = {task: (ours[task], theirs[task]) for task in ours if ours[task] != theirs[task]}
        assert different.keys() <= TOLD_OTHERWISE, different
        assert all(bool(ours[task]) == bool(theirs[task]) for task in TOLD_OTHERWISE & ours.keys())
