"""The decision table: one remote run, whatever happens to the task in Airflow."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from ductwork_airflow.attachments import Attachment, Attachments, attach, key_of
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.submit.remote import RunHandle

MACHINE = RunHandle("etl", "r1", "stepfunctions", "ledger", "arn:first")
CHAIN = RunHandle("etl", "r1", "batch", "ledger")


class Remote:
    """A remote run: how often it was submitted and restarted, and its state."""

    def __init__(self, state="running", handle=MACHINE):
        self.state, self.handle = state, handle
        self.submitted = self.restarted = 0

    def submit(self):
        self.submitted += 1
        return self.handle

    def restart(self, handle):
        self.restarted += 1
        self.state = "running"
        arn = f"arn:restart-{self.restarted}" if handle.execution_arn else None
        return replace(handle, execution_arn=arn)

    def attach(self, attachments, max_tries, run_id="r1"):
        return attach(
            attachments,
            max_tries,
            run_id=run_id,
            submit=self.submit,
            state=lambda known: self.state,
            restart=self.restart,
        )


@pytest.fixture
def attachments(ledger, run_id):
    ti = SimpleNamespace(dag_id="control", run_id=run_id, task_id="submit", map_index=-1)
    return Attachments(ledger, key_of(ti))


def test_the_first_try_submits(attachments):
    remote = Remote()
    handle, how = remote.attach(attachments, 0)
    assert (how, handle.execution_arn) == ("submitted", "arn:first")
    assert attachments.read() == Attachment(handle, 0, False)


CASES = [
    # state of the remote run, killed by this task, Clear in between -> what happens
    ("running", False, False, "attached"),
    ("running", False, True, "attached"),
    ("success", False, False, "attached"),
    ("success", False, True, "attached"),
    ("failed", False, False, "attached"),
    ("failed", False, True, "restarted"),
    ("failed", True, False, "restarted"),
    ("failed", True, True, "restarted"),
    ("success", True, False, "attached"),
]


@pytest.mark.parametrize(("state", "killed", "cleared", "expected"), CASES)
def test_further_tries(attachments, state, killed, cleared, expected):
    remote = Remote()
    first, _ = remote.attach(attachments, 2)
    if killed:
        attachments.mark_killed(first)
    remote.state = state
    handle, how = remote.attach(attachments, 3 if cleared else 2)
    assert how == expected
    assert (remote.submitted, remote.restarted) == (1, int(expected == "restarted"))
    assert handle.execution_arn == ("arn:restart-1" if expected == "restarted" else "arn:first")
    assert attachments.read() == Attachment(handle, 3 if cleared else 2, False)


def test_a_retry_after_a_restart_attaches_to_the_restarted_run(attachments):
    remote = Remote()
    remote.attach(attachments, 1)
    remote.state = "failed"
    restarted, _ = remote.attach(attachments, 2)
    assert remote.attach(attachments, 2) == (restarted, "attached")
    remote.state = "failed"
    assert remote.attach(attachments, 2) == (restarted, "attached")
    assert remote.restarted == 1


def test_a_try_that_is_killed_in_the_midst_of_submitting_a_chain(attachments):
    """It is not attached yet. The next one completes what the restart has to know, and restarts."""
    remote = Remote("failed", CHAIN)
    attachments.mark_killed(CHAIN, 2)
    assert attachments.read() == Attachment(CHAIN, 2, True)
    assert remote.attach(attachments, 2) == (CHAIN, "restarted")
    assert (remote.submitted, remote.restarted) == (1, 1)
    assert attachments.read() == Attachment(CHAIN, 2, False)


def test_a_kill_of_an_older_execution_does_not_touch_a_newer_one(attachments):
    remote = Remote("failed")
    first, _ = remote.attach(attachments, 0)
    remote.attach(attachments, 1)
    attachments.mark_killed(first)
    assert attachments.read().killed is False


def test_another_run_id_is_another_run(attachments):
    remote = Remote("failed")
    remote.attach(attachments, 0)
    assert remote.attach(attachments, 0, run_id="r2")[1] == "submitted"


def test_a_table_that_is_not_there_knows_no_attachment(ledger):
    missing = Ledger("no-such-table", ledger._client)
    assert Attachments(missing, ("submitter#a#b", "c#-1")).read() is None
