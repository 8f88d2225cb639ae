"""Asset events of real workers on the embedded AWS's event bus."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from deployed_queue import deploy_queue
from ductwork.compiler import Options, compile_paths
from ductwork_airflow.embedded_aws.batch.worker_pool import WorkerPool
from ductwork_airflow.embedded_aws.services import ROLE_ARN, EmbeddedAws
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.local.provision import PLACES, provide
from ductwork_airflow.run_model.request import RunRequest
from ductwork_airflow.runs import lifecycle

BUS = "assets"
DAG = """
from airflow.sdk import DAG, Asset, task

with DAG("producer"):

    @task(outlets=[Asset(name="orders", uri="s3://bucket/orders")])
    def orders(*, outlet_events):
        outlet_events[Asset(name="orders", uri="s3://bucket/orders")].extra = {"rows": 3}

    orders()

with DAG("taker", schedule=[Asset(name="orders", uri="s3://bucket/orders")]):

    @task
    def look(*, triggering_asset_events, dag_run):
        events = triggering_asset_events[Asset(name="orders", uri="s3://bucket/orders")]
        return [dag_run.logical_date, [[event.source_run_id, event.extra] for event in events]]

    look()
"""
DATE = datetime(2026, 1, 1, tzinfo=timezone.utc)


def queue_behind(aws: EmbeddedAws) -> tuple[Any, str]:
    """A client and the URL of a queue that gets all that is put on the bus."""
    sqs, events = aws.aws.client("sqs"), aws.aws.client("events")
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = json.dumps({"source": ["ductwork"]})
    events.put_rule(Name="all", EventBusName=BUS, EventPattern=pattern)
    events.put_targets(Rule="all", EventBusName=BUS, Targets=[{"Id": "queue", "Arn": arn}])
    return sqs, url


def taken(ledger: Ledger) -> Any:
    """What the one run of the DAG that the event starts has seen of it."""
    deadline = time.monotonic() + 60
    while not [run for run in ledger.runs("taker") if run.get("ended_at")]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (run,) = ledger.runs("taker")
    assert (run["state"], run["run_type"]) == ("success", "asset_triggered")
    return json.loads(ledger.get(run["pk"], "xcom#look#return_value#-1")["value"])


def test_a_worker_puts_its_asset_events_which_start_a_run_and_what_was_left_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    path = tmp_path / "producer.py"
    path.write_text(DAG)
    with WorkerPool() as pool, EmbeddedAws(pool=pool, jobs=2, log_dir=tmp_path / "logs") as aws:
        compiled = compile_paths([str(path)], Options("stepfunctions", None, {"event_bus": BUS}, unattended=True))
        (workflow, _), (artefact, taker) = compiled.workflows, compiled.artefacts
        ledger = Ledger.connect(PLACES["LedgerTable"], aws.aws)
        ledger.create_table()
        provide(aws, workflow, {})
        sqs, url = queue_behind(aws)

        def details() -> list[dict[str, Any]]:
            found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            return [json.loads(message["Body"])["detail"] for message in found]

        places = {"ledger_table": ledger.table, "role_arn": ROLE_ARN, "places": PLACES}
        machine = lifecycle.deploy(aws.aws, taker.document, "taker", **places)
        deploy_queue(aws, taker, machine)
        request = RunRequest("producer", "r", DATE, (DATE, DATE))
        handle = lifecycle.submit(aws.aws, artefact.document, "stepfunctions", request, **places)
        watcher, deadline = lifecycle.watcher(aws.aws, handle), time.monotonic() + 60
        while not (progress := watcher.poll()).ended:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert progress.state == "success"
        (event,) = details()
        assert (event["asset"], event["extra"]) == ({"name": "orders", "uri": "s3://bucket/orders"}, {"rows": 3})
        assert (event["source_dag_id"], event["source_task_id"]) == ("producer", "orders")
        assert taken(ledger) == [None, [["r", {"rows": 3}]]]
        item = ledger.task("producer", "r", "orders") or {}
        assert "asset_events_due" not in item
        # Its worker died before it could put them: the next one, which only repeats its report, does.
        ledger.update(item["pk"], item["sk"], {"asset_events_due": json.dumps([event])})
        batch = aws.aws.client("batch")
        (job,) = batch.describe_jobs(jobs=[item["job_id"]])["jobs"]
        again = batch.submit_job(
            jobName="again",
            jobQueue=job["jobQueue"],
            jobDefinition=job["jobDefinition"],
            containerOverrides={"environment": job["container"]["environment"]},
        )
        while "stoppedAt" not in batch.describe_jobs(jobs=[again["jobId"]])["jobs"][0]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert details() == [event]
        assert "asset_events_due" not in (ledger.task("producer", "r", "orders") or {})
