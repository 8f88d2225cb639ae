"""The worker's environment variables, a contract with the compiled schedules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ductwork.contracts.ledger import UNMAPPED
from ductwork.contracts.worker_variables import DAG_CODE_VARIABLE, SKIP_FAILS_VARIABLE

CALLBACK_VARIABLE = "DUCTWORK_CALLBACK"
BUS_VARIABLE = "DUCTWORK_EVENT_BUS"
TRY_VARIABLE = "DUCTWORK_TRY_NUMBER"
SIZE_VARIABLE = "DUCTWORK_MAP_SIZE"
_OFFSET = "DUCTWORK_MAP_OFFSET"
TOKEN_VARIABLE = "DUCTWORK_TASK_TOKEN"
_REGION, _OF_THE_SDKS = "DUCTWORK_REGION", "AWS_REGION"
DEFAULT_KILL_GRACE = 20.0
_OF_RUNS = frozenset({"run", "settle"})


class InvalidEnvironment(ValueError):
    """A variable is missing or malformed; the message says which, in one line."""


@dataclass(frozen=True)
class WorkerEnvironment:
    """What the environment of a worker says: which task instance it is, and how it was started.

    :param token: of the Step Functions task, None in a job chain
    :param skip_fails: the machine that waits for the token is told by an error that the task was skipped
    :param job_id: of AWS Batch, None elsewhere
    :param callback: run callbacks in place of the task: ``task``, ``record`` or ``run``; or ``settle`` the run. For
        ``run`` and ``settle``, ``task_id`` is empty
    :param try_number: with ``callback``: the try that died, where no worker has written it down
    :param map_size: how many instances the mapped task has; None where it is not mapped or nobody says
    :param event_bus: where asset events go besides the ledger: a bus's name or ARN
    :param kill_grace: seconds from SIGTERM until the task is killed hard
    :param dag_code: where in S3 the DAG files are; None: the image has them
    :param region: of the ledger and the run; None: boto3 finds one where it looks
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    table: str
    token: str | None = None
    job_id: str | None = None
    job_attempt: int | None = None
    kill_grace: float = DEFAULT_KILL_GRACE
    callback: str | None = None
    try_number: int | None = None
    map_size: int | None = None
    event_bus: str | None = None
    region: str | None = None
    skip_fails: bool = False
    dag_code: str | None = None

    @classmethod
    def parse(cls, environ: Mapping[str, str]) -> WorkerEnvironment:
        """Read the ``DUCTWORK_`` variables, and those that AWS Batch sets.

        :raises InvalidEnvironment: with all that is missing
        """
        needed = ("DUCTWORK_DAG_ID", "DUCTWORK_RUN_ID", "DUCTWORK_TASK_ID", "DUCTWORK_LEDGER_TABLE")
        callback = _callback(environ)
        optional = {"DUCTWORK_TASK_ID"} if callback in _OF_RUNS else set()
        if missing := [name for name in needed if not environ.get(name) and name not in optional]:
            raise InvalidEnvironment(f"{', '.join(missing)} not set; a worker is started by a compiled schedule")
        dag_id, run_id, task_id, table = (environ.get(name, "") for name in needed)
        attempt = environ.get("AWS_BATCH_JOB_ATTEMPT")
        return cls(
            dag_id=dag_id,
            run_id=run_id,
            task_id=task_id,
            map_index=_map_index(environ),
            table=table,
            token=environ.get(TOKEN_VARIABLE) or None,
            job_id=environ.get("AWS_BATCH_JOB_ID") or None,
            job_attempt=_integer("AWS_BATCH_JOB_ATTEMPT", attempt) if attempt else None,
            kill_grace=_seconds(environ),
            callback=callback,
            try_number=_integer(TRY_VARIABLE, environ[TRY_VARIABLE]) if environ.get(TRY_VARIABLE) else None,
            map_size=_map_size(environ),
            event_bus=environ.get(BUS_VARIABLE) or None,
            region=_region(environ),
            skip_fails=bool(environ.get(SKIP_FAILS_VARIABLE)),
            dag_code=environ.get(DAG_CODE_VARIABLE) or None,
        )


def _region(environ: Mapping[str, str]) -> str | None:
    # Of the two names that AWS's tools have for it boto3 reads the other alone.
    other = environ.get(_OF_THE_SDKS) if not environ.get("AWS_DEFAULT_REGION") else None
    return environ.get(_REGION) or other or None


def _callback(environ: Mapping[str, str]) -> str | None:
    text = environ.get(CALLBACK_VARIABLE) or None
    if text not in {None, "task", "record", *_OF_RUNS}:
        raise InvalidEnvironment(f"{CALLBACK_VARIABLE} must be 'task', 'record', 'run' or 'settle', not {text!r}")
    return text


def _map_index(environ: Mapping[str, str]) -> int:
    text = environ.get("DUCTWORK_MAP_INDEX") or str(UNMAPPED)
    if text != "array":
        return _integer("DUCTWORK_MAP_INDEX", text)
    index = environ.get("AWS_BATCH_JOB_ARRAY_INDEX")
    if not index:
        raise InvalidEnvironment("DUCTWORK_MAP_INDEX is 'array', but AWS_BATCH_JOB_ARRAY_INDEX is not set")
    # A task with more instances than an array has children has several arrays.
    return _integer("AWS_BATCH_JOB_ARRAY_INDEX", index) + _integer(_OFFSET, environ.get(_OFFSET) or "0")


def _map_size(environ: Mapping[str, str]) -> int | None:
    # Batch tells the children of an array how many they are.
    of_array = environ.get("AWS_BATCH_JOB_ARRAY_SIZE") if environ.get("DUCTWORK_MAP_INDEX") == "array" else None
    text = environ.get(SIZE_VARIABLE) or of_array
    size = _integer(SIZE_VARIABLE, text) if text else None
    if size is not None and size < 1:
        raise InvalidEnvironment(f"{SIZE_VARIABLE} must be at least 1, not {size}")
    return size


def _integer(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InvalidEnvironment(f"{name} must be an integer, not {text!r}") from None


def _seconds(environ: Mapping[str, str]) -> float:
    text = environ.get("DUCTWORK_KILL_GRACE") or str(DEFAULT_KILL_GRACE)
    try:
        return float(text)
    except ValueError:
        raise InvalidEnvironment(f"DUCTWORK_KILL_GRACE must be a number of seconds, not {text!r}") from None
