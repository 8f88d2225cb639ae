"""What a run is started from: a DAG file, a compiled artefact, or a state machine that is there already."""

from __future__ import annotations

import copy
import json
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ductwork.contracts.json_types import JsonObject

from ductwork_airflow.run_model.request import RunRequest

if TYPE_CHECKING:
    from airflow.sdk.types import DagRunProtocol, TaskInstance


class SourceError(ValueError):
    """The operator's arguments, or what they name, cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Loaded:
    """A compiled schedule, ready to be submitted.

    :param document: the artefact's; None for a state machine that is there already
    :param job_definitions: RegisterJobDefinition requests for what it runs
    """

    dag_id: str
    document: JsonObject | None
    job_definitions: Sequence[JsonObject] = ()


@dataclass(frozen=True)
class Source:
    """Exactly one of three kinds.

    :param dag_file: compiled at run time
    :param artefact: a compiled artefact: its document, or the path of its JSON file
    :param state_machine_arn: alone, of a state machine deployed before; else where to start the others
    :param dag_id: of the remote DAG; may be left out where the file or the artefact says it
    :param engine: what a DAG file is compiled to, see :class:`ductwork.compiler.Options`
    """

    dag_file: str | None = None
    artefact: JsonObject | str | None = None
    state_machine_arn: str | None = None
    dag_id: str | None = None
    target: str = "stepfunctions"
    deployment: JsonObject = field(default_factory=dict)
    engine: str = "states"

    def check(self) -> None:
        """Check that the options go together, without reading a file.

        :raises SourceError: none, or more than one kind of source; a target that does not go with it
        """
        if self.target not in {"stepfunctions", "batch"}:
            raise SourceError(f"target {self.target!r}: it must be 'stepfunctions' or 'batch'")
        self._check_engine()
        if self.dag_file is not None and self.artefact is not None:
            raise SourceError("both a DAG and an artefact are given: leave one of them out")
        if self.state_machine_arn is not None and self.target != "stepfunctions":
            raise SourceError("state_machine_arn goes with target='stepfunctions' only")
        if self.dag_file is None and self.artefact is None:
            if self.state_machine_arn is None:
                raise SourceError("nothing to submit: give source_dag, dag_file, artefact or state_machine_arn")
            if self.dag_id is None:
                raise SourceError("state_machine_arn alone does not say which DAG it is: give remote_dag_id too")

    def _check_engine(self) -> None:
        if self.engine not in {"states", "batch"}:
            raise SourceError(f"engine {self.engine!r}: it must be 'states' or 'batch'")
        if self.engine != "states" and self.target != "stepfunctions":
            raise SourceError("engine goes with target='stepfunctions' only")
        if self.engine != "states" and self.dag_file is None:
            raise SourceError("engine says how to compile a DAG: what is compiled already has its own")

    def load(self) -> Loaded:
        """The compiled schedule; a DAG is compiled now.

        :raises SourceError: with all diagnostics, if the DAG does not compile
        """
        self.check()
        if self.dag_file is not None:
            return self._compile(self.dag_file)
        if self.artefact is None:
            return Loaded(str(self.dag_id), None)
        if not isinstance(self.artefact, str):
            return Loaded(self._dag_id_of(self.artefact), self.artefact)
        document = _read(self.artefact)
        return Loaded(self._dag_id_of(document), document, _read_definitions(self.artefact))

    def _compile(self, dag_file: str) -> Loaded:
        from ductwork.compiler import Options, compile_paths

        with _alarm_kept():
            options = Options(self.target, self.dag_id, self.deployment, engine=self.engine)
            compiled = compile_paths([dag_file], options)
        if compiled.diagnostics.failed:
            findings = "\n".join(map(str, compiled.diagnostics))
            raise SourceError(f"{dag_file} does not compile for target {self.target}:\n{findings}")
        if len(compiled.artefacts) != 1:
            defined = ", ".join(artefact.dag_id for artefact in compiled.artefacts) or "none"
            raise SourceError(f"{dag_file} defines several DAGs ({defined}): say which one in remote_dag_id")
        artefact = compiled.artefacts[0]
        return Loaded(artefact.dag_id, artefact.document, artefact.job_definitions)

    def check_conf(self, dag_id: str, conf: JsonObject) -> None:
        """Validate a run's conf against the DAG's params, where the DAG is at hand; elsewhere its tasks will do so.

        :raises SourceError: with the words of Airflow, which refuses to create such a run
        """
        if self.dag_file is None:
            return
        from airflow.providers.common.compat.sdk import ParamValidationError
        from ductwork.frontend.processing import run_file

        with _alarm_kept():
            dags = run_file(self.dag_file).dags
        params = copy.deepcopy(next(dag for dag in dags if dag.dag_id == dag_id).params)
        try:
            params.update(conf)
            params.validate()
        except ParamValidationError as error:
            what = str(error).splitlines()[0]
            raise SourceError(f"the run's conf does not fit the params of DAG {dag_id!r}: {what}") from error

    def _dag_id_of(self, document: JsonObject) -> str:
        is_chain = "jobs" in document
        if is_chain != (self.target == "batch"):
            raise SourceError(
                f"the artefact is not one of target {self.target!r}: compile it with --target {self.target}"
            )
        named = document.get("dag_id")
        if named is None and isinstance(self.artefact, str) and self.artefact.endswith(".asl.json"):
            named = Path(self.artefact).name.removesuffix(".asl.json")
        if self.dag_id and named and self.dag_id != named:
            raise SourceError(f"the artefact is of DAG {named!r}, remote_dag_id says {self.dag_id!r}")
        if not (self.dag_id or named):
            raise SourceError("the artefact does not say which DAG it is: give remote_dag_id too")
        return str(self.dag_id or named)


@contextmanager
def _alarm_kept() -> Iterator[None]:
    """Keep the task's ``execution_timeout``: it is the process's one alarm, and Airflow's DagBag, which limits the time
    a file takes to import by that same alarm, leaves none behind.
    """
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    if not left:
        yield
        return
    handler, begun = signal.getsignal(signal.SIGALRM), time.monotonic()
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, max(0.001, left - (time.monotonic() - begun)))


def _read(path: str) -> JsonObject:
    document = _json(path)
    if not isinstance(document, dict):
        raise SourceError(f"the artefact {path} is not a JSON object")
    return document


def _read_definitions(artefact: str) -> Sequence[JsonObject]:
    """What ``ductwork compile`` has written beside the artefact, if anything."""
    path = Path(artefact)
    beside = path.with_name(path.name.removesuffix(".json").rpartition(".")[0] + ".jobdefinitions.json")
    return tuple(_json(str(beside))) if beside.is_file() else ()


def _json(path: str) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"the artefact {path} cannot be read: {error}") from error


def request_of(dag_run: DagRunProtocol, dag_id: str, run_id: str, conf: JsonObject | None = None) -> RunRequest:
    """The request of a remote run with the surrounding DAG run's dates, type, partition and conf.

    A DAG run without a logical date (an asset's, or one of the API's) lends its ``run_after``.

    :param dag_run: of Airflow, from the context
    :param conf: in the place of the DAG run's
    """
    moment = dag_run.logical_date or dag_run.run_after
    return RunRequest(
        dag_id=dag_id,
        run_id=run_id,
        logical_date=moment,
        data_interval=(dag_run.data_interval_start or moment, dag_run.data_interval_end or moment),
        run_type=str(getattr(dag_run.run_type, "value", dag_run.run_type)),
        conf=dict(dag_run.conf or {}) if conf is None else dict(conf),
        # Airflow 3.1 knows no partitions.
        partition_key=getattr(dag_run, "partition_key", None),
        partition_date=getattr(dag_run, "partition_date", None),
    )


def default_run_id(ti: TaskInstance) -> str:
    """Airflow's run id; mapped task instances, each of which is a run of its own, add their map index."""
    return str(ti.run_id) if ti.map_index is None or ti.map_index < 0 else f"{ti.run_id}__{ti.map_index}"
