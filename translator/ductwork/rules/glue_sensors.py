"""Sensors of Glue: a job's run, a crawler, a partition of the catalog."""

from __future__ import annotations

from dataclasses import replace

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir import AwsSensor
from ductwork.ir.aws_call import Answer, Phrase
from ductwork.ir.aws_sensor import Holds
from ductwork.rules.aws_calls import Given
from ductwork.rules.aws_sensors import fails, over, poke, sensor_rule
from ductwork.rules.base import Decline

_SENSORS = "airflow.providers.amazon.aws.sensors"
_STATE = ("JobRun", "JobRunState")
_CRAWLER, _CRAWL = ("Crawler", "State"), ("Crawler", "LastCrawl", "Status")


def _run(given: Given) -> AwsSensor | Decline:
    if given["verbose"]:
        return Decline("verbose is set, so a worker follows the run's log")
    run = given["run_id"]
    # The operator raises the pieces of its text, and not the text.
    error = Phrase(("AirflowException: ('Exiting Job %s Run State: %s', '", run, "', '", Answer(_STATE), "')"))
    return poke(
        "glue",
        "GetJobRun",
        {"JobName": given["job_name"], "RunId": run, "PredecessorsIncluded": True},
        over(Holds(_STATE, ("SUCCEEDED",))),
        fails(error, Holds(_STATE, ("FAILED", "STOPPED", "TIMEOUT"))),
    )


def _crawler(given: Given) -> AwsSensor:
    ready = Holds(_CRAWLER, ("READY",))
    return poke(
        "glue",
        "GetCrawler",
        {"Name": given["crawler_name"]},
        over(ready, Holds(_CRAWL, ("SUCCEEDED",))),
        fails("KeyError: 'LastCrawl'", ready, Holds(("Crawler", "LastCrawl"), negated=True)),
        fails(Phrase(("AirflowException: Status: ", Answer(_CRAWL))), ready),
    )


def _partition(given: Given) -> AwsSensor | Decline:
    database, table = given["database_name"], given["table_name"]
    if not isinstance(table, str):
        return Decline("table_name depends on the run, and may name a database too, so a worker looks")
    if "." in table:
        if table.count(".") > 1:
            return Decline("table_name has two dots, which the sensor refuses, so a worker looks")
        database, table = table.split(".")
    request = {"DatabaseName": database, "TableName": table, "Expression": given["expression"]}
    # One is enough; without its columns it is small. AWS may answer with an empty page, and more to come.
    request |= {"MaxResults": 1, "ExcludeColumnSchema": True}
    made = poke("glue", "GetPartitions", request, over(Holds(("Partitions", 0))))
    return replace(made, token=("NextToken", "NextToken"))


RULE = sensor_rule(
    "glue_sensors",
    {
        f"{_SENSORS}.glue.GlueJobSensor": _run,
        f"{_SENSORS}.glue_crawler.GlueCrawlerSensor": _crawler,
        f"{_SENSORS}.glue_catalog_partition.GlueCatalogPartitionSensor": _partition,
    },
    f"{AMAZON_PROVIDER}/operators/glue.html",
    arguments={
        **{"JobName": "job_name", "RunId": "run_id", "Name": "crawler_name", "DatabaseName": "database_name"},
        **{"TableName": "table_name", "Expression": "expression"},
    },
)
