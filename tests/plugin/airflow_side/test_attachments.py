"""The decision table: one remote run, whatever happens to the task in Airflow."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from ductwork_airflow.airflow_side import attachments as module
from ductwork_airflow.airflow_side.attachments import Attachment, Attachments, DagRun, Try, attach, key_of
from ductwork_airflow.aws.errors import SubmissionError
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.run_model.handle import RunHandle

MACHINE = RunHandle("etl", "r1", "stepfunctions", "ledger", "arn:first")
CHAIN = RunHandle("etl", "r1", "batch", "ledger")
RUN_AFTER = "2026-01-01T00:00:00+00:00"
FIRST = DagRun("2026-01-01T00:00:00+00:00", 0, RUN_AFTER)
CLEARED = DagRun("2026-01-01T02:00:00+00:00", 1, RUN_AFTER)
# What the remote run of FIRST ends at, and DAG runs that another Airflow, or the same after a deletion, makes of it.
ENDED_AT = "2026-01-01T01:00:00.000Z"
BESIDE = DagRun("2026-01-01T00:00:01+00:00", 0, RUN_AFTER)
AFTER = DagRun("2026-01-01T02:00:00+00:00", 0, RUN_AFTER)


class Remote:
    """A remote run: how often it was submitted, restarted and run again as a whole, and its state."""

    def __init__(self, state="running", handle=MACHINE):
        self.state, self.handle = state, handle
        self.submitted = self.restarted = self.again = 0

    def item(self):
        if not self.submitted:
            return None
        return {"state": self.state, **({} if self.state == "running" else {"ended_at": ENDED_AT})}

    def submit(self):
        self.submitted += 1
        return self.handle

    def restart(self, handle):
        self.restarted += 1
        self.state = "running"
        arn = f"arn:restart-{self.restarted}" if handle.execution_arn else None
        return replace(handle, execution_arn=arn)

    def run_again(self, ended_at):
        assert ended_at == ENDED_AT
        self.again += 1
        self.state = "running"
        return replace(self.handle, execution_arn="arn:again")

    def attach(self, attachments, number, max_tries=2, dag_run=FIRST, run_id="r1", submit=None):
        where = replace(self.handle, run_id=run_id, execution_arn=None)
        doing = module.Remote(
            find=lambda: (where, self.item()),
            submit=submit or self.submit,
            state=lambda known: self.state,
            restart=self.restart,
            run_again=self.run_again,
        )
        return attach(attachments, Try(dag_run, number, max_tries), run_id, doing)


@pytest.fixture
def attachments(ledger, run_id):
    ti = SimpleNamespace(dag_id="control", run_id=run_id, task_id="submit", map_index=-1)
    return Attachments(ledger, key_of(ti))


def test_the_first_try_submits(attachments):
    remote = Remote()
    handle, how = remote.attach(attachments, 1)
    assert (how, handle.execution_arn) == ("submitted", "arn:first")
    assert attachments.read() == Attachment(handle, 2, False, 1, FIRST)


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
    first, _ = remote.attach(attachments, 1)
    if killed:
        attachments.mark_killed(first)
    remote.state = state
    max_tries, dag_run = (3, CLEARED) if cleared else (2, FIRST)
    handle, how = remote.attach(attachments, 2, max_tries, dag_run)
    assert how == expected
    assert (remote.submitted, remote.restarted, remote.again) == (1, int(expected == "restarted"), 0)
    assert handle.execution_arn == ("arn:restart-1" if expected == "restarted" else "arn:first")
    assert attachments.read() == Attachment(handle, max_tries, False, 2, dag_run)


def test_a_retry_after_a_restart_attaches_to_the_restarted_run(attachments):
    remote = Remote()
    remote.attach(attachments, 1, 1)
    remote.state = "failed"
    restarted, _ = remote.attach(attachments, 2, 2, CLEARED)
    assert remote.attach(attachments, 3, 2, CLEARED) == (restarted, "attached")
    remote.state = "failed"
    assert remote.attach(attachments, 4, 2, CLEARED) == (restarted, "attached")
    assert remote.restarted == 1


def test_a_try_that_is_killed_in_the_midst_of_submitting_a_chain(attachments):
    """The next one completes what the restart has to know, and restarts."""

    def killed():
        remote.submitted += 1
        attachments.mark_killed(CHAIN)
        raise KeyboardInterrupt

    remote = Remote("failed", CHAIN)
    with pytest.raises(KeyboardInterrupt):
        remote.attach(attachments, 1, submit=killed)
    assert attachments.read() == Attachment(CHAIN, 2, True, 1, FIRST, begun=False)
    assert remote.attach(attachments, 2) == (CHAIN, "restarted")
    assert (remote.submitted, remote.restarted) == (2, 1)
    assert attachments.read() == Attachment(CHAIN, 2, False, 2, FIRST)


def test_a_submission_that_a_dead_worker_left_behind_is_completed(attachments):
    def dies():
        remote.submitted += 1
        raise SystemExit

    remote = Remote("success")
    with pytest.raises(SystemExit):
        remote.attach(attachments, 1, submit=dies)
    assert remote.attach(attachments, 2) == (MACHINE, "submitted")
    assert (remote.submitted, remote.again) == (2, 0)


def test_a_kill_of_an_older_execution_does_not_touch_a_newer_one(attachments):
    remote = Remote("failed")
    first, _ = remote.attach(attachments, 1, 0)
    remote.attach(attachments, 2, 1, CLEARED)
    attachments.mark_killed(first)
    assert attachments.read().killed is False


def test_another_run_id_is_another_run(attachments):
    remote = Remote("failed")
    remote.attach(attachments, 1)
    remote.item = lambda: None
    assert remote.attach(attachments, 2, run_id="r2")[1] == "submitted"


@pytest.mark.parametrize("state", ["success", "failed"])
def test_a_dag_run_that_was_deleted_and_made_again_runs_everything_again(attachments, state):
    remote = Remote()
    remote.attach(attachments, 1)
    remote.state = state
    handle, how = remote.attach(attachments, 1, dag_run=AFTER)
    assert (how, handle.execution_arn, remote.again, remote.submitted) == ("restarted", "arn:again", 1, 1)
    # From here on it is as any other.
    assert remote.attach(attachments, 2, dag_run=AFTER) == (handle, "attached")
    remote.state = "failed"
    cleared = DagRun("2026-01-01T05:00:00+00:00", 1)
    assert remote.attach(attachments, 3, 5, cleared)[1] == "restarted"
    assert (remote.again, remote.restarted) == (1, 1)


def test_a_worker_that_dies_before_everything_runs_again(attachments):
    class Dying(Remote):
        def run_again(self, ended_at):
            raise SystemExit

    remote, dying = Remote("success"), Dying("success")
    remote.attach(attachments, 1)
    dying.submitted = 1
    with pytest.raises(SystemExit):
        dying.attach(attachments, 1, dag_run=AFTER)
    assert remote.attach(attachments, 2, dag_run=AFTER)[1] == "restarted"
    assert remote.again == 1


def test_made_again_and_cleared_before_its_first_try(attachments):
    remote = Remote()
    remote.attach(attachments, 1)
    remote.state = "success"
    assert remote.attach(attachments, 1, dag_run=replace(AFTER, clears=1))[1] == "restarted"
    assert remote.again == 1


@pytest.mark.parametrize("state", ["success", "failed"])
def test_made_again_by_hand_and_cleared_after_a_first_try_that_never_attached(attachments, state):
    """Its tries and Clears are counted as those of the DAG run before it; when it was made is not the same."""
    remote = Remote()
    remote.attach(attachments, 1)
    remote.state = state
    made_again = DagRun("2026-01-01T05:00:00+00:00", 1, "2026-01-01T02:00:00+00:00")
    assert remote.attach(attachments, 2, 3, made_again)[1] == "restarted"
    assert (remote.again, remote.restarted) == (1, 0)
    assert attachments.read().dag_run == made_again


@pytest.mark.parametrize("state", ["running", "success"])
def test_a_run_that_went_on_when_the_dag_run_began_is_somebody_elses(attachments, state):
    """Another Airflow has the same ledger; or the DAG run was deleted while its run went on."""
    remote = Remote()
    first, _ = remote.attach(attachments, 1)
    remote.state = state
    with pytest.raises(SubmissionError, match="was not started by this DAG run.*ledger_table") as refused:
        remote.attach(attachments, 1, dag_run=BESIDE)
    assert ("goes on" if state == "running" else f"ended at {ENDED_AT}") in str(refused.value)
    # Who has started it keeps it.
    assert remote.attach(attachments, 2) == (first, "attached")
    # Who was refused and is cleared once the run has ended has everything run again.
    remote.state = "success"
    cleared = DagRun("2026-01-01T02:00:00+00:00", 1)
    assert remote.attach(attachments, 2, 3, cleared)[1] == "restarted"
    assert (remote.submitted, remote.restarted, remote.again) == (1, 0, 1)


@pytest.mark.parametrize(("state", "how"), [("running", None), ("success", "restarted")])
def test_a_run_that_no_task_has_started(attachments, state, how):
    """By hand, or by another task."""
    remote = Remote(state)
    remote.submitted = 1
    if how is None:
        with pytest.raises(SubmissionError, match="remote_run_id"):
            remote.attach(attachments, 1, dag_run=AFTER)
    else:
        assert remote.attach(attachments, 1, dag_run=AFTER)[1] == how
        assert remote.again == 1


def test_what_an_older_version_attached_is_found_again(attachments):
    attachments.write(Attachment(MACHINE, 2))
    remote = Remote("success")
    remote.submitted = 1
    assert remote.attach(attachments, 1, dag_run=AFTER) == (MACHINE, "attached")


def test_a_table_that_is_not_there_knows_no_attachment(ledger):
    missing = Ledger("no-such-table", ledger._client)
    assert Attachments(missing, ("submitter#a#b", "c#-1")).read() is None
