"""A DAG file that is another one in the container than where it was compiled.

Airflow's task runner asks to be started again after a minute, three times, for its DAG folder may be in the midst of an
update. What a container has stays as it is, so the task fails at once.

Nor does a further try of the same job find another file, so there is none, however many retries the task has: the run
would end late and say the same. Who deploys an image that has the task restarts the run. Airflow does retry; its DAG
folder is another one by then. What keeps its retries is an import that failed for a cause that may pass, such as a
service that the file asks.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from ductwork_airflow.reporting.report import NOT_IN_FILE, UNIMPORTABLE

_IMPORT_FAILED = "Failed to import: "
_NO_DAG, _NO_TASK = "Dag not found during start up", "Task not found in Dag during start up"

# What an import raises that misses something in the container: a package, a file, a variable of the environment.
_OF_THE_CONTAINER = frozenset(
    {
        "FileNotFoundError",
        "ImportError",
        "IndentationError",
        "KeyError",
        "ModuleNotFoundError",
        "NameError",
        "SyntaxError",
    }
)


@dataclass(frozen=True)
class Drift:
    """How the DAG file in the container is not what was compiled.

    :param error: what is wrong with the file
    :param lasting: a further try of the same job would find the same
    """

    error: str
    lasting: bool


def start_once(environ: MutableMapping[str, str]) -> None:
    """Have Airflow's task runner not look again, unless the container's own environment says otherwise."""
    environ.setdefault("AIRFLOW__WORKERS__MISSING_DAG_RETRIES", "0")


# Any: a log event is of whatever its logger was given.
def import_error(event: Mapping[str, Any]) -> Drift | None:
    """What a log event says of an import that failed: the exception and where in the file it was raised.

    :param event: of structlog
    """
    what, detail = str(event.get("event")), event.get("error_detail")
    if not (what.startswith(_IMPORT_FAILED) and detail):
        return None
    path, raised = what.removeprefix(_IMPORT_FAILED), detail[0]
    lines = [frame["lineno"] for frame in raised.get("frames") or () if frame["filename"] == path]
    where = f" (line {lines[-1]})" if lines else ""
    text = f"{raised['exc_type']}: {raised['exc_value']}".removesuffix(": ") + where
    return Drift(text, lasting=raised["exc_type"] in _OF_THE_CONTAINER)


# Any: likewise.
def missing(event: Mapping[str, Any], imported: Drift | None) -> Drift | None:
    """What a log event says of a task that the file has not.

    :param event: of structlog
    :param imported: why the file could not be imported, if it could not
    """
    if event.get("event") == _NO_DAG:
        path = event.get("path")
        if imported is not None:
            return Drift(f"the DAG file {path} {UNIMPORTABLE}: {imported.error}", imported.lasting)
        return Drift(f"DAG {event.get('dag_id')} {NOT_IN_FILE} ({path})", lasting=True)
    if event.get("event") == _NO_TASK:
        return Drift(f"task {event.get('task_id')} {NOT_IN_FILE} (DAG {event.get('dag_id')})", lasting=True)
    return None
