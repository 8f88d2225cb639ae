"""Which operators become calls, which arguments leave them to a worker, and what the role is allowed for them."""

from __future__ import annotations

import json
from datetime import timedelta  # noqa: F401 -- for the arguments below

import pytest
from code_cases import in_dag
from compiling import codes, compile_text
from ductwork.cloudformation import call_permissions
from ductwork.cloudformation.call_permissions import CALLS
from ductwork.ir import AwsCall, Worker

AMAZON = "from airflow.providers.amazon.aws.operators.{} import {}"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:t"
FLOW = "arn:aws:states:eu-west-1:123456789012:stateMachine:flow"
OPERATORS = {
    "SnsPublishOperator": ("sns", f"target_arn='{TOPIC}', message='m'"),
    "SqsPublishOperator": ("sqs", "sqs_queue='q', message_content='m'"),
    "EventBridgePutEventsOperator": ("eventbridge", "entries=[{'Source': 's'}]"),
    "LambdaInvokeFunctionOperator": ("lambda_function", "function_name='f'"),
    "StepFunctionStartExecutionOperator": ("step_function", f"state_machine_arn='{FLOW}'"),
    "GlueJobOperator": ("glue", "job_name='j'"),
    "AthenaOperator": ("athena", "query='SELECT 1'"),
    "EC2StartInstanceOperator": ("ec2", "instance_id='i-1'"),
    "EC2TerminateInstanceOperator": ("ec2", "instance_ids=['i-1', 'i-2']"),
    "S3DeleteObjectsOperator": ("s3", "bucket='b'"),
    "GlueDataBrewStartJobOperator": ("glue_databrew", "job_name='j'"),
    "EmrStartNotebookExecutionOperator": (
        "emr",
        "editor_id='e', relative_path='n.ipynb', cluster_id='j', service_role='r', notebook_execution_name='{{ ds }}'",
    ),
    "EmrContainerOperator": (
        "emr",
        "name='n', virtual_cluster_id='v', execution_role_arn='arn:aws:iam::123456789012:role/jobs', "
        "release_label='emr-7.9.0-latest', job_driver={'sparkSqlJobDriver': {'entryPoint': 's3://b/k.sql'}}",
    ),
    "EmrStopNotebookExecutionOperator": ("emr", "notebook_execution_id='e'"),
}


def work_of(folder, operator, more="", **options):
    module, arguments = OPERATORS[operator]
    if operator == "S3DeleteObjectsOperator" and "keys=" not in more:
        arguments += ", keys=['k']"
    task = f"{operator}(task_id='t', {arguments}{', ' if more else ''}{more})"
    compiled = compile_text(folder, in_dag(AMAZON.format(module, operator), task), **options)
    assert codes(compiled.diagnostics) == []
    (workflow,) = compiled.workflows
    return workflow.tasks[0].work


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("more", ["", "aws_conn_id=None", "aws_conn_id='aws_default'", "retries=2", "owner='me'"])
def test_native(operator, more, tmp_path):
    assert isinstance(work_of(tmp_path, operator, more), AwsCall)


@pytest.mark.parametrize(
    ("operator", "more", "why"),
    [
        *(
            ("SnsPublishOperator", more, more.partition("=")[0])
            for more in (
                "aws_conn_id='other'",
                "region_name='eu-west-1'",
                "verify=False",
                "botocore_config={'retries': {}}",
                "on_failure_callback=print",
                "pre_execute=print",
                "email='a@example.org'",
                "outlets=[__import__('airflow.sdk').sdk.Asset('x')]",
            )
        ),
        ("SnsPublishOperator", "subject='{{ macros.uuid }}'", "macros.uuid"),
        ("SnsPublishOperator", "message_attributes={'a': b'bytes'}", "object"),
        (
            "SnsPublishOperator",
            "message_attributes={'a': '{{ ds }}', 'n': float('nan')}",
            "a number that JSON does not have",
        ),
        ("SnsPublishOperator", "message_attributes={1: 'a'}", "an object that only exists while Airflow runs"),
        (
            "SnsPublishOperator",
            "subject='{% if ds %}a' + '{% elif ds_nodash %}b' * 150 + '{% endif %}'",
            "nested too deeply",
        ),
        ("LambdaInvokeFunctionOperator", "payload='no JSON'", "payload is no JSON"),
        ("LambdaInvokeFunctionOperator", "payload='null'", "payload is no JSON"),
        ("LambdaInvokeFunctionOperator", "payload='{\"n\": 1234567890123456}'", "payload is no JSON"),
        ("LambdaInvokeFunctionOperator", "log_type='Tail'", "log_type"),
        ("StepFunctionStartExecutionOperator", "name='n', is_redrive_execution=True", "is_redrive_execution"),
        ("GlueJobOperator", "script_location='s3://b/s.py'", "script_location"),
        ("GlueJobOperator", "iam_role_name='r'", "iam_role_name"),
        ("AthenaOperator", "execution_timeout=timedelta(hours=1)", "execution_timeout"),
        ("EC2TerminateInstanceOperator", "wait_for_completion=True", "wait_for_completion"),
        ("S3DeleteObjectsOperator", "keys=[]", "keys are none"),
        ("GlueDataBrewStartJobOperator", "deferrable=True", "deferrable"),
        ("EmrStopNotebookExecutionOperator", "waiter_delay='{{ ds }}', wait_for_completion=True", "waiter_delay"),
        ("EmrStopNotebookExecutionOperator", "waiter_delay=float('inf'), wait_for_completion=True", "a number that"),
        ("EmrContainerOperator", "deferrable=True", "deferrable"),
        ("EmrContainerOperator", "execution_timeout=timedelta(hours=1)", "execution_timeout"),
        ("EmrContainerOperator", "openlineage_inject_transport_info=True", "openlineage_inject_transport_info"),
        ("GlueJobOperator", "deferrable=True", "deferrable"),
        ("GlueJobOperator", "verbose=True", "verbose"),
        ("GlueJobOperator", "retries=1, execution_timeout=timedelta(hours=1)", "execution_timeout"),
        ("GlueJobOperator", "executor_config={'ductwork': {'environment': {'AWS_REGION': 'x'}}}", "AWS_REGION"),
        (
            "GlueJobOperator",
            "executor_config={'ductwork': {'environment': {'AIRFLOW_CONN_AWS_DEFAULT': 'aws://'}}}",
            "AIRFLOW_CONN_AWS_DEFAULT",
        ),
    ],
)
def test_left_to_a_worker(operator, more, why, tmp_path):
    work = work_of(tmp_path, operator, more)
    assert isinstance(work, Worker)
    assert why in work.why


