"""A task that calls AWS: the machine makes the call, and records the task itself.

``Link <task>: <key>`` an XCom that is left as soon as the call is made
``Look at <task>``  asks whether what was started has ended
``<task> done?``    a Choice: it goes on, it has failed, or it has ended well
``Wait for <task>`` until the next look: a while that grows with the time waited, so that a long wait has few events
``Push <task>``     the return value
``<task> again?``   a Choice: a try has failed; ``Wait <task>`` until the next one
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.aws_calls import TIMED_OUT, Reading, Spelling
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
    lifted,
    merged,
    negated,
    when,
)
from ductwork.backends.stepfunctions.asl.scope import ENTERED, ERROR, INPUT, RESULT
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.ledger_writes import END_OF_WAIT, NOW
from ductwork.backends.stepfunctions.tasks.frame import TaskStates
from ductwork.ir import Work
from ductwork.ir.aws_call import AwsCall, Leaf, Looks, Sync, is_many

# A look comes later than what it looks for by this part of the time waited, at the most.
_LATER = 8
_WAITING = "waiting"
_SYNC = ".sync"


@dataclass(frozen=True)
class _End:
    """How a task may stand after an answer.

    :param error: where it has failed
    """

    condition: Node
    state: str
    error: Value = None


def spellings(work: Work) -> tuple[Spelling, ...]:
    """The actions that the states of a task call for its work; none where it is no call."""
    return tuple(Spelling(*action) for action in work.actions)


class AwsCallTask(TaskStates[AwsCall]):
    """The states of a :class:`ductwork.ir.AwsCall`."""

    ending = END_OF_WAIT

    @property
    def _mine(self) -> Node:
        """What the state data hold of the task while it goes on: ``try``, ``start``, what is kept, how it has ended."""
        return INPUT.field(self._task.task_id)

    @property
    def _try(self) -> Value:
        # It is not there before the first try has ended.
        tried = call("lookup", INPUT, self._task.task_id).field("try")
        return when(exists(tried), tried, 1) if self._task.retry.retries else 1

    @property
    def _failed_name(self) -> str:
        return self._called("{} again?") if self._task.retry.retries else self._record_name

    @property
    def _well_name(self) -> str:
        return self._record_name if self._work.returns is None else self._push_name

    def _own(self) -> States:
        work = self._work
        choosing = work.failures or isinstance(work.waits, Looks)
        ended = self._called("{} done?") if choosing else self._well_name
        after = self._called("Look at {}") if isinstance(work.waits, Looks) else ended
        links = [self._called(f"Link {{}}: {key}") for key in work.links]
        first, *then = [*links, after]
        later = Reading(self._spelling, RESULT, self._mine.field)
        states = {self.name: self._calling(first)}
        for name, following, (key, leaf) in zip(links, then, work.links.items(), strict=True):
            states[name] = self._push(later.json_text(leaf), following, key=key)
        if isinstance(work.waits, Looks):
            states |= self._looking(work.waits, ended)
        if choosing:
            states[ended] = self._how_it_stands()
        if work.returns is not None:
            length = self._mine.field("length") if is_many(work.returns) else None
            states[self._push_name] = self._push(self._mine.field("value"), self._record_name, length=length)
        return states | self._again()

    # ---- the call ----

    @property
    def _spelling(self) -> Spelling:
        return Spelling(self._work.service, self._work.action, self._work.integration)

    @property
    def _reading(self) -> Reading:
        """What the call's own state reads, which has kept nothing yet."""
        at_once = Reading(self._spelling, RESULT, self._mine.field)
        return replace(at_once, kept=lambda name: at_once.value(self._work.keeps[name]))

    def _calling(self, after: str) -> State:
        work, spelling = self._work, self._spelling
        waits = isinstance(work.waits, Sync)
        begun = {"try": self._try, "start": ENTERED}
        kept = {name: self._reading.value(leaf) for name, leaf in work.keeps.items()}
        about = begun | kept
        output = lifted(about) if isinstance(work.waits, Looks) else self._standing(self._reading, about)
        limit = {} if work.timeout is None else {"TimeoutSeconds": max(1, math.ceil(work.timeout))}
        return {
            "Type": "Task",
            "Resource": spelling.resource + (_SYNC if waits else ""),
            "Arguments": spelling.arguments(work.arguments),
            **limit,
            "Output": self._carrying(output),
            "Retry": spelling.retry(),
            "Catch": self._catch(self._why(spelling), start=ENTERED),
            "Next": after,
        }

    def _why(self, spelling: Spelling) -> Node:
        """In a catcher: why the call has failed."""
        if not isinstance(self._work.waits, Sync):
            return spelling.error()
        # What has failed is described in the cause, which is cut off where it is long.
        cause = ERROR.field("Cause")
        described = every(ERROR.field("Error").equals(integrations.TASK_FAILED), call("contains", cause, "}"))
        answer = Reading(spelling, call("parse", cause), self._mine.field)
        return when(described, lifted(answer.value(self._work.waits.failed)), spelling.error())

    def _catch(self, why: Node, *, start: Value) -> list[State]:
        output = self._to_record("failed", self._try, start=start, error=why)
        return [{"ErrorEquals": [integrations.ANY_ERROR], "Output": output, "Next": self._failed_name}]

    def _standing(self, reading: Reading, about: Node | dict[str, Value], ends: Sequence[_End] = ()) -> Node:
        """What is known of the task after an answer: ``state``, ``error`` where it has failed, and where it has ended
        well what it returns.

        :param about: what is known besides
        :param ends: how it may stand, besides its failures and success
        """
        returns, state = self._work.returns, Variable("state")
        failures = [(reading.holds(each.check), reading.value(each.error)) for each in self._work.failures]
        cases = [(end.condition, end.state) for end in ends]
        if failures:
            cases.insert(0, (either(*(condition for condition, _ in failures)), "failed"))
        told: dict[str, Value] = {"state": state if cases else "success"}
        if errors := [*failures, *((end.condition, end.error) for end in ends if end.error is not None)]:
            told["error"] = first_of(errors)
        if returns is not None:
            of_value: dict[str, Value] = {"value": reading.json_text(returns)}
            if is_many(returns):
                of_value["length"] = call("count", lifted(reading.value(returns)))
            well = state.equals("success")
            told |= {name: when(well, value) for name, value in of_value.items()} if cases else of_value
        whole = merged(about, told) if isinstance(about, Node) else lifted({**about, **told})
        if not cases:
            return whole
        return Block((Bind(state, first_of(cases, "success")), whole))

    # ---- waiting ----

    @property
    def _waited(self) -> Node:
        """Milliseconds since the call was made."""
        return call("toMillis", ENTERED) - call("toMillis", self._mine.field("start"))

    def _limit(self, looks: Looks) -> tuple[int, Leaf] | None:
        """Milliseconds after which the waiting is given up, and the error then."""
        limits = [(looks.limit, looks.gives_up), (self._work.timeout, TIMED_OUT)]
        found = [(round(limit * 1000), error) for limit, error in limits if limit is not None]
        return min(found, key=lambda each: each[0], default=None)

    def _looking(self, looks: Looks, ended: str) -> States:
        spelling = Spelling(looks.service, looks.action)
        reading = Reading(spelling, RESULT, self._mine.field)
        going_on, limit = negated(reading.holds(looks.done)), self._limit(looks)
        ends = [_End(going_on, _WAITING)]
        if limit:
            ends.insert(0, _End(every(going_on, self._waited >= limit[0]), "failed", reading.value(limit[1])))
        asked = reading.value(looks.arguments)
        assert isinstance(asked, dict)
        delay, longer = max(1, math.ceil(looks.delay)), call("floor", self._waited / (1000 * _LATER))
        pause: Node = call("max", [delay, longer])
        if limit:
            left = call("ceil", (lifted(limit[0]) - self._waited) / 1000)
            pause = call("max", [1, call("min", [pause, left])])
        look = self._called("Look at {}")
        return {
            look: {
                "Type": "Task",
                "Resource": spelling.resource,
                "Arguments": spelling.arguments(asked),
                "Output": self._carrying(self._standing(reading, self._mine, ends)),
                "Retry": spelling.retry(),
                "Catch": self._catch(spelling.error(), start=self._mine.field("start")),
                "Next": ended,
            },
            self._called("Wait for {}"): {"Type": "Wait", "Seconds": pause, "Next": look},
        }

    def _how_it_stands(self) -> State:
        state = self._mine.field("state")
        rules: list[State] = [{"Condition": state.equals("failed"), "Next": self._failed_name}]
        if isinstance(self._work.waits, Looks):
            rules.append({"Condition": state.equals(_WAITING), "Next": self._called("Wait for {}")})
        return {"Type": "Choice", "Choices": rules, "Default": self._well_name}

    # ---- the next try ----

    def _again(self) -> States:
        retry = self._task.retry
        if not retry.retries:
            return {}
        tried, wait = self._mine.field("try"), self._called("Wait {}")
        again: State = {
            "Condition": tried <= retry.retries,
            "Output": self._carrying(self._of_next_try(tried)),
            "Next": wait if retry.delay else self.name,
        }
        states: States = {
            self._called("{} again?"): {"Type": "Choice", "Choices": [again], "Default": self._record_name}
        }
        if retry.delay:
            states[wait] = {"Type": "Wait", "Seconds": self._delay(), "Next": self.name}
        return states

    def _of_next_try(self, tried: Node) -> Value:
        """What the state data hold of the task when its next try begins."""
        return {"try": tried + 1}

    def _delay(self) -> Value:
        """Seconds before the next try, whose number is in the state data; bounded as jobs' are."""
        policy = integrations.job_retry(self._task.retry)[-1]
        first, rate = policy.get("IntervalSeconds", 1), policy.get("BackoffRate", 2.0)
        longest = policy.get("MaxDelaySeconds")
        if self._task.retry.retries == 1 or rate == 1:
            return first
        grown = lifted(first) * call("power", rate, self._mine.field("try") - 2)
        return call("floor", grown if longest is None else call("min", [longest, grown]))

    # ---- the end ----

    @property
    def _done(self) -> list[Node]:
        return self._done_without_worker

    def _unrecorded(self) -> State:
        return {"start": NOW}

    def _end(self, mine: Node) -> Value:
        return self._writes.end_of_call(mine)
