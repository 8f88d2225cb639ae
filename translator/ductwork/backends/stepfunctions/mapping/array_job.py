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

from ductwork.backends import worker_job
from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import (
    Bind,
    Block,
    Node,
    Range,
    Value,
    Variable,
    array,
    call,
    either,
    lifted,
    text_of,
    when,
)
from ductwork.backends.stepfunctions.asl.scope import INPUT, ITEM, RESULT
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.mapping.count_items import Counting
from ductwork.backends.stepfunctions.mapping.mapped_task import SIZE, Output
from ductwork.contracts import batch_limits
from ductwork.contracts.exit_codes import FAILED
from ductwork.contracts.ledger import ended_prefix
from ductwork.contracts.names import ONLY_INSTANCE, state_name
from ductwork.ir import Task, Workflow

_BURY_AGAIN = 2
# What the counts are called.
_ALL, _FAILED, _SKIPPED = "all", "failed", "skipped"
# Bytes that a query reads at once, and that the ledger's item about the end of an instance takes.
_PAGE, _LARGEST_MARKER = 2**20, 1_000
_CHILDREN = batch_limits.ARRAY_SIZE[-1]


def fits(task: Task) -> bool:
    """Whether the instances of a mapped task can be children of an array job, which all run the same worker, and which
    cannot hold them back, start one again later, or try one more than ten times."""
    return task.work.has_worker and not (
        task.slots
        or task.max_active_tis_per_dagrun
        or task.reschedules
        or task.retry.retries >= batch_limits.MAX_ATTEMPTS
    )


class Arrays:
    """The states of a mapped task whose instances are the children of array jobs.

    :param arguments: makes a state's Arguments of a SubmitJob request
    """

    def __init__(self, workflow: Workflow, task: Task, arguments: Callable[[dict[str, Any]], Value]) -> None:
        self._workflow, self._task, self._arguments = workflow, task, arguments
        assert task.length is not None
        self._counting = Counting(workflow, task.task_id, task.length)
        most = workflow.most(task.length)
        self._many, self._pages = most > _CHILDREN, most * _LARGEST_MARKER > _PAGE
        self._array_name, self._one_name = self._name(""), self._name("", ONLY_INSTANCE)
        self._parts_name = self._name("Arrays of")
        self._ended_name = self._name("", " ended")

    def _name(self, before: str, after: str = "") -> str:
        return state_name(f"{before} {self._task.task_id}{after}".strip())

    @property
    def _only_name(self) -> str:
        return self._name("Only", "[0]?")

    @property
    def first(self) -> str:
        return self._parts_name if self._many else self._only_name

    def build(self, output: Output, onwards: State) -> States:
        """The states from the one that tells an only item from several to the one that says how the task has ended."""
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
            states[skipped] |= {"Output": output(self._outcome(RESULT.field("Count"))), **onwards}
        return states

    def _count(self, name: str, prefix: str, counted: str, after: str) -> States:
        return self._counting.items(name, prefix, counted, after, pages=self._pages)

    # ---- running ----

    def _parts(self, after: str) -> States:
        whole = Variable("of")
        offset = ITEM * _CHILDREN
        part = lifted({"offset": offset, "size": call("min", [_CHILDREN, whole - offset]), "of": whole})
        parts = Range(lifted(0), call("ceil", whole / _CHILDREN) - 1).each(part)
        done = self._name("Array of", " ended")
        # A catcher cannot end a branch.
        inside = self._jobs(INPUT.field("size"), {"Next": done}) | {done: {"Type": "Succeed"}}
        return {
            self._parts_name: {
                "Type": "Map",
                "Items": Block((Bind(whole, SIZE), array(parts))),
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    "StartAt": self._only_name,
                    "States": inside,
                },
                "Output": INPUT,
                "Next": after,
            }
        }

    def _jobs(self, size: Node, onwards: State, well: str = "") -> States:
        """The states that submit the instances: one as a job, more as an array job.

        :param size: how many instances the jobs are for
        :param onwards: where to go, but for a job that ended well, if ``well`` says so: then none has failed
        """
        one = worker_job.request(
            self._workflow, self._task, self._offset if self._many else "0", waits_for_retries=True
        )
        whole = text_of(INPUT.field("of")) if self._many else "1"
        one["containerOverrides"]["environment"].append({"name": "DUCTWORK_MAP_SIZE", "value": whole})
        children = worker_job.request(self._workflow, self._task, "array", waits_for_retries=True)
        children["arrayProperties"] = {"size": size}
        if self._many:
            children["containerOverrides"]["environment"] += [
                {"name": "DUCTWORK_MAP_OFFSET", "value": self._offset},
                {"name": "DUCTWORK_MAP_SIZE", "value": whole},
            ]
        return {
            self._only_name: {
                "Type": "Choice",
                "Choices": [{"Condition": size.equals(1), "Next": self._one_name}],
                "Default": self._array_name,
            },
            self._array_name: self._job(children, onwards) | self._none_failed(well),
            self._one_name: self._job(one, onwards) | self._none_failed(well),
        }

    def _none_failed(self, after: str) -> State:
        counts = {_ALL: SIZE, _FAILED: 0}
        return {"Output": self._counting.counted(counts), "Next": after} if after else {}

    @property
    def _offset(self) -> Node:
        return text_of(INPUT.field("offset"))

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
            "Output": INPUT,
            "Retry": [integrations.SUBMIT_RETRY],
            # Whether instances have failed is counted.
            "Catch": [{"ErrorEquals": [integrations.ANY_ERROR], "Output": INPUT, **onwards}],
            **onwards,
        }

    # ---- how they ended ----

    def _tallied(self, end: str) -> Node:
        return self._counting.of(end)

    def _bury(self, name: str, after: str) -> States:
        bury = self._name("Bury")
        request = worker_job.request(self._workflow, self._task)
        request["containerOverrides"]["environment"] += [
            # Nothing to call: then the DAG file is not even loaded.
            {"name": "DUCTWORK_CALLBACK", "value": "task" if self._task.calls_back else "record"},
            {"name": "DUCTWORK_MAP_SIZE", "value": text_of(SIZE)},
        ]
        return {
            name: {
                "Type": "Choice",
                "Choices": [{"Condition": self._tallied(_ALL) < SIZE, "Next": bury}],
                "Default": after,
            },
            bury: self._job(request, {"Next": after}, retries=_BURY_AGAIN),
        }

    def _outcome(self, skipped: Node | None = None) -> Node:
        """All that the instances ended in.

        :param skipped: how many were skipped, if the state data does not say so
        """
        every, failed = map(self._tallied, (_ALL, _FAILED))
        skipped = skipped or self._tallied(_SKIPPED)
        return array(
            when(every > failed + skipped, "success"),
            when(either(failed > 0, every < SIZE), "failed"),
            when(skipped > 0, "skipped"),
        )