def test_a_payload_that_is_a_list(tmp_path):
    assert isinstance(work_of(tmp_path, "LambdaInvokeFunctionOperator", "payload='[1, \"a\"]'"), AwsCall)


def test_a_hook_that_does_not_hand_on_how_often_to_look_looks_as_often_as_its_waiter(tmp_path):
    work = work_of(tmp_path, "GlueDataBrewStartJobOperator", "waiter_delay=10, waiter_max_attempts=5")
    assert (work.waits.delay, work.waits.limit) == (10, 600)


def test_a_role_that_is_passed_on_is_all_that_may_be():
    found = call_permissions.statements([("aws-sdk:emr:startNotebookExecution", {"ServiceRole": "r", "EditorId": "e"})])
    start, passes = found
    role = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/r"}
    assert (passes.actions, passes.resources) == (("iam:PassRole",), (role,))
    assert [each["Fn::Sub"].split(":")[-1] for each in start.resources] == [
        "cluster/*",
        "editor/e",
        "notebook-execution/*",
    ]


@pytest.mark.parametrize("tags", [{}, {"team": "data"}])
def test_what_is_tagged_may_be(tags):
    called = [("aws-sdk:emrcontainers:startJobRun", {"VirtualClusterId": "v", "Tags": tags})]
    actions = [action for each in call_permissions.statements(called) for action in each.actions]
    assert actions == ["emr-containers:StartJobRun", "emr-containers:TagResource"][: 2 if tags else 1]


def test_nothing_is_returned_where_nothing_is_pushed(tmp_path):
    work = work_of(tmp_path, "GlueJobOperator", "do_xcom_push=False")
    # As the operator has it: its run's id in any case, the console's link not.
    assert (work.returns, [*work.links]) == (None, ["glue_job_run_id"])


@pytest.mark.parametrize(
    ("call", "arguments", "allowed"),
    [
        ("aws-sdk:lambda:invoke", {"FunctionName": "f"}, ["lambda:…:function:f", "lambda:…:function:f:*"]),
        ("aws-sdk:lambda:invoke", {"FunctionName": "{% $f %}"}, ["lambda:…:function:*", "lambda:…:function:*:*"]),
        ("sns:publish", {"TargetArn": TOPIC}, [TOPIC]),
        ("sns:publish", {"TargetArn": "{% $t %}"}, ["sns:…:*"]),
        ("sqs:sendMessage", {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/210987654321/q"}, ["210987654321:q"]),
        ("sqs:sendMessage", {"QueueUrl": "{% $q %}"}, ["sqs:…:*"]),
        (
            "aws-sdk:eventbridge:putEvents",
            {"Entries": [{"Source": "s"}, {"EventBusName": "b"}, {"EventBusName": "{% $b %}"}]},
            ["events:…:event-bus/default", "events:…:event-bus/b", "events:…:event-bus/*"],
        ),
        ("aws-sdk:sfn:startExecution", {"StateMachineArn": f"{FLOW}:7"}, [FLOW]),
        ("glue:startJobRun.sync", {"JobName": "j"}, ["glue:…:job/j"]),
        ("aws-sdk:s3:deleteObjects", {"Bucket": "b"}, [":s3:::b/*"]),
        ("aws-sdk:ec2:stopInstances", {"InstanceIds": ["i-1"]}, ["ec2:…:instance/i-1"]),
        ("aws-sdk:emrcontainers:describeJobRun", {"VirtualClusterId": "v"}, [":/virtualclusters/v/jobruns/*"]),
        ("aws-sdk:databrew:describeJobRun", {"Name": "{% $n %}"}, ["databrew:…:job/*"]),
        (
            "aws-sdk:emr:stopNotebookExecution",
            {"NotebookExecutionId": "e"},
            ["elasticmapreduce:…:notebook-execution/e"],
        ),
        ("aws-sdk:athena:startQueryExecution", {"WorkGroup": "w"}, ["athena:…:workgroup/w"]),
    ],
)
def test_what_the_role_is_allowed(call, arguments, allowed):
    (statement,) = call_permissions.statements([(call, arguments)])
    assert [statement.actions] == [each.actions for each in CALLS[call]]
    for resource, expected in zip(statement.resources, allowed, strict=True):
        text = json.dumps(resource).replace("${AWS::Region}:${AWS::AccountId}", "…")
        assert expected in text
