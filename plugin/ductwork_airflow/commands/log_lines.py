"""``ductwork logs``: what the tasks of a run have printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from ductwork.cli import output
from ductwork.contracts.default_names import JOB_LOG_GROUP
from ductwork.contracts.names import run_hash

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
    from ductwork_airflow.mirror.log_places import LogPlace
    from ductwork_airflow.run_model.handle import RunHandle

# What is of a file's name after the job's: of a chain the restart's number, the job's id, the attempt's number.
_ROUND = re.compile(r"(?<=-)r\d+-$")
_ATTEMPT = re.compile(r"(r\d+-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-\d+\.log")


@click.command()
@click.argument("dag_id")
@click.argument("run_id", required=False)
@click.argument("task_id", required=False)
@click.option("--task", "task", metavar="TASK_ID", help="Of this task alone, also without a run id.")
@click.option("--local", is_flag=True, help="Of a run of `ductwork run --local`.")
@click.option("--log-group", help="CloudWatch log group of the jobs, in place of the one that each job names.")
@ledger_options
def logs(
    dag_id: str,
    run_id: str | None,
    task_id: str | None,
    task: str | None,
    local: bool,
    log_group: str | None,
    **at: Unpack[Location],
) -> int:
    """Print the log of each task's tries, or of one task's: of the newest run, or of the one named."""
    output.results()
    task_id = task_id or task
    if local:
        require_local()
        from ductwork_airflow.local.history import open_ledger
        from ductwork_airflow.local.run import log_dir, state_file

        with readable_state(), open_ledger(state_file(), at["ledger_table"]) as ledger:
            run = find_run(ledger, dag_id, run_id)
            for item in _instances(ledger, run, task_id):
                _print(item, _of_files(log_dir(), item, run_hash(run.dag_id, run.run_id)))
        return CLEAN
    from ductwork_airflow.ledger import Ledger

    with aws_errors():
        aws = connect(at["region_name"], at["endpoint_url"])
        ledger = Ledger.connect(at["ledger_table"], aws)
        run = find_run(ledger, dag_id, run_id)
        look_once(aws, ledger, run)
        items = _instances(ledger, run, task_id)
        batch, client = aws.client("batch"), aws.client("logs")
        known = _places(batch, items, run_hash(run.dag_id, run.run_id))
        for item in items:
            found = known.get(item.get("job_id", ""), ())
            _print(item, [_of_stream(client, log_group or place.group, place.stream) for place in found])
    return CLEAN


def _instances(ledger: Ledger, run: RunHandle, task_id: str | None) -> list[TaskItem]:
    """The task instances asked for, in the order they started."""
    output.say(f"{run.dag_id} {run.run_id}")
    items = [item for item in ledger.tasks(run.dag_id, run.run_id) if task_id in {None, item["task_id"]}]
    if task_id and not items:
        what = f"run {run.run_id!r} has no task {task_id!r} that has begun"
        raise refuse("DW505", what, "check the task's id", dag_id=run.dag_id, task_id=task_id)
    return sorted(items, key=lambda item: item.get("started_at", "~"))


def _print(item: TaskItem, tries: Sequence[Iterable[str]]) -> None:
    """A heading and the lines of each try; the last one's heading says how the task has ended.

    :param tries: the oldest first; of the earliest there may be none any more
    """
    index = "" if item["map_index"] < 0 else f"[{item['map_index']}]"
    name, last = f"{item['task_id']}{index}", int(item.get("try_number", 0))
    first = max(1, last - len(tries) + 1)
    for number, lines in enumerate(tries[:-1], start=first):
        _print_lines(f"==> {name}: try {number}", lines)
    _print_lines(f"==> {name}: {item.get('state')}, try {last}", tries[-1] if tries else ())
    if last and not tries:
        output.say(f"nobody knows where {name} has logged: Batch has forgotten its job, or the job has no log")


def _print_lines(heading: str, lines: Iterable[str]) -> None:
    output.print_result(heading)
    for line in lines:
        output.print_result(line)


def _of_files(folder: Path, item: TaskItem, run_hash: str) -> list[list[str]]:
    """Lines from the files of the local engine, one file for each attempt of a job; tries are jobs of one name."""
    from ductwork_airflow.mirror.log_places import had_several_tries

    job = re.sub(r"[^A-Za-z0-9_-]+", "-", item.get("job_id", ""))
    files = list(folder.glob(f"*-{job}-*.log")) if job else []
    if files and had_several_tries(item) and ":" not in item["job_id"]:
        name = _ROUND.sub("", files[0].name.partition(job)[0])
        if run_hash in name:
            files = [each for each in folder.glob(f"{name}*.log") if _ATTEMPT.fullmatch(each.name.removeprefix(name))]
    files.sort(key=lambda each: (each.stat().st_mtime_ns, each.name))
    return [each.read_text(encoding="utf-8", errors="replace").splitlines() for each in files]


def _places(client: BatchClient, items: list[TaskItem], run_hash: str) -> Mapping[str, Sequence[LogPlace]]:
    """Where the tries have logged, by the id of the last job. Of tasks that were tried once a call serves a hundred."""
    from ductwork_airflow.mirror import batch_jobs
    from ductwork_airflow.mirror.log_places import LogPlace, had_several_tries, of_job, places

    several = {item["job_id"]: item for item in items if item.get("job_id") and had_several_tries(item)}
    once = {item["job_id"]: item for item in items if item.get("job_id") and not had_several_tries(item)}
    described = batch_jobs.describe(client, once)
    found = {job: list(of_job(described[job])) if job in described else [] for job in once}
    for job, item in once.items():
        if not found[job] and (stream := item.get("log_stream")):
            found[job] = [LogPlace(JOB_LOG_GROUP, stream)]
    return found | {job: places(client, item, run_hash) for job, item in several.items()}


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
