"""The mapping templates of the REST API: requests of HTTP to calls of AWS, and their answers back.

They are written in the Velocity language of API Gateway. ``escapeJavaScript`` escapes a single quote, which JSON does
not know, so each use of it takes that back.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

_UNQUOTE = """.replaceAll("\\\\'", "'")"""


def _escaped(value: str) -> str:
    return f"$util.escapeJavaScript({value}){_UNQUOTE}"


def start_execution(action: str, in_path: tuple[str, ...]) -> str:
    """StartSyncExecution of the control machine with a request for its input.

    The body's members come after the path's, and are text of JSON within text of JSON, so what is in the path is
    escaped twice.

    :param action: empty for the message of the universal scheduler, which says it itself
    :param in_path: which members of the request are in the path
    """
    lines = [f"#set(${name} = {_escaped(f'$input.params({_quoted(name)})')})" for name in in_path]
    members = [f'\\"action\\":\\"{action}\\"'] if action else []
    members += [f'\\"{name}\\":\\"{_escaped(f"${name}")}\\"' for name in in_path]
    body = _escaped('$input.json("$")')
    request = f'{{\\"path\\":{{{",".join(members)}}},\\"body\\":{body}}}'
    # ${StateMachine} would be Velocity's, too: Fn::Sub has filled it before.
    return "".join(f"{line}\n" for line in lines) + f'{{"stateMachineArn":"${{StateMachine}}","input":"{request}"}}'


def _quoted(name: str) -> str:
    return f"'{name}'"


# An execution that failed is an answer with the status 200 of StartSyncExecution's.
ANSWER = """#set($status = $input.path('$.status'))
#if($status == 'SUCCEEDED')
#set($context.responseOverride.status = 202)
$input.path('$.output')
#else
#if($input.path('$.error') == 'Ductwork.RequestRefused')
#set($context.responseOverride.status = 422)
#else
#set($context.responseOverride.status = 502)
#end
{"message": $input.json('$.cause')}
#end
"""

# The run's item and those of its tasks, in the order of their ids; what sorts between them has no state. A # before a
# reference would not be text to Velocity.
QUERY = (
    "#set($hash = '#')\n"
    '{"TableName":"${Ledger}","KeyConditionExpression":"pk = :pk AND sk BETWEEN :run AND :tasks","ConsistentRead":true,'
    '"ProjectionExpression":"sk,#state,try_number,#error,started_at,ended_at,execution_arn",'
    '"FilterExpression":"attribute_exists(#state)",'
    '"ExpressionAttributeNames":{"#state":"state","#error":"error"},'
    '"ExpressionAttributeValues":{":run":{"S":"run"},":tasks":{"S":"task~"},":pk":{"S":"run$hash'
    + _escaped("$input.params('dag_id')")
    + "$hash"
    + _escaped("$input.params('run_id')")
    + '"}}}'
)

STATUS = """#set($run = false)
#foreach($item in $input.path('$.Items'))
#if($item.sk.S == 'run')
#set($run = $item)
#end
#end
#if($run == false)
#set($context.responseOverride.status = 404)
{"message": "the ledger has no such run"}
#else
{"state": "$run.state.S", "execution_arn": "$!run.execution_arn.S", "ended_at": "$!run.ended_at.S",
"error": "#if($run.error)$util.escapeJavaScript($run.error.S).replaceAll("\\\\'", "'")#end", "tasks": [
#set($first = true)
#foreach($item in $input.path('$.Items'))
#if($item.sk.S != 'run')
#set($key = $item.sk.S.split('#'))
#if(!$first),#end
#set($first = false)
{"task_id": "$key[1]", "map_index": $key[2], "state": "$!item.state.S",
"try_number": "$!item.try_number.N",
"error": "#if($item.error)$util.escapeJavaScript($item.error.S).replaceAll("\\\\'", "'")#end"}
#end
#end
], "complete": #if($input.path('$.LastEvaluatedKey') && $input.path('$.LastEvaluatedKey') != '')false#{else}true#end}
#end
"""
