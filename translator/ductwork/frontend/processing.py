"""Running a DAG file as Airflow's DAG processor does, without a metadata database."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from airflow.exceptions import AirflowClusterPolicySkipDag
from airflow.sdk import DAG

from ductwork.frontend.compat import DagBag

COMPILING = "DUCTWORK_COMPILING"


@dataclass(frozen=True)
class Failure:
    """Why Airflow does not load a file, or a DAG of it.

    :param message: Airflow's, with the traceback if the file's own code raised
    :param dag_id: the DAG that it rejects; empty for the file
    :param error: what was raised, where Airflow does not write its traceback into the message
    """

    message: str
    dag_id: str = ""
    error: BaseException | None = None


@dataclass(frozen=True)
class Location:
    """A DAG file as Airflow would name it.

    :param bundle: absolute path of the folder from which DAG files import their helpers, as in the worker
    :param file: absolute path; of a link itself, not of its target, since helpers and data are beside the link
    """

    bundle: Path
    file: Path

    @property
    def relative(self) -> str:
        """The file below its bundle, with ``/`` between its parts."""
        return self.file.relative_to(self.bundle).as_posix()

    def as_given(self, file: str, path: str) -> str:
        """How the user, who has named this DAG file ``path``, would name another file."""
        if file == str(self.file):
            return path
        if path.endswith(self.relative) and Path(file).is_relative_to(self.bundle):
            return path.removesuffix(self.relative) + Path(file).relative_to(self.bundle).as_posix()
        return file


@dataclass(frozen=True)
class Processed:
    """What Airflow makes of a file.

    :param dags: as ``airflow.sdk.DAG``, by id
    :param left_out: ids of DAGs that a cluster policy leaves out
    """

    place: Location
    dags: tuple[DAG, ...]
    failures: tuple[Failure, ...]
    left_out: tuple[str, ...] = ()


class _Bag(DagBag):  # type: ignore[misc]  # Any, for it lies elsewhere in Airflow 3.1
    """Airflow's DagBag, which keeps one error for each file; this one keeps all, with the DAGs that they are about."""

    def __init__(self) -> None:
        super().__init__(dag_folder=os.devnull, safe_mode=False, collect_dags=False)
        self.import_errors = _Failures()
        self.left_out: list[str] = []

    def bag_dag(self, dag: DAG) -> None:
        try:
            super().bag_dag(dag)
        except AirflowClusterPolicySkipDag:
            self.left_out.append(str(dag.dag_id))
            raise


class _Failures(dict[str, str]):
    def __init__(self) -> None:
        self.all: list[Failure] = []

    def __setitem__(self, file: str, message: str) -> None:
        super().__setitem__(file, message)
        # Airflow is still handling what a DAG has raised; of a file it has written the traceback into the message.
        error = None if "Traceback" in message else sys.exc_info()[1]
        dags = (frame.f_locals.get("dag") for frame, _ in traceback.walk_tb(error.__traceback__ if error else None))
        ids = [str(dag.dag_id) for dag in dags if isinstance(dag, DAG)]
        self.all.append(Failure(message, ids[0] if ids else "", error))


def run_file(path: str, folder: str | None = None) -> Processed:
    """What Airflow finds in a file. What the file prints is discarded.

    :param folder: the folder that the user named, if it was not the file
    :raises BaseException: what the file's own code raises where Airflow does not expect it to
    """
    place = locate(path, folder)
    helpers = str(place.bundle)
    added = helpers not in sys.path
    if added:
        sys.path.insert(0, helpers)
    try:
        with _quiet(), _whole_tracebacks(), _compiling():
            bag = _Bag()
            dags = bag.process_file(str(place.file), only_if_updated=False, safe_mode=False)
    finally:
        if added and helpers in sys.path:
            sys.path.remove(helpers)
    # Airflow lists a DAG twice if tasks were added to it after its "with" block: its hash is another then.
    once = {id(dag): dag for dag in dags}.values()
    dags = sorted(once, key=lambda dag: str(dag.dag_id))
    # Airflow looks at the DAGs of a file in the order of a set.
    failures = sorted(bag.import_errors.all, key=lambda failure: failure.dag_id)
    return Processed(place, tuple(dags), tuple(failures), tuple(sorted(bag.left_out)))


@contextlib.contextmanager
def _compiling() -> Iterator[None]:
    """Let DAG files, and the plugin's policy, see that the DAG is wanted as its author wrote it."""
    before = os.environ.get(COMPILING)
    os.environ[COMPILING] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[COMPILING]
        else:
            os.environ[COMPILING] = before


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Airflow logs and the DAG file prints away from our output: stdout may carry JSON."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as sink:
        try:
            os.dup2(sink.fileno(), 1)
            os.dup2(sink.fileno(), 2)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in enumerate(saved, start=1):
                os.dup2(copy, number)
                os.close(copy)


@contextlib.contextmanager
def _whole_tracebacks() -> Iterator[None]:
    """Keep all frames: by default Airflow keeps two, and the user's own line is often not among them."""
    wanted = {
        "AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACKS": "True",
        "AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACK_DEPTH": "1000",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def locate(path: str, folder: str | None = None) -> Location:
    """The bundle is the DAGs folder if the file lies in it, else the folder the user named, else the file's own."""
    file = absolute(path)
    # The user may reach into the DAGs folder by a link that is not in it.
    for each in (file, file.resolve()):
        if bundle := dags_folder_above(each):
            return Location(bundle, each)
    return Location(absolute(folder) if folder else file.parent, file)


def absolute(path: str) -> Path:
    """A path with its links, except those that ``..`` leads back through."""
    plain = os.path.abspath(path)
    same = os.path.exists(plain) and os.path.samefile(plain, path)
    return Path(plain if same else os.path.realpath(path))


def dags_folder_above(path: Path) -> Path | None:
    """Airflow's DAGs folder, if ``path`` is it or lies in it, written as ``path`` writes it; otherwise None."""
    from airflow.configuration import conf

    try:
        dags_folder = os.stat(conf.get("core", "dags_folder"))
    except OSError:
        return None
    return next((each for each in (path, *path.parents) if _is(each, dags_folder)), None)


def _is(path: Path, folder: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), folder)
    except OSError:
        return False
