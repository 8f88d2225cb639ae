"""Operator and trigger through Airflow's own serialisation; templates."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from airflow.sdk import DAG
from ductwork_airflow.hooks import SETTINGS
from ductwork_airflow.operators import SubmitScheduleOperator
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.triggers import RunTrigger

try:
    from airflow.serialization.serialized_objects import DagSerialization
except ImportError:  # before Airflow 3.2
    from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization

HANDLE = RunHandle("etl", "r1", "stepfunctions", "runs", "arn:aws:states:eu-west-1:1:execution:etl:r1")
CONNECTION = {
    "aws_conn_id": "somewhere",
    "region_name": "eu-west-1",
    "verify": "/etc/ssl/own.pem",
    "botocore_config": {"read_timeout": 7, "retries": {"mode": "standard"}},
}
ARGUMENTS = {
    "remote_dag_id": "etl_{{ ds_nodash }}",
    "dag_file": "/dags/{{ params.file }}.py",
    "remote_run_id": "{{ run_id }}-again",
    "conf": {"day": "{{ ds }}"},
    "ledger_table": "runs",
    "role_arn": "arn:aws:iam::1:role/{{ params.file }}",
    "places": {"JobQueue": "queue"},
    "engine": "states",
    "deployment": {"vcpus": "2"},
}


def submitting(**arguments):
    with DAG("control"):
        return SubmitScheduleOperator(task_id="submit", **{**ARGUMENTS, **CONNECTION, **arguments})


def through_json(value):
    return json.loads(json.dumps(value))


def test_airflow_serialises_the_dag_and_keeps_what_the_ui_shows():
    operator = submitting(deferrable=True, execution_timeout=timedelta(hours=1))
    encoded = through_json(DagSerialization.to_dict(operator.dag))
    DagSerialization.validate_schema(encoded)
    task = DagSerialization.from_dict(encoded).get_task("submit")
    assert task.task_type == "SubmitScheduleOperator"
    assert {field: getattr(task, field) for field in ARGUMENTS} == ARGUMENTS
    assert {(link.name, link.xcom_key) for link in task.operator_extra_links} == {
        (link.name, link.xcom_key) for link in operator.operator_extra_links
    }


def test_airflow_serialises_a_mapped_operator():
    with DAG("control") as dag:
        SubmitScheduleOperator.partial(task_id="submit", dag_file="/dags/a.py").expand(conf=[{"n": 1}, {"n": 2}])
    encoded = through_json(DagSerialization.to_dict(dag))
    assert DagSerialization.from_dict(encoded).get_task("submit").is_mapped


def test_the_serialised_dag_does_not_hold_the_submitted_one():
    with DAG("etl") as etl:
        pass
    with DAG("control") as dag:
        operator = SubmitScheduleOperator(task_id="submit", source_dag=etl)
    assert operator.dag is dag
    assert (operator.dag_file, operator.remote_dag_id) == (__file__, "etl")
    DagSerialization.from_dict(through_json(DagSerialization.to_dict(dag)))


def test_a_dag_and_a_file_are_one_too_many():
    with pytest.raises(ValueError, match="leave one of them out"):
        submitting(source_dag=DAG("etl"))


def test_all_template_fields_are_rendered():
    operator = submitting(state_machine_arn="arn:{{ ds }}", target="{{ params.target }}")
    assert set(ARGUMENTS) | {"aws_conn_id", "region_name", "verify", "state_machine_arn", "target"} == set(
        operator.template_fields
    )
    context = {
        "ds": "2026-01-02",
        "ds_nodash": "20260102",
        "run_id": "manual__1",
        "params": {"file": "etl", "target": "batch"},
    }
    operator.render_template_fields(context)
    assert operator.dag_file == "/dags/etl.py"
    assert operator.remote_dag_id == "etl_20260102"
    assert operator.remote_run_id == "manual__1-again"
    assert operator.conf == {"day": "2026-01-02"}
    assert operator.role_arn == "arn:aws:iam::1:role/etl"
    assert (operator.state_machine_arn, operator.target) == ("arn:2026-01-02", "batch")


def test_a_state_machine_with_jsonata_is_not_taken_for_a_template():
    document = {"States": {"a": {"Type": "Pass", "Output": "{% $states.input.a %}"}}}
    operator = submitting(dag_file=None, artefact=document)
    operator.render_template_fields({"ds": "", "ds_nodash": "", "run_id": "", "params": {"file": ""}})
    assert operator.artefact == document


@pytest.mark.parametrize("missing", [None, *SETTINGS])
def test_the_trigger_keeps_every_hook_setting(missing):
    settings = {**CONNECTION, missing: None} if missing else CONNECTION
    trigger = RunTrigger(
        handle=HANDLE.as_dict(),
        settings=settings,
        waiter_delay=9,
        waiter_max_attempts=7,
        deadline=datetime(2026, 1, 2, tzinfo=timezone.utc).timestamp(),
        attachment=("submitter#a#b", "submit#-1"),
        cancel_on_kill=False,
    )
    path, arguments = trigger.serialize()
    assert path == "ductwork_airflow.triggers.RunTrigger"
    again = RunTrigger(**stored(arguments))
    assert again.serialize() == (path, arguments)
    assert again.settings == {name: settings[name] for name in SETTINGS}
    assert (again.handle, again.waiter_delay, again.waiter_max_attempts) == (HANDLE, 9, 7)
    assert (again.deadline, again.cancel_on_kill) == (trigger.deadline, False)


def stored(arguments):
    """Trigger arguments as the metadata database gives them back."""
    from airflow.models.trigger import Trigger
    from ductwork_airflow.compat import decode_trigger_kwargs

    return decode_trigger_kwargs(Trigger.encrypt_kwargs(arguments))


def test_the_operator_hands_all_its_settings_to_the_trigger():
    from airflow.providers.common.compat.sdk import TaskDeferred

    operator = submitting(
        waiter_delay=3, waiter_max_attempts=5, cancel_on_kill=False, execution_timeout=timedelta(minutes=1)
    )

    class Instance:
        dag_id, run_id, task_id, map_index = "control", "r1", "submit", -1

    with pytest.raises(TaskDeferred) as deferred:
        operator._defer(Instance, HANDLE)
    trigger = deferred.value.trigger
    assert trigger.settings == CONNECTION
    assert (trigger.waiter_delay, trigger.waiter_max_attempts, trigger.cancel_on_kill) == (3, 5, False)
    assert 0 < trigger.deadline - datetime.now(timezone.utc).timestamp() <= 60
    assert deferred.value.method_name == "execute_complete"
