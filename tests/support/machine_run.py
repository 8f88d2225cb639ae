"""A small interpreter of the machines we emit: enough to see which tasks run, when, and what each ends in.

It evaluates the states' JSONata; branches of a Parallel take turns, one state at a time, in an order drawn at random, so
many runs of one machine explore many interleavings. The ledger is moto's DynamoDB, without its HTTP layer, so update and
condition expressions mean what they say. Jobs end as they are told. A machine that waits for a token that nobody sends
fails with :class:`DeadlockError`.
"""

from __future__ import annotations

import heapq
import json
import random
import re
from collections.abc import Collection, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from asl_problem import expression_code
from ductwork.contracts import error_names, machine_bundle
from ductwork_airflow.embedded_aws.jsonata import engine
from jsonata_eval import evaluate_leaves
from moto.dynamodb.exceptions import ConditionalCheckFailed
from moto.dynamodb.models import DynamoDBBackend

_NO_VALUE = "States.QueryEvaluationError"
_TIME = "2026-01-01T00:00:00.000Z"
_SUBMIT = "arn:aws:states:::batch:submitJob"
_WAIT = ".waitForTaskToken"
_TABLE = "ledger"

_ACCOUNT = "arn:aws:states:eu-west-1:123456789012"
_MACHINE = f"{_ACCOUNT}:stateMachine:dag"
_MOST_INPUT = 262_144

Fiber = Generator[Any, Any, Any]


class TaskFailedError(Exception):
    pass


class DeadlockError(AssertionError):
    pass


@dataclass
class Done:
    """
    :param order: task ids, as each started its job, and ``task!``, as each was recorded or reported its end
    :param repeated: tasks whose workers found that they had ended
    :param called: tasks for which a job was started to call back
    :param visited: the names of all states entered
    :param children: the executions of child machines, by name: what each was given and has handed back, as JSON text
    :param while_held: the tasks that had ended when nothing but the held job was left to go on
    :param seconds: how long the run took, where jobs take time and nothing else does
    """

    outcomes: dict[str, str] = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)
    status: str = "RUNNING"
    tries: dict[str, str] = field(default_factory=dict)
    pushed: set[str] = field(default_factory=set)
    order: list[str] = field(default_factory=list)
    while_held: frozenset[str] = frozenset()
    seconds: float = 0.0
    visited: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    children: dict[str, tuple[str, str]] = field(default_factory=dict)


def run(
    machine: dict[str, Any],
    ends: Mapping[str, Any],
    execution_input: dict[str, Any] | None = None,
    *,
    seed: int | None = None,
    lost_replies: float = 0.0,
    hold: str | None = None,
    lost: Collection[str] = (),
    seconds: Mapping[str, float] | None = None,
) -> Done:
    """
    :param machine: a definition, or a bundle
    :param ends: task id -> what its job would end in: success, failed or skipped, or a tuple of the tasks it skips
    :param execution_input: the worker of a task in its ``done`` finds how that has ended, and only repeats it
    :param seed: of the order in which branches take turns; None: the first branch first
    :param lost_replies: how often the reply to an update of a join is lost, so that the update is sent again
    :param hold: the task whose job takes longer than everything that does not wait for it
    :param lost: tasks whose workers write their ends into the ledger and die before they can report them
    :param seconds: how long jobs take, by task id, in a time that goes on while nothing else can be done
    :raises DeadlockError: every branch waits
    """
    run = _Run(machine, ends, seed, lost_replies, hold)
    run.lost_reports = set(lost)
    run.seconds = seconds or {}
    run.done.outcomes |= (execution_input or {}).get("done", {})
    return run.run(execution_input or {})


