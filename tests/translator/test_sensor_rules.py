"""Which sensors the machine pokes itself, which arguments leave them to a worker, and how often it pokes."""

from __future__ import annotations

import json
import math
from datetime import timedelta  # noqa: F401 -- for the arguments below

import pytest
from asl_check import assert_sound
from code_cases import in_dag
from compiling import codes, compile_text, only_artefact
from ductwork import ir
from ductwork.backends.stepfunctions.tasks.poke_budget import part_of_the_wait, pokes
from ductwork.cloudformation import call_permissions
from ductwork.contracts.stepfunctions_limits import EVENTS_OF_A_POKE, MAX_EVENTS
from ductwork.diagnostics import Origin
from ductwork.ir import AwsSensor, Worker

SENSORS = "from airflow.providers.amazon.aws.sensors.{} import {}"
ARGUMENTS = {
    "S3KeySensor": ("s3", "bucket_key='s3://b/k'"),
    "DynamoDBValueSensor": (
        "dynamodb",
        "table_name='t', partition_key_name='k', partition_key_value='v', attribute_name='a', attribute_value='x'",
    ),
    "GlueJobSensor": ("glue", "job_name='j', run_id='r'"),
    "GlueCatalogPartitionSensor": ("glue_catalog_partition", "table_name='t'"),
    "RdsDbSensor": ("rds", "db_identifier='d'"),
    "RdsExportTaskExistenceSensor": ("rds", "export_task_identifier='e'"),
    "SageMakerTrainingSensor": ("sagemaker", "job_name='j', print_log=False"),
    "EksClusterStateSensor": ("eks", "cluster_name='c'"),
}


def compiled(folder, sensor, more=""):
    module, arguments = ARGUMENTS[sensor]
    given = {name: value for text in (arguments, more) for name, value in eval(f"dict({text})").items()}  # noqa: S307
    task = f"{sensor}(task_id='t', **{given!r})".replace("datetime.timedelta", "timedelta")
    return compile_text(folder, in_dag(SENSORS.format(module, sensor), "from datetime import timedelta", task))


def work_of(folder, sensor, more=""):
    made = compiled(folder, sensor, more)
    assert codes(made.diagnostics) == []
    (workflow,) = made.workflows
    return workflow.tasks[0].work


@pytest.mark.parametrize("sensor", ARGUMENTS)
@pytest.mark.parametrize("more", ["", "mode='reschedule', soft_fail=True, execution_timeout=timedelta(minutes=1)"])
def test_native(sensor, more, tmp_path):
    work = work_of(tmp_path, sensor, more)
    assert isinstance(work, AwsSensor)
    assert work.ends == {"success", "failed", *(["skipped"] if more else [])}


@pytest.mark.parametrize(
    ("sensor", "more", "why"),
    [
        ("S3KeySensor", "deferrable=True", "deferrable is set"),
        ("S3KeySensor", "aws_conn_id='other'", "aws_conn_id"),
        ("S3KeySensor", "soft_fail=True, execution_timeout=timedelta(minutes=1)", "soft_fail is set"),
        ("S3KeySensor", "bucket_key='s3://b/*.csv', wildcard_match=True", "wildcard_match"),
        ("S3KeySensor", "use_regex=True", "use_regex"),
        ("S3KeySensor", "bucket_key=[]", "nothing to wait for"),
        ("S3KeySensor", "bucket_key='https://b.s3.eu-west-1.amazonaws.com/k'", "no s3:// URL"),
        ("S3KeySensor", "bucket_key='s3://{{ ds }}/k'", "the same in all runs"),
        ("S3KeySensor", "bucket_key='s3://b/{{ run_id }}'", "only the run shows"),
        ("S3KeySensor", "bucket_key='s3://b/{{ ds }}?x=1'", "the same in all runs"),
        ("S3KeySensor", "bucket_name='b', bucket_key='s3://b/k'", "whether bucket_key is a URL"),
        ("S3KeySensor", "bucket_name='b', bucket_key='{{ run_id }}/k'", "whether bucket_key is a URL"),
        ("DynamoDBValueSensor", "partition_key_value=5", "partition_key_value is no text"),
        ("DynamoDBValueSensor", "attribute_value=[5]", "attribute_value is no text"),
        ("GlueJobSensor", "verbose=True", "verbose"),
        ("GlueCatalogPartitionSensor", "table_name='a.b.c'", "two dots"),
        ("RdsDbSensor", "hook_params={'x': 1}", "hook_params"),
        ("RdsExportTaskExistenceSensor", "error_statuses=['failed', 'canceled']", "error_statuses"),
        ("SageMakerTrainingSensor", "print_log=True", "print_log"),
    ],
)
def test_left_to_a_worker(sensor, more, why, tmp_path):
    work = work_of(tmp_path, sensor, more)
    assert isinstance(work, Worker)
    assert why in work.why


