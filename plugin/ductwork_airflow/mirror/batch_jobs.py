"""What AWS Batch says of jobs, and what that means for task instances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ductwork.contracts import exit_codes
from ductwork.contracts import ledger as schema
from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.ledger import TERMINAL_STATES
from ductwork.contracts.task_item import CALLBACKS_DUE, ArrayJobs, MapItem, TaskItem, tried

from ductwork_airflow.ledger import Ledger, Move, expiry, moved_to, timestamp

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import AttemptContainerDetailTypeDef, ContainerDetailTypeDef, JobDetailTypeDef

    Detail = JobDetailTypeDef


DESCRIBE_LIMIT = 100
ENDED = frozenset({"SUCCEEDED", "FAILED"})
# SUBMITTED and PENDING are waiting for other jobs: Airflow has no task queued that still waits for another.
_QUEUED = frozenset({"RUNNABLE", "STARTING"})
# What a task instance is while a worker has it.
_BEGUN = frozenset({"running", "deferred"})
# How a worker ends a job that knows what became of the task.
_TOLD = frozenset({exit_codes.SUCCEEDED, exit_codes.FAILED, exit_codes.RETRY})


def describe(client: BatchClient, job_ids: Iterable[str]) -> dict[str, Detail]:
    """Jobs by id, a hundred per call. What Batch has forgotten is left out.

    :param client: a boto3 Batch client
    """
    ids = list(dict.fromkeys(job_ids))
    found: dict[str, Detail] = {}
    for start in range(0, len(ids), DESCRIBE_LIMIT):
        reply = client.describe_jobs(jobs=ids[start : start + DESCRIBE_LIMIT])
        found |= {job["jobId"]: job for job in reply["jobs"]}
    return found


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


def summarise(ledger: Ledger, run: tuple[str, str], task_id: str, arrays: Sequence[Detail], told: MapItem) -> bool:
    """Write down what the children of a mapped task's array jobs are doing, in Batch's states, unless the ledger says
    so already.

    Those that have begun report for themselves; the others are known by their number alone.

    :param arrays: those that are in flight
    :param told: what the ledger has of the mapped task
    """
    counts: Counter[str] = Counter()
    for job in arrays:
        counts.update(job["arrayProperties"].get("statusSummary", {}))
    found: ArrayJobs = {
        "ids": sorted(job["jobId"] for job in arrays),
        "states": {state: number for state, number in sorted(counts.items()) if number},
    }
    if told.get("job") == found:
        return False
    # Where there are several arrays, the size is known from before.
    size = told.get("size", sum(array_size(job) or 0 for job in arrays))
    key = (schema.run_pk(*run), schema.map_sk(task_id))
    return ledger.update(*key, {"size": size, "job": found, "expires_at": expiry()})


def waits(job: Detail) -> bool:
    """Whether a job waits for a place, and no longer for other jobs."""
    return job["status"] in _QUEUED


def attempts(job: Detail) -> int:
    """How many attempts have ended."""
    return sum("stoppedAt" in attempt for attempt in job.get("attempts", ()))


def facts(job: Detail) -> TaskItem:
    """What the ledger keeps of a job."""
    found: TaskItem = {"job_id": job["jobId"]}
    if stream := job.get("container", {}).get("logStreamName"):
        found["log_stream"] = stream
    return found


def begun(job: Detail) -> TaskItem:
    """What the ledger keeps of a job whose container runs, and for which no worker reports."""
    found = facts(job)
    if moment := started_at(job):
        found["started_at"] = moment
    return found


def is_begun(item: TaskItem | None, job: Detail) -> bool:
    """Whether the ledger says already that an instance is running in this job."""
    return item is not None and (item.get("state"), item.get("job_id")) == ("running", job["jobId"])


def started_at(job: Detail) -> str | None:
    """When a job's container began, as the ledger writes times; None if it has not."""
    return timestamp(datetime.fromtimestamp(job["startedAt"] / 1000, timezone.utc)) if job.get("startedAt") else None


def exit_reason(job: Detail) -> str:
    """Why a job failed, in one line. Where a last attempt has only ended what the one before left, why that one did."""
    container: ContainerDetailTypeDef | AttemptContainerDetailTypeDef = job.get("container", {})
    if container.get("exitCode") in _TOLD:
        tried = [attempt["container"] for attempt in job.get("attempts", ()) if "container" in attempt]
        container = next((each for each in reversed(tried) if each.get("exitCode") not in _TOLD), container)
    reason = container.get("reason") or job.get("statusReason") or "the container ended without a report"
    exit_code = container.get("exitCode")
    return reason if exit_code is None else f"{reason} (exit code {exit_code})"


