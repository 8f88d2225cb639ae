"""Sensors that wait for a resource to be in a state: of EC2, Redshift, Lambda, Batch, CloudFormation, EMR Serverless,
OpenSearch Serverless and Comprehend."""

from __future__ import annotations

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir import AwsSensor
from ductwork.ir.aws_call import Answer, Phrase
from ductwork.ir.aws_sensor import Absent, Holds
from ductwork.rules.aws_calls import Given, given_members
from ductwork.rules.aws_sensors import fails, over, poke, sensor_rule, texts

_SENSORS = "airflow.providers.amazon.aws.sensors"
_RAISED = "AirflowException: "


def _instance(given: Given) -> AwsSensor:
    state = ("Reservations", 0, "Instances", 0, "State", "Name")
    request = {"InstanceIds": [given["instance_id"]]}
    return poke("ec2", "DescribeInstances", request, over(Holds(state, (given["target_state"],))))


def _cluster(given: Given) -> AwsSensor:
    target, request = given.constant("target_status"), {"ClusterIdentifier": given["cluster_identifier"]}
    # What the sensor takes for the state of a cluster that is not there.
    nowhere = over() if target == "cluster_not_found" else None
    return poke(
        "redshift",
        "DescribeClusters",
        request,
        over(Holds(("Clusters", 0, "ClusterStatus"), (target,))),
        absent=Absent(errors=("ClusterNotFoundFault",), comes=nowhere),
    )


def _function(given: Given) -> AwsSensor:
    state = ("Configuration", "State")
    return poke(
        "lambda",
        "GetFunction",
        given_members(FunctionName=given["function_name"], Qualifier=given["qualifier"]),
        fails(
            f"{_RAISED}Lambda function state sensor failed because the Lambda is in a failed state",
            Holds(state, ("Failed",)),
        ),
        over(Holds(state, texts(given, "target_states", ("Active",)))),
    )


_CHANGING = ("CREATING", "UPDATING", "DELETING")


def _compute_environment(given: Given) -> AwsSensor:
    name, status = given["compute_environment"], ("computeEnvironments", 0, "status")
    failed = f"{_RAISED}AWS Batch compute environment failed. AWS Batch compute environment status: "
    return poke(
        "batch",
        "DescribeComputeEnvironments",
        {"computeEnvironments": [name]},
        fails(Phrase((f"{_RAISED}AWS Batch compute environment ", name, " not found")), Holds(status, negated=True)),
        over(Holds(status, ("VALID", "DELETED"))),
        fails(Phrase((failed, Answer(("computeEnvironments", "status")))), Holds(status, _CHANGING, negated=True)),
    )


def _job_queue(given: Given) -> AwsSensor:
    name, status = given["job_queue"], ("jobQueues", 0, "status")
    nowhere = Holds(status, negated=True)
    missing = fails(Phrase((f"{_RAISED}AWS Batch job queue ", name, " not found")), nowhere)
    failed = f"{_RAISED}AWS Batch job queue failed. AWS Batch job queue status: "
    return poke(
        "batch",
        "DescribeJobQueues",
        {"jobQueues": [name]},
        over(nowhere) if given["treat_non_existing_as_deleted"] else missing,
        over(Holds(status, ("VALID", "DELETED"))),
        fails(Phrase((failed, Answer(("jobQueues", "status")))), Holds(status, _CHANGING, negated=True)),
    )


_STACK = ("Stacks", 0, "StackStatus")
_NO_STACK = "does not exist"


def _stack(given: Given, *, done: str, going_on: str, absent: Absent) -> AwsSensor:
    name = given["stack_name"]
    bad = Phrase(("ValueError: Stack ", name, " in bad state: ", Answer(("Stacks", "StackStatus"))))
    return poke(
        "cloudformation",
        "DescribeStacks",
        {"StackName": name},
        over(Holds(_STACK, (done,))),
        fails(bad, Holds(_STACK, (going_on,), negated=True)),
        absent=absent,
    )


def _stack_made(given: Given) -> AwsSensor:
    return _stack(given, done="CREATE_COMPLETE", going_on="CREATE_IN_PROGRESS", absent=Absent(says=_NO_STACK))