class _Run:
    def __init__(
        self, machine: dict[str, Any], ends: Mapping[str, Any], seed: int | None, lost: float, hold: str | None
    ) -> None:
        bundle = machine_bundle.read(machine)
        self.machine, self.parts = bundle["definition"], bundle["parts"]
        self.ends, self.done, self.hold = ends, Done(), hold
        self.held: list[tuple[Fiber, Any, Any]] = []
        self.seconds: Mapping[str, float] = {}
        # Until when a job runs, the number of those before it, the fiber, its parent.
        self.asleep: list[tuple[float, int, Fiber, Any]] = []
        self.random = None if seed is None else random.Random(seed)
        self.lost = lost
        self.lost_reports: set[str] = set()
        self.ready: list[tuple[Fiber, Any, Any]] = []
        self.waiting: dict[str, tuple[Fiber, Any]] = {}
        self.registered: set[str] = set()
        self.answers: dict[str, Any] = {}
        self.tokens = 0
        self.ledger = DynamoDBBackend("eu-west-1", "123456789012")
        self.ledger.create_table(
            _TABLE,
            [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            {},
            [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}],
            *(None, None, None, "PAY_PER_REQUEST", None, [], False, None),
        )

    # ---- fibers ----

    def run(self, data: Any) -> Done:
        """A fiber yields ``("spawn", fibers)``, ``("wait", token)``, ``("hold",)``, ``("sleep", seconds)`` or
        None; its parent is told when it ends."""
        self.ready.append((self._scope(self.machine, data, {}, "e"), None, None))
        while self.ready or self.asleep or self.held:
            if not self.ready and self.asleep:
                self.done.seconds, _, fiber, parent = heapq.heappop(self.asleep)
                self.ready.append((fiber, None, parent))
            elif not self.ready:
                self.done.while_held = frozenset(self.done.outcomes)
                self.ready, self.held = self.held, []
            at = self.random.randrange(len(self.ready)) if self.random else 0
            fiber, value, parent = self.ready.pop(at)
            try:
                asked = fiber.send(value)
            except StopIteration as ended:
                self._ended(parent, ended.value)
                continue
            if asked is None:
                self.ready.insert(at, (fiber, None, parent))
            elif asked[0] == "hold":
                self.held.append((fiber, None, parent))
            elif asked[0] == "sleep":
                until = self.done.seconds + asked[1]
                heapq.heappush(self.asleep, (until, self.tokens, fiber, parent))
            elif asked[0] == "wait":
                self.waiting[asked[1]] = (fiber, parent)
            else:
                family = {"fiber": fiber, "parent": parent, "left": len(asked[1]), "results": [None] * len(asked[1])}
                self.ready.extend((child, None, (family, number)) for number, child in enumerate(asked[1]))
        if self.waiting:
            raise DeadlockError(f"these wait for ever: {sorted(self.waiting)}")
        return self.done

    def _ended(self, parent: Any, result: Any) -> None:
        if parent is None:
            return
        family, number = parent
        family["results"][number] = result
        family["left"] -= 1
        if not family["left"]:
            self.ready.append((family["fiber"], family["results"], family["parent"]))

    def _scope(self, scope: dict[str, Any], data: Any, variables: dict[str, Any], execution: str) -> Fiber:
        """:param execution: its name"""
        name = scope["StartAt"]
        while name:
            self.done.visited.append(name)
            taken = yield from self._state(name, scope["States"][name], data, variables, execution)
            if taken is None:
                return data
            name, data = taken
            yield None
        return data

    # ---- states ----

    def _state(self, name: str, state: dict[str, Any], data: Any, variables: dict[str, Any], execution: str) -> Fiber:
        self.tokens += 1
        context = {
            "Execution": {"Id": f"{_ACCOUNT}:execution:dag:{execution}", "StartTime": _TIME, "Name": execution},
            # A version of the machine: what names the children is without it.
            "StateMachine": {"Id": f"{_MACHINE}:3", "Name": "dag"},
            "State": {"EnteredTime": _TIME, "RetryCount": 0, "Name": name},
            "Task": {"Token": f"{name} #{self.tokens}"},
        }
        bindings = {**variables, "states": {"input": data, "context": context}}
        kind = state["Type"]
        if kind in {"Succeed", "Fail"}:
            self.done.status = "SUCCEEDED" if kind == "Succeed" else "FAILED"
            return None
        if kind == "Choice":
            return _chosen(name, state, data, bindings, variables)
        if kind == "Wait":
            evaluate_leaves(state["Timestamp"], bindings)
            return state["Next"], data
        try:
            result = yield from self._result(name, state, bindings, variables)
            bindings["states"]["result"] = result
            output = _output(name, state, bindings, result)
        except TaskFailedError as error:
            caught = {**bindings, "states": {**bindings["states"], "errorOutput": {"Error": str(error), "Cause": ""}}}
            catcher = next(entry for entry in state["Catch"] if {"States.ALL", str(error)} & set(entry["ErrorEquals"]))
            return catcher.get("Next", ""), _given(evaluate_leaves(catcher["Output"], caught), name)
        variables.update(evaluate_leaves(state.get("Assign", {}), bindings))
        return state.get("Next", ""), output

    def _result(self, name: str, state: dict[str, Any], bindings: Any, variables: Any) -> Fiber:
        if state["Type"] == "Pass":
            return bindings["states"]["input"]
        of = bindings["states"]["context"]["Execution"]["Name"]
        if state["Type"] == "Map":
            items = evaluate_leaves(state["Items"], bindings)
            scopes = [self._scope(state["ItemProcessor"], item, dict(variables), of) for item in items]
            return (yield "spawn", scopes) if scopes else []
        arguments = _given(evaluate_leaves(state.get("Arguments", {}), bindings), name)
        if state["Type"] == "Parallel":
            branches = [self._scope(branch, arguments, dict(variables), of) for branch in state["Branches"]]
            return (yield "spawn", branches)
        resource = state["Resource"]
        if resource == machine_bundle.START:
            return (yield from self._child(arguments))
        if resource.startswith(_SUBMIT):
            return (yield from self._job(name, state, arguments))
        if resource.endswith("putItem"):
            if arguments["Item"]["sk"]["S"].startswith("xcom#"):
                self.done.pushed.add(arguments["Item"]["task_id"]["S"])
            return {}
        if resource.endswith("sendTaskSuccess"):
            return self._wake(arguments)
        if resource.endswith("getItem") and arguments["Key"]["sk"]["S"].startswith("task#"):
            outcome = self.done.outcomes.get(arguments["Key"]["sk"]["S"].split("#")[1])
            return {"Item": {"outcome": {"S": outcome}}} if outcome else {}
        if resource.endswith("getItem"):
            item = self.ledger.get_item(_TABLE, arguments["Key"])
            return {"Item": item.to_json()["Attributes"]} if item else {}
        if not arguments["Key"]["sk"]["S"].startswith("join#"):
            return {"Attributes": self._record(arguments)}
        attributes = self._update(arguments)
        if not resource.endswith(_WAIT):
            return {"Attributes": attributes}
        token = bindings["states"]["context"]["Task"]["Token"]
        self.registered.add(token)
        yield None
        return self.answers[token] if token in self.answers else (yield "wait", token)

    def _child(self, arguments: dict[str, Any]) -> Fiber:
        machine, name, given = (arguments[part] for part in ("StateMachineArn", "Name", "Input"))
        assert machine.startswith(f"{_MACHINE}-"), machine
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name), name
        assert name not in self.done.children, f"{name} is started twice"
        text = json.dumps(given)
        assert len(text) <= _MOST_INPUT
        self.done.children[name] = text, ""
        part = self.parts[machine.removeprefix(f"{_MACHINE}-")]
        (output,) = yield "spawn", [self._scope(part, json.loads(text), {}, name)]
        self.done.children[name] = text, json.dumps(output)
        return {"ExecutionArn": f"{_ACCOUNT}:execution:dag:{name}", "Status": "SUCCEEDED", "Output": output}

    def _wake(self, arguments: dict[str, Any]) -> dict[str, Any]:
        token, answer = arguments["TaskToken"], json.loads(arguments["Output"])
        if token in self.waiting:
            fiber, parent = self.waiting.pop(token)
            self.ready.append((fiber, answer, parent))
        elif token in self.registered:
            # The update that stored the token has been answered, but the branch has not had its turn since.
            self.answers[token] = answer
        else:
            raise TaskFailedError("Sfn.TaskTimedOutException")
        self.registered.discard(token)
        return {}

    def _update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        again = self.random is not None and self.random.random() < self.lost
        for _ in range(2 if again else 1):
            try:
                item = self.ledger.update_item(
                    _TABLE,
                    arguments["Key"],
                    arguments["UpdateExpression"],
                    arguments["ExpressionAttributeNames"],
                    arguments["ExpressionAttributeValues"],
                    condition_expression=arguments.get("ConditionExpression"),
                )
            except ConditionalCheckFailed:
                raise TaskFailedError("DynamoDb.ConditionalCheckFailedException") from None
        return item.to_json()["Attributes"]

    def _job(self, name: str, state: dict[str, Any], arguments: dict[str, Any]) -> Fiber:
        variables = arguments.get("ContainerOverrides", {}).get("Environment", [])
        environment = {item["Name"]: item["Value"] for item in variables}
        task = environment.get("DUCTWORK_TASK_ID") or _task_of(state, name)
        by_worker = "DUCTWORK_TASK_ID" in environment
        if "DUCTWORK_CALLBACK" in environment:
            # It records the failure of a dead container.
            self.done.outcomes.setdefault(task, "failed")
            self.done.called.append(task)
            return {}
        if by_worker and task in self.done.outcomes:
            self.done.repeated.append(task)
            return self._reported(self.done.outcomes[task], environment)
        assert task not in self.done.ran, f"{task} is submitted twice"
        self.done.ran.add(task)
        self.done.order.append(task)
        if task == self.hold:
            yield ("hold",)
        if task in self.seconds:
            self.tokens += 1
            yield "sleep", self.seconds[task]
        end = self.ends[task]
        if end == "failed":
            raise TaskFailedError("States.TaskFailed")
        skip = {"skip": list(end)} if isinstance(end, tuple) and end else {}
        state_of = "success" if isinstance(end, tuple) else end
        if not by_worker:
            return {"JobId": "1-2-3"}
        # The worker writes its own end into the ledger.
        self.done.outcomes[task] = state_of
        self.done.order.append(f"{task}!")
        if task in self.lost_reports:
            raise TaskFailedError("States.TaskFailed")
        return {**self._reported(state_of, environment), **skip}

    @staticmethod
    def _reported(end: str, environment: Mapping[str, str]) -> dict[str, Any]:
        if end in {"failed", "upstream_failed"}:
            raise TaskFailedError(error_names.FAILED)
        if end == "skipped" and environment.get("DUCTWORK_SKIP_FAILS"):
            raise TaskFailedError(error_names.SKIPPED)
        return {"state": end}

    def _record(self, arguments: dict[str, Any]) -> dict[str, Any]:
        values = {name: next(iter(value.values())) for name, value in arguments["ExpressionAttributeValues"].items()}
        sk = arguments["Key"]["sk"]["S"]
        if sk == "run":
            return {"state": {"S": values[":state"]}}
        task = sk.split("#")[1]
        outcome = self.done.outcomes.setdefault(task, values[":state"])
        self.done.tries.setdefault(task, values[":try"])
        self.done.order.append(f"{task}!")
        return {"outcome": {"S": outcome}, "state": {"S": outcome}}


