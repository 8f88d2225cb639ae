"""Job chains that a state machine submits: what it sends, how it ends a run that nobody looks at, and what breaks it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from ductwork.contracts.ledger import run_pk
from ductwork_airflow.commands.base import look_once
from ductwork_airflow.ledger import Item
from ductwork_airflow.mirror.adopt_jobs import Adoption
from ductwork_airflow.run_model.connection import Connection
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.submit.claims import Claims, Job
from ductwork_airflow.submit.substitutions import fill
from remote_runs import MACHINE_CHAIN, PACE, Clients, Remote
from waiting import until

WITH_VALUES = """
a = job('a', 'echo {{ ds }} {{ run_id }}', tags={'my.Key': 'a'}, retry_strategy={'attempts': 2}, parameters={'Some': 'x'})
b = job('b')
c = job('c', 'true', submit_job_timeout=600)
[a, b] >> EmptyOperator(task_id='e') >> c >> [job('d'), job('f')]
a >> job('g')
"""


def start(remote: Remote, dag_id: str, body: str) -> RunHandle:
    return remote.submit(remote.compile(dag_id, body, MACHINE_CHAIN), MACHINE_CHAIN, remote.request(dag_id))


def ended(remote: Remote, handle: RunHandle, seconds: float = 60) -> dict[str, Any]:
    """The execution, once it has ended; nobody else looks."""
    deadline = time.monotonic() + seconds
    while (found := remote.sfn.describe_execution(executionArn=handle.execution_arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline, remote.states(handle)
        time.sleep(0.05)
    return dict(found)


def claims(remote: Remote, handle: RunHandle) -> list[Item]:
    return Claims(remote.ledger, handle.dag_id, handle.run_id).all()


def test_the_jobs_are_those_of_the_chain(remote: Remote) -> None:
    """Name, request and dependencies, from what the history of the execution has of them."""
    handle = remote.run("sent", WITH_VALUES, MACHINE_CHAIN)
    assert remote.run_item(handle)["state"] == "success"
    chain = remote.compile("sent", WITH_VALUES, "batch")
    request = remote.request("sent")
    values = {f"run:{name}": value for name, value in request.placeholders("us-east-1").items()}
    wanted = [(job["name"], job["depends_on"], fill(job["submit"], values)) for job in chain["jobs"]]
    found = [Job.of_claim(claim) for claim in claims(remote, handle)]
    key = lambda sent: sent[0]  # noqa: E731
    assert sorted([(job.name, list(job.above), job.submit) for job in found], key=key) == sorted(wanted, key=key)
    # And in a topological order.
    for number, job in enumerate(found):
        assert set(job.above) <= {before.name for before in found[:number]}
    suffix = f"-{values['run:run_hash']}"
    assert {job["jobName"] for job in remote.jobs("sent-")} == {f"{name}{suffix}" for name, _, _ in wanted}


def test_a_run_that_nobody_looks_at_is_finished(remote: Remote) -> None:
    handle = start(remote, "alone", "job('a') >> [job('b'), job('c')] >> EmptyOperator(task_id='e')")
    assert ended(remote, handle)["status"] == "SUCCEEDED"
    run = remote.run_item(handle)
    assert (run["state"], "ended_at" in run, remote.states(handle)) == ("success", False, {})
    look_once(remote.clients, remote.ledger, handle)
    assert remote.states(handle) == dict.fromkeys("abce", ("success", 1))
    assert remote.run_item(handle)["ended_at"] == run["finished_at"]
    jobs = {claim["job_id"] for claim in claims(remote, handle)}
    assert {remote.task(handle, task)["job_id"] for task in "abc"} == jobs


def test_a_failed_run_that_nobody_looks_at(remote: Remote) -> None:
    handle = start(remote, "alone_failed", "job('a', 'exit 3') >> job('b')\njob('c')")
    execution = ended(remote, handle)
    assert (execution["status"], execution["error"]) == ("FAILED", "Ductwork.RunFailed")
    assert remote.run_item(handle)["state"] == "failed"
    assert remote.watch(handle).state == "failed"
    assert remote.states(handle) == {"a": ("failed", 1), "b": ("upstream_failed", 0), "c": ("success", 1)}
    assert "exit code 3" in remote.task(handle, "a")["error"]


def test_the_run_goes_on_until_its_last_job_has_ended(remote: Remote, tmp_path: Path) -> None:
    """Batch ends ``c`` as soon as ``a`` has failed; in Airflow the run waits for ``b``."""
    gate = tmp_path / "gate"
    slow = f"until test -e {gate}; do sleep 0.1; done"
    handle = start(remote, "lasting", f"[job('a', 'exit 1'), job('b', '{slow}')] >> job('c')")
    deadline = time.monotonic() + 30
    while not any(event["type"] == "WaitStateEntered" for event in history(remote, handle)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert remote.run_item(handle)["state"] == "running"
    gate.touch()
    assert ended(remote, handle)["status"] == "FAILED"
    remote.watch(handle)
    assert remote.states(handle) == {"a": ("failed", 1), "b": ("success", 1), "c": ("upstream_failed", 0)}


def history(remote: Remote, handle: RunHandle) -> list[dict[str, Any]]:
    pages = remote.sfn.get_paginator("get_execution_history").paginate(executionArn=handle.execution_arn)
    return [event for page in pages for event in page["events"]]


def test_what_has_succeeded_and_is_forgotten_by_batch_has_succeeded(remote: Remote) -> None:
    """A run that somebody looks at after Batch has dropped its jobs."""
    handle = start(remote, "late", "job('a') >> job('b')")
    ended(remote, handle)
    assert remote.watch(handle, Forgetful(remote.aws)).state == "success"
    assert remote.states(handle) == {"a": ("success", 1), "b": ("success", 1)}


class Forgetful(Clients):
    """Batch knows no job any more."""

    def client(self, service: str) -> Any:
        real = super().client(service)
        return _Forgetting(real) if service == "batch" else real


class _Forgetting:
    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def describe_jobs(self, **_: Any) -> dict[str, Any]:
        return {"jobs": []}


def test_a_second_delivery_of_the_same_scheduled_time_ends_quietly(remote: Remote) -> None:
    """As EventBridge Scheduler starts it: with nothing but a logical date."""
    handle = remote.run("twice_delivered", "job('a')", MACHINE_CHAIN)
    machine = remote.sfn.describe_execution(executionArn=handle.execution_arn)["stateMachineArn"]
    text = json.dumps({"logical_date": "2026-03-01T06:00:00Z"})
    arns = [remote.sfn.start_execution(stateMachineArn=machine, name=name, input=text)["executionArn"] for name in "xy"]
    scheduled = RunHandle(
        "twice_delivered", "scheduled__2026-03-01T06:00:00+00:00", "stepfunctions", handle.ledger_table
    )
    for arn in arns:
        once = RunHandle(*list(scheduled.as_dict().values())[:4], arn)
        assert ended(remote, once)["status"] == "SUCCEEDED"
    assert remote.watch(scheduled).state == "success"
    run = remote.run_item(scheduled)
    assert (run["run_type"], run["logical_date"], run["engine"]) == ("scheduled", "2026-03-01T06:00:00+00:00", "batch")
    assert run["execution_arn"] in arns
    assert len(remote.jobs("twice_delivered-a")) == 2  # one of this run, one of the run before


def test_an_input_that_names_tasks_to_pass_over_is_refused(remote: Remote) -> None:
    handle = remote.run("done_given", "job('a')", MACHINE_CHAIN)
    machine = remote.sfn.describe_execution(executionArn=handle.execution_arn)["stateMachineArn"]
    text = json.dumps({"run_id": "s", "done": {"a": "success"}})
    arn = remote.sfn.start_execution(stateMachineArn=machine, name="s", input=text)["executionArn"]
    execution = ended(remote, RunHandle("done_given", "s", "stepfunctions", handle.ledger_table, arn))
    assert (execution["status"], execution["error"]) == ("FAILED", "Ductwork.InputRefused")
    assert execution["cause"] == "done is not for a machine that submits a job chain: use ductwork restart"
    assert len(remote.jobs("done_given-a")) == 1


@pytest.mark.parametrize("refused", ["middle", "last"])
def test_a_job_that_batch_does_not_take_ends_the_run(remote: Remote, refused: str) -> None:
    body = "job('first', 'sleep 60') >> job('middle') >> job('last')"
    artefact = json.loads(json.dumps(remote.compile(f"refused_{refused}", body, MACHINE_CHAIN)))
    artefact["States"][refused]["Arguments"]["JobDefinition"] = "no-such-definition"
    handle = remote.submit(artefact, MACHINE_CHAIN, remote.request(f"refused_{refused}"), remote.blind)
    assert remote.watch(handle).state == "failed"
    error = remote.run_item(handle)["error"]
    assert "no-such-definition" in error or "RunNotSettled" in error
    states = remote.states(handle)
    # Stopped while it ran, or before it had begun.
    assert states["first"] in {("failed", 1), ("skipped", 0)}
    assert {states["middle"][0], states["last"][0]} <= {"upstream_failed", "skipped"}
    until(lambda: all(job["status"] in {"SUCCEEDED", "FAILED"} for job in remote.jobs(f"refused_{refused}")))
    # Not all of its jobs were ever submitted.
    with pytest.raises(lifecycle.SubmissionError, match="its execution broke before it had submitted them all"):
        lifecycle.restart(remote.clients, handle, pace=PACE)
    assert remote.run_item(handle)["state"] == "failed"


def test_a_run_that_broke_since_its_item_was_not_there_yet(remote: Remote) -> None:
    """Who looks while the execution begins does not know yet that it submits a chain, and learns that it has ended:
    the jobs that it has submitted are stopped all the same."""
    body = "job('first', 'sleep 60') >> job('middle') >> job('last')"
    artefact = json.loads(json.dumps(remote.compile("broke_since", body, MACHINE_CHAIN)))
    artefact["States"]["last"]["Arguments"]["JobDefinition"] = "no-such-definition"
    handle = remote.submit(artefact, MACHINE_CHAIN, remote.request("broke_since"), remote.blind)
    ended(remote, handle)
    assert remote.watch(handle, Early(remote.aws)).state == "failed"
    assert remote.states(handle)["last"][0] in {"upstream_failed", "skipped"}
    assert len(claims(remote, handle)) == 2
    until(lambda: {job["status"] for job in remote.jobs("broke_since")} == {"FAILED"}, 20)


class Early(Clients):
    """The first read of the ledger is of the moment before the execution has written anything."""

    def client(self, service: str) -> Any:
        real = super().client(service)
        return _Early(real) if service == "dynamodb" else real


class _Early:
    def __init__(self, real: Any) -> None:
        self._real, self._has_read = real, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def get_item(self, **request: Any) -> dict[str, Any]:
        if self._has_read:
            return dict(self._real.get_item(**request))
        self._has_read = True
        return {}


def test_a_restart_is_a_chain_of_its_own(remote: Remote, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    handle = start(remote, "again", f"job('a') >> job('b', 'test -e {gate}') >> [job('c'), job('d')]")
    ended(remote, handle)
    remote.watch(handle)
    gate.touch()
    again = lifecycle.restart(remote.clients, handle, pace=PACE)
    assert again.execution_arn is None
    assert remote.watch(again).state == "success"
    assert remote.states(handle) == {"a": ("success", 1), "b": ("success", 2), "c": ("success", 1), "d": ("success", 1)}
    assert len(remote.executions(handle)) == 1
    names = {job["jobName"].rpartition("-")[2] for job in remote.jobs("again-b")}
    assert "r1" in names


def test_a_restart_when_the_execution_is_forgotten(remote: Remote) -> None:
    """Who has looked has written down what a restart takes; else it cannot be done."""
    handle = remote.run("forgotten", "job('a', 'exit 1') >> job('b')", MACHINE_CHAIN)
    run = remote.run_item(handle)
    remote.ledger.update(run["pk"], run["sk"], {"execution_arn": f"{run['execution_arn']}-gone"})
    seen = claims(remote, handle)
    assert remote.watch(lifecycle.restart(remote.clients, handle, pace=PACE)).state == "failed"
    run = remote.run_item(handle)
    remote.ledger.update(run["pk"], run["sk"], {"restarts": None})
    for claim in seen:
        remote.ledger.delete(run_pk("forgotten", "r"), claim["sk"])
    with pytest.raises(lifecycle.SubmissionError, match="AWS no longer knows its execution"):
        lifecycle.restart(remote.clients, handle, pace=PACE)


def test_a_job_whose_answer_the_history_lacks_is_found_by_its_name(remote: Remote) -> None:
    """An execution that is stopped while SubmitJob is on its way."""
    handle = start(remote, "unanswered", "job('a') >> job('b')")
    ended(remote, handle)
    run = remote.run_item(handle)
    Adoption(Connection(Unanswered(remote.aws), remote.ledger.table), run).take_in(final=True)
    found = {claim["name"]: claim["job_id"] for claim in claims(remote, handle)}
    (job,) = remote.jobs("unanswered-b")
    assert found["unanswered-b"] == job["jobId"]
    assert len(found) == 2


class Unanswered(Clients):
    """The history ends with the last request."""

    def client(self, service: str) -> Any:
        real = super().client(service)
        return _CutOff(real) if service == "stepfunctions" else real


class _CutOff:
    def __init__(self, real: Any) -> None:
        self._real = real

    def get_execution_history(self, **request: Any) -> dict[str, Any]:
        events = self._real.get_execution_history(**request)["events"]
        last = next(number for number, event in enumerate(events) if event["type"] == "TaskScheduled" and
                    "submitJob.sync" in event["taskScheduledEventDetails"]["resource"])  # fmt: skip
        return {"events": events[last:]}
