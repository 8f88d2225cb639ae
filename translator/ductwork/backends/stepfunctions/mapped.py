"""A mapped task: as many instances as its upstream tasks have left items for, in one array job.

``Count T: u``       how many items the return value of ``u`` has, or how many instances of a mapped ``u`` returned one
``How many T?``      none: the task is skipped; what is to be counted is missing: upstream_failed, as Airflow has it
``Expand T``         tells the ledger how many instances there are
``T``                the array job; ``T[0]``, where there is one item, an ordinary one
``T: success`` ...   how many instances ended so: the workers leave a small item each for this
``Bury T``           a worker ends the instances whose containers died on their last try
``T ended``          the outcome of the task: all that its instances ended in

Retries are Batch's, as in a job chain: the worker tells by its exit code what Airflow has decided.
"""

from __future__ import annotations

from typing import Any

from ductwork import batch_limits
from ductwork.backends import worker_job
from ductwork.backends.stepfunctions import integrations, jsonata
from ductwork.backends.stepfunctions.counting import Counting
from ductwork.exit_codes import FAILED
from ductwork.ir import Task, Workflow
from ductwork.ledger_schema import ended_prefix, map_sk
from ductwork.names import STATE_NAME_LIMIT, shorten

State = dict[str, Any]

ENDS = ("success", "failed", "skipped")
# No task has this id: blanks are not allowed in one.
_SIZE = "the size"
_BURY_AGAIN = 2


