"""What a machine writes into the ledger about one task instance: its end and its return value."""

from __future__ import annotations

from typing import Any

from ductwork.backends.stepfunctions import integrations, jsonata
from ductwork.ir import Task, Workflow
from ductwork.ledger_schema import UNMAPPED, task_sk, xcom_sk

State = dict[str, Any]

NOW = jsonata.expression("$states.context.State.EnteredTime")
_EXPIRES = jsonata.expression("$run.expires")
# No item has it.
_NO_ATTRIBUTE = "none"


class Writes:
    """
    :param indexed: the instance is one of a Map's
    """

    def __init__(self, workflow: Workflow, task: Task, *, indexed: bool) -> None:
        self._table, self._task_id, self._indexed = workflow.ledger_table, task.task_id, indexed

    @property
    def map_index(self) -> str:
        return jsonata.expression(f"$string({jsonata.INDEX})") if self._indexed else str(UNMAPPED)

    def _key(self, of_unmapped: str, index: str = f"$string({jsonata.INDEX})") -> dict[str, Any]:
        """
        :param of_unmapped: the sort key of a task that is not mapped
        :param index: expression: what an instance's ends in
        """
        if not self._indexed:
            return integrations.item_key(of_unmapped)
        prefix = jsonata.text(of_unmapped.removesuffix(str(UNMAPPED)))
        return integrations.item_key(jsonata.expression(f"{prefix} & {index}"))

    def end(
        self, state: str, try_number: str, started: str = NOW, *, tried: str = "try_number", further: str = ""
    ) -> State:
        """The Arguments of an update that ends the instance, unless it has ended.

        :param tried: the attribute whose value, if there is one, is the try number
        :param further: what else to set
        """
        return {
            "TableName": self._table,
            "Key": self._key(task_sk(self._task_id)),
            "UpdateExpression": (
                "SET outcome = if_not_exists(outcome, :state), #state = if_not_exists(outcome, :state), "
                f"try_number = if_not_exists({tried}, :try), started_at = if_not_exists(started_at, :start), "
                f"ended_at = if_not_exists(ended_at, :now), updated_at = :now, expires_at = :expires{further}"
            ),
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {
                ":state": {"S": state},
                ":try": {"N": try_number},
                ":start": {"S": started},
                ":now": {"S": NOW},
                ":expires": {"N": _EXPIRES},
            },
            "ReturnValues": "ALL_NEW",
        }

    def end_native(self, ended: str) -> State:
        """The same for a job without a worker, of which the ledger may know an earlier try only.

        :param ended: expression of an object with ``state``, ``try``, ``start`` and ``job``, the job's id, which is
            empty where none was submitted
        """
        field = {name: jsonata.expression(f"{ended}.{name}") for name in ("state", "start", "job")}
        number = jsonata.expression(f"$string({ended}.try)")
        further = ", job_id = if_not_exists(#kept, :job)"
        request = self.end(field["state"], number, field["start"], tried="#tried", further=further)
        request["ExpressionAttributeNames"] |= {
            # A path that submitted no job leaves the id of an earlier execution's as it is.
            "#kept": jsonata.expression(f"{ended}.job = '' ? 'job_id' : '{_NO_ATTRIBUTE}'"),
            # The mirror may have seen the first try only.
            "#tried": jsonata.expression(f"{ended}.try > 1 ? '{_NO_ATTRIBUTE}' : 'try_number'"),
        }
        request["ExpressionAttributeValues"][":job"] = {"S": field["job"]}
        return request

    def push(self, value: str) -> State:
        """The Arguments of a PutItem of the return value.

        :param value: its JSON text
        """
        item = {
            **self._key(xcom_sk(self._task_id, "return_value"), f"$pad($string({jsonata.INDEX}), -6, '0')"),
            "task_id": {"S": self._task_id},
            "key": {"S": "return_value"},
            "map_index": {"N": self.map_index},
            "value": {"S": value},
            "updated_at": {"S": NOW},
            "expires_at": {"N": _EXPIRES},
        }
        return {"TableName": self._table, "Item": item}
