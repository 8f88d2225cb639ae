"""Which Batch jobs an execution has in flight, from its history, read a piece at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_LARGEST_PAGE = 1000
_SMALLEST_PAGE = 100
SUBMIT = "submitJob"


class Events:
    """One execution's history, piece by piece.

    Read from its end backwards to what is known already: there is no token for "what comes next", and this way a look
    at an execution in which little has happened is one small page.
    """

    def __init__(self, execution_arn: str) -> None:
        self._execution = execution_arn
        self._last_id = 0
        self._page = _LARGEST_PAGE

    def fresh(self, client: Any) -> list[Mapping[str, Any]]:
        """What has happened since the last call, the oldest first.

        :param client: a boto3 Step Functions client
        """
        events = self._new_events(client)
        if events:
            self._last_id = events[0]["id"]
        self._page = min(max(2 * len(events), _SMALLEST_PAGE), _LARGEST_PAGE)
        return events[::-1]

    def _new_events(self, client: Any) -> list[Mapping[str, Any]]:
        """The newest first."""
        found: list[Mapping[str, Any]] = []
        request = {"executionArn": self._execution, "reverseOrder": True, "maxResults": self._page}
        while True:
            page = client.get_execution_history(**request)
            fresh = [event for event in page["events"] if event["id"] > self._last_id]
            found += fresh
            if len(fresh) < len(page["events"]) or "nextToken" not in page:
                return found
            request["nextToken"] = page["nextToken"]


class History:
    """Which jobs an execution has in flight.

    :param tasks: task ids by the names of their states
    """

    def __init__(self, execution_arn: str, tasks: Mapping[str, str]) -> None:
        self._events, self._tasks = Events(execution_arn), tasks
        self._states: dict[int, str] = {}
        self._jobs: dict[int, str] = {}
        self._iterations: dict[int, int] = {}
        self.in_flight: dict[str, str] = {}
        """Tasks by job id: an instance of a mapped task may have a job of its own."""
        self.submitted: dict[str, list[str]] = {}
        """The jobs of each task, running or not, the oldest first."""
        self.indexes: dict[str, int] = {}
        """Of jobs that iterations of a Map have submitted: the iteration's index."""
        self.refused: dict[str, str] = {}
        """Why the newest job of a task was not even taken by Batch."""

    def read(self, client: Any) -> int:
        """Take in what has happened since the last call. How many events that was.

        :param client: a boto3 Step Functions client
        """
        events = self._events.fresh(client)
        for event in events:
            self._take(event)
        return len(events)

    def _take(self, event: Mapping[str, Any]) -> None:
        kind, before = event["type"], event.get("previousEventId", 0)
        if kind == "MapIterationStarted":
            self._iterations[event["id"]] = event["mapIterationStartedEventDetails"]["index"]
        elif before in self._iterations and not kind.startswith("MapIteration"):
            self._iterations[event["id"]] = self._iterations[before]
        if kind == "TaskStateEntered":
            self._states[event["id"]] = event["stateEnteredEventDetails"]["name"]
            return
        if not kind.startswith("Task"):
            return
        # Events of a state name the one before them, back to the state's entry, whatever its siblings do.
        state, job = self._states.pop(before, None), self._jobs.pop(before, None)
        if state is None or kind == "TaskStateExited":
            return
        self._states[event["id"]] = state
        task = self._tasks.get(state)
        if task is None:
            return
        if kind == "TaskSubmitted" and (submitted := _job_id(event["taskSubmittedEventDetails"])):
            self.in_flight[submitted] = task
            self.submitted.setdefault(task, []).append(submitted)
            self._jobs[event["id"]] = submitted
            if before in self._iterations:
                self.indexes[submitted] = self._iterations[before]
            self.refused.pop(task, None)
        elif kind in {"TaskFailed", "TaskSubmitFailed"} and job is None:
            if why := _refusal(event):
                self.refused[task] = why
        elif kind in {"TaskSucceeded", "TaskFailed", "TaskTimedOut"}:
            self.in_flight.pop(job or "", None)
        elif job is not None:
            self._jobs[event["id"]] = job


def _refusal(event: Mapping[str, Any]) -> str | None:
    details = event.get("taskSubmitFailedEventDetails") or event.get("taskFailedEventDetails") or {}
    if not details.get("resource", "").startswith(SUBMIT):
        return None
    return f"SubmitJob was refused: {details.get('error', 'no error')}: {details.get('cause', 'no cause')}"


def _job_id(details: Mapping[str, Any]) -> str | None:
    if not details.get("resource", "").startswith(SUBMIT) or "output" not in details:
        return None
    found = json.loads(details["output"]).get("JobId")
    return str(found) if found else None
