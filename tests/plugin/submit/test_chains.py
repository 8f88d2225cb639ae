"""Job chains: whoever dies where while submitting, each job is submitted exactly once."""

from __future__ import annotations

import io
import itertools
import json
import threading
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.httpsession import URLLib3Session
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.submit.claims import Claims, Job
from ductwork_airflow.submit.job_chain import ChainSubmitter, JobSubmitter
from ductwork_airflow.submit.pace import Pace
from remote_runs import PACE, TABLE, Clients, Killed, Remote

WIDE = """
first = [job(f'first_{n}') for n in range(20)]
second = [job(f'second_{n}') for n in range(20)]
third = [job(f'third_{n}') for n in range(20)]
for a, b, c in zip(first, second, third):
    a >> b >> c
"""
DIAMOND = "job('a') >> [job('b'), job('c')] >> EmptyOperator(task_id='e') >> job('d')"


def expected(artefact: Any) -> set[str]:
    return {job["name"] for job in artefact["jobs"]}


def test_a_chain_ends_and_tells_so(remote: Remote) -> None:
    handle = remote.run("chain_ends", DIAMOND, "batch")
    assert remote.states(handle) == dict.fromkeys("abcde", ("success", 1))
    assert remote.run_item(handle)["state"] == "success"
    assert remote.task(handle, "d")["log_stream"]


def test_the_assets_of_the_dag_are_in_the_run_item(remote: Remote) -> None:
    artefact = remote.compile("chain_assets", "job('a')", "batch")
    assert "assets" not in artefact["manifest"]
    assets = [{"name": "n", "uri": "x://n", "extra": {"n": 0.5}}]
    named = {**artefact, "manifest": {**artefact["manifest"], "assets": assets}}
    handle = remote.submit(named, "batch", remote.request("chain_assets"))
    remote.watch(handle)
    assert remote.run_item(handle)["assets"] == assets


def test_a_process_that_dies_at_every_boundary(remote: Remote) -> None:
    """A submitter dies before and after each of its calls in turn; its successors finish. 60 jobs, each once."""
    artefact, request = remote.compile("deaths", WIDE, "batch"), remote.request("deaths")
    deaths = 0
    for number in itertools.count(1):
        clients = dying(remote, at=1 + number % 7, after=number % 2 == 0)
        try:
            handle = remote.submit(artefact, "batch", request, clients)
            break
        except Killed:
            deaths += 1
    assert deaths >= 60
    jobs = remote.jobs("deaths-")
    assert len(jobs) == len({job["jobName"] for job in jobs}) == 60
    assert remote.watch(handle).counts == {"success": 60}


def dying(remote: Remote, *, at: int, after: bool) -> Clients:
    """Clients of a process that dies at its ``at``-th call that changes anything."""
    count = itertools.count(1)

    def die(operation: str) -> None:
        if operation in {"submit_job", "update_item"} and next(count) >= at:
            raise Killed

    return Clients(remote.aws, **{"after" if after else "before": die})


@pytest.mark.parametrize("operation", ["submit_job", "update_item", "put_item"])
@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_death_at_one_boundary(remote: Remote, operation: str, where: str, at: int) -> None:
    dag_id = f"death_{operation}_{where}_{at}"
    artefact, request, count = remote.compile(dag_id, DIAMOND, "batch"), remote.request(dag_id), itertools.count(1)

    def die(called: str) -> None:
        if called == operation and next(count) == at:
            raise Killed

    died = False
    try:
        remote.submit(artefact, "batch", request, Clients(remote.aws, **{where: die}))
    except Killed:
        died = True
    assert died == (operation != "put_item" or at == 1)
    handle = remote.submit(artefact, "batch", request)
    assert remote.watch(handle).state == "success"
    jobs = remote.jobs(f"{dag_id}-")
    assert len(jobs) == len({job["jobName"] for job in jobs}) == 4


