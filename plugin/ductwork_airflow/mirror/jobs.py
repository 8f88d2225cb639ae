"""What AWS Batch says of jobs, and what that means for task instances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ductwork import exit_codes
from ductwork import ledger_schema as schema
from ductwork.ledger_schema import TERMINAL_STATES

from ductwork_airflow.ledger import Item, Ledger, expiry, now, timestamp

Detail = Mapping[str, Any]

DESCRIBE_LIMIT = 100
ENDED = frozenset({"SUCCEEDED", "FAILED"})
# SUBMITTED and PENDING are waiting for other jobs: Airflow has no task queued that still waits for another.
_QUEUED = frozenset({"RUNNABLE", "STARTING"})
# How a worker ends a job that knows what became of the task.
_TOLD = frozenset({exit_codes.SUCCEEDED, exit_codes.FAILED, exit_codes.RETRY})


def describe(client: Any, job_ids: Iterable[str]) -> dict[str, Detail]:
    """Jobs by id, a hundred per call. What Batch has forgotten is left out.

    :param client: a boto3 Batch client
    """
    ids = list(dict.fromkeys(job_ids))
    found: dict[str, Detail] = {}
    for start in range(0, len(ids), DESCRIBE_LIMIT):
        reply = client.describe_jobs(jobs=ids[start : start + DESCRIBE_LIMIT])
        found |= {job["jobId"]: job for job in reply["jobs"]}
    return found


def ended(item: Item | None) -> bool:
    return item is not None and item.get("state") in TERMINAL_STATES


def map_index(job: Detail, indexes: Mapping[str, int]) -> int:
    """Which instance of its task a job runs, an array's parent aside.

    :param indexes: by job id, of jobs that no worker runs
    """
    text = _variable(job, "DUCTWORK_MAP_INDEX")
    return int(text) if text not in {"", "array"} else indexes.get(job["jobId"], schema.UNMAPPED)


def array_size(job: Detail) -> int | None:
    """How many children an array job has; None if it is no array."""
    size = job.get("arrayProperties", {}).get("size")
    return None if size is None else int(size)


def _variable(job: Detail, name: str) -> str:
    environment = job.get("container", {}).get("environment", ())
    return next((str(each["value"]) for each in environment if each["name"] == name), "")


def summarise(
    ledger: Ledger, run: tuple[str, str], task_id: str, arrays: Sequence[Detail], told: Mapping[str, Any]
) -> bool:
    """Write down what the children of a mapped task's array jobs are doing, in Batch's states, unless the ledger says
    so already.

    Those that have begun report for themselves; the others are known by their number alone.

    :param arrays: those that are in flight
    :param told: what the ledger has of the mapped task
    """
    counts: Counter[str] = Counter()
    for job in arrays:
        counts.update(job["arrayProperties"].get("statusSummary", {}))
    found = {
        "ids": sorted(job["jobId"] for job in arrays),
        "states": {state: number for state, number in sorted(counts.items()) if number},
    }
    if told.get("job") == found:
        return False
    # Who has more than one array has told the size before.
    size = told.get("size", sum(array_size(job) or 0 for job in arrays))
    key = (schema.run_pk(*run), schema.map_sk(task_id))
    return ledger.update(*key, {"size": size, "job": found, "expires_at": expiry()})


def waits(job: Detail) -> bool:
    return job["status"] in _QUEUED


def attempts(job: Detail) -> int:
    """How many attempts have ended."""
    return sum("stoppedAt" in attempt for attempt in job.get("attempts", ()))


def facts(job: Detail) -> dict[str, Any]:
    """What the ledger keeps of a job."""
    found: dict[str, Any] = {"job_id": job["jobId"]}
    if stream := job.get("container", {}).get("logStreamName"):
        found["log_stream"] = stream
    return found


def started_at(job: Detail) -> str | None:
    return timestamp(datetime.fromtimestamp(job["startedAt"] / 1000, timezone.utc)) if job.get("startedAt") else None


def exit_reason(job: Detail) -> str:
    """Why a job failed, in one line. Where a last attempt has only ended what the one before left, why that one did."""
    container = job.get("container", {})
    if container.get("exitCode") in _TOLD:
        tried = [attempt["container"] for attempt in job.get("attempts", ()) if "container" in attempt]
        container = next((each for each in reversed(tried) if each.get("exitCode") not in _TOLD), container)
    reason = container.get("reason") or job.get("statusReason") or "the container ended without a report"
    exit_code = container.get("exitCode")
    return reason if exit_code is None else f"{reason} (exit code {exit_code})"


def coming_try(item: Item | None, job: Detail) -> int | None:
    """The number of the try that a job is for; None if its worker has begun it, and reports for itself.

    :param item: as it was read before the job was described
    """
    if item is None:
        return 1
    tried = int(item.get("try_number", 0))
    if item.get("state") == "up_for_retry":
        return tried + 1
    if item.get("state") == "up_for_reschedule" and item.get("job_id") != job["jobId"]:
        return max(tried, 1)  # the same try, in a container of its own
    if schema.STATE_ORDER.get(item.get("state", ""), 0) < schema.STATE_ORDER["running"]:
        return max(tried, 1)
    if item.get("job_id") != job["jobId"]:
        return tried + 1  # another job's worker has died
    return None if int(item.get("job_attempt", 1)) > attempts(job) else tried + 1


def advance(
    ledger: Ledger,
    run: tuple[str, str],
    task_id: str,
    seen: Item | None,
    state: str,
    number: int,
    found: Mapping[str, Any],
    *,
    map_index: int = schema.UNMAPPED,
) -> bool:
    """Move a task instance forward, if it is still as it was seen: whoever else writes knows better.

    :param number: the try's
    :param map_index: the instance's, where it was not seen
    """
    finished = state in TERMINAL_STATES
    changes = {
        "state": state,
        "try_number": number,
        "rank": schema.rank(state, max(number, int((seen or {}).get("try_number", 0)))),
        "outcome": state if finished else None,
        "ended_at": now() if finished else None,
        **found,
    }
    if seen is not None and int(seen.get("try_number", 0)) != number and not finished:
        changes |= {"error": None, "started_at": None}
    if seen is None:
        condition, values = "attribute_not_exists(pk)", {}
    else:
        condition = "#updated_at = :seen AND (attribute_not_exists(#rank) OR #rank < :rank)"
        values = {":seen": seen["updated_at"]}
    key = (schema.run_pk(*run), schema.task_sk(task_id, (seen or {}).get("map_index", map_index)))
    return ledger.move_task(*key, changes, condition=condition, values=values)


def annotate(ledger: Ledger, item: Item, found: Mapping[str, Any]) -> None:
    """Add what a try's item does not say yet, without touching its state."""
    missing = {name: value for name, value in found.items() if value and name not in item}
    if missing:
        condition = "#try_number = :try_number"
        ledger.update(item["pk"], item["sk"], {**missing, "try_number": item.get("try_number", 0)}, condition=condition)


