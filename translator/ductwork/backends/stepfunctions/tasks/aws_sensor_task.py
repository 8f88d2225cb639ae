"""A sensor of AWS: the machine pokes by itself, and waits in between.

``<task>``          pokes: asks AWS; what it answers says whether to go on waiting
``More <task>``     asks for what an answer has left out
``<task> done?``    a Choice: the waiting is over, it goes on, or it has failed
``Wait for <task>`` until the next poke
``Link <task>: <key>`` an XCom that is left once the waiting is over
``<task> again?``   a Choice: a try has failed; ``Wait <task>`` until the next one
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.aws_calls import TIMED_OUT, Reading
from ductwork.backends.stepfunctions.asl.nodes import (
    Bind,
    Block,
    Node,
    Value,
    Variable,
    call,
    either,
    every,
    exists,
    first_of,
    joined,
    lifted,
    negated,
    text_of,
    when,
)
from ductwork.backends.stepfunctions.asl.scope import ENTERED, ERROR, INPUT, RESULT, at_run_time
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.tasks.aws_call_task import AwsCallTask
from ductwork.backends.stepfunctions.tasks.poke_budget import part_of_the_wait
from ductwork.contracts.stepfunctions_limits import MAX_WAIT_SECONDS
from ductwork.ir import AwsSensor
from ductwork.ir.aws_sensor import Holds, Key

_WAITING, _MORE = "waiting", "more"
# What the state data hold of the task between two pokes, besides ``try``, ``start``, ``state`` and ``error``: when its
# first try began, how often this try has poked, which request of the poke is next, and where the answer goes on.
_SINCE, _POKES, _STEP, _TOKEN = "since", "pokes", "step", "token"
# It is not tried again.
_FINAL = "final"
# Doubled so often, an interval is longer than any execution.
_MOST_DOUBLINGS = 30
_ALWAYS = lifted(True)


@dataclass(frozen=True)
class _Case:
    """How the task stands after a poke where a condition holds.

    :param error: where it is a failure
    """

    condition: Node
    state: str
    error: Value = None


class AwsSensorTask(AwsCallTask):
    """The states of a :class:`ductwork.ir.AwsSensor`."""

    _work: AwsSensor

    def _own(self) -> States:
        work, done = self._work, self._called("{} done?")
        links = [self._called(f"Link {{}}: {key}") for key in work.links]
        first, *then = [*links, self._record_name]
        states = {self.name: self._poke(self._asked()), done: self._stands(first)}
        if work.token:
            asked = {**work.arguments, work.token[1]: None}
            arguments = self._spelling.arguments(asked)
            assert isinstance(arguments, dict)
            last = list(arguments)[-1]
            states[self._called("More {}")] = self._poke({**arguments, last: self._mine.field(_TOKEN)})
        states[self._called("Wait for {}")] = {"Type": "Wait", "Seconds": self._pause(), "Next": self.name}
        for name, following, key in zip(links, then, work.links, strict=True):
            states[name] = self._push(self._mine.field(_link(key)), following, key=key)
        return states | self._again()

    # ---- a poke ----

    def _asked(self) -> Value:
        requests = [self._spelling.arguments(each) for each in (self._work.arguments, *self._work.further)]
        first = requests[0]
        assert isinstance(first, Mapping)
        step = _or(call("lookup", INPUT, self._task.task_id).field(_STEP), 0)
        return {
            member: first[member] if _same(values) else lifted(values).at(step)
            for member in first
            for values in [[each[member] for each in requests if isinstance(each, Mapping)]]
        }

    def _poke(self, arguments: Value) -> State:
        spelling, work = self._spelling, self._work
        reading = Reading(spelling, RESULT, self._mine.field)
        cases = [
            self._case(every(*(_holds(reading, each) for each in comes.checks)), comes.error, reading)
            for comes in work.comes
        ]
        if work.token:
            cases.append(_Case(exists(spelling.at(RESULT, (work.token[0],))), _MORE))
        limit = {} if work.timeout is None else {"TimeoutSeconds": max(1, math.ceil(work.timeout))}
        found: dict[str, Value] = {_link(key): reading.json_text(leaf) for key, leaf in work.links.items()}
        token: dict[str, Value] = {_TOKEN: spelling.at(RESULT, (work.token[0],))} if work.token else {}
        # Of an error that means the waiting is over, AWS tells no more.
        untold = dict.fromkeys(found, "null")
        return {
            "Type": "Task",
            "Resource": spelling.resource,
            "Arguments": arguments,
            **limit,
            "Output": self._carrying(self._after_poke(cases, found=found, going_on=token)),
            "Retry": self._retry(),
            "Catch": [
                {
                    "ErrorEquals": [integrations.ANY_ERROR],
                    "Output": self._carrying(
                        self._after_poke(self._errors(reading), found=untold, going_on=dict.fromkeys(token, ""))
                    ),
                    "Next": self._called("{} done?"),
                }
            ],
            "Next": self._called("{} done?"),
        }

    def _retry(self) -> list[State]:
        """What AWS had no time for is asked again, as boto3 does: what the API's model does not list, Step Functions
        calls by the service alone. Where such an error may be an answer, it is not."""
        absent, prefix = self._work.absent, self._spelling.prefix
        may_be_answer = absent is not None and (absent.says or absent.status is not None or absent.any_error)
        return self._spelling.retry(*([] if may_be_answer else [f"{prefix}.{prefix}Exception"]))

    def _case(self, condition: Node, error: Value, reading: Reading) -> _Case:
        if error is None:
            return _Case(condition, "success")
        return _Case(condition, self._state_of_errors, reading.value(error))

    @property
    def _state_of_errors(self) -> str:
        if self._work.ignores_errors:
            return _WAITING
        return "skipped" if self._work.skips_errors else "failed"

    def _errors(self, reading: Reading) -> list[_Case]:
        """In a catcher: what the poke comes to."""
        absent, spelling = self._work.absent, self._spelling
        cases = [_Case(_ALWAYS, self._state_of_errors, spelling.error())]
        if self._state_of_errors != "failed":
            # Templates are rendered before the sensor pokes.
            unrendered = ERROR.field("Error").equals(integrations.EVALUATION_FAILED)
            cases.insert(0, _Case(unrendered, "failed", spelling.error()))
        if absent is None:
            return cases
        cause = ERROR.field("Cause")
        signs = []
        if absent.errors:
            signs.append(ERROR.field("Error").is_in([spelling.named(name) for name in absent.errors]))
        if absent.says:
            signs.append(call("contains", cause, absent.says))
        if absent.status is not None:
            signs.append(call("contains", cause, f"Status Code: {absent.status}"))
        if absent.any_error:
            signs.append(spelling.by_service())
        is_answer = either(*signs)
        if absent.comes is None:
            return [_Case(is_answer, _WAITING), *cases]
        return [self._case(is_answer, absent.comes.error, reading), *cases]

    def _after_poke(
        self,
        cases: Sequence[_Case],
        *,
        found: Mapping[str, Value] | None = None,
        going_on: Mapping[str, Value] | None = None,
    ) -> Node:
        """What is known of the task after a poke.

        :param cases: what it comes to, in order of precedence; to none of these: not yet
        :param found: what is known besides where the waiting is over
        :param going_on: what is known besides where there is more to ask
        """
        before, start, since, poked, state = map(Variable, ("before", "start", _SINCE, "poked", "state"))
        told: dict[str, Value] = {
            "try": self._try,
            "start": start,
            _SINCE: since,
            _POKES: _or(before.field(_POKES), 0) + when(poked.equals(_MORE), 0, 1),
            "state": state,
        }
        ends = self._ends_of_waiting(poked, start)
        reasons = [(end.condition, end.error) for end in ends if end.state == "failed"]
        failed = poked.equals("failed")
        reasons += [
            (failed if case.condition == _ALWAYS else every(failed, case.condition), case.error)
            for case in cases
            if case.state == "failed"
        ]
        if reasons:
            told["error"] = when(state.equals("failed"), first_of(reasons))
        # Once it has given up, there is no other try; after execution_timeout there is.
        told[_FINAL] = when(every(*map(negated, (end.condition for end in ends[:-1])), ends[-1].condition), True)
        step = _or(before.field(_STEP), 0)
        if self._work.further:
            told[_STEP] = when(poked.equals(_MORE), step + 1, 0)
        told |= {name: when(poked.equals(_MORE), value) for name, value in (going_on or {}).items()}
        told |= {name: when(state.equals("success"), value) for name, value in (found or {}).items()}
        bindings = (
            Bind(before, call("lookup", INPUT, self._task.task_id)),
            Bind(start, _or(before.field("start"), ENTERED)),
            Bind(since, _or(before.field(_SINCE), start)),
            Bind(poked, self._comes_to(cases, step)),
            Bind(state, first_of([(end.condition, end.state) for end in ends], poked)),
        )
        return Block((*bindings, lifted(told)))

    def _comes_to(self, cases: Sequence[_Case], step: Node) -> Node:
        """How the task stands after a poke, whatever the time."""
        last = len(self._work.further)

        def state(case: _Case) -> Value:
            return when(step < last, _MORE, "success") if last and case.state == "success" else case.state

        chosen = [(case.condition, state(case)) for case in cases]
        if chosen[-1][0] != _ALWAYS:
            return first_of(chosen, _WAITING)
        return first_of(chosen[:-1], chosen[-1][1]) if chosen[1:] else lifted(chosen[0][1])

    def _ends_of_waiting(self, poked: Node, start: Node) -> list[_Case]:
        """What ends the waiting although the answer is "not yet"; the last is that the sensor gives up."""
        work, is_waiting = self._work, poked.equals(_WAITING)
        late = joined(
            "AirflowSensorTimeout: Sensor has timed out; run duration of ",
            text_of(_waited(start) / 1000),
            f" seconds exceeds the specified timeout of {float(work.limit)}.",
        )
        overdue = every(is_waiting, _waited(start) > _seconds(work.limit) * 1000)
        ends = [_Case(overdue, "skipped" if work.skips_late else "failed", late)]
        if work.timeout is not None and not work.reschedules:
            ends.insert(
                0, _Case(every(is_waiting, _waited(start) >= _seconds(work.timeout) * 1000), "failed", TIMED_OUT)
            )
        return ends

    # ---- how it stands ----

    def _stands(self, well: str) -> State:
        state = self._mine.field("state")
        rules: list[State] = [{"Condition": state.equals(_WAITING), "Next": self._called("Wait for {}")}]
        if self._work.token or self._work.further:
            more = self._called("More {}") if self._work.token else self.name
            rules.append({"Condition": state.equals(_MORE), "Next": more})
        if self._task.retry.retries:
            final = exists(self._mine.field(_FINAL))
            rules.append({"Condition": every(state.equals("failed"), negated(final)), "Next": self._failed_name})
        if well != self._record_name:
            rules.append({"Condition": state.differs("success"), "Next": self._record_name})
        return {"Type": "Choice", "Choices": rules, "Default": well}

    def _of_next_try(self, tried: Node) -> Value:
        return {"try": tried + 1, _SINCE: self._mine.field(_SINCE)}

    # ---- until the next poke ----

    def _pause(self) -> Value:
        work = self._work
        waited = _waited(self._mine.field("start")) / 1000
        pause: Value = self._interval(waited)
        part = part_of_the_wait(self._workflow, self._task, work)
        if part is not None:
            since = _waited(self._mine.field(_SINCE)) / 1000
            left = call("max", [0, call("ceil", lifted(_seconds(work.limit)) - waited)])
            pause = call("max", [pause, call("min", [call("ceil", since / part), left])])
        if work.timeout is not None and not work.reschedules:
            pause = call("min", [pause, call("max", [1, call("ceil", lifted(_seconds(work.timeout)) - waited)])])
        return pause

    def _interval(self, waited: Node) -> Value:
        """Seconds between two pokes, as Airflow has it."""
        work, least = self._work, max(1, math.ceil(_seconds(self._work.interval)))
        if work.backoff is None:
            return least
        doublings = call("min", [self._mine.field(_POKES) - 2, _MOST_DOUBLINGS])
        base, drawn = Variable("base"), call("random")
        grown = call("max", [call("floor", lifted(_seconds(work.interval)) * call("power", 2, doublings)), 1])
        until = [base + call("floor", drawn * base), lifted(_seconds(work.limit)) - call("floor", waited)]
        if work.backoff.longest:
            until.append(lifted(_seconds(work.backoff.longest)))
        return Block((Bind(base, grown), call("max", [1, call("ceil", call("min", until))])))


def _seconds(given: float) -> float:
    """Seconds as states take them: no execution lasts longer."""
    bounded = round(min(given, MAX_WAIT_SECONDS), 3)
    return int(bounded) if bounded == int(bounded) else bounded


def _waited(since: Node) -> Node:
    """Milliseconds since a moment."""
    return call("millis") - call("toMillis", since)


def _or(value: Node, otherwise: Value) -> Node:
    """A value, or another where it is not there."""
    return when(exists(value), value, otherwise)


def _link(key: str) -> str:
    return f"xcom {key}"


def _same(values: Sequence[Value]) -> bool:
    return all(value == values[0] for value in values)


def _holds(reading: Reading, check: Holds) -> Node:
    found = reading.answer
    for step in check.path:
        if isinstance(step, int):
            found = found.at(step)
        elif isinstance(step, Key):
            found = call("lookup", found, str(step))
        else:
            found = reading.spelling.at(found, (step,))
    if not check.values:
        holds = exists(found)
    else:
        holds = (call("lowercase", found) if check.lower else found).is_in([at_run_time(each) for each in check.values])
    return negated(holds) if check.negated else holds
