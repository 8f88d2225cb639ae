"""A worker's task: Airflow's own code in a Batch job, which reports its end by a task token.

``<task> again?``   a Choice, where the worker says when the task is to be started again: it has given its container up,
                    or its next try is due then
``Wait <task>``     until then
``<task> ended``    what follows else
"""

from __future__ import annotations

from ductwork.backends import worker_job
from ductwork.backends.stepfunctions.asl import integrations
from ductwork.backends.stepfunctions.asl.nodes import Name, Node, Value, exists
from ductwork.backends.stepfunctions.asl.scope import INPUT, ITEM, RESULT, TOKEN
from ductwork.backends.stepfunctions.asl.states import State, States
from ductwork.backends.stepfunctions.tasks.job_task import JobTask
from ductwork.ir import Task, Worker

# The variable of a worker's environment that has the token by which it reports.
REPORTS_BY: State = {"name": "DUCTWORK_TASK_TOKEN", "value": TOKEN}


class WorkerTask(JobTask[Worker]):
    """The states of a :class:`ductwork.ir.Worker`."""

    def _own(self) -> States:
        request = worker_job.request(self._workflow, self._task, self._writes.map_index)
        request["containerOverrides"]["environment"].append(REPORTS_BY)
        state: State = {
            "Type": "Task",
            "Resource": integrations.SUBMIT_JOB_AND_WAIT,
            "Arguments": self._submit_arguments(request),
            "Output": self._ended(RESULT),
            "Retry": integrations.job_retry(self._task.retry, by_worker=True),
            "Catch": self._catch(),
            **self._next,
        }
        if self._place.after_success:
            state["Output"] = self._only_success(state["Output"])
            state["Next"] = self._place.after_success
        return self._again(state) if self._task.starts_again else {self.name: state}

    def _ended(self, result: Node) -> Value:
        """The Output of what the worker has reported, with marks for the tasks that this one has decided to skip."""
        return self._output(result.field("state"), self._marked(result.field("skip")))

    def _only_success(self, output: Value) -> Value:
        """The same, which gives nothing, an error that is caught, unless the task has succeeded: whatever a worker
        reports else, nothing follows past a Choice that asks for it."""
        if not self._place.needed:
            return output
        if isinstance(output, Node):
            return output.where(Name(self._task.task_id).equals("success"))
        assert isinstance(output, dict)
        return {**output, self._task.task_id: output[self._task.task_id].where(ITEM.equals("success"))}

    def _again(self, state: State) -> States:
        """The task as a loop: each time the worker says when to start it again, the machine waits, not a container.

        ``Retry`` is for containers that die.
        """
        again_name, wait_name, ended_name = map(self._called, ("{} again?", "Wait {}", "{} ended"))
        mine = INPUT.field(self._task.task_id)
        state["Output"] = self._carrying(RESULT)
        del state["End" if self._ends else "Next"]
        state["Next"] = again_name
        again: State = {
            "Type": "Choice",
            "Choices": [{"Condition": exists(mine.field("until")), "Next": wait_name}],
            "Default": ended_name,
        }
        return {
            self.name: state,
            again_name: again,
            wait_name: {
                "Type": "Wait",
                "Timestamp": mine.field("until"),
                "Next": self.name,
            },
            ended_name: {"Type": "Pass", "Output": self._ended(mine), **self._next},
        }


def goes_on_alone(task: Task) -> bool:
    """Whether a task's own state tells its success from all else: only a worker does, to a state that nothing follows
    but what comes after the task."""
    return task.work.has_worker and task.length is None and not task.starts_again