def test_a_mapped_group_has_any_number_of_them(tmp_path):
    body = """
    from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
    from airflow.sdk import DAG, task_group

    with DAG("d"):
        @task_group
        def each(key):
            S3KeySensor(task_id="t", bucket_key="s3://b/k")

        each.expand(key=["a", "b"])
    """
    (workflow,) = compile_text(tmp_path, body).workflows
    assert "room for so many pokes" in workflow.tasks[0].work.why


@pytest.mark.parametrize(
    ("bucket", "key"),
    [
        (None, "s3://b/k"),
        (None, "S3://b//a/k"),
        (None, "s3a://b/a?b#c"),
        ("b", "k"),
        ("b", "/a/b:c"),
        ("b", "2026:k"),
    ],
)
def test_a_key_is_what_the_hook_takes_it_for(bucket, key, tmp_path):
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    expected = S3Hook.get_s3_bucket_key(bucket, key, "bucket_name", "bucket_key")
    work = work_of(tmp_path, "S3KeySensor", f"bucket_name={bucket!r}, bucket_key={key!r}")
    assert (work.arguments["Bucket"], work.arguments["Key"]) == expected


@pytest.mark.parametrize(
    "more",
    [
        "poke_interval=0, timeout=0",
        "poke_interval=0.1, timeout=1 / 3, execution_timeout=timedelta(seconds=1, microseconds=1)",
        "poke_interval=10**12, timeout=10**12, exponential_backoff=True, max_wait=1 / 3",
        "retries=3, silent_fail=True, exponential_backoff=True",
        "retries=1, never_fail=True",
    ],
)
def test_any_number_makes_a_sound_machine(more, tmp_path):
    assert_sound(json.loads(only_artefact(compiled(tmp_path, "S3KeySensor", more)).text()))


def sensing(count, **settings):
    work = AwsSensor("why", service="s3", action="HeadObject", arguments={}, **settings)
    tasks = tuple(ir.Task(f"t{number}", Origin("dag.py", 1), "Sensor", work) for number in range(count))
    return part_of_the_wait(ir.Workflow("d", Origin("d.py", 1), "d.py", "/dags", tasks), tasks[0], work)


def simulated(part, interval, whole):
    """How often a sensor pokes that waits so long."""
    waited, poked = 0.0, 1
    while waited < whole:
        waited += max(interval, math.ceil(waited / part) if part else 0)
        poked += 1
    return poked


@pytest.mark.parametrize("count", [1, 2, 5, 10, 40])
@pytest.mark.parametrize("interval", [1.0, 60.0, 3600.0])
@pytest.mark.parametrize("limit", [600.0, 86_400.0, 7 * 86_400.0])
def test_the_pokes_of_all_sensors_fit_into_a_history(count, interval, limit):
    part = sensing(count, interval=interval, limit=limit)
    made = simulated(part, interval, limit) * count
    assert made * EVENTS_OF_A_POKE <= MAX_EVENTS * 0.42
    if part is not None:
        assert simulated(None, interval, limit) * count * EVENTS_OF_A_POKE > MAX_EVENTS * 0.39
        assert pokes(part, interval, limit) == pytest.approx(simulated(part, interval, limit), rel=0.15, abs=15)


def test_what_the_documentation_says_of_pauses():
    assert [sensing(count) for count in (1, 3, 10)] == [232, 59, 14]
    assert sensing(1, limit=18 * 3600.0) is None


@pytest.mark.parametrize(
    ("call", "arguments", "allowed"),
    [
        ("aws-sdk:s3:headObject", {"Bucket": "b", "Key": "k"}, ["s3:::b", "s3:::b/k"]),
        ("aws-sdk:s3:headObject", {"Bucket": "b", "Key": "{% $k %}"}, ["s3:::b", "s3:::b/*"]),
        ("aws-sdk:dynamodb:getItem", {"TableName": "t"}, ["dynamodb:…:table/t"]),
        (
            "aws-sdk:glue:getPartitions",
            {"DatabaseName": "d", "TableName": "t"},
            ["glue:…:catalog", "glue:…:database/d", "glue:…:table/d/t"],
        ),
        ("aws-sdk:rds:describeDBInstances", {"DbInstanceIdentifier": "d"}, ["rds:…:db:d"]),
        ("aws-sdk:sfn:describeExecution", {"ExecutionArn": "arn:aws:states:r:1:execution:m:e"}, ["execution:m:e"]),
        ("aws-sdk:sagemaker:describeAutoMLJob", {"AutoMlJobName": "j"}, ["sagemaker:…:automl-job/j"]),
        ("aws-sdk:ec2:describeInstances", {"InstanceIds": ["i"]}, ["*"]),
    ],
)
def test_what_the_role_is_allowed(call, arguments, allowed):
    (statement,) = call_permissions.statements([(call, arguments)])
    for resource, expected in zip(statement.resources, allowed, strict=True):
        assert expected in json.dumps(resource).replace("${AWS::Region}:${AWS::AccountId}", "…")
