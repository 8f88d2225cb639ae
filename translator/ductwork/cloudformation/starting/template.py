"""A template of its own of what starts runs from outside, for DAGs that are deployed.

It is no part of the shared stack: that is made before there is any DAG, and together they were too large for a request
(51,200 bytes), so that whoever deploys would need a bucket. What it shares with the DAGs it imports from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from ductwork.cloudformation.dag_parameters import BOUNDARY, boundary, optional
from ductwork.cloudformation.dag_stack import imported
from ductwork.cloudformation.intrinsics import Value, is_given, ref, sub, when
from ductwork.cloudformation.shared_stack import QUEUE_ARN, TABLE, TABLE_ARN
from ductwork.cloudformation.starting import control_job, request_table, rest_api, run_notices
from ductwork.cloudformation.starting.machines import Places, Resources
from ductwork.cloudformation.starting.rest_api import Auth
from ductwork.contracts import default_names
from ductwork.contracts.json_types import JsonObject

_API, _TABLE, _NOTICES = "api", "table", "notices"
PARTS = (_API, _TABLE, _NOTICES)
# Outputs that say what the template was made with.
PARTS_OUTPUT, AUTH_OUTPUT = "Parts", "Auth"
_OWN_TOPIC, _TOPIC = "MakesNoticeTopic", "NoticeTopic"


def template(machines: Mapping[str, str], parts: Set[str] = frozenset(PARTS), auth: Auth = "iam") -> JsonObject:
    """The template as JSON data.

    :param machines: ARNs of state machines by the ids of their DAGs
    :param parts: of :data:`PARTS` those that are wanted
    :param auth: who may call the API
    """
    places = Places(machines, imported(TABLE), imported(TABLE_ARN), imported(QUEUE_ARN), ref(control_job.DEFINITION))
    carries_out = bool(parts & {_API, _TABLE})
    made: Resources = control_job.resources(places) if carries_out else {}
    outputs: dict[str, Value] = {PARTS_OUTPUT: ",".join(sorted(parts))}
    conditions: dict[str, Value] = {BOUNDARY: is_given("PermissionsBoundary")}
    parameters: dict[str, Value] = {
        "SharedStack": {"Type": "String", "Default": default_names.SHARED_STACK, "Description": "The shared stack"},
        "PermissionsBoundary": boundary(),
    }
    if carries_out:
        parameters |= control_job.PARAMETERS
        conditions |= control_job.CONDITIONS
    if _API in parts:
        made |= rest_api.resources(places, auth)
        url = sub("https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${ApiStage}")
        outputs |= {"ApiUrl": url, AUTH_OUTPUT: auth}
    if _TABLE in parts:
        made |= request_table.resources(places)
        outputs["RequestTable"] = ref("Requests")
    if _NOTICES in parts:
        topic = when(_OWN_TOPIC, ref(_TOPIC), ref("NoticeTopicArn"))
        made[_TOPIC] = {"Type": "AWS::SNS::Topic", "Condition": _OWN_TOPIC}
        made |= run_notices.resources(places, topic)
        parameters["NoticeTopicArn"] = optional("SNS topic that hears of the ends of runs; without it one is made")
        conditions[_OWN_TOPIC] = {"Fn::Equals": [ref("NoticeTopicArn"), ""]}
        outputs[_TOPIC] = topic
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "What starts runs of DAGs from outside, and tells of their ends",
        "Parameters": parameters,
        "Conditions": conditions,
        "Resources": made,
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