class Mapped:
    """
    :param arguments: makes a state's Arguments of a SubmitJob request
    """

    def __init__(self, workflow: Workflow, task: Task, arguments: Any) -> None:
        self._workflow, self._task, self._arguments = workflow, task, arguments
        assert task.length is not None
        self._counting = Counting(workflow, task.task_id, task.length)
        self._size_name = self._name("How many", "?")
        self._expand_name = self._name("Expand")
        self._array_name, self._one_name = self._name(""), self._name("", "[0]")
        self._ended_name = self._name("", " ended")

    def _name(self, before: str, after: str = "") -> str:
        return shorten(f"{before} {self._task.task_id}{after}".strip(), STATE_NAME_LIMIT)

    @property
    def first(self) -> str:
        """The name of the first state."""
        return self._counting.first(self._size_name)

    def build(self, record: str, to_record: Any, output: Any, onwards: State) -> dict[str, State]:
        """
        :param record: the state that ends the task where it has no instances
        :param to_record: makes the Output that leads there: ``(outcome, try number)`` -> Output
        :param output: the last Output, of an expression for the outcome
        :param onwards: ``Next`` or ``End`` of the last state
        """
        buried = self._name("All of", "?")
        names = [self._name("", f": {end}") for end in ENDS]
        states = self._counting.states(self._size_name)
        states[self._size_name] = self._how_many(record, to_record)
        states |= self._expand() | self._jobs(names[0])
        for end, name, then in zip(ENDS, names, [*names[1:], buried], strict=True):
            states |= self._counting.items(name, ended_prefix(self._task.task_id, end), end, then)
        states |= self._bury(buried)
        states[self._ended_name] = {"Type": "Pass", "Output": output(self._outcome()), **onwards}
        return states

    # ---- running ----

    def _how_many(self, record: str, to_record: Any) -> State:
        size, missing = self._counting.size, self._counting.missing
        rules = [(missing, to_record("upstream_failed", 0), record)] if missing else []
        rules.append((f"({size}) = 0", to_record("skipped", 0), record))
        with_size = jsonata.expression(f"$merge([$states.input, {{{jsonata.text(_SIZE)}: {size}}}])")
        return {
            "Type": "Choice",
            "Choices": [
                {"Condition": jsonata.expression(condition), "Output": output, "Next": target}
                for condition, output, target in rules
            ],
            "Default": self._expand_name,
            "Output": with_size,
        }

    def _expand(self) -> dict[str, State]:
        """Tell how many instances there are: a restart, and who looks on, knows of those that have not begun."""
        size, one = jsonata.of_input(_SIZE), self._name("Only", "[0]?")
        return {
            self._expand_name: {
                "Type": "Task",
                "Resource": integrations.UPDATE_ITEM,
                "Arguments": {
                    "TableName": self._workflow.ledger_table,
                    "Key": integrations.item_key(map_sk(self._task.task_id)),
                    "UpdateExpression": "SET #size = :size, expires_at = :expires",
                    "ExpressionAttributeNames": {"#size": "size"},
                    "ExpressionAttributeValues": {
                        ":size": {"N": jsonata.expression(f"$string({size})")},
                        ":expires": {"N": jsonata.expression("$run.expires")},
                    },
                },
                "Output": "{% $states.input %}",
                "Retry": integrations.DYNAMODB_RETRY,
                "Next": one,
            },
            one: {
                "Type": "Choice",
                "Choices": [{"Condition": jsonata.expression(f"{size} = 1"), "Next": self._one_name}],
                "Default": self._array_name,
            },
        }

    def _jobs(self, after: str) -> dict[str, State]:
        one = worker_job.request(self._workflow, self._task, "0")
        one["containerOverrides"]["environment"].append({"name": "DUCTWORK_MAP_SIZE", "value": "1"})
        array = {"arrayProperties": {"size": jsonata.expression(jsonata.of_input(_SIZE))}}
        return {
            self._array_name: self._job(worker_job.request(self._workflow, self._task, "array") | array, after),
            self._one_name: self._job(one, after),
        }

    def _job(self, request: dict[str, Any], after: str, retries: int | None = None) -> State:
        retries = self._task.retry.retries if retries is None else retries
        if retries:
            request["retryStrategy"] = {
                "attempts": min(retries + 1, batch_limits.MAX_ATTEMPTS),
                "evaluateOnExit": [{"onExitCode": str(FAILED), "action": "EXIT"}],
            }
        return {
            "Type": "Task",
            "Resource": integrations.SUBMIT_JOB_AND_WAIT,
            "Arguments": self._arguments(request),
            "Output": "{% $states.input %}",
            "Retry": [integrations.SUBMIT_RETRY],
            # Whether instances have failed is counted.
            "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.input %}", "Next": after}],
            "Next": after,
        }

    # ---- how they ended ----

    def _tallied(self, end: str) -> str:
        return self._counting.of(end)

    def _bury(self, name: str) -> dict[str, State]:
        bury = self._name("Bury")
        told = " + ".join(map(self._tallied, ENDS))
        request = worker_job.request(self._workflow, self._task)
        request["containerOverrides"]["environment"] += [
            # Nothing to call: then the DAG file is not even loaded.
            {"name": "DUCTWORK_CALLBACK", "value": "task" if self._task.calls_back else "record"},
            {"name": "DUCTWORK_MAP_SIZE", "value": jsonata.expression(f"$string({jsonata.of_input(_SIZE)})")},
        ]
        condition = jsonata.expression(f"{told} < {jsonata.of_input(_SIZE)}")
        return {
            name: {
                "Type": "Choice",
                "Choices": [{"Condition": condition, "Next": bury}],
                "Default": self._ended_name,
            },
            bury: self._job(request, self._ended_name, retries=_BURY_AGAIN),
        }

    def _outcome(self) -> str:
        told = " + ".join(map(self._tallied, ENDS))
        dead = f"{told} < {jsonata.of_input(_SIZE)}"
        some = {end: f"{self._tallied(end)} > 0" for end in ENDS}
        some["failed"] = f"({some['failed']} or {dead})"
        chosen = ", ".join(f"{condition} ? '{end}'" for end, condition in some.items())
        # A condition without an "else" gives nothing where it does not hold.
        return jsonata.expression(f"[{chosen}]")
