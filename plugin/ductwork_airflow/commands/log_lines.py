"""``ductwork logs``: what the tasks of a run have printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from ductwork.cli import output

from ductwork_airflow.commands.base import (
    CLEAN,
    Location,
    aws_errors,
    connect,
    find_run,
    ledger_options,
    look_once,
    readable_state,
    refuse,
    require_local,
)

if TYPE_CHECKING:
    from ductwork.contracts.task_item import TaskItem
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import GetLogEventsRequestTypeDef
    from typing_extensions import Unpack

    from ductwork_airflow.ledger import Ledger
    from ductwork_airflow.run_model.handle import RunHandle

JOB_LOG_GROUP = "/aws/batch/job"


@click.command()
@click.argument("dag_id")
@click.argument("run_id", required=False)
@click.argument("task_id", required=False)
@click.option("--task", "task", metavar="TASK_ID", help="Of this task alone, also without a run id.")
@click.option("--local", is_flag=True, help="Of a run of `ductwork run --local`.")
@click.option("--log-group", default=JOB_LOG_GROUP, show_default=True, help="CloudWatch log group of the jobs.")
@ledger_options
def logs(
    dag_id: str,
    run_id: str | None,
    task_id: str | None,
    task: str | None,
    local: bool,
    log_group: str,
    **at: Unpack[Location],
) -> int:
    """Print the log of each task's last job, or of one task: of the newest run, or of the one named."""
    output.results()
    task_id = task_id or task
    if local:
        require_local()
        from ductwork_airflow.local.history import open_ledger
        from ductwork_airflow.local.run import log_dir, state_file

        with readable_state(), open_ledger(state_file(), at["ledger_table"]) as ledger:
            run = find_run(ledger, dag_id, run_id)
            for item in _instances(ledger, run, task_id):
                _print(item, _of_files(log_dir(), item))
        return CLEAN
    from ductwork_airflow.ledger import Ledger

    with aws_errors():
        aws = connect(at["region_name"], at["endpoint_url"])
        ledger = Ledger.connect(at["ledger_table"], aws)
        run = find_run(ledger, dag_id, run_id)
        look_once(aws, ledger, run)
        items = _instances(ledger, run, task_id)
        streams = _streams(aws.client("batch"), items)
        client = aws.client("logs")
        for item in items:
            stream = streams.get(item.get("job_id", ""))
            _print(item, _of_stream(client, log_group, stream) if stream else iter(()))
    return CLEAN


def _instances(ledger: Ledger, run: RunHandle, task_id: str | None) -> list[TaskItem]:
    """The task instances asked for, in the order they started."""
    output.say(f"{run.dag_id} {run.run_id}")
    items = [item for item in ledger.tasks(run.dag_id, run.run_id) if task_id in {None, item["task_id"]}]
    if task_id and not items:
        what = f"run {run.run_id!r} has no task {task_id!r} that has begun"
        raise refuse("DW505", what, "check the task's id", dag_id=run.dag_id, task_id=task_id)
    return sorted(items, key=lambda item: item.get("started_at", "~"))


def _print(item: TaskItem, lines: Iterator[str]) -> None:
    index = "" if item["map_index"] < 0 else f"[{item['map_index']}]"
    output.print_result(f"==> {item['task_id']}{index}: {item.get('state')}, try {item.get('try_number', 0)}")
    for line in lines:
        output.print_result(line)


def _of_files(folder: Path, item: TaskItem) -> Iterator[str]:
    """Lines from the files of the local engine, one file for each attempt of a job."""
    for file in sorted(folder.glob(f"*{item['job_id']}-*.log")) if item.get("job_id") else ():
        yield from file.read_text(encoding="utf-8", errors="replace").splitlines()


def _streams(client: BatchClient, items: list[TaskItem]) -> Mapping[str, str]:
    """Log streams by job id: as the ledger has them, else as Batch has them."""
    from ductwork_airflow.mirror import batch_jobs

    streams = {item["job_id"]: item["log_stream"] for item in items if item.get("job_id") and item.get("log_stream")}
    unknown = [item["job_id"] for item in items if item.get("job_id") and item["job_id"] not in streams]
    described = batch_jobs.describe(client, unknown)
    return streams | {
        job: str(facts["log_stream"])
        for job in described
        if "log_stream" in (facts := batch_jobs.facts(described[job]))
    }


def _of_stream(client: CloudWatchLogsClient, group: str, stream: str) -> Iterator[str]:
    """The lines of a log stream.

    :param client: a boto3 CloudWatch Logs client
    """
    from botocore.exceptions import ClientError

    from ductwork_airflow.aws.errors import NOT_FOUND, code, message

    request: GetLogEventsRequestTypeDef = {
        "logGroupName": group,
        "logStreamName": stream,
        "startFromHead": True,
    }
    while True:
        try:
            page = client.get_log_events(**request)
        except ClientError as error:
            if code(error) != NOT_FOUND or "log stream" not in message(error):
                raise
            output.say(f"the log {stream} is not there any more, or not yet")
            return
        yield from (event["message"] for event in page["events"])
        if page["nextForwardToken"] == request.get("nextToken"):
            return
        request["nextToken"] = page["nextForwardToken"]
