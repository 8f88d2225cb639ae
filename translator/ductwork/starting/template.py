"""A template of its own of what starts runs from outside, for DAGs that are deployed."""

from __future__ import annotations

from collections.abc import Mapping

from ductwork.contracts.json_types import JsonObject
from ductwork.starting import request_table, rest_api, run_notices
from ductwork.starting.rest_api import Auth
from ductwork.starting.values import Places, Resources, Value, ref, sub

_ARN = {"AllowedPattern": "arn:aws[a-z-]*:.+", "Type": "String"}
_PARAMETERS: Mapping[str, Mapping[str, Value]] = {
    "LedgerTableName": {"Type": "String", "Default": "ductwork", "Description": "The ledger's table"},
    "JobQueueArn": {**_ARN, "Description": "Where jobs run that restart, skip and cancel"},
    "ControlJobDefinitionArn": {**_ARN, "Description": "A worker's job definition, whose role may do what these do"},
    "NoticeTopicArn": {**_ARN, "Description": "SNS topic that hears of the ends of runs"},
}
_API, _TABLE, _NOTICES = "api", "table", "notices"
PARTS = (_API, _TABLE, _NOTICES)


def template(machines: Mapping[str, str], parts: frozenset[str] = frozenset(PARTS), auth: Auth = "iam") -> JsonObject:
    """The template as JSON data.

    :param machines: ARNs of state machines by the ids of their DAGs
    :param parts: of :data:`PARTS` those that are wanted
    """
    ledger_arn = sub("arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${LedgerTableName}")
    places = Places(machines, ref("LedgerTableName"), ledger_arn, ref("JobQueueArn"), ref("ControlJobDefinitionArn"))
    made: Resources = {}
    outputs: dict[str, Value] = {}
    if _API in parts:
        made |= rest_api.resources(places, auth)
        url = "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${ApiStage}"
        outputs["ApiUrl"] = {"Value": sub(url)}
    if _TABLE in parts:
        made |= request_table.resources(places)
        outputs["RequestTable"] = {"Value": ref("Requests")}
    if _NOTICES in parts:
        made |= run_notices.resources(places, ref("NoticeTopicArn"))
    needed = {"LedgerTableName": {*PARTS}, "NoticeTopicArn": {_NOTICES}}
    parameters = {name: value for name, value in _PARAMETERS.items() if parts & needed.get(name, {_API, _TABLE})}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "What starts runs of DAGs from outside, and tells of their ends",
        "Parameters": parameters,
        "Resources": made,
        **({"Outputs": outputs} if outputs else {}),
    }