def silent(items: Sequence[Item]) -> list[Item]:
    """The failed task instances that could not say themselves why their container ended."""
    return [item for item in items if item.get("state") == "failed" and "error" not in item]


def job_of(index: int, candidates: Sequence[Detail], indexes: Mapping[str, int]) -> str | None:
    """The id of the job that ran an instance of a mapped task, the last one if there were several.

    :param candidates: the jobs of its task, the oldest first
    :param indexes: by job id, where a job does not say it itself
    """
    for job in reversed(candidates):
        size, first = array_size(job), int(_variable(job, "DUCTWORK_MAP_OFFSET") or 0)
        if size is not None and first <= index < first + size:
            return f"{job['jobId']}:{index - first}"
        if size is None and map_index(job, indexes) == index:
            return str(job["jobId"])
    return None


def add_exit_reasons(client: Any, ledger: Ledger, dead: Mapping[str, Item]) -> set[str]:
    """
    :param client: a boto3 Batch client
    :param dead: by job id, the task instances whose containers could not say why they ended
    :return: the jobs that have not ended yet: what ended the task instance still runs its callbacks
    """
    going_on = set()
    for job_id, job in describe(client, dead).items():
        if job["status"] in ENDED:
            # Its worker may have said why since the item was read; now it says no more.
            item = ledger.get(dead[job_id]["pk"], dead[job_id]["sk"]) or dead[job_id]
            annotate(ledger, item, {"error": exit_reason(job), **facts(job)})
        else:
            going_on.add(job_id)
    return going_on
