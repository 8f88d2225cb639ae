"""A mirror task takes over what the ledger has of its own instance: outcome, XComs, lengths, label, decisions."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException, DownstreamTasksSkipped, TaskDeferred
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse, SetRenderedFields, SetXCom
from ductwork.contracts.ledger import RUN_SK, run_pk, submitter_key
from ductwork_airflow.airflow_side.attachments import Attachment, Attachments, DagRun
from ductwork_airflow.delegate import delegate
from ductwork_airflow.delegate.mirror_task import LABEL_TEMPLATE, RemoteRunError, RemoteTaskFailedError
from ductwork_airflow.delegate.outcomes import STAND_IN, LengthRefusedError
from ductwork_airflow.ledger import now
from ductwork_airflow.run_model.handle import RunHandle
from harness import CREDENTIALS


class TaskInstance:
    dag_id = "mirrored"

    def __init__(self, run_id, task_id, map_index, try_number):
        self.run_id, self.task_id, self.map_index = run_id, task_id, map_index
        self.try_number, self.max_tries = try_number, 3
        self.links = {}

    def xcom_push(self, key, value):
        self.links[key] = value


class Server:
    """Airflow's, as a task process sees it.

    :param refuses: which XComs it does not take
    """

    def __init__(self, refuses=lambda xcom: False, status=400):
        self.refuses, self.status = refuses, status
        self.xcoms = []

    def send(self, message):
        if isinstance(message, SetRenderedFields):
            self.rendered = message.rendered_fields
            return
        assert isinstance(message, SetXCom)
        if self.refuses(message):
            detail = {"status_code": self.status, "message": "no"}
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=detail))
        self.xcoms.append((message.key, message.map_index, message.value, message.mapped_length))


STARTED = DagRun("2026-01-01T00:00:00+00:00")


def twin(ledger):
    with DAG("mirrored") as dag:

        @task
        def numbers():
            return [1, 2, 3]

        @task.branch
        def picks():
            return "other"

        @task(map_index_template="{{ x }}")
        def each(x):
            return x

        @task
        def other():
            return None

        found = numbers()
        picks() >> [each.expand(x=found), other()]
    return delegate(dag, ledger_table=ledger.table, aws_conn_id=None, region_name=CREDENTIALS["AWS_DEFAULT_REGION"])


@pytest.fixture
def mirror(ledger, dynamodb_endpoint, run_id, monkeypatch):
    """``mirror(task_id, map_index)`` carries a mirror task out; ``mirror.server`` has what it pushed."""
    monkeypatch.setenv("AIRFLOW__DUCTWORK__ENDPOINT_URL", dynamodb_endpoint)
    ledger.start_run("mirrored", run_id)
    handle = RunHandle("mirrored", run_id, "stepfunctions", ledger.table)
    attachments = Attachments(ledger, submitter_key("mirrored", run_id, "ductwork_submit"))
    attachments.write(Attachment(handle, 1, dag_run=STARTED))

    def run(task_id, map_index=-1, server=None, try_number=1):
        run.server = server or Server()
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", run.server, raising=False)
        operator = dag.get_task(task_id)
        if operator.is_mapped:
            operator = operator.unmap({})
        run.ti = TaskInstance(run_id, task_id, map_index, try_number)
        run.context = {"ti": run.ti, "dag_run": SimpleNamespace(start_date=run.started, clear_number=0)}
        return operator.resume(run.context, {"ended": True})

    dag = twin(ledger)
    run.started = datetime.fromisoformat(STARTED.started_at)
    run.where = ("mirrored", run_id)
    return run


def ended(ledger, mirror, task_id, state, map_index=-1, **facts):
    ledger.record_task(*mirror.where, task_id, state, 1, map_index=map_index, **facts)


def test_each_instance_ends_as_its_own_original(ledger, mirror):
    for index, state in enumerate(("success", "failed", "skipped")):
        ended(ledger, mirror, "each", state, index, error=f"of {index}", rendered_map_index=f"label {index}")
        ledger.put_xcom(*mirror.where, "each", "return_value", index * 10, map_index=index)
    assert mirror("each", 0) is None
    assert mirror.server.xcoms == [("return_value", 0, 0, None)]
    with pytest.raises(RemoteTaskFailedError, match="of 1"):
        mirror("each", 1)
    assert mirror.server.xcoms == [("return_value", 1, 10, None)]
    with pytest.raises(AirflowSkipException, match="of 2"):
        mirror("each", 2)
    with pytest.raises(TaskDeferred) as deferred:
        mirror("each", 3)
    assert deferred.value.trigger.mirrored == (*mirror.where, "each", 3)
    marks = {index: ledger.task(*mirror.where, "each", index).get("mirrored") for index in range(3)}
    assert all(mark["max_tries"] == 3 for mark in marks.values())


def test_an_outcome_of_another_dag_run_is_not_taken_over(ledger, mirror):
    """The DAG run was deleted and made again; the submit task has everything run again, or refuses."""
    ended(ledger, mirror, "other", "success")
    mirror.started += timedelta(hours=1)
    with pytest.raises(TaskDeferred) as deferred:
        mirror("other")
    assert deferred.value.trigger.foreign is True
    assert deferred.value.trigger.past_task == ledger.task(*mirror.where, "other")["ended_at"]
    mirror.started -= timedelta(hours=1)
    assert mirror("other") is None


@pytest.mark.parametrize("size", [2, 50])
def test_an_instance_costs_the_same_whatever_the_number_of_its_siblings(ledger, mirror, calls, size):
    with pytest.raises(TaskDeferred):
        mirror("each", 1)
    assert calls == {"GetItem": 4}, "the run, the instance, the task, who started the run"
    for index in range(size):
        ended(ledger, mirror, "each", "success", index)
        ledger.put_xcom(*mirror.where, "each", "return_value", index, map_index=index)
    calls.clear()
    mirror("each", 1)
    assert calls == {"GetItem": 4, "Query": 2, "UpdateItem": 1}, "as before, one XCom and its key, the mark"


@pytest.mark.parametrize(
    ("facts", "label"),
    [({"rendered_map_index": "twelve"}, "twelve"), ({}, "2"), ({"rendered_map_index": "x" * 300}, "x" * 250)],
)
def test_the_label_is_the_originals(ledger, mirror, facts, label):
    ended(ledger, mirror, "each", "success", 2, **facts)
    mirror("each", 2)
    template = DAG("any").get_template_env().from_string(LABEL_TEMPLATE)
    assert template.render(mirror.context) == label
    assert template.render({"ti": mirror.ti}) == "2", "before it is known"


def test_what_has_diverted_a_mapped_task_has_diverted_its_instances(ledger, mirror):
    ended(ledger, mirror, "each", "upstream_failed")
    with pytest.raises(RemoteRunError, match="upstream_failed on AWS"):
        mirror("each", 1)


def test_a_run_that_ended_without_the_instance(ledger, mirror):
    end = {"state": "failed", "ended_at": now(), "error": "it was stopped"}
    ledger.update(run_pk(*mirror.where), RUN_SK, end)
    with pytest.raises(RemoteRunError, match="ended \\(failed\\) without this task: it was stopped"):
        mirror("each", 1)


def test_rendered_fields_are_shown(ledger, mirror):
    ended(ledger, mirror, "other", "success", rendered_fields='{"bash_command": "echo 2026"}')
    mirror("other")
    assert mirror.server.rendered == {"bash_command": "echo 2026"}


def test_lengths_go_with_values(ledger, mirror):
    ended(ledger, mirror, "numbers", "success")
    ledger.put_xcom(*mirror.where, "numbers", "return_value", [1, 2, 3], mapped_length=3)
    ledger.put_xcom(*mirror.where, "numbers", "more", "x")
    mirror("numbers")
    assert mirror.server.xcoms == [("more", -1, "x", None), ("return_value", -1, [1, 2, 3], 3)]


@pytest.mark.parametrize(("status", "try_number"), [(400, 1), (500, 4), (None, 4)])
def test_what_airflow_does_not_take_has_a_stand_in_of_the_same_length(ledger, mirror, status, try_number):
    ended(ledger, mirror, "numbers", "success")
    ledger.put_xcom(*mirror.where, "numbers", "return_value", ["too", "large"], mapped_length=2)
    ledger.put_xcom(*mirror.where, "numbers", "more", "too large")
    mirror("numbers", server=Server(lambda xcom: "large" in str(xcom.value), status), try_number=try_number)
    assert mirror.server.xcoms == [("more", -1, STAND_IN, None), ("return_value", -1, [None, None], 2)]


@pytest.mark.parametrize("status", [500, None])
def test_a_server_in_trouble_is_asked_again_by_the_next_try(ledger, mirror, status):
    ended(ledger, mirror, "numbers", "success")
    ledger.put_xcom(*mirror.where, "numbers", "return_value", [1], mapped_length=1)
    with pytest.raises(AirflowRuntimeError):
        mirror("numbers", server=Server(lambda xcom: True, status), try_number=3)
    assert "mirrored" not in ledger.task(*mirror.where, "numbers"), "it was not taken over"


def test_a_length_that_airflow_refuses_is_explained(ledger, mirror):
    ended(ledger, mirror, "numbers", "success")
    ledger.put_xcom(*mirror.where, "numbers", "return_value", [1, 2], mapped_length=2)
    with pytest.raises(LengthRefusedError, match=r"over the 2 items .*Raise \[core\] max_map_length in Airflow"):
        mirror("numbers", server=Server(lambda xcom: xcom.mapped_length is not None))
    assert "mirrored" not in ledger.task(*mirror.where, "numbers"), "it was not taken over"


def test_a_branch_skips_mapped_tasks_before_they_are_expanded(ledger, mirror):
    ended(ledger, mirror, "picks", "success", skipped=["each", "other", "gone"])
    with pytest.raises(DownstreamTasksSkipped) as skip:
        mirror("picks")
    assert skip.value.tasks == [("each", -1)]
    ended(ledger, mirror, "numbers", "success", skipped=["other"])
    assert mirror("numbers") is None
