"""AthenaOperator: the machine starts the query, and looks for its end."""

from __future__ import annotations

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir.aws_call import Answer, AwsCall, Check, Failure, Kept, Looks, Phrase
from ductwork.rules.aws_calls import Given, call_rule, console_link, given_members
from ductwork.rules.base import Decline

_STATE = ("QueryExecution", "Status", "State")
_REASON = ("QueryExecution", "Status", "StateChangeReason")
_FINAL = "AirflowException: Final state of Athena job is "


def _start(given: Given) -> AwsCall | Decline:
    if given.task.execution_timeout:
        return Decline("execution_timeout is set, and the operator stops the query then, so a worker starts it")
    context, result = dict(given.members("query_execution_context")), dict(given.members("result_configuration"))
    context |= given_members(Database=given["database"] or None, Catalog=given["catalog"])
    result |= given_members(OutputLocation=given["output_location"] or None)
    request = given_members(
        QueryString=given["query"],
        QueryExecutionContext=context,
        ResultConfiguration=result,
        WorkGroup=given["workgroup"],
        ClientRequestToken=given["client_request_token"] or None,
    )
    query, state = Kept("query"), Answer(_STATE)
    failed = Phrase(
        (_FINAL, state, ", query_execution_id is ", query, ". Error: ", Answer(_REASON, otherwise="None")),
    )
    # Left out, the operator looks 999,999 times.
    delay, attempts = given.number("sleep_time", 30), given.number("max_polling_attempts", 999_999)
    return AwsCall(
        why="the machine starts the query and waits for its end",
        service="athena",
        action="StartQueryExecution",
        arguments=request,
        keeps={"query": Answer(("QueryExecutionId",))},
        links={"_athena_query_results": console_link(query_execution_id=query)},
        returns=query,
        failures=(Failure(Check(_STATE, ("FAILED", "CANCELLED")), failed),),
        waits=Looks(
            service="athena",
            action="GetQueryExecution",
            arguments={"QueryExecutionId": query},
            done=Check(_STATE, ("SUCCEEDED",)),
            delay=delay,
            limit=None if attempts >= 999_999 else delay * attempts,
            gives_up=Phrase((_FINAL, state, ". Max tries of poll status exceeded, query_execution_id is ", query, ".")),
        ),
    )


RULE = call_rule(
    "athena_query",
    {"airflow.providers.amazon.aws.operators.athena.AthenaOperator": _start},
    f"{AMAZON_PROVIDER}/operators/athena/athena_boto.html",
    arguments={
        "QueryString": "query",
        "QueryExecutionContext": "query_execution_context",
        "ResultConfiguration": "result_configuration",
        "WorkGroup": "workgroup",
        "ClientRequestToken": "client_request_token",
    },
)
