"""AWS's models as data: what a request lacks, and how Step Functions spells what it has."""

from __future__ import annotations

import pytest
from ductwork.contracts.sdk_names import error_prefix, java_exception, java_name, sdk_service
from ductwork.contracts.service_models import Action, UnknownActionError
from ductwork.ir import RunValue

TASKS = {"JobName": "j", "Arguments": {"--day": RunValue("ds")}}


@pytest.mark.parametrize(
    ("service", "action", "request_", "problems"),
    [
        ("glue", "StartJobRun", TASKS, []),
        ("glue", "StartJobRun", {**TASKS, "Arguments": RunValue("ds")}, []),
        ("glue", "StartJobRun", {"Arguments": {}}, [("JobName", "it is required")]),
        ("glue", "StartJobRun", {**TASKS, "Timeout": 0}, [("Timeout", "0, and the least is 1")]),
        ("glue", "StartJobRun", {**TASKS, "Timeout": True}, [("Timeout", "true is no integer")]),
        ("glue", "StartJobRun", {**TASKS, "Timeout": 1.5}, [("Timeout", "1.5 is no integer")]),
        ("glue", "StartJobRun", {**TASKS, "MaxCapacity": 1}, []),
        ("glue", "StartJobRun", {**TASKS, "Arguments": {"--n": 5}}, [("Arguments.--n", "5 is no string")]),
        ("glue", "StartJobRun", {**TASKS, "Arguments": []}, [("Arguments", "[] is no map")]),
        ("sqs", "SendMessage", {"QueueUrl": None, "MessageBody": "m"}, [("QueueUrl", "null is no string")]),
        (
            "events",
            "PutEvents",
            {"Entries": [{"Source": "s"}, {"Source": 1}]},
            [("Entries.1.Source", "1 is no string")],
        ),
        ("events", "PutEvents", {"Entries": []}, [("Entries", "0 items, and the least is 1")]),
        (
            "stepfunctions",
            "StartExecution",
            {"stateMachineArn": ""},
            [("stateMachineArn", "0 characters, and the least is 1")],
        ),
    ],
)
def test_problems(service, action, request_, problems):
    assert [(".".join(each.path), each.what) for each in Action(service, action).problems(request_)] == problems


def test_unknown_members_are_told_with_those_there_are():
    (problem,) = Action("sns", "Publish").problems({"Message": "m", "Sbject": "s"})
    assert problem.path == ("Sbject",)
    assert "Subject" in problem.what


@pytest.mark.parametrize(("service", "action"), [("glue", "StartJobRuns"), ("gleu", "StartJobRun"), ("../glue", "X")])
def test_what_botocore_does_not_know(service, action):
    with pytest.raises(UnknownActionError):
        Action(service, action)


def test_the_names_are_botocores():
    """The models that are read are those that botocore itself loads."""
    import botocore.session

    session = botocore.session.get_session()
    for service in ("sns", "stepfunctions", "redshift-data", "emr-serverless", "events"):
        model = session.get_service_model(service)
        assert sdk_service(service) == str(model.service_id).replace(" ", "").lower()
        action = model.operation_names[0]
        assert {error.name for error in Action(service, action).errors} == {
            shape.name for shape in model.operation_model(action).error_shapes
        }


@pytest.mark.parametrize(
    ("boto", "java"),
    [
        ("DBInstanceIdentifier", "DbInstanceIdentifier"),
        ("jobName", "JobName"),
        ("SSESpecification", "SseSpecification"),
        ("MD5OfMessageBody", "Md5OfMessageBody"),
        ("VPCId", "VpcId"),
        ("S3Bucket", "S3Bucket"),
        ("Ec2SubnetId", "Ec2SubnetId"),
        ("SS", "Ss"),
        ("NULL", "Nul"),
        ("BOOL", "Bool"),
    ],
)
def test_spelling(boto, java):
    assert java_name(boto) == java


def test_errors_are_exceptions():
    assert java_exception("DBInstanceNotFoundFault") == "DbInstanceNotFoundException"
    assert java_exception("ExecutionDoesNotExist") == "ExecutionDoesNotExistException"
    assert java_exception("EntityNotFoundException") == "EntityNotFoundException"
    assert (error_prefix("stepfunctions"), error_prefix("dynamodb"), error_prefix("ec2")) == ("Sfn", "DynamoDb", "Ec2")
