"""Which Batch jobs an execution and its children have in flight, from their histories, read a piece at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import (
        DescribeExecutionOutputTypeDef,
        GetExecutionHistoryInputTypeDef,
        HistoryEventTypeDef,
        TaskSubmittedEventDetailsTypeDef,
    )

_LARGEST_PAGE = 1000
_SMALLEST_PAGE = 100
SUBMIT, START = "submitJob", "startExecution"
# What an execution breaks with when its child has broken.
CHILD_BROKE = frozenset({"States.TaskFailed", "States.BranchFailed"})
# An execution's last event, and its status then.
_ENDS = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionAborted": "ABORTED",
    "ExecutionTimedOut": "TIMED_OUT",
}


def failure(execution: DescribeExecutionOutputTypeDef) -> str:
    """How an execution has ended, in one line: its status, and error and cause where there are."""
    return ": ".join(filter(None, (execution["status"], execution.get("error"), execution.get("cause"))))


class Events:
    """One execution's history, piece by piece.

    Read from its end backwards to what is known already: there is no token for "what comes next", and this way a look
    at an execution in which little has happened is one small page.
    """

    def __init__(self, execution_arn: str) -> None:
        self._execution = execution_arn
        self._last_id = 0
        self._page = _LARGEST_PAGE

    def fresh(self, client: SFNClient) -> list[HistoryEventTypeDef]:
        """What has happened since the last call, the oldest first.

        :param client: a boto3 Step Functions client
        """
        events = self._new_events(client)
        if events:
            self._last_id = events[0]["id"]
        self._page = min(max(2 * len(events), _SMALLEST_PAGE), _LARGEST_PAGE)
        return events[::-1]

    def _new_events(self, client: SFNClient) -> list[HistoryEventTypeDef]:
        """The newest first."""
        found: list[HistoryEventTypeDef] = []
        request: GetExecutionHistoryInputTypeDef = {
            "executionArn": self._execution,
            "reverseOrder": True,
            "maxResults": self._page,
        }
        while True:
            page = client.get_execution_history(**request)
            fresh = [event for event in page["events"] if event["id"] > self._last_id]
            found += fresh
            if len(fresh) < len(page["events"]) or "nextToken" not in page:
                return found
            request["nextToken"] = page["nextToken"]


@dataclass
class _Machine:
    """What is known of one execution.

    :ivar states: names of states by the newest event of each
    :ivar jobs: likewise the jobs that these have submitted
    :ivar iterations: likewise the index of the Map's iteration that they are in
    :ivar parent: the execution that has started it
    :ivar over: its last event
    """

    events: Events
    parent: str | None = None
    states: dict[int, str] = field(default_factory=dict)
    jobs: dict[int, str] = field(default_factory=dict)
    iterations: dict[int, int] = field(default_factory=dict)
    over: HistoryEventTypeDef | None = None


class History:
    """Which jobs an execution, and the executions of child machines that it has started, have in flight.

    :param tasks: task ids by the names of their states
    """

    def __init__(self, execution_arn: str, tasks: Mapping[str, str]) -> None:
        self._tasks = tasks
        self._machines = {execution_arn: _Machine(Events(execution_arn))}
        self.in_flight: dict[str, str] = {}
        """Tasks by job id: an instance of a mapped task may have a job of its own."""
        self.submitted: dict[str, list[str]] = {}
        """The jobs of each task, running or not, the oldest first."""
        self.indexes: dict[str, int] = {}
        """Of jobs that iterations of a Map have submitted: the iteration's index."""
        self.refused: dict[str, str] = {}
        """Why the newest job of a task was not even taken by Batch."""

    def read(self, client: SFNClient) -> int:
        """Take in what has happened since the last call, with a call for each execution that goes on. How many events
        that was.

        :param client: a boto3 Step Functions client
        """
        number, waiting = 0, [arn for arn, machine in self._machines.items() if machine.over is None]
        while waiting:
            arn, known = waiting.pop(), len(self._machines)
            for event in self._machines[arn].events.fresh(client):
                self._take(arn, self._machines[arn], event)
                number += 1
            waiting += list(self._machines)[known:]
        return number

    def children(self) -> list[str]:
        """The executions of child machines that have not ended, as far as has been read."""
        return [arn for arn, machine in self._machines.items() if machine.parent and machine.over is None]

    def broken(self) -> str | None:
        """How the child that broke first has ended, with its machine's name; None if none is known to have broken."""
        ended = {
            arn: over
            for arn, machine in self._machines.items()
            if machine.parent and (over := machine.over) is not None and over["type"] != "ExecutionSucceeded"
        }
        own = [arn for arn in ended if not self._is_consequence(arn, ended)]
        first = min(own, key=lambda arn: ended[arn]["timestamp"], default=None)
        return None if first is None else f"{first.split(':')[6]}: {_end(ended[first])}"

    def _is_consequence(self, arn: str, ended: Mapping[str, HistoryEventTypeDef]) -> bool:
        """Whether a child has ended because of one of its own children, or of the one that has started it."""
        if ended[arn]["type"] == "ExecutionAborted":
            above = ended.get(self._machines[arn].parent or "")
            return above is not None and above["type"] != "ExecutionFailed"
        error = ended[arn].get("executionFailedEventDetails", {}).get("error")
        return error in CHILD_BROKE and any(self._machines[each].parent == arn for each in ended)

    def _take(self, arn: str, own: _Machine, event: HistoryEventTypeDef) -> None:
        kind, before = event["type"], event.get("previousEventId", 0)
        if kind in _ENDS:
            own.over = event
        if kind == "MapIterationStarted":
            own.iterations[event["id"]] = event["mapIterationStartedEventDetails"]["index"]
        elif before in own.iterations and not kind.startswith("MapIteration"):
            own.iterations[event["id"]] = own.iterations[before]
        if kind == "TaskStateEntered":
            own.states[event["id"]] = event["stateEnteredEventDetails"]["name"]
            return
        if not kind.startswith("Task"):
            return
        # Events of a state name the one before them, back to the state's entry, whatever its siblings do.
        state, job = own.states.pop(before, None), own.jobs.pop(before, None)
        if state is None or kind == "TaskStateExited":
            return
        own.states[event["id"]] = state
        if kind == "TaskSubmitted" and (child := _answer(event["taskSubmittedEventDetails"], START, "ExecutionArn")):
            self._machines.setdefault(child, _Machine(Events(child), arn))
        elif (task := self._tasks.get(state)) is not None:
            self._take_job(own, event, task, job)

    def _take_job(self, own: _Machine, event: HistoryEventTypeDef, task: str, job: str | None) -> None:
        """Take in an event of a task's state.

        :param job: the one that the state waits for
        """
        kind, before = event["type"], event.get("previousEventId", 0)
        if kind == "TaskSubmitted" and (submitted := _answer(event["taskSubmittedEventDetails"], SUBMIT, "JobId")):
            self.in_flight[submitted] = task
            self.submitted.setdefault(task, []).append(submitted)
            own.jobs[event["id"]] = submitted
            if before in own.iterations:
                self.indexes[submitted] = own.iterations[before]
            self.refused.pop(task, None)
        elif kind in {"TaskFailed", "TaskSubmitFailed"} and job is None:
            if why := _refusal(event):
                self.refused[task] = why
        elif kind in {"TaskSucceeded", "TaskFailed", "TaskTimedOut"}:
            self.in_flight.pop(job or "", None)
        elif job is not None:
            own.jobs[event["id"]] = job


def _refusal(event: HistoryEventTypeDef) -> str | None:
    details = event.get("taskSubmitFailedEventDetails") or event.get("taskFailedEventDetails")
    if details is None or not details.get("resource", "").startswith(SUBMIT):
        return None
    return f"SubmitJob was refused: {details.get('error', 'no error')}: {details.get('cause', 'no cause')}"


def _answer(details: TaskSubmittedEventDetailsTypeDef, resource: str, member: str) -> str | None:
    """A member of what a service has answered to a state that then waits for it; None if another service has."""
    if not details.get("resource", "").startswith(resource) or "output" not in details:
        return None
    found = json.loads(details["output"]).get(member)
    return str(found) if found else None


def _end(event: HistoryEventTypeDef) -> str:
    """The same as :func:`failure`, by an execution's last event."""
    details = (
        event.get("executionFailedEventDetails")
        or event.get("executionAbortedEventDetails")
        or event.get("executionTimedOutEventDetails")
        or {}
    )
    return ": ".join(filter(None, (_ENDS[event["type"]], details.get("error"), details.get("cause"))))
