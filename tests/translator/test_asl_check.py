"""The checker of state machines can fail: for every rule a machine that breaks it, next to one that does not."""

from __future__ import annotations

import copy

import pytest
from asl_check import assert_sound, problems
from cfn_lint_check import lint_machine

_ITEM = {"pk": {"S": "a"}, "sk": {"S": "run"}}


def task(**fields):
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::dynamodb:putItem",
        "Arguments": {"TableName": "table", "Item": _ITEM},
        "Output": {},
        **fields,
    }


def submit(**arguments):
    given = {"JobName": "{% 'a-' & $run.hash %}", "JobQueue": "${JobQueue}", "JobDefinition": "d:1", **arguments}
    return {"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync", "Arguments": given, "Next": "done"}


def update(**arguments):
    given = {"TableName": "table", "Key": _ITEM, "UpdateExpression": "SET #s = :s", **arguments}
    given.setdefault("ExpressionAttributeNames", {"#s": "state"})
    given.setdefault("ExpressionAttributeValues", {":s": {"S": "x"}})
    return {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:updateItem", "Arguments": given, "Next": "done"}


def machine(**states):
    """``first`` sets ``$run`` and the field ``a``, then ``middle``, then ``done``."""
    first = {"Type": "Pass", "Assign": {"run": {"hash": "x"}}, "Output": {"a": "success"}, "Next": "middle"}
    states = {"first": first, "middle": {"Type": "Pass", "Next": "done"}, "done": {"Type": "Succeed"}, **states}
    return {"QueryLanguage": "JSONata", "StartAt": "first", "States": states}


def branch(name, **state):
    return {"StartAt": name, "States": {name: {"Type": "Pass", "End": True, **state}}}


def parallel(*branches, **fields):
    return {"Type": "Parallel", "Branches": list(branches), "Next": "done", **fields}


def nested(depth):
    state = {"Type": "Pass", "End": True}
    for number in range(depth):
        inner = {"StartAt": f"n{number}", "States": {f"n{number}": state}}
        state = {"Type": "Parallel", "Branches": [inner], "End": True}
    return {**{key: value for key, value in state.items() if key != "End"}, "Next": "done"}


def passing(**fields):
    return {"Type": "Pass", "Next": "done", **fields}


def reads(code):
    return machine(middle=passing(Output={"v": f"{{% {code} %}}"}))


def choice(*rules, **fields):
    rules = [{"Condition": "{% $states.input.a = 'success' %}", "Next": "done"}] if not rules else list(rules)
    return {"Type": "Choice", "Choices": rules, "Default": "done", **fields}


def retrying(**retrier):
    return machine(middle=task(Next="done", Retry=[{"ErrorEquals": ["E"], **retrier}]))


def catching(*catchers, **fields):
    return machine(middle=task(Next="done", Catch=list(catchers), **fields))


_ALL = {"ErrorEquals": ["States.ALL"], "Next": "done"}
_TWO_WAYS = [
    {"Condition": "{% $states.input.a = 'x' %}", "Output": {"b": 1}, "Assign": {"v": 1}, "Next": "after"},
    {
        "Condition": "{% $states.input.a = 'y' %}",
        "Output": {"b": 1, "c": 1},
        "Assign": {"v": 1, "w": 1},
        "Next": "after",
    },
]


def joined(code, rules=_TWO_WAYS):
    after = passing(Output={"v": f"{{% {code} %}}"})
    return machine(middle=choice(*rules), after=after)


GOOD = {
    "plain": machine(),
    "a choice": machine(middle=choice()),
    "a choice that says all": machine(middle=choice(*_TWO_WAYS, Output={"b": 2}, Assign={"v": 2}), after=passing()),
    "nesting": machine(middle=nested(20)),
    "a set": machine(middle=update(ExpressionAttributeValues={":s": {"SS": ["x"]}})),
    "a name of 80": machine(middle=passing(Next="n" * 80), **{"n" * 80: passing()}),
    "a wait": machine(middle={"Type": "Wait", "Seconds": "{% 1 + 1 %}", "Next": "done"}),
    "fields read": reads("$states.input.a & $string($states.input.[a]) & $run.hash"),
    "provided on both paths": joined("$string($states.input.b) & $string($v)"),
    "a lambda's own names": reads("$map([1, 2], function($x) { $x + 1 })"),
    "a local name": reads("( $x := $states.input.a; $x )"),
    "a predicate": reads("$states.context.Execution.Input.rows[amount > 1][0].id"),
    "asked whether it exists": reads("$exists($states.input.zzz) ? 1 : 2"),
    "a token": machine(middle=submit(Tags={"t": "{% $states.context.Task.Token %}"})),
    "merged": machine(middle=passing(Output="{% $merge([$states.input, {'b': 1}]) %}", Next="m2"),
                      m2=passing(Output="{% $states.input.a & $string($states.input.b) %}")),
    "parallel results": machine(
        middle=parallel(branch("l", Output={"x": 1}), branch("r", Output={"y": "{% $states.input.a %}"}),
                        Output="{% $merge($append([{'a': $states.input.a}], $states.result)) %}", Next="m2"),
        m2=passing(Output="{% $states.input.a & $string($states.input.[x, y]) %}"),
    ),
    "siblings share a name": machine(middle=parallel(branch("l", Assign={"v": 1}), branch("r", Assign={"v": 1}))),
    "retry": retrying(IntervalSeconds=5, MaxAttempts=0, BackoffRate=1, MaxDelaySeconds=6, JitterStrategy="FULL"),
    "catch": catching({"ErrorEquals": ["E"], "Next": "done", "Output": "{% $states.errorOutput.Cause %}"}, _ALL),
    "a result": catching(_ALL, Assign={"x": "{% $states.result.A.b %}"}),
    "a loop": machine(middle=choice({"Condition": "{% $states.input.a = 'x' %}", "Next": "w"}),
                      w={"Type": "Wait", "Seconds": 1, "Next": "middle"}),
    "a map": machine(middle={"Type": "Map", "Items": "{% [1, 2] %}", "ItemProcessor": branch("i"), "Next": "done"}),
    "a substitution": machine(middle=submit(JobDefinition="${JobDefinition}")),
    "an update": machine(middle=update()),
}  # fmt: skip

BAD = {
    "language": {**machine(), "QueryLanguage": "JSONPath"},
    "language in a state": ("language", machine(middle=passing(QueryLanguage="JSONPath"))),
    "size": machine(middle=passing(Output={"v": "x" * 1_048_576})),
    "name": machine(middle=passing(Next="n" * 81), **{"n" * 81: passing()}),
    "unique": machine(middle=parallel(branch("done"))),
    "unique among branches": ("unique", machine(middle=parallel(branch("l"), branch("l")))),
    "target": machine(middle=passing(Next="nowhere")),
    "target of Default": ("target", machine(middle=choice(Default="nowhere"))),
    "target of a catcher": ("target", catching({**_ALL, "Next": "nowhere"})),
    "target in another scope": ("target", machine(middle=parallel(branch("l"), Next="l"))),
    "target of StartAt": ("target", {**machine(), "StartAt": "nowhere"}),
    "reachable": machine(orphan=passing()),
    "terminal": machine(middle={"Type": "Pass"}),
    "terminal twice": ("terminal", machine(middle=passing(End=True))),
    "terminal nowhere": ("terminal", machine(middle=passing(Next="first"), done=passing(Next="first"))),
    "type": machine(middle={"Type": "Nothing", "Next": "done"}),
    "field: Choice without Default": ("field", machine(middle={"Type": "Choice", "Choices": choice()["Choices"]})),
    "field: Retry on Pass": ("field", machine(middle=passing(Retry=[]))),
    "field: TimeoutSeconds on Parallel": ("field", machine(middle=parallel(branch("l"), TimeoutSeconds=1))),
    "field: Arguments on Map": ("field", machine(middle={"Type": "Map", "Arguments": {}, "ItemProcessor": branch("i"),
                                                         "Next": "done"})),
    "field: Next on Choice": ("field", machine(middle=choice(Next="done"))),
    "field: JSONPath": ("field", machine(middle=passing(ResultPath="$.x"))),
    "field: two waits": ("field", machine(middle={"Type": "Wait", "Seconds": 1, "Timestamp": "x", "Next": "done"})),
    "field: no Resource": ("field", machine(middle={"Type": "Task", "Next": "done"})),
    "field of the machine": ("field", {**machine(), "Name": "x"}),
    "rule: Output": ("rule", machine(middle=choice(Output={"a": 1}))),
    "rule: Assign": ("rule", machine(middle=choice(_TWO_WAYS[0], choice()["Choices"][0], Assign={"v": 1}),
                                     after=passing())),
    "retry: interval 0": ("retry", retrying(IntervalSeconds=0)),
    "retry: interval no integer": ("retry", retrying(IntervalSeconds=1.5)),
    "retry: an expression": ("retry", retrying(MaxAttempts="{% 1 %}")),
    "retry: backoff": ("retry", retrying(BackoffRate=0.5)),
    "retry: jitter": ("retry", retrying(JitterStrategy="SOME")),
    "retry: delay not above interval": ("retry", retrying(IntervalSeconds=5, MaxDelaySeconds=5)),
    "retry: delay over a year": ("retry", retrying(MaxDelaySeconds=31_622_401)),
    "errors: ALL not last": ("errors", catching(_ALL, {"ErrorEquals": ["E"], "Next": "done"})),
    "errors: ALL not alone": ("errors", catching({"ErrorEquals": ["States.ALL", "E"], "Next": "done"})),
    "errors: none": ("errors", catching({"ErrorEquals": [], "Next": "done"})),
    "mark: a space before": ("mark", machine(middle=passing(Output={"v": " {% 1 %}"}))),
    "mark: text after": ("mark", machine(middle=passing(Output={"v": "{% 1 %}s"}))),
    "mark: not evaluated": ("mark", machine(middle=passing(Comment="{% 1 %}"))),
    "parse": reads("1 +"),
    "parse: an escaped apostrophe": ("parse", reads("'it\\'s'")),
    "depth": reads("+".join("1" for _ in range(200))),
    "bare-name": reads("a"),
    "bare-name: $": ("bare-name", reads("$")),
    "context": reads("$states.context.Machine.Id"),
    "result: in Pass": ("result", reads("$states.result")),
    "result: in Arguments": ("result", machine(middle=submit(Tags={"t": "{% $states.result.x %}"}))),
    "result: in a catcher": ("result", catching({**_ALL, "Output": "{% $states.result %}"})),
    "error-output": reads("$states.errorOutput.Error"),
    "error-output: in the task's Output": ("error-output", catching(_ALL, Output="{% $states.errorOutput %}")),
    "token": machine(middle=task(Next="done", Arguments={"TableName": "{% $states.context.Task.Token %}", "Item": _ITEM})),
    "variable": reads("$nobody"),
    "variable: on one path only": ("variable", joined("$w")),
    "variable: of a sibling": ("variable", machine(middle=parallel(
        branch("l", Assign={"v": 1}), branch("r", Output={"x": "{% $v %}"})))),
    "variable: own Assign": ("variable", machine(middle=passing(Assign={"n": 1}, Output={"v": "{% $n %}"}))),
    "variable: not in a distributed map": ("variable", machine(middle={
        "Type": "Map", "Next": "done",
        "ItemProcessor": {**branch("i", Output={"v": "{% $run %}"}), "ProcessorConfig": {"Mode": "DISTRIBUTED"}}})),
    "variable: $eval": ("variable", reads("$eval('1')")),
    "shadow": machine(middle=parallel(branch("l", Assign={"run": 1}))),
    "shadow: a later outer name": ("shadow", machine(middle=parallel(branch("l", Assign={"v": 1}), Assign={"v": 1}))),
    "shadow: in an expression": ("shadow", reads("( $run := 1; $run )")),
    "input": reads("$states.input.b"),
    "input: in a selection": ("input", reads("$states.input.[a, b]")),
    "input: on one path only": ("input", joined("$states.input.c")),
    "input: of a scalar": ("input", reads("$states.input.a.state")),
    "input: not given to a branch": ("input", machine(middle=parallel(
        branch("l", Output={"x": "{% $states.input.a %}"}), Arguments={}))),
    "input: not handed back": ("input", machine(
        middle=parallel(branch("l", Output={"x": 1}), Output="{% $merge($states.result) %}", Next="m2"),
        m2=passing(Output="{% $states.input.a %}"))),
    "input: after a catch": ("input", machine(
        middle=task(Next="done", Output={"a": 1}, Catch=[{**_ALL, "Next": "m2"}]), m2=passing(Output="{% $states.input.a %}"))),
    "input: in a loop": ("input", machine(
        middle=choice({"Condition": "{% $states.input.a = 'x' %}", "Next": "w"}),
        w={"Type": "Wait", "Seconds": 1, "Output": {}, "Next": "middle"})),
    "input: of the execution": ("input", {**machine(), "States": {
        **machine()["States"], "first": {"Type": "Pass", "Output": {"a": "{% $states.input.conf %}"}, "Next": "middle"}}}),
    "collision": machine(middle=parallel(
        branch("l", Output={"x": 1}), branch("x", Output={"x": 2}), Output="{% $merge($states.result) %}")),
    "resource": machine(middle=task(Next="done", Resource="arn:aws:states:::nobody:putItem")),
    "resource: no operation": ("resource", machine(middle=task(Next="done", Resource="arn:aws:states:::dynamodb:buyItem"))),
    "argument: unknown": ("argument", machine(middle=submit(jobName="x"))),
    "argument: missing": ("argument", machine(middle=task(Next="done", Arguments={"TableName": "table"}))),
    "argument: wrong type": ("argument", machine(middle=submit(Tags="x"))),
    "job-name": machine(middle=submit(JobName="{% 'a.b-' & $run.hash %}")),
    "job-name: too long": ("job-name", machine(middle=submit(JobName="{% '" + "a" * 120 + "-' & $run.hash %}"))),
    "overrides": machine(middle=submit(ContainerOverrides={"Command": ["x" * 8_192]})),
    "timeout": machine(middle=submit(Timeout={"AttemptDurationSeconds": 59})),
    "environment": machine(middle=submit(ContainerOverrides={"Environment": [{"Name": "AWS_BATCH_X", "Value": "1"}]})),
    "placeholder: not given": ("placeholder", machine(middle=update(ExpressionAttributeNames={}))),
    "placeholder: not used": ("placeholder", machine(middle=update(ExpressionAttributeValues={
        ":s": {"S": "x"}, ":t": {"S": "x"}}))),
    "reserved": machine(middle=update(UpdateExpression="SET #s = :s, state = :s")),
    "run": {"QueryLanguage": "JSONata", "StartAt": "Prepare run", "States": {
        "Prepare run": {"Type": "Pass", "Assign": {"run": "{% {'hash': 'x'} %}"}, "Next": "reads"},
        "reads": {"Type": "Pass", "Output": "{% $run.hash & $run.env %}", "End": True}}},
    "seconds": {**machine(), "TimeoutSeconds": 0},
    "seconds: of a state": ("seconds", machine(middle=task(Next="done", TimeoutSeconds=1.5))),
    "seconds: of a wait": ("seconds", machine(middle={"Type": "Wait", "Seconds": -1, "Next": "done"})),
    "seconds: at a time": ("seconds", machine(middle={
        "Type": "Map", "MaxConcurrency": 10**9, "ItemProcessor": branch("i"), "Next": "done"})),
    "nesting": machine(middle=nested(21)),
    "nested": machine(middle=update(ExpressionAttributeValues={":s": {"M": {"a": {"S": "x"}}}})),
    "nested: a list": ("nested", machine(middle=update(ExpressionAttributeValues={":s": {"L": []}}))),
    "number": machine(middle=update(ExpressionAttributeValues={":s": {"N": "one"}})),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_sound_machines_pass(name):
    assert_sound(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_each_rule_can_fail(name):
    rule, made = BAD[name] if isinstance(BAD[name], tuple) else (name, BAD[name])
    assert rule in {problem.rule for problem in problems(made)}
    with pytest.raises(AssertionError, match=rf"\[{rule}\]"):
        assert_sound(made)


def test_the_check_changes_nothing():
    made = GOOD["parallel results"]
    before = copy.deepcopy(made)
    problems(made)
    assert made == before


def test_cfn_lint_accepts_and_refuses():
    assert lint_machine(GOOD["a choice"]) == []
    found = lint_machine(machine(middle={"Type": "Pass", "Next": "done", "InputPath": "$.x"}))
    assert any(message.startswith("E3601") for message in found)
