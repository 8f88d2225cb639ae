"""EMR's operators for notebooks: the machine starts or stops an execution, and looks whether it runs or has ended."""

from __future__ import annotations

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir.aws_call import Answer, AwsCall, Check, Kept, Leaf, Looks
from ductwork.rules.aws_calls import Given, call_rule, waiter, waiter_failure
from ductwork.rules.base import Decline

_OPERATORS = "airflow.providers.amazon.aws.operators.emr"
_STATUS = ("NotebookExecution", "Status")
# The operator makes up a name that begins like this, with a UUID, whenever the file is read.
_MADE_UP = "emr_notebook_"


def _looks(given: Given, name: str, execution: Leaf, *done: str) -> Looks | None:
    if not given.constant("wait_for_completion"):
        return None
    return waiter(
        name,
        ("emr", "DescribeNotebookExecution", {"NotebookExecutionId": execution}),
        done=Check(_STATUS, done),
        delay=given.number("waiter_delay", 60),
        attempts=given.number("waiter_max_attempts", 25),
    )


def _start(given: Given) -> AwsCall | Decline:
    name = given["notebook_execution_name"]
    if isinstance(name, str) and name.startswith(_MADE_UP):
        return Decline("notebook_execution_name is not set, and made up in every run, so a worker starts the notebook")
    # IAM has to allow that the role is passed on.
    role = given.constant("service_role")
    cluster = {"Id": given["cluster_id"], "Type": "EMR"}
    cluster["MasterInstanceSecurityGroupId"] = given["master_instance_security_group_id"] or ""
    looks = _looks(given, "notebook_running", Kept("execution"), "RUNNING", "FINISHED")
    return AwsCall(
        why="the machine starts the notebook" + (" and waits until it runs" if looks else ""),
        service="emr",
        action="StartNotebookExecution",
        arguments={
            "EditorId": given["editor_id"],
            "RelativePath": given["relative_path"],
            "NotebookExecutionName": name,
            "NotebookParams": given["notebook_params"] or "",
            "ExecutionEngine": cluster,
            "ServiceRole": role,
            "NotebookInstanceSecurityGroupId": given["notebook_instance_security_group_id"] or "",
            "Tags": given["tags"] or [],
        },
        keeps={"execution": Answer(("NotebookExecutionId",))},
        returns=Kept("execution"),
        failures=(waiter_failure("notebook_running", _STATUS, "FAILED"),) if looks else (),
        waits=looks,
    )


def _stop(given: Given) -> AwsCall:
    execution = given["notebook_execution_id"]
    looks = _looks(given, "notebook_stopped", execution, "STOPPED", "FINISHED")
    return AwsCall(
        why="the machine stops the notebook" + (" and waits for its end" if looks else ""),
        service="emr",
        action="StopNotebookExecution",
        arguments={"NotebookExecutionId": execution},
        failures=(waiter_failure("notebook_stopped", _STATUS, "FAILED"),) if looks else (),
        waits=looks,
    )


RULE = call_rule(
    "emr_notebook",
    {
        f"{_OPERATORS}.EmrStartNotebookExecutionOperator": _start,
        f"{_OPERATORS}.EmrStopNotebookExecutionOperator": _stop,
    },
    f"{AMAZON_PROVIDER}/operators/emr/emr.html",
    arguments={
        "EditorId": "editor_id",
        "RelativePath": "relative_path",
        "NotebookExecutionName": "notebook_execution_name",
        "NotebookParams": "notebook_params",
        "ExecutionEngine": "cluster_id",
        "ServiceRole": "service_role",
        "NotebookInstanceSecurityGroupId": "notebook_instance_security_group_id",
        "Tags": "tags",
        "NotebookExecutionId": "notebook_execution_id",
    },
)
