"""Arrays and single instances of mapped tasks, as the mirror of a state machine sees them."""

from __future__ import annotations

from typing import Any

from ductwork.contracts import ledger as schema
from ductwork_airflow.reporting import report
from ductwork_airflow.run_model.handle import RunHandle
from ductwork_airflow.runs import lifecycle
from remote_runs import DEFINITION, QUEUE, Remote
from waiting import until


def machine(command: str, state_name: str = "t", **more: Any) -> dict[str, Any]:
    """A state machine of one state that submits a job; jobs here are plain commands, not workers."""
    job = {
        "JobName": "t",
        "JobQueue": QUEUE,
        "JobDefinition": DEFINITION,
        "ContainerOverrides": {
            "Command": ["sh", "-c", command],
            "Environment": [{"Name": "DUCTWORK_MAP_INDEX", "Value": more.pop("index", "array")}],
        },
        **more,
    }
    state = {"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync", "Arguments": job, "End": True}
    return {"QueryLanguage": "JSONata", "StartAt": state_name, "States": {state_name: state}}


def start(remote: Remote, dag_id: str, definition: dict[str, Any]) -> RunHandle:
    handle = remote.submit(definition, "stepfunctions", remote.request(dag_id))
    facts: dict[str, Any] = {"t": {}, "other": {}}
    remote.ledger.start_run(
        dag_id, "r", target="stepfunctions", execution_arn=handle.execution_arn, run_type="manual", tasks=facts
    )
    return handle


def test_jobs_that_batch_refuses(remote: Remote) -> None:
    """A queue that is not there: every instance fails, and says why, though none of them ever ran."""
    places = "executor_config={'ductwork': {'job_queue': 'nowhere', 'job_definition': 'remote-definition'}}"
    body = (
        f"BashOperator.partial(task_id='t', {places}).expand(bash_command=['true', 'true'])"
        f" >> BashOperator(task_id='below', bash_command='true', {places})\n"
        f"BashOperator(task_id='single', bash_command='true', {places})"
    )
    imported = "from airflow.providers.standard.operators.bash import BashOperator\n"
    machine = remote.compile("refused", imported + body, "stepfunctions")
    handle = remote.submit(machine, "stepfunctions", remote.request("refused"), remote.blind)
    remote.watch(handle)
    found = {(item["task_id"], item["map_index"]): item for item in remote.ledger.tasks("refused", handle.run_id)}
    states = {key: item["state"] for key, item in found.items()}
    assert states == {
        ("t", 0): "failed",
        ("t", 1): "failed",
        ("below", -1): "upstream_failed",
        ("single", -1): "failed",
    }
    for failed in (("t", 0), ("t", 1), ("single", -1)):
        assert "SubmitJob was refused" in found[failed]["error"]
        assert "nowhere" in found[failed]["error"]


def test_an_array_is_counted_by_one_description(remote: Remote) -> None:
    """Six children, four slots: two wait, and one of those that run has said so."""
    handle = start(remote, "array", machine("sleep 60", ArrayProperties={"Size": 6}))
    watcher = lifecycle.watcher(remote.clients, handle)

    def told() -> dict[str, Any]:
        watcher.poll()
        return remote.ledger.mapped("array", "r").get("t", {})

    until(lambda: told().get("job", {}).get("states") == {"RUNNABLE": 2, "RUNNING": 4})
    assert told()["size"] == 6
    remote.ledger.record_task("array", "r", "t", "running", 1, map_index=3, owner=True)
    before = remote.clients.calls.copy()
    assert watcher.poll().counts == {"none": 4, "queued": 2, "running": 1}
    assert remote.clients.calls["describe_jobs"] - before["describe_jobs"] == 1
    assert remote.clients.calls["update_item"] == before["update_item"]
    found = report.read(remote.ledger, "array", "r")
    assert found is not None
    assert found.mapped == {"t": {"none": 3, "queued": 2, "running": 1}}
    assert [(task.task_id, task.map_index, task.state) for task in found.tasks] == [("t", 3, "running")]
    watcher.stop("seen")
    remote.watch(handle)


def test_children_that_died_without_a_word_are_explained(remote: Remote) -> None:
    handle = start(remote, "dying_array", machine("exit 3", ArrayProperties={"Size": 2}))
    watcher = lifecycle.watcher(remote.clients, handle)
    until(lambda: watcher.poll().ended)
    again = lifecycle.watcher(remote.clients, handle)
    remote.ledger.record_task("dying_array", "r", "t", "failed", 1, map_index=1)
    until(lambda: again.poll() and "error" in (remote.ledger.task("dying_array", "r", "t", 1) or {}), 10)
    item = remote.ledger.task("dying_array", "r", "t", 1) or {}
    assert "exit code 3" in item["error"]
    assert item["job_id"].endswith(":1")