def lost(kind: str) -> Exception:
    if kind == "connection":
        return EndpointConnectionError(endpoint_url="https://batch")
    status, name, text = {
        "server": (500, "ServerException", "try again"),
        "throttled": (429, "TooManyRequestsException", "slow down"),
        "batch throttles": (400, "ClientException", "Too Many Requests"),
    }[kind]
    reply = {"Error": {"Code": name, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(reply, "SubmitJob")


@pytest.mark.parametrize("kind", ["connection", "server", "throttled", "batch throttles"])
@pytest.mark.parametrize("where", ["before", "after"])
def test_lost_replies_of_submit_job(remote: Remote, kind: str, where: str) -> None:
    """Every second SubmitJob is answered with an error, whether it worked or not."""
    dag_id, count = f"lost_{kind.replace(' ', '_')}_{where}", itertools.count(1)

    def lose(called: str) -> None:
        if called == "submit_job" and next(count) % 2:
            raise lost(kind)

    artefact = remote.compile(dag_id, DIAMOND, "batch")
    handle = remote.submit(artefact, "batch", remote.request(dag_id), Clients(remote.aws, **{where: lose}))
    assert len(remote.jobs(f"{dag_id}-")) == 4
    assert remote.watch(handle).state == "success"


class Body(io.BytesIO):
    def stream(self, **_: Any) -> list[bytes]:
        return [self.read()]


def test_botocore_does_not_send_submit_job_twice(remote: Remote) -> None:
    """botocore itself retries when no reply comes; here the first reply of each job is thrown away under it."""
    artefact, request = remote.compile("resent", DIAMOND, "batch"), remote.request("resent")
    client, count, wire = remote.own_client("batch"), itertools.count(1), URLLib3Session()

    def lose_reply(request: Any, **_: Any) -> AWSResponse | None:
        if next(count) % 2 == 0:
            return None
        wire.send(request)
        return AWSResponse(request.url, 500, {}, Body(b"{}"))

    client.meta.events.register("before-send.batch.SubmitJob", lose_reply)
    ChainSubmitter(client, remote.ledger, artefact, request, PACE).submit()
    assert len(remote.jobs("resent-")) == 4


def test_list_jobs_that_lags(remote: Remote) -> None:
    """The job is there, ListJobs sees it at the second look only."""
    artefact, request, looks = remote.compile("lagging", "job('a')", "batch"), remote.request("lagging"), []

    class Lagging(Clients):
        def client(self, service: str) -> Any:
            made = super().client(service)
            if service == "batch":
                real = made.get_paginator("list_jobs")
                made.get_paginator = lambda operation: Late(real)
            return made

    class Late:
        def __init__(self, real: Any) -> None:
            self.real = real

        def paginate(self, **arguments: Any) -> Any:
            looks.append(1)
            return [{"jobSummaryList": []}] if len(looks) == 1 else self.real.paginate(**arguments)

    def die(called: str) -> None:
        if called == "submit_job":
            raise Killed

    with pytest.raises(Killed):
        remote.submit(artefact, "batch", request, Clients(remote.aws, after=die))
    handle = remote.submit(artefact, "batch", request, Lagging(remote.aws))
    assert (len(looks), len(remote.jobs("lagging-"))) == (2, 1)
    remote.watch(handle)


def test_two_submitters_at_once(remote: Remote) -> None:
    artefact, request = remote.compile("at_once", WIDE, "batch"), remote.request("at_once")
    patient = Pace(lease=20, list_lag=0)

    def submit() -> None:
        ledger = Ledger.connect(TABLE, remote.aws.aws)
        ChainSubmitter(remote.aws.aws.client("batch"), ledger, artefact, request, patient).submit()

    threads = [threading.Thread(target=submit) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    jobs = remote.jobs("at_once-")
    assert len(jobs) == len({job["jobName"] for job in jobs}) == 60


def test_a_submitter_slower_than_its_lease_ends_its_own_job(remote: Remote) -> None:
    remote.ledger.start_run("slow_submitter", "r", tasks={})
    submit: dict[str, Any] = {
        "jobName": "slow_submitter-a",
        "jobQueue": "remote-queue",
        "jobDefinition": "remote-definition",
    }
    submit["containerOverrides"] = {"command": ["sleep", "60"]}
    job = Job("slow_submitter-a", (), submit, 0)
    quick = JobSubmitter(remote.batch, Claims(remote.ledger, "slow_submitter", "r"), PACE)
    taken: dict[str, str] = {}

    def overtake(called: str) -> None:
        if called == "submit_job":
            taken.update(quick.submit([job]))

    slow = Clients(remote.aws, before=overtake).client("batch")
    ids = JobSubmitter(slow, Claims(remote.ledger, "slow_submitter", "r"), PACE).submit([job])
    assert ids == taken
    made = [found["jobId"] for found in remote.jobs("slow_submitter-")]
    kept = [job["jobId"] for job in remote.batch.describe_jobs(jobs=made)["jobs"] if not job["isTerminated"]]
    assert (len(made), kept) == (2, list(ids.values()))
    remote.batch.terminate_job(jobId=kept[0], reason="the test is over")


def test_the_same_run_with_other_values_is_refused(remote: Remote) -> None:
    artefact = remote.compile("other_chain", "job('a')", "batch")
    remote.submit(artefact, "batch", remote.request("other_chain"))
    with pytest.raises(lifecycle.SubmissionError, match=r"conf is '\{\}', not '\{\"n\": 2\}'"):
        remote.submit(artefact, "batch", remote.request("other_chain", conf={"n": 2}))
    machine = remote.compile("other_chain", "job('a')", "stepfunctions")
    with pytest.raises(lifecycle.SubmissionError, match="exists already on target 'batch'"):
        remote.submit(machine, "stepfunctions", remote.request("other_chain"))


def test_a_job_that_batch_refuses(remote: Remote) -> None:
    artefact = json.loads(
        json.dumps(remote.compile("refused", "job('a')", "batch")).replace("remote-queue", "no-queue")
    )
    with pytest.raises(lifecycle.SubmissionError, match="Batch refuses the job refused-a .queue no-queue"):
        remote.submit(artefact, "batch", remote.request("refused"), remote.blind)


def test_long_job_names_stay_apart(remote: Remote) -> None:
    submitter = Claims(remote.ledger, "d", "r")
    names = {submitter.job_name(Job("n", (), {"jobName": "x" * 127 + end}, 0)) for end in "ab"}
    assert len(names) == 2
    assert all(len(name) <= 128 for name in names)
