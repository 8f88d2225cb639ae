"""Names that AWS accepts, derived from Airflow's ids; the same id always gives the same name."""

from __future__ import annotations

import hashlib
import re

from ductwork.contracts.aws_names import JOB_NAME_LIMIT
from ductwork.contracts.stepfunctions_limits import EXECUTION_NAME_LIMIT, MACHINE_NAME_LIMIT, STATE_NAME_LIMIT

_HASH_LENGTH = 8
# What follows a task's id in the name of a state that submits jobs of its instances: of one, one after another.
ONLY_INSTANCE, EACH_INSTANCE = "[0]", "[n]"


def short_hash(text: str, length: int = _HASH_LENGTH) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def shorten(text: str, limit: int) -> str:
    """``text`` itself if it fits, else its start and a hash of the whole."""
    if len(text) <= limit:
        return text
    return f"{text[: limit - _HASH_LENGTH - 1]}-{short_hash(text)}"


def state_name(text: str) -> str:
    return shorten(text, STATE_NAME_LIMIT)


def job_name(dag_id: str, task_id: str, limit: int = JOB_NAME_LIMIT) -> str:
    """A Batch job name: ``<dag_id>-<task_id>``, starting with a letter or digit, then letters, digits, - and _.

    Two ids that differ only in characters Batch does not allow still get different names.
    """
    wanted = f"{dag_id}-{task_id}"
    legal = re.sub(r"[^A-Za-z0-9_-]", "_", wanted)
    if not legal[0].isalnum():
        legal = f"d{legal}"
    if legal != wanted:
        legal = f"{legal[: limit - _HASH_LENGTH - 1]}-{short_hash(wanted)}"
    return shorten(legal, limit)


def run_hash(dag_id: str, run_id: str) -> str:
    """The suffix that sets the jobs of one run apart. State machines compute the same with JSONata's ``$hash``."""
    return short_hash(f"{dag_id}#{run_id}")


def state_machine_name(dag_id: str, limit: int = MACHINE_NAME_LIMIT) -> str:
    return _plain_name(dag_id, dag_id, limit)


def execution_name(dag_id: str, run_id: str) -> str:
    """The execution name of a run, so that starting the same run twice is one execution."""
    return _plain_name(run_id, f"{dag_id}#{run_id}", EXECUTION_NAME_LIMIT)


def _plain_name(text: str, identity: str, limit: int) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", text)
    if plain == identity and len(plain) <= limit:
        return plain
    return f"{plain[: limit - _HASH_LENGTH - 1]}-{short_hash(identity)}"