def test_several_arrays_are_counted_together_and_their_children_told_apart(remote: Remote) -> None:
    """More instances than an array has children: the size is that of all, though each array is a part."""
    environment = [
        {"Name": "DUCTWORK_MAP_INDEX", "Value": "array"},
        {"Name": "DUCTWORK_MAP_OFFSET", "Value": "{% $string($states.input) %}"},
    ]
    # The last child of the second array dies; the others of that array wait for nothing.
    script = 'test "$DUCTWORK_MAP_OFFSET" = 0 && exec sleep 60; test "$AWS_BATCH_JOB_ARRAY_INDEX" = 1 && exit 3; true'
    array = machine(script, ArrayProperties={"Size": 2}, JobName="two_arrays")["States"]["t"]
    array["Arguments"]["ContainerOverrides"]["Environment"] = environment
    array["Catch"] = [{"ErrorEquals": ["States.ALL"], "Next": "counted"}]
    states = {"t": array, "counted": {"Type": "Succeed"}}
    parts = {
        "Type": "Map",
        "Items": [0, 2],
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "t", "States": states},
        "End": True,
    }
    definition = {"QueryLanguage": "JSONata", "StartAt": "Arrays of t", "States": {"Arrays of t": parts}}
    handle = start(remote, "arrays", definition)
    remote.ledger.update(schema.run_pk("arrays", "r"), schema.map_sk("t"), {"size": 4})
    watcher = lifecycle.watcher(remote.clients, handle)

    def told() -> dict[str, Any]:
        watcher.poll()
        return remote.ledger.mapped("arrays", "r")["t"]

    def died() -> set[str]:
        listed = remote.clients.client("batch").list_jobs(jobQueue=QUEUE, jobStatus="FAILED")
        return {job["jobName"] for job in listed["jobSummaryList"]}

    # Two that run could also be the second's: it has to have died by itself.
    until(lambda: "two_arrays" in died())
    until(lambda: told().get("job", {}).get("states", {}).get("RUNNING") == 2)
    assert told()["size"] == 4
    watcher.stop("seen")
    until(lambda: watcher.poll().ended)
    remote.ledger.record_task("arrays", "r", "t", "failed", 1, map_index=3)
    again = lifecycle.watcher(remote.clients, handle)
    until(lambda: again.poll() and "error" in (remote.ledger.task("arrays", "r", "t", 3) or {}), 10)
    item = remote.ledger.task("arrays", "r", "t", 3) or {}
    assert "exit code 3" in item["error"]
    assert item["job_id"].endswith(":1")


def test_the_job_of_one_instance_is_that_instances(remote: Remote) -> None:
    busy = [remote.batch.submit_job(**sleeping()) for _ in range(4)]
    handle = start(remote, "one_instance", machine("true", "t[0]", index="0"))
    watcher = lifecycle.watcher(remote.clients, handle)

    def instances() -> dict[int, str]:
        watcher.poll()
        return {item["map_index"]: item["state"] for item in remote.ledger.instances("one_instance", "r", "t")}

    until(lambda: instances() == {0: "queued"})
    for job in busy:
        remote.batch.terminate_job(jobId=job["jobId"], reason="enough")
    until(lambda: watcher.poll().ended)


def sleeping() -> dict[str, Any]:
    names = {"jobName": "busy", "jobQueue": QUEUE, "jobDefinition": DEFINITION}
    return {**names, "containerOverrides": {"command": ["sleep", "60"]}}


def test_jobs_of_executions_below_a_stopped_one_are_ended(remote: Remote) -> None:
    """The history of a run's execution says nothing of the jobs of a distributed Map; their workers have said it."""
    waiting = {"Type": "Wait", "Seconds": 60, "End": True}
    handle = start(remote, "below", {"QueryLanguage": "JSONata", "StartAt": "w", "States": {"w": waiting}})
    job = remote.batch.submit_job(**sleeping())["jobId"]
    remote.ledger.record_task("below", "r", "t", "running", 1, map_index=3, owner=True)
    remote.ledger.update(schema.run_pk("below", "r"), schema.task_sk("t", 3), {"job_id": job})
    watcher = lifecycle.watcher(remote.clients, handle)
    watcher.poll()
    watcher.stop("enough")
    until(lambda: watcher.poll().ended)
    (ended,) = remote.batch.describe_jobs(jobs=[job])["jobs"]
    assert (ended["status"], ended["statusReason"]) == ("FAILED", "the execution has ended")
    assert remote.ledger.task("below", "r", "t", 3)["state"] == "failed"