def _stack_gone(given: Given) -> AwsSensor:
    absent = Absent(says=_NO_STACK, comes=over())
    return _stack(given, done="DELETE_COMPLETE", going_on="DELETE_IN_PROGRESS", absent=absent)


def _serverless_job(given: Given) -> AwsSensor:
    state, details = ("jobRun", "state"), Answer(("jobRun", "stateDetails"))
    return poke(
        "emr-serverless",
        "GetJobRun",
        {"applicationId": given["application_id"], "jobRunId": given["job_run_id"]},
        fails(
            Phrase((f"{_RAISED}EMR Serverless job failed: ", details)),
            Holds(state, ("FAILED", "CANCELLING", "CANCELLED")),
        ),
        over(Holds(state, texts(given, "target_states", ()))),
    )


def _serverless_application(given: Given) -> AwsSensor:
    state, details = ("application", "state"), Answer(("application", "stateDetails"))
    failed = Phrase((f"{_RAISED}EMR Serverless application failed: ", details))
    return poke(
        "emr-serverless",
        "GetApplication",
        {"applicationId": given["application_id"]},
        # What the service has not told, the sensor cannot read.
        fails(
            "KeyError: 'stateDetails'",
            Holds(state, ("STOPPED", "TERMINATED")),
            Holds(("application", "stateDetails"), negated=True),
        ),
        fails(failed, Holds(state, ("STOPPED", "TERMINATED"))),
        over(Holds(state, texts(given, "target_states", ()))),
    )


def _collection(given: Given) -> AwsSensor:
    by_id, state = given["collection_id"], ("collectionDetails", 0, "status")
    return poke(
        "opensearchserverless",
        "BatchGetCollection",
        {"ids": [by_id]} if by_id else {"names": [given["collection_name"]]},
        fails("IndexError: list index out of range", Holds(state, negated=True)),
        fails(f"{_RAISED}OpenSearch Serverless Collection sensor failed", Holds(state, ("DELETING", "FAILED"))),
        over(Holds(state, ("CREATING",), negated=True)),
    )


def _detection(given: Given) -> AwsSensor:
    state = ("PiiEntitiesDetectionJobProperties", "JobStatus")
    return poke(
        "comprehend",
        "DescribePiiEntitiesDetectionJob",
        {"JobId": given["job_id"]},
        fails(
            f"{_RAISED}Comprehend start pii entities detection job sensor failed.",
            Holds(state, ("FAILED", "STOP_REQUESTED", "STOPPED")),
        ),
        over(Holds(state, ("IN_PROGRESS",), negated=True)),
    )


RULE = sensor_rule(
    "resource_sensors",
    {
        f"{_SENSORS}.ec2.EC2InstanceStateSensor": _instance,
        f"{_SENSORS}.redshift_cluster.RedshiftClusterSensor": _cluster,
        f"{_SENSORS}.lambda_function.LambdaFunctionStateSensor": _function,
        f"{_SENSORS}.batch.BatchComputeEnvironmentSensor": _compute_environment,
        f"{_SENSORS}.batch.BatchJobQueueSensor": _job_queue,
        f"{_SENSORS}.cloud_formation.CloudFormationCreateStackSensor": _stack_made,
        f"{_SENSORS}.cloud_formation.CloudFormationDeleteStackSensor": _stack_gone,
        f"{_SENSORS}.emr.EmrServerlessJobSensor": _serverless_job,
        f"{_SENSORS}.emr.EmrServerlessApplicationSensor": _serverless_application,
        f"{_SENSORS}.opensearch_serverless.OpenSearchServerlessCollectionActiveSensor": _collection,
        f"{_SENSORS}.comprehend.ComprehendStartPiiEntitiesDetectionJobCompletedSensor": _detection,
    },
    f"{AMAZON_PROVIDER}/operators/index.html",
    arguments={
        **{"InstanceIds": "instance_id", "ClusterIdentifier": "cluster_identifier", "FunctionName": "function_name"},
        **{"Qualifier": "qualifier", "computeEnvironments": "compute_environment", "jobQueues": "job_queue"},
        **{"StackName": "stack_name", "applicationId": "application_id", "jobRunId": "job_run_id"},
        **{"ids": "collection_id", "names": "collection_name", "JobId": "job_id"},
    },
)
