"""A job queue that takes no jobs is found before anything of a run is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from compiling import compile_text, document
from ductwork.cloudformation import machine_policy
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.submit import job_queues
from ductwork_airflow.submit.named_in_jobs import named
from remote_runs import MACHINE_CHAIN, Clients, Remote

TYPO = """
job("charge_customers") >> BatchOperator(
    task_id="report", job_name="report", job_queue="typo-queue", job_definition="remote-definition"
)
"""


@pytest.mark.parametrize("target", ["batch", "stepfunctions", MACHINE_CHAIN])
def test_a_queue_that_does_not_exist(target: str, remote: Remote) -> None:
    dag_id = f"typo_{target}"
    artefact, request = remote.compile(dag_id, TYPO, target), remote.request(dag_id)
    with pytest.raises(
        lifecycle.SubmissionError, match=r"nothing was started.*'typo-queue' does not exist \(task report\)"
    ):
        remote.submit(artefact, target, request)
    assert remote.ledger.run(dag_id, request.run_id) is None
    assert remote.jobs(f"{dag_id}-") == []


class Answering:
    """A Batch that has these queues."""

    class meta:
        region_name = "eu-west-1"

    def __init__(self, *queues: dict[str, str]) -> None:
        self.queues, self.asked = queues, []

    def describe_job_queues(self, jobQueues: list[str]) -> dict[str, list[dict[str, str]]]:
        self.asked.append(jobQueues)
        found = [{"jobQueueArn": f"arn:{each['jobQueueName']}", **each} for each in self.queues]
        return {"jobQueues": [each for each in found if {each["jobQueueName"], each["jobQueueArn"]} & set(jobQueues)]}


def chain(*queues: str) -> dict[str, object]:
    jobs = [{"name": f"j{n}", "submit": {"jobQueue": queue}} for n, queue in enumerate(queues)]
    return {"jobs": jobs, "manifest": {"tasks": {f"t{n}": {"job": f"j{n}"} for n in range(len(queues))}}}


@pytest.mark.parametrize(
    ("state", "what"),
    [
        ({"state": "DISABLED", "status": "VALID"}, "'q' is disabled (task t0, t1)"),
        ({"state": "ENABLED", "status": "DELETING"}, "'q' is DELETING (task t0, t1)"),
    ],
)
def test_a_queue_that_takes_nothing(state: dict[str, str], what: str) -> None:
    with pytest.raises(lifecycle.SubmissionError) as caught:
        job_queues.require(Answering({"jobQueueName": "q", **state}), chain("q", "q"))
    assert what in str(caught.value)


def test_a_queue_that_a_machine_names_once(tmp_path: Path) -> None:
    """Of workers it is in a variable of the machine; a task that is placed elsewhere names its own."""
    body = """
    with DAG('case'):
        tasks = [BashOperator(task_id=name, bash_command='true') for name in 'abc']
        tasks[-1].executor_config = {'jobQueue': 'other'}
        BashOperator.partial(task_id='m', max_active_tis_per_dagrun=2).expand(bash_command=['true', 'true'])
    """
    machine = document(compile_text(tmp_path, body, job_queue="typo", job_definition="d", ledger_table="ledger"))
    assert machine["States"]["Prepare run"]["Assign"]["job"] == {"JobQueue": "typo", "JobDefinition": "d"}
    assert named(machine, ("JobQueue",)) == {"typo": ["a", "b", "m[n]"], "other": ["c"]}
    assert set(named(machine, ("JobDefinition",))["d"]) == {"a", "b", "c", "m[n]"}
    use = machine_policy.use_of([machine])
    assert (use.queues, use.definitions) == ({"typo", "other"}, {"d"})


def test_what_is_found() -> None:
    batch = Answering({"jobQueueName": "q", "state": "ENABLED", "status": "VALID"})
    job_queues.require(batch, chain("q", "arn:q", "${Open}"))
    job_queues.require(batch, {"States": {"A": {"Arguments": {"JobQueue": "{% $of.run %}"}}}})
    assert batch.asked == [["q", "arn:q"]]


def test_many_queues_are_asked_for_in_parts() -> None:
    names = [f"q{number}" for number in range(101)]
    batch = Answering(*({"jobQueueName": name} for name in names))
    job_queues.require(batch, chain(*names))
    assert [len(part) for part in batch.asked] == [100, 1]


def test_whoever_may_not_look_goes_on(remote: Remote) -> None:
    def deny(operation: str) -> None:
        if operation == "describe_job_queues":
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeJobQueues")

    artefact = remote.compile("denied", "job('a')", "batch")
    handle = remote.submit(artefact, "batch", remote.request("denied"), Clients(remote.aws, before=deny))
    assert remote.watch(handle).state == "success"
