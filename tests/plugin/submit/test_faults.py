"""Submission under faults: whatever fails where, each job is submitted exactly once, below the right ones."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aws_proxy import BROKEN, LOST_AFTER, LOST_BEFORE, Call, Proxy
from ductwork.contracts import names
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool
from ductwork_airflow.embedded_aws.services import EmbeddedAws
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.submit.pace import Pacer
from forked_processes import ForkedProcesses
from remote_runs import PACE, QUEUE, TABLE, Clients, Killed, Remote

SIXTY = """
first = [job(f'first_{n}') for n in range(20)]
second = [job(f'second_{n}') for n in range(20)]
third = [job(f'third_{n}') for n in range(20)]
for n in range(20):
    first[n] >> second[n] >> third[n]
    first[n] >> second[(n + 1) % 20]
"""


@pytest.fixture(scope="module")
def held(pool: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    """An embedded AWS that takes jobs and starts none."""
    folder = tmp_path_factory.mktemp("held")
    with EmbeddedAws(pool=pool, jobs=0, log_dir=folder / "logs") as aws:
        yield Remote(aws, folder)


@pytest.fixture(scope="module")
def artefact(held: Remote) -> Mapping[str, Any]:
    return held.compile("sixty", SIXTY, "batch")


@dataclass
class Found:
    """What is wrong with the jobs of a run.

    :ivar duplicates: jobs beyond the first of a name
    :ivar gaps: jobs of the chain that nobody has submitted
    :ivar misled: jobs that do not depend on what the chain says
    """

    duplicates: int = 0
    gaps: int = 0
    misled: int = 0

    @classmethod
    def of(cls, remote: Remote, artefact: Mapping[str, Any], run_id: str, since: float) -> Found:
        """
        :param since: when the run was begun, in epoch seconds
        """
        suffix = "-" + names.run_hash("sixty", run_id)
        young = {"name": "AFTER_CREATED_AT", "values": [str(int(since * 1000) - 1)]}
        pages = remote.batch.get_paginator("list_jobs").paginate(jobQueue=QUEUE, filters=[young])
        made = [job for page in pages for job in page["jobSummaryList"] if job["jobName"].endswith(suffix)]
        name_of = {job["jobId"]: job["jobName"].removesuffix(suffix) for job in made}
        details = remote.batch.describe_jobs(jobs=[job["jobId"] for job in made][:100])["jobs"]
        above = {name_of[job["jobId"]]: {name_of[up["jobId"]] for up in job["dependsOn"]} for job in details}
        return cls(
            duplicates=len(made) - len(set(name_of.values())),
            gaps=len({job["name"] for job in artefact["jobs"]} - set(name_of.values())),
            misled=sum(above.get(job["name"]) != set(job["depends_on"]) for job in artefact["jobs"]),
        )


class Process:
    """The calls of a process that dies at one of them; after that, none of any of its threads gets through.

    :param at: the number of the call, from 1
    :param after: it dies once the call has had its effect, before it hears of it
    """

    def __init__(self, remote: Remote, at: int, *, after: bool) -> None:
        self._at, self._count, self._dead = at, itertools.count(1), False
        self.died_in = ""
        live = self._live
        self.clients = (
            Clients(remote.aws, before=live, after=self._die) if after else Clients(remote.aws, self._die, live)
        )

    def _live(self, operation: str) -> None:
        if self._dead:
            raise Killed

    def _die(self, operation: str) -> None:
        if not self._dead and next(self._count) == self._at:
            self._dead, self.died_in = True, operation
        self._live(operation)


def kill_at(
    remote: Remote, artefact: Mapping[str, Any], name: str, at: int, *, after: bool, at_once: int
) -> tuple[str, Found]:
    """A submitter that dies at a boundary, and its successor. The call it died in; empty if it made fewer."""
    request = remote.request("sixty", f"{name}-{at}-{after}")
    pace, process, since = replace(PACE, at_once=at_once), Process(remote, at, after=after), time.time()

    def submit(clients: Clients) -> None:
        lifecycle.submit(clients, artefact, "batch", request, ledger_table=TABLE, pace=pace)

    if not (died := _dies(lambda: submit(process.clients))):
        assert not process.died_in
    submit(remote.clients)
    return (process.died_in if died else "", Found.of(remote, artefact, request.run_id, since))


def _dies(call: Any) -> bool:
    try:
        call()
    except Killed:
        return True
    return False


def sweep(remote: Remote, artefact: Mapping[str, Any], step: int, at_once: int) -> Counter[str]:
    """Kill at every ``step``-th boundary, before and after the call; how many kills there were in which call."""
    kills: Counter[str] = Counter()
    for after in (False, True):
        for at in itertools.count(1 + (step // 2 if after else 0), step):
            died_in, found = kill_at(remote, artefact, f"r-{step}-{at_once}", at, after=after, at_once=at_once)
            assert asdict(found) == {"duplicates": 0, "gaps": 0, "misled": 0}, (at, after, died_in)
            if not died_in:
                break
            kills[died_in] += 1
    return kills


def test_deaths_at_boundaries_of_sixty_jobs(held: Remote, artefact: Mapping[str, Any]) -> None:
    kills = sweep(held, artefact, 37, at_once=1)
    assert kills.total() >= 9
    assert kills.keys() >= {"submit_job", "update_item"}


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("at_once", [1, 8])
def test_deaths_at_every_boundary_of_sixty_jobs(held: Remote, artefact: Mapping[str, Any], at_once: int) -> None:
    kills = sweep(held, artefact, 1, at_once)
    print(f"{at_once} at once: {kills.total()} kills, no duplicate, no gap: {dict(kills)}")
    # A claim, SubmitJob and the job's id for each job; the run's item; what is known already.
    assert kills.total() >= 2 * (3 * 60 + 2)


# What a call meets, on the wire.
FAULTS = ("ThrottlingException", BROKEN, LOST_BEFORE, LOST_AFTER)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 9))])
def test_faults_on_the_wire(held: Remote, artefact: Mapping[str, Any], seed: int) -> None:
    """Of each kind of request every fifth is in turn throttled, broken or lost, or its reply is lost."""
    calls: dict[str, itertools.count[int]] = defaultdict(itertools.count)
    met = Counter[str]()

    def judge(call: Call) -> str | None:
        turn, place = divmod(next(calls[call.action]), 5)
        fault = FAULTS[(turn + seed // 5) % 4] if place == seed % 5 else None
        met[f"{call.action}: {fault}"] += 1
        return fault

    request, since = held.request("sixty", f"wire-{seed}"), time.time()
    with Proxy(held.aws.endpoint_url, judge) as proxy:
        through = Aws("us-east-1", proxy.url, ("x", "y"))
        pace = replace(PACE, backoff=0.05, attempts=20, lease=5.0)
        lifecycle.submit(through, artefact, "batch", request, ledger_table=TABLE, pace=pace)
    assert asdict(Found.of(held, artefact, request.run_id, since)) == {"duplicates": 0, "gaps": 0, "misled": 0}
    assert {f"/v1/submitjob: {fault}" for fault in FAULTS} <= met.keys()


_SUBMITTER = """
import json, sys
from datetime import datetime
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.run_model.request import RunRequest
from ductwork_airflow.runs import lifecycle
from ductwork_airflow.submit.pace import Pace
endpoint, artefact, run_id, table = sys.argv[1:]
date = datetime.fromisoformat("2026-03-01T00:00:00+00:00")
print("begins", flush=True)
lifecycle.submit(
    Aws("us-east-1", endpoint, ("x", "y")), json.load(open(artefact)), "batch",
    RunRequest("sixty", run_id, date, (date, date)), ledger_table=table, pace=Pace(lease=0.2, list_lag=0.1, rate=40),
)
"""


def test_processes_killed_with_9(held: Remote, artefact: Mapping[str, Any], tmp_path: Path) -> None:
    """Submitters are killed a moment after they have begun to work, until one gets to the end."""
    path, chance, kills, since = tmp_path / "chain.json", random.Random(7), 0, time.time()
    path.write_text(json.dumps(artefact))
    script = tmp_path / "submitter.py"
    script.write_text(_SUBMITTER)
    command = [script, held.aws.endpoint_url, path, "killed", TABLE]
    while True:
        submitter = ForkedProcesses.shared().start("script", command, os.environ)
        while submitter.out() != "begins\n":
            assert not submitter.has_ended, submitter.err()
            time.sleep(0.01)
        time.sleep(chance.uniform(0.2, 1.0))
        if submitter.has_ended or kills == 12:
            assert (ended := submitter.wait()).code == 0, ended.err
            break
        submitter.send_signal(signal.SIGKILL)
        assert submitter.wait().code == -signal.SIGKILL
        kills += 1
    assert kills > 0
    assert asdict(Found.of(held, artefact, "killed", since)) == {"duplicates": 0, "gaps": 0, "misled": 0}


def test_throttling_slows_down_and_recovers() -> None:
    pacer = Pacer(40)
    pacer.was_throttled()
    pacer.was_throttled()  # the same moment, the same cause
    assert pacer.rate == 20
    for _ in range(100):
        pacer.went_well()
    assert pacer.rate == 40


def test_no_more_than_the_rate_in_any_second(held: Remote) -> None:
    """Sixteen threads at once: the calls are spread over time all the same."""
    pacer, moments = Pacer(100), list[float]()

    def call(_: int) -> None:
        pacer.wait()
        moments.append(time.monotonic())

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(call, range(120)))
    assert max(moments) - min(moments) >= 119 / 100 - 0.02


def test_nothing_is_submitted_if_one_job_is_too_large(held: Remote) -> None:
    """Values of the run may be longer than the compiler could know."""
    body = "job('small') >> job('large', 'echo ' + '{{ run_id }}' * 35)"
    artefact = held.compile("too_large", body, "batch")
    with pytest.raises(lifecycle.SubmissionError, match="too_large-large: container overrides of 8,[0-9]+ characters"):
        held.submit(artefact, "batch", held.request("too_large", "r" * 240))
    assert held.jobs("too_large-") == []
    assert held.ledger.run("too_large", "r" * 240) is None
