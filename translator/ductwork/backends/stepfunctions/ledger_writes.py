"""What a machine writes into the ledger about one task instance: its end and its return value.

What the updates that end tasks have in common, a machine says once, in ``$run``: :class:`Ending`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import Node, Value, call, exists, joined, lifted, merged, text_of, when
from ductwork.backends.stepfunctions.asl.scope import ENTERED, INDEX_TEXT, RUN
from ductwork.backends.stepfunctions.asl.states import State
from ductwork.contracts.ledger import ERROR_LIMIT, RETURN_VALUE, UNMAPPED, task_sk, xcom_sk
from ductwork.ir import Task, Workflow

NOW = ENTERED
_EXPIRES = RUN.field("expires")
# No item has it.
_NO_ATTRIBUTE = "none"


@dataclass(frozen=True)
class Ending:
    """An update that ends a task instance, unless it has ended.

    :param name: the member of ``$run`` that holds what is the same for all tasks of a kind
    :param started: what ``started_at`` is set to, if there is none
    :param tried: the attribute whose value, if there is one, is the try number
    :param further: what else is set
    """

    name: str
    started: str = ":now"
    tried: str = "try_number"
    further: str = ""

    def shared(self, table: str) -> Node:
        """What is the same for all tasks."""
        update = (
            "SET outcome = if_not_exists(outcome, :state), #state = if_not_exists(outcome, :state), "
            f"try_number = if_not_exists({self.tried}, :try), started_at = if_not_exists(started_at, {self.started}), "
            f"ended_at = if_not_exists(ended_at, :now), updated_at = :now, expires_at = :expires{self.further}"
        )
        return lifted(
            {
                "TableName": table,
                "UpdateExpression": update,
                "ExpressionAttributeNames": {"#state": "state"},
                "ReturnValues": "ALL_NEW",
            }
        )


END = Ending("ending")
END_OF_WAIT = Ending("ending_of_wait", started=":start")
_UPDATE_OF_CALL = RUN.field(END_OF_WAIT.name, "UpdateExpression")
END_OF_JOB = Ending("ending_of_job", ":start", "#tried", ", job_id = if_not_exists(#kept, :job)")


def values_of_end(state: Value, try_number: Value) -> State:
    """The values of the placeholders that all endings have.

    :param try_number: as text
    """
    return {
        ":state": {"S": state},
        ":try": {"N": try_number},
        ":now": {"S": call("now")},
        ":expires": {"N": _EXPIRES},
    }


class Writes:
    """The Arguments of the states that write a task instance's end and its return value.

    :param indexed: the instance is one of a Map's
    :param whole: how the task has ended as a whole before it was expanded, if it has
    """

    def __init__(self, workflow: Workflow, task: Task, *, indexed: bool, whole: Node | None = None) -> None:
        self._table, self._task_id, self._indexed = workflow.ledger_table, task.task_id, indexed
        self._ended_index = when(exists(whole), str(UNMAPPED), INDEX_TEXT) if whole else INDEX_TEXT

    @property
    def map_index(self) -> Value:
        return INDEX_TEXT if self._indexed else str(UNMAPPED)

    def _key(self, of_unmapped: str, index: Node) -> State:
        """The key of the task instance's own item.

        :param of_unmapped: the sort key of a task that is not mapped
        :param index: what an instance's ends in
        """
        if not self._indexed:
            return integrations.item_key(of_unmapped)
        return integrations.item_key(joined(of_unmapped.removesuffix(str(UNMAPPED)), index))

    def end(self, ending: Ending, state: Value, try_number: Value, names: State | None = None, **values: Value) -> Node:
        """The Arguments of an update that ends the instance, unless it has ended.

        :param try_number: as text
        :param names: further placeholders of names
        :param values: texts for the further placeholders of ``ending``
        """
        own: State = {
            "Key": self._key(task_sk(self._task_id), self._ended_index),
            "ExpressionAttributeValues": values_of_end(state, try_number)
            | {f":{name}": {"S": value} for name, value in values.items()},
        }
        if names:
            own["ExpressionAttributeNames"] = {"#state": "state", **names}
        return merged(RUN.field(ending.name), own)

    def end_native(self, ended: Node) -> Node:
        """The same for a job without a worker, of which the ledger may know an earlier try only.

        :param ended: an object with ``state``, ``try``, ``start`` and ``job``, the job's id, which is
            empty where none was submitted
        """
        job, tried = ended.field("job"), ended.field("try")
        names: State = {
            # A path that submitted no job leaves the id of an earlier execution's as it is.
            "#kept": when(job.equals(""), "job_id", _NO_ATTRIBUTE),
            # The mirror may have seen the first try only.
            "#tried": when(tried > 1, _NO_ATTRIBUTE, "try_number"),
        }
        state, start = ended.field("state"), ended.field("start")
        return self.end(END_OF_JOB, state, text_of(tried), names, start=start, job=job)

    def end_of_call(self, ended: Node) -> Node:
        """The same for a task that the machine itself carries out, which may have an error to tell.

        :param ended: an object with ``state``, ``try``, ``start``, and ``error`` where there is one
        """
        error, state, tried = call("lookup", ended, "error"), ended.field("state"), text_of(ended.field("try"))
        told = {"S": call("substring", error, 0, ERROR_LIMIT)}
        own: State = {
            "Key": self._key(task_sk(self._task_id), self._ended_index),
            "ExpressionAttributeValues": values_of_end(state, tried)
            | {":start": {"S": ended.field("start")}, ":error": when(exists(error), told)},
            "UpdateExpression": when(exists(error), _UPDATE_OF_CALL & ", #error = :error"),
            "ExpressionAttributeNames": when(exists(error), {"#state": "state", "#error": "error"}),
        }
        return merged(RUN.field(END_OF_WAIT.name), own)

    def push(self, value: Value, *, key: str = RETURN_VALUE, length: Node | None = None) -> State:
        """The Arguments of a PutItem of an XCom, by default of the return value.

        :param value: its JSON text
        :param length: how many items it has, where a task may be expanded over it
        """
        item = {
            **self._key(xcom_sk(self._task_id, key), call("pad", INDEX_TEXT, -6, "0")),
            "task_id": {"S": self._task_id},
            "key": {"S": key},
            "map_index": {"N": self.map_index},
            "value": {"S": value},
            "updated_at": {"S": NOW},
            "expires_at": {"N": _EXPIRES},
        }
        if length is not None:
            item["mapped_length"] = {"N": text_of(length)}
        return {"TableName": self._table, "Item": item}
