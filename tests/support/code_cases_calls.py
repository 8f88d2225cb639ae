"""Cases of DW410: what AWS refuses of the calls that operators make."""

from __future__ import annotations

from code_cases import task_case

_AMAZON = "from airflow.providers.amazon.aws.{}.{} import {}"


def _refused(module: str, operator: str, bad: str, good: str, field: str, folder: str = "operators") -> None:
    """One operator, with arguments that its action does not take and with others that it does."""
    lines = [[_AMAZON.format(folder, module, operator), f"{operator}(task_id='t', {given})"] for given in (bad, good)]
    lines[0][-1] += "  # <-"
    task_case("DW410", f"{operator} {bad[:60]}", *lines, field=field)


_refused(
    "lambda_function",
    "LambdaInvokeFunctionOperator",
    "function_name=''",
    "function_name='f'",
    "function_name",
)
_refused(
    "sns",
    "SnsPublishOperator",
    "target_arn='arn:aws:sns:eu-west-1:123456789012:t', message='m', subject=5",
    "target_arn='arn:aws:sns:eu-west-1:123456789012:t', message='m', subject='5'",
    "subject",
)
_refused(
    "sqs",
    "SqsPublishOperator",
    "sqs_queue='q', message_content='m', message_attributes={'a': {'StringValue': 'no type'}}",
    "sqs_queue='q', message_content='m', message_attributes={'a': {'StringValue': 'v', 'DataType': 'String'}}",
    "message_attributes",
)
_refused(
    "eventbridge",
    "EventBridgePutEventsOperator",
    "entries=[{'Source': 's', 'DetailTyp': 't'}]",
    "entries=[{'Source': 's', 'DetailType': 't'}]",
    "entries",
)
_refused(
    "step_function",
    "StepFunctionStartExecutionOperator",
    "state_machine_arn='arn:aws:states:eu-west-1:123456789012:stateMachine:m', name='n' * 81",
    "state_machine_arn='arn:aws:states:eu-west-1:123456789012:stateMachine:m', name='n' * 80",
    "name",
)
_refused(
    "glue",
    "GlueJobOperator",
    "job_name='j', run_job_kwargs={'NumberOfWorker': 5}",
    "job_name='j', run_job_kwargs={'NumberOfWorkers': 5}",
    "run_job_kwargs",
)
_refused("athena", "AthenaOperator", "query=''", "query='SELECT 1'", "query")
_refused("ec2", "EC2StartInstanceOperator", "instance_id=5", "instance_id='i-1'", "instance_id")
_refused("glue_databrew", "GlueDataBrewStartJobOperator", "job_name=''", "job_name='j'", "job_name")
_refused(
    "emr",
    "EmrContainerOperator",
    *(
        "name='n', virtual_cluster_id='v', execution_role_arn='arn:aws:iam::123456789012:role/jobs', "
        f"release_label='emr-7.9.0-latest', job_driver={{'{driver}': {{'entryPoint': 's3://b/k.py'}}}}"
        for driver in ("sparkSubmit", "sparkSubmitJobDriver")
    ),
    "job_driver",
)
_refused(
    "emr",
    "EmrStopNotebookExecutionOperator",
    "notebook_execution_id=5",
    "notebook_execution_id='e'",
    "notebook_execution_id",
)
_refused("s3", "S3DeleteObjectsOperator", "bucket='b', keys=[5]", "bucket='b', keys=['5']", "keys")
_refused(
    "s3", "S3KeySensor", "bucket_name='b', bucket_key=''", "bucket_name='b', bucket_key='k'", "bucket_key", "sensors"
)
_refused(
    "dynamodb",
    "DynamoDBValueSensor",
    *(
        f"table_name='{table}', partition_key_name='k', partition_key_value='v', attribute_name='a', attribute_value='b'"
        for table in ("", "t")
    ),
    "table_name",
    "sensors",
)
