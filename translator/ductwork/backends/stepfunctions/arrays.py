"""The instances of a mapped task as the children of an array job.

``Only T[0]?``       one item is no array
``T``                the array job; ``T[0]``, where there is one item, an ordinary one
``Arrays of T``      where there may be more instances than an array has children: a Map over as many arrays as it takes
``T: all``, ``T: failed`` where the job failed: how many instances have ended, and how many failed; workers leave a
                     small item each for this
``Bury T``           a worker ends the instances whose containers died on their last try
``T: skipped``       how many were skipped; then the outcome of the task is known: all that its instances ended in

Retries are Batch's, as in a job chain: the worker tells by its exit code what Airflow has decided.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ductwork import batch_limits
from ductwork.backends import worker_job
from ductwork.backends.stepfunctions import integrations, jsonata
from ductwork.backends.stepfunctions.counting import Counting
from ductwork.backends.stepfunctions.mapped import SIZE
from ductwork.exit_codes import FAILED
from ductwork.ir import Task, Worker, Workflow
from ductwork.ledger_schema import ended_prefix
from ductwork.names import ONLY_INSTANCE, STATE_NAME_LIMIT, shorten

State = dict[str, Any]

_BURY_AGAIN = 2
# What the counts are called.
_ALL, _FAILED, _SKIPPED = "all", "failed", "skipped"
# Bytes that a query reads at once, and that the ledger's item about the end of an instance takes.
_PAGE, _LARGEST_MARKER = 2**20, 1_000
_CHILDREN = batch_limits.ARRAY_SIZE[-1]


def fits(task: Task) -> bool:
    """Whether the instances of a mapped task can be children of an array job, which all run the same worker, and which
    cannot hold them back, start one again later, or try one more than ten times."""
    return isinstance(task.work, Worker) and not (
        task.slots or task.at_once or task.reschedules or task.retry.retries >= batch_limits.MAX_ATTEMPTS
    )


class Arrays:
    """
    :param arguments: makes a state's Arguments of a SubmitJob request
    """

    def __init__(self, workflow: Workflow, task: Task, arguments: Callable[[dict[str, Any]], Any]) -> None:
        self._workflow, self._task, self._arguments = workflow, task, arguments
        assert task.length is not None
        self._counting = Counting(workflow, task.task_id, task.length)
        most = workflow.most(task.length)
        self._many, self._pages = most > _CHILDREN, most * _LARGEST_MARKER > _PAGE
        self._array_name, self._one_name = self._name(""), self._name("", ONLY_INSTANCE)
        self._parts_name = self._name("Arrays of")
        self._ended_name = self._name("", " ended")

    def _name(self, before: str, after: str = "") -> str:
        return shorten(f"{before} {self._task.task_id}{after}".strip(), STATE_NAME_LIMIT)

    @property
    def _only_name(self) -> str:
        return self._name("Only", "[0]?")

    @property
    def first(self) -> str:
        return self._parts_name if self._many else self._only_name

    def build(self, output: Callable[[str], Any], onwards: State) -> dict[str, State]:
        every, failed, skipped = (self._name("", f": {counted}") for counted in (_ALL, _FAILED, _SKIPPED))
        buried = self._name("All of", "?")
        states = self._parts(every) if self._many else self._jobs(SIZE, {"Next": every}, well=skipped)
        states |= self._count(every, ended_prefix(self._task.task_id), _ALL, failed)
        states |= self._count(failed, ended_prefix(self._task.task_id, "failed"), _FAILED, buried)
        states |= self._bury(buried, skipped)
        states |= self._count(skipped, ended_prefix(self._task.task_id, "skipped"), _SKIPPED, self._ended_name)
        if self._pages:
            states[self._ended_name] = {"Type": "Pass", "Output": output(self._outcome()), **onwards}
        else:
            del states[skipped]["Next"]
            states[skipped] |= {"Output": output(self._outcome("$states.result.Count")), **onwards}
        return states

    def _count(self, name: str, prefix: str, counted: str, after: str) -> dict[str, State]:
        return self._counting.items(name, prefix, counted, after, pages=self._pages)

    # ---- running ----

    def _parts(self, after: str) -> dict[str, State]:
        parts = (
            f"[0..($ceil($of / {_CHILDREN}) - 1)]"
            f".{{'offset': $ * {_CHILDREN}, 'size': $min([{_CHILDREN}, $of - $ * {_CHILDREN}]), 'of': $of}}"
        )
        done = self._name("Array of", " ended")
        # A catcher cannot end a branch.
        inside = self._jobs("$states.input.size", {"Next": done}) | {done: {"Type": "Succeed"}}
        return {
            self._parts_name: {
                "Type": "Map",
                "Items": jsonata.expression(f"( $of := {SIZE}; [{parts}] )"),
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    "StartAt": self._only_name,
                    "States": inside,
                },
                "Output": "{% $states.input %}",
                "Next": after,
            }
        }

    def _jobs(self, size: str, onwards: State, well: str = "") -> dict[str, State]:
        """
        :param size: expression: how many instances the jobs are for
        :param onwards: where to go, but for a job that ended well, if ``well`` says so: then none has failed
        """
        one = worker_job.request(self._workflow, self._task, self._offset if self._many else "0")
        whole = jsonata.expression("$string($states.input.of)") if self._many else "1"
        one["containerOverrides"]["environment"].append({"name": "DUCTWORK_MAP_SIZE", "value": whole})
        array = worker_job.request(self._workflow, self._task, "array")
        array["arrayProperties"] = {"size": jsonata.expression(size)}
        if self._many:
            array["containerOverrides"]["environment"] += [
                {"name": "DUCTWORK_MAP_OFFSET", "value": self._offset},
                {"name": "DUCTWORK_MAP_SIZE", "value": whole},
            ]
        return {
            self._only_name: {
                "Type": "Choice",
                "Choices": [{"Condition": jsonata.expression(f"{size} = 1"), "Next": self._one_name}],
                "Default": self._array_name,
            },
            self._array_name: self._job(array, onwards) | self._none_failed(well),
            self._one_name: self._job(one, onwards) | self._none_failed(well),
        }

    def _none_failed(self, after: str) -> State:
        counts = f"{{{jsonata.text(_ALL)}: {SIZE}, {jsonata.text(_FAILED)}: 0}}"
        return {"Output": self._counting.counted(counts), "Next": after} if after else {}

    @property
    def _offset(self) -> str:
        return jsonata.expression("$string($states.input.offset)")

    def _job(self, request: dict[str, Any], onwards: State, retries: int | None = None) -> State:
        retries = self._task.retry.retries if retries is None else retries
        if retries:
            request["retryStrategy"] = {
                "attempts": retries + 1,
                "evaluateOnExit": [{"onExitCode": str(FAILED), "action": "EXIT"}],
            }
        return {
            "Type": "Task",
            "Resource": integrations.SUBMIT_JOB_AND_WAIT,
            "Arguments": self._arguments(request),
            "Output": "{% $states.input %}",
            "Retry": [integrations.SUBMIT_RETRY],
            # Whether instances have failed is counted.
            "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.input %}", **onwards}],
            **onwards,
        }

    # ---- how they ended ----

    def _tallied(self, end: str) -> str:
        return self._counting.of(end)

    def _bury(self, name: str, after: str) -> dict[str, State]:
        bury = self._name("Bury")
        request = worker_job.request(self._workflow, self._task)
        request["containerOverrides"]["environment"] += [
            # Nothing to call: then the DAG file is not even loaded.
            {"name": "DUCTWORK_CALLBACK", "value": "task" if self._task.calls_back else "record"},
            {"name": "DUCTWORK_MAP_SIZE", "value": jsonata.expression(f"$string({SIZE})")},
        ]
        condition = jsonata.expression(f"{self._tallied(_ALL)} < {SIZE}")
        return {
            name: {
                "Type": "Choice",
                "Choices": [{"Condition": condition, "Next": bury}],
                "Default": after,
            },
            bury: self._job(request, {"Next": after}, retries=_BURY_AGAIN),
        }

    def _outcome(self, skipped: str = "") -> str:
        """
        :param skipped: expression: how many were skipped, if the state data does not say so
        """
        every, failed = map(self._tallied, (_ALL, _FAILED))
        skipped = skipped or self._tallied(_SKIPPED)
        some = {
            "success": f"{every} > {failed} + {skipped}",
            "failed": f"({failed} > 0 or {every} < {SIZE})",
            "skipped": f"{skipped} > 0",
        }
        chosen = ", ".join(f"{condition} ? '{end}'" for end, condition in some.items())
        # A condition without an "else" gives nothing where it does not hold.
        return jsonata.expression(f"[{chosen}]")