def coming_try(item: TaskItem | None, job: Detail) -> int | None:
    """The number of the try that a job is for; None if its worker has begun it, and reports for itself.

    So does the worker that comes after one that has died, and is to call what that one has not (:func:`waiting`).

    :param item: as it was read before the job was described
    """
    if item is None:
        return 1
    if CALLBACKS_DUE in item:
        return None
    if item.get("state") == "up_for_retry":
        return tried(item) + 1
    if item.get("state") == "up_for_reschedule" and item.get("job_id") != job["jobId"]:
        return max(tried(item), 1)  # the same try, in a container of its own
    if schema.STATE_ORDER.get(item.get("state", ""), 0) < schema.STATE_ORDER["running"]:
        return max(tried(item), 1)
    if item.get("job_id") != job["jobId"]:
        return tried(item) + 1  # another job's worker has died
    return None if int(item.get("job_attempt", 1)) > attempts(job) else tried(item) + 1


def waiting(item: TaskItem | None, job: Detail, number: int) -> tuple[str, int, TaskItem]:
    """What a task instance is whose job waits for a place: its state, the number of the try, further attributes.

    Where a worker had begun the try before and said no more, it has died. Its task is up for retry, as Airflow's
    scheduler has it then, and the worker that comes is to call what is called of that: queued for a further try, the
    item would not tell it of the dead one.

    :param number: of the try that the job is for
    """
    if item is not None and item.get("state") in _BEGUN and "job_attempt" in item and tried(item) == number - 1:
        dead: TaskItem = {CALLBACKS_DUE: "retry", "ended_at": timestamp(datetime.now(timezone.utc))}
        return "up_for_retry", number - 1, dead
    return "queued", number, facts(job)


def advance(
    ledger: Ledger,
    run: tuple[str, str],
    task_id: str,
    seen: TaskItem | None,
    state: str,
    number: int,
    found: JsonObject,
    *,
    map_index: int = schema.UNMAPPED,
) -> bool:
    """Move a task instance forward, if it is still as it was seen: whoever else writes knows better.

    :param number: the try's
    :param map_index: the instance's, where it was not seen
    """
    move = forward(run, task_id, seen, state, number, found, map_index=map_index)
    return ledger.move_task(move.pk, move.sk, move.changes, condition=move.condition, values=move.values)


def forward(
    run: tuple[str, str],
    task_id: str,
    seen: TaskItem | None,
    state: str,
    number: int,
    found: JsonObject,
    *,
    map_index: int = schema.UNMAPPED,
) -> Move:
    """What :func:`advance` does, to be done."""
    is_further_try = seen is not None and tried(seen) != number and state not in TERMINAL_STATES
    of_the_last = {"error": None, "started_at": None} if is_further_try else {}
    changes = {**moved_to(state, number, tried(seen)), **of_the_last, **found}
    pk, sk = schema.run_pk(*run), schema.task_sk(task_id, (seen or {}).get("map_index", map_index))
    if seen is None:
        return Move(pk, sk, changes, "attribute_not_exists(pk)", {})
    condition = "#updated_at = :seen AND (attribute_not_exists(#rank) OR #rank < :rank)"
    return Move(pk, sk, changes, condition, {":seen": seen["updated_at"]})


def annotate(ledger: Ledger, item: TaskItem, found: JsonObject) -> None:
    """Add what a try's item does not say yet, without touching its state."""
    missing = {name: value for name, value in found.items() if value and name not in item}
    if missing:
        condition = "#try_number = :try_number"
        ledger.update(item["pk"], item["sk"], {**missing, "try_number": tried(item)}, condition=condition)


def silent(items: Sequence[TaskItem]) -> list[TaskItem]:
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


def add_exit_reasons(client: BatchClient, ledger: Ledger, dead: Mapping[str, TaskItem]) -> set[str]:
    """Write down what Batch says of containers that could not say why they ended.

    :param client: a boto3 Batch client
    :param dead: by job id, the task instances whose containers could not say why they ended
    :return: the jobs that have not ended yet: what ended the task instance still runs its callbacks
    """
    going_on = set()
    for job_id, job in describe(client, dead).items():
        if job["status"] in ENDED:
            # Its worker may have said why since the item was read; now it says no more.
            item = ledger.instance(dead[job_id]["pk"], dead[job_id]["sk"]) or dead[job_id]
            annotate(ledger, item, {"error": exit_reason(job), **facts(job)})
        else:
            going_on.add(job_id)
    return going_on