def _output(name: str, state: dict[str, Any], bindings: Any, result: Any) -> Any:
    try:
        return _given(evaluate_leaves(state["Output"], bindings), name) if "Output" in state else result
    except engine.QueryError as error:
        if not any(_NO_VALUE in entry["ErrorEquals"] for entry in state.get("Catch", ())):
            raise
        raise TaskFailedError(_NO_VALUE) from error


def _chosen(name: str, state: dict[str, Any], data: Any, bindings: Any, variables: dict[str, Any]) -> tuple[str, Any]:
    for rule in state["Choices"]:
        code = expression_code(rule["Condition"])
        value = evaluate_leaves(f"{{%{code}%}}", bindings)
        assert value in (True, False), f"{name}: {code} gives {value!r}"
        if value:
            variables.update(evaluate_leaves(rule.get("Assign", {}), bindings))
            output = _given(evaluate_leaves(rule["Output"], bindings), name) if "Output" in rule else data
            return rule["Next"], output
    variables.update(evaluate_leaves(state.get("Assign", {}), bindings))
    return state["Default"], evaluate_leaves(state["Output"], bindings) if "Output" in state else data


def _given(value: Any, name: str) -> Any:
    """A field whose expression gives nothing is an error in Step Functions."""
    if isinstance(value, dict):
        return {key: _given(inner, f"{name}/{key}") for key, inner in value.items()}
    assert value is not None, f"{name}: an expression gives nothing"
    return value


def _task_of(state: dict[str, Any], name: str) -> str:
    """A native job carries no task id of ours; the Output of its state is keyed by it."""
    output = state["Output"]
    if isinstance(output, dict):
        return next(key for key, value in output.items() if isinstance(value, dict))
    match = re.search(r"(['\"])([^'\"]*)\1: \{'state'", output)
    assert match, f"{name}: {output}"
    return match[2]
