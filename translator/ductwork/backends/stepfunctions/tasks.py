"""The states of one task.

``Run <task>?``     a Choice: a restart passes over what is done; the outcomes of direct upstream tasks may divert it
``<task>``          the task itself
``<task> again?``   a Choice, where the task may give its container up and ask to be started again later
``Wait <task>``     until then
``Call back <task>`` calls what is to be called when a task fails, where its container died and could not
``Keep <task>``     a restart passes over a mapped task
``Record <task>``   ends the task in the ledger when no worker has: it was diverted, its container died, or it is native

The happy path of a worker task is two transitions. Without the restart guard (``--no-restart``) the Choice is left out
where nothing can divert the task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ductwork.backends import worker_job
from ductwork.backends.stepfunctions import integrations, jsonata, outcomes
from ductwork.backends.stepfunctions.decisions import Diversion
from ductwork.backends.stepfunctions.mapped import Expansion
from ductwork.backends.stepfunctions.writes import NOW, Writes
from ductwork.ir import BatchJob, Instant, Retry, Task, Wait, Worker, Workflow
from ductwork.names import EACH_INSTANCE, STATE_NAME_LIMIT, shorten

State = dict[str, Any]

_TRY = jsonata.expression("$states.context.State.RetryCount + 1")
# A job that was only submitted has not started.
_STARTED = jsonata.expression(
    "$exists($states.result.StartedAt) ? $fromMillis($states.result.StartedAt) : $states.context.State.EnteredTime"
)
# The cause of a failed job is JSON text that may have been cut off, so it is searched, not parsed.
_FAILED_JOB = jsonata.expression(
    '( $found := $match($string($states.errorOutput.Cause), /"JobId": *"([^"]+)"/);'
    " $exists($found) ? $found[0].groups[0] : '' )"
)
# What a branch has decided to skip, as the ledger has it.
_DECIDED = "$states.result.Attributes.skipped.L.S"


class TaskStates:
    """
    :param diversions: what may keep the task from running, in order of precedence
    :param kept: outcomes of earlier tasks that states after this task still read
    :param marks: the tasks that this one may decide to skip, if later states read that
    :param needed: later states read how this task ended
    :param after: the name of the state that follows, None at the end of a branch
    :param indexed: these are the states of one of its instances
    :param instance: of a mapped task, which has states of its own around them
    :param guarded: a restart may pass over it
    :param expansion: of a mapped task
    :param before: make the states that hold the task back once it is to run, given the state that follows them
    """

    def __init__(
        self,
        workflow: Workflow,
        task: Task,
        *,
        diversions: Sequence[Diversion],
        kept: outcomes.Kept,
        marks: Sequence[str],
        needed: bool,
        after: str | None,
        indexed: bool = False,
        instance: bool = False,
        guarded: bool = False,
        expansion: Expansion | None = None,
        before: Sequence[Callable[[str], tuple[str, dict[str, State]]]] = (),
    ) -> None:
        self._workflow = workflow
        self._task = task
        self._guarded = guarded
        self._indexed, self._instance = indexed, instance
        self._writes = Writes(workflow, task, indexed=indexed)
        self._diversions = diversions
        self._kept = kept
        self._marks = marks
        self._needed = needed
        self._next: State = {"End": True} if after is None else {"Next": after}
        self._ends = after is None
        self._before = before
        label = task.task_id + (EACH_INSTANCE if instance else "")
        self.name = self._entry = shorten(label, STATE_NAME_LIMIT)
        self._expansion = expansion
        if expansion:
            self._entry = expansion.first
        self._kept_name = shorten(f"Keep {label}", STATE_NAME_LIMIT)
        self._record_name = shorten(f"Record {label}", STATE_NAME_LIMIT)
        self._choice_name = shorten(f"Run {label}?", STATE_NAME_LIMIT)
        self._push_name = shorten(f"Push {label}", STATE_NAME_LIMIT)
        self._call_name = shorten(f"Call back {label}", STATE_NAME_LIMIT)
        self._again_name = shorten(f"{label} again?", STATE_NAME_LIMIT)
        self._wait_name = shorten(f"Wait {label}", STATE_NAME_LIMIT)
        self._passed_name = shorten(f"Has {label} passed?", STATE_NAME_LIMIT)
        self._ended_name = shorten(f"{label} ended", STATE_NAME_LIMIT)

    def build(self) -> tuple[str, dict[str, State]]:
        """The name of the first state, and all states by name, in reading order."""
        work = self._task.work
        states: dict[str, State] = {}
        if isinstance(work, Instant):
            states |= self._held_back()
            states[self.name] = self._instant()
            self._comment(states)
            return next(iter(states)), states
        held = self._held_back()
        if self._diversions or self._guarded:
            states[self._choice_name] = self._choice()
        states |= held
        if self._expansion:
            states |= self._expansion.build(self._record_name, self._to_record, self._output, self._next)
        elif isinstance(work, Worker):
            states |= self._worker()
        elif isinstance(work, Wait):
            states |= self._moment(work)
        else:
            states |= self._batch_job(work)
        if self._expansion and self._guarded:
            states[self._kept_name] = self._keep()
        if self._task.calls_back and isinstance(work, (Worker, BatchJob)) and not self._expansion:
            states[self._call_name] = self._call_back()
        states[self._record_name] = self._record()
        self._comment(states)
        return next(iter(states)), states

    def _comment(self, states: dict[str, State]) -> None:
        """Say at the task's own state which task groups it is in: its id need not."""
        if self._task.within and self.name in states:
            groups = [self._workflow.task_groups[group] for group in self._task.within]
            said = [f"{group.label} ({group.tooltip})" if group.tooltip else group.label for group in groups]
            own = states[self.name]
            states[self.name] = {"Type": own["Type"], "Comment": f"in {' / '.join(said)}", **own}

    def _held_back(self) -> dict[str, State]:
        sections = []
        for make in reversed(self._before):
            self._entry, states = make(self._entry)
            sections.append(states)
        held: dict[str, State] = {}
        for states in reversed(sections):
            held |= states
        return held

    # ---- the outcome in the state data ----

    def _output(self, value: Any, marks: str = "") -> Any:
        own = {self._task.task_id: value} if self._needed else {}
        return self._kept.output(own, exactly=self._ends, marks=marks)

    def _to_record(self, state: Any, try_number: Any, **facts: str) -> Any:
        """State data on the way to ``Record``: everything as it was, and how the task ended."""
        value = {"state": state, "try": try_number}
        # No worker tells the ledger of these; "" is a job that was never submitted.
        if isinstance(self._task.work, BatchJob):
            value |= {"job": "", "start": NOW, **facts}
        elif isinstance(self._task.work, Wait):
            value |= {"start": NOW, **facts}
        return self._kept.output({self._task.task_id: value}, exactly=False)

    @property
    def _done(self) -> list[str]:
        """Expressions: how the task ended in the execution before, if a restart passes over it."""
        whole = f"$lookup($run.done, {jsonata.text(self._task.task_id)})"
        if not (self._indexed and isinstance(self._task.work, BatchJob)):
            return [whole]
        # No worker looks into the ledger whether its instance has ended.
        own = f"{jsonata.text(self._task.task_id + '[')} & $string({jsonata.INDEX}) & ']'"
        # Around the instances of a mapped task, a state asks for the whole.
        return [*([] if self._instance else [whole]), f"$lookup($run.done, {own})"]

    # ---- states ----

    def _choice(self) -> State:
        record = self._record_name
        rules: list[tuple[str, str, str]] = []
        for done in self._done if self._guarded else ():
            rules.append((jsonata.expression(done), f"$exists({done})", self._kept_name if self._expansion else record))
        rules += [(diversion.verdict, diversion.condition, record) for diversion in self._diversions]
        return {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": jsonata.expression(condition),
                    "Output": self._to_record(state, 0),
                    "Next": target,
                }
                for state, condition, target in rules
            ],
            "Default": self._entry,
        }

    def _worker(self) -> dict[str, State]:
        request = worker_job.request(self._workflow, self._task, self._writes.map_index)
        token = {"name": "DUCTWORK_TASK_TOKEN", "value": jsonata.expression("$states.context.Task.Token")}
        request["containerOverrides"]["environment"].append(token)
        state: State = {
            "Type": "Task",
            "Resource": integrations.SUBMIT_JOB_AND_WAIT,
            "Arguments": self._submit_arguments(request),
            "Output": self._output("{% $states.result.state %}", self._decided("$states.result")),
            "Retry": integrations.job_retry(self._task.retry),
            "Catch": self._catch(),
            **self._next,
        }
        return self._again(state) if self._task.reschedules else {self.name: state}

    def _decided(self, result: str) -> str:
        """Expression: marks for the tasks that this one has decided to skip."""
        return self._marked(f"{result}.skip")

    def _marked(self, tasks: str) -> str:
        return f"{tasks}[$ in {jsonata.texts(self._marks)}].{{$: 'skipped'}}" if self._marks else ""

    def _again(self, state: State) -> dict[str, State]:
        """The task as a loop: each time it asks to be started again later, the machine waits, not a container."""
        mine = jsonata.of_input(self._task.task_id)
        state["Output"] = self._kept.output({self._task.task_id: "{% $states.result %}"}, exactly=False)
        del state["End" if self._ends else "Next"]
        state["Next"] = self._again_name
        ended = self._output(jsonata.expression(f"{mine}.state"), self._decided(mine))
        again: State = {
            "Type": "Choice",
            "Choices": [
                {"Condition": jsonata.expression(f"{mine}.state = 'up_for_reschedule'"), "Next": self._wait_name}
            ],
            "Default": self._ended_name,
        }
        return {
            self.name: state,
            self._again_name: again,
            self._wait_name: {
                "Type": "Wait",
                "Timestamp": jsonata.expression(f"{mine}.until"),
                "Next": self.name,
            },
            self._ended_name: {"Type": "Pass", "Output": ended, **self._next},
        }

    def _batch_job(self, work: BatchJob) -> dict[str, State]:
        recorded = self._record_name
        first = self._push_name if work.push_job_id else recorded
        value = {"state": "success", "try": _TRY, "job": jsonata.expression("$states.result.JobId"), "start": _STARTED}
        states: dict[str, State] = {
            self.name: {
                "Type": "Task",
                "Resource": integrations.SUBMIT_JOB_AND_WAIT if work.wait else integrations.SUBMIT_JOB,
                "Arguments": integrations.arguments(dict(work.request)),
                "Output": self._kept.output({self._task.task_id: value}, exactly=False),
                "Retry": integrations.job_retry(self._task.retry),
                "Catch": self._catch(job=_FAILED_JOB),
                "Next": first,
            }
        }
        if work.push_job_id:
            # A job id is a UUID: quoted, it is its own JSON text.
            mine = jsonata.of_input(self._task.task_id)
            job_id = jsonata.expression(f"'\"' & {mine}.job & '\"'")
            states[self._push_name] = self._push(job_id, recorded)
        return states

    def _moment(self, work: Wait) -> dict[str, State]:
        """A sensor for a moment. Airflow's sensor gives up after its timeout, and so does this."""
        target = f"$toMillis({jsonata.code(work.until)})" if work.until else "$toMillis($run.end)"
        if work.after_interval:
            target += f" + {round(work.after_interval * 1000)}"
        latest = f"$toMillis($states.context.State.EnteredTime) + {round(work.timeout * 1000)}"
        bindings = f"$target := {target}; $latest := {latest};"
        given_up = "skipped" if work.soft_fail else "failed"
        state = jsonata.expression(f"( {bindings} $target <= $latest ? 'success' : '{given_up}' )")
        begun = "$toMillis($states.context.State.EnteredTime)"
        passed = {"passed": jsonata.expression(f"( {bindings} $target < {begun} )")} if work.pushes else {}
        states: dict[str, State] = {
            self.name: {
                "Type": "Wait",
                "Timestamp": jsonata.expression(f"( {bindings} $fromMillis($min([$target, $latest])) )"),
                "Output": self._to_record(state, 1, start=NOW, **passed),
                "Next": self._passed_name if work.pushes else self._record_name,
            }
        }
        if work.pushes:
            mine = jsonata.of_input(self._task.task_id)
            rule = {"Condition": jsonata.expression(f"{mine}.passed"), "Next": self._push_name}
            states[self._passed_name] = {"Type": "Choice", "Choices": [rule], "Default": self._record_name}
            states[self._push_name] = self._push("true", self._record_name)
        return states

    def _submit_arguments(self, request: dict[str, Any]) -> Any:
        return integrations.submit_arguments(self._workflow.dag_id, self._task.task_id, request)

    def _catch(self, **facts: str) -> list[State]:
        output = self._to_record("failed", _TRY, **facts)
        caught: State = {"ErrorEquals": ["States.ALL"], "Output": output, "Next": self._record_name}
        if not self._task.calls_back:
            return [caught]
        # The worker calls back for what it reports; a container that died has called nobody.
        reported = {**caught, "ErrorEquals": ["Ductwork.Failed", "Ductwork.Retry"]}
        return [reported, {**caught, "Next": self._call_name}]

    def _keep(self) -> State:
        """Of a mapped task that a restart passes over: its instances are in the ledger, each by itself."""
        outcome = jsonata.expression(f"{jsonata.of_input(self._task.task_id)}.state")
        return {"Type": "Pass", "Output": self._output(outcome), **self._next}

    def _call_back(self) -> State:
        request = worker_job.request(self._workflow, self._task, self._writes.map_index)
        variables = {"DUCTWORK_CALLBACK": "task"}
        if isinstance(self._task.work, BatchJob):
            # No worker has written down which try it was.
            tried = jsonata.of_input(self._task.task_id)
            variables["DUCTWORK_TRY_NUMBER"] = jsonata.expression(f"$string({tried}.try)")
        added = [{"name": name, "value": value} for name, value in variables.items()]
        request["containerOverrides"]["environment"].extend(added)
        return {
            "Type": "Task",
            "Resource": integrations.SUBMIT_JOB_AND_WAIT,
            "Arguments": self._submit_arguments(request),
            "Output": "{% $states.input %}",
            "Retry": integrations.job_retry(Retry()),
            "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.input %}", "Next": self._record_name}],
            "Next": self._record_name,
        }

    def _record(self) -> State:
        # What the worker has recorded stands: if_not_exists keeps it, and ReturnValues hands it back, so the machine
        # goes on with what the ledger says even where the worker died between its two reports.
        mine = jsonata.of_input(self._task.task_id)
        if isinstance(self._task.work, BatchJob):
            request = self._writes.end_native(mine)
        else:
            started = jsonata.expression(f"{mine}.start") if isinstance(self._task.work, Wait) else NOW
            state, number = jsonata.expression(f"{mine}.state"), jsonata.expression(f"$string({mine}.try)")
            request = self._writes.end(state, number, started)
        return {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM,
            "Arguments": request,
            # A branch that is passed over, or died once it had decided, has its decision in the ledger.
            "Output": self._output("{% $states.result.Attributes.outcome.S %}", self._marked(_DECIDED)),
            "Retry": integrations.DYNAMODB_RETRY,
            **self._next,
        }

    def _instant(self) -> State:
        state, attempts = "success", "1"
        if self._diversions:
            chosen = (f"{diversion.condition} ? '{diversion.verdict}' : " for diversion in self._diversions)
            decision = "".join(chosen) + "'success'"
            state = jsonata.expression(decision)
            attempts = jsonata.expression(f"({decision}) = 'success' ? '1' : '0'")
        return {
            "Type": "Task",
            "Resource": integrations.UPDATE_ITEM,
            "Arguments": self._writes.end(state, attempts),
            "Output": self._output("{% $states.result.Attributes.outcome.S %}"),
            "Retry": integrations.DYNAMODB_RETRY,
            **self._next,
        }

    def _push(self, value: str, after: str) -> State:
        """
        :param value: the return value's JSON text
        """
        return {
            "Type": "Task",
            "Resource": integrations.PUT_ITEM,
            "Arguments": self._writes.push(value),
            "Output": "{% $states.input %}",
            "Retry": integrations.DYNAMODB_RETRY,
            "Next": after,
        }
