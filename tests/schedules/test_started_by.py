"""The schedules of DAG files: their bounds and inputs, lengths of time, events, and what is reported in their place."""

from __future__ import annotations

import json
import re
import textwrap
from datetime import datetime, timedelta, timezone

import aws_cron_reading
import pytest
from asl_requests import check_requests
from asl_structure import check_structure
from cli_process import ductwork
from compiling import compile_text, write_dag

NOW = datetime(2026, 6, 1, 12, 30, tzinfo=timezone.utc)
HEAD = """
    import pendulum
    from dateutil.relativedelta import relativedelta
    from airflow.sdk import *
    from airflow.sdk import CronDataIntervalTimetable, DeltaDataIntervalTimetable
"""


def started(tmp_path, schedule, more=""):
    compiled = compile_text(
        tmp_path, f"{HEAD}    with DAG('case', schedule={schedule}{more}):\n        pass\n", unattended=True
    )
    (artefact,) = compiled.artefacts
    return artefact.started_by.schedules, [finding.code for finding in compiled.diagnostics]


def airflow_runs(tmp_path, number):
    """The first runs of the DAG in the file, as Airflow makes them with ``catchup``: when, and of which interval."""
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.serialization.serialized_objects import DagSerialization
    from ductwork.frontend.processing import run_file

    (dag,) = run_file(str(tmp_path / "case.py")).dags
    serialized = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert isinstance(serialized, SerializedDAG)
    found, info = [], None
    while len(found) < number and (info := serialized.next_dagrun_info(last_automated_run_info=info)):
        found.append(datetime.fromisoformat(info.run_after.isoformat()))
    return found


def fires(schedule, last):
    properties = schedule.properties("machine", "role", datetime(2026, 1, 1, tzinfo=timezone.utc))
    begin = moment(properties.get("StartDate", "2026-01-01T00:00:00Z"))
    end = min(last, moment(properties.get("EndDate", "2099-01-01T00:00:00Z")))
    text = schedule.expression
    if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", text):
        period = timedelta(**{f"{rate[2]}s": int(rate[1])})
        return {begin + number * period for number in range(max(0, (end - begin) // period + 1))}
    return aws_cron_reading.fires(text, schedule.zone, begin, end)


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


BERLIN = ", start_date=pendulum.datetime(2026, 3, 20, 1, 7, tz='Europe/Berlin'), catchup=True"
UTC = ", start_date=pendulum.datetime(2026, 1, 31, 6), catchup=True"
END = ", end_date=pendulum.datetime(2026, 4, 1)"


@pytest.mark.parametrize(
    ("schedule", "more"),
    [
        ("'30 2 * * *'", BERLIN),
        ("'30 2 * * *'", BERLIN + END),
        ("CronDataIntervalTimetable('0 6 * * MON-FRI', 'Europe/Berlin')", BERLIN),
        ("CronDataIntervalTimetable('0 6 * * MON-FRI', 'Europe/Berlin')", BERLIN + END),
        ("CronDataIntervalTimetable('0 * * 3,10 6#3', 'America/New_York')", UTC),
        ("MultipleCronTriggerTimetable('0 4 * * *', '0 5 1 * *', timezone='Europe/Berlin')", BERLIN),
        ("CronTriggerTimetable('0 4 * * *', timezone='Europe/Berlin', interval=timedelta(hours=30))", BERLIN),
        ("timedelta(hours=6)", UTC),
        ("timedelta(hours=7)", UTC),
        ("timedelta(hours=7)", UTC + END),
        ("DeltaDataIntervalTimetable(timedelta(days=2))", UTC + END),
        ("relativedelta(months=1)", UTC),
        ("relativedelta(months=5, days=1)", UTC),
        ("DeltaDataIntervalTimetable(relativedelta(years=1))", UTC),
        ("'0 0 * * *'", ", start_date=pendulum.datetime(2026, 3, 1, tz=pendulum.fixed_timezone(-18000)), catchup=True"),
        (
            "'15 9 * * MON'",
            ", start_date=pendulum.datetime(2026, 3, 1, tz=pendulum.fixed_timezone(19800)), catchup=True",
        ),
    ],
)
def test_runs_start_when_airflow_starts_them(tmp_path, schedule, more):
    schedules, codes = started(tmp_path, schedule, more)
    expected = airflow_runs(tmp_path, 40)
    expected = [each for each in expected if each.year < 2056]
    assert len(expected) > 5
    last = expected[-1] if len(expected) == 40 else datetime(2055, 12, 31, tzinfo=timezone.utc)
    assert sorted(set().union(*(fires(each, last) for each in schedules))) == expected
    assert "DW333" in codes


def test_events_and_once_are_moments(tmp_path):
    events = "EventsTimetable([pendulum.datetime(2026, 5, 1, 8, 30, 15), pendulum.datetime(2027, 1, 1)])"
    (first, second), codes = started(tmp_path, events)
    assert [first.expression, second.expression] == ["at(2026-05-01T08:30:15)", "at(2027-01-01T00:00:00)"]
    assert first.properties("machine", "role", NOW) is None
    assert second.properties("machine", "role", NOW)["Target"]["Input"] == first.input
    assert codes == []
    (once,), codes = started(tmp_path, "'@once'", UTC)
    assert once.expression == "at(2026-01-31T06:00:00)"
    assert json.loads(once.input) == {"logical_date": "2026-01-31T06:00:00+00:00", "run_type": "scheduled"}
    assert codes == ["DW333"]


def test_a_rate_goes_on_counting_from_its_start(tmp_path):
    (seven,), _ = started(tmp_path, "timedelta(hours=7)", UTC)
    start = moment(seven.properties("machine", "role", NOW)["StartDate"])
    assert NOW <= start < NOW + timedelta(hours=7)
    assert not (start - datetime(2026, 1, 31, 6, tzinfo=timezone.utc)) % timedelta(hours=7)
    # Without catchup Airflow counts from when it first sees the DAG, and a rate from when it is made.
    (seven,), codes = started(tmp_path, "timedelta(hours=7)", UTC.replace("True", "False"))
    assert "StartDate" not in seven.properties("machine", "role", NOW)
    assert codes == []
    grid = "DeltaDataIntervalTimetable(timedelta(hours=7))"
    (seven,), _ = started(tmp_path, grid, UTC.replace("True", "False"))
    start = moment(seven.properties("machine", "role", NOW)["StartDate"])
    assert not start.timestamp() % (7 * 3600)


def test_no_bound_that_has_passed_is_said(tmp_path):
    (daily,), _ = started(tmp_path, "'@daily'", UTC + ", end_date=pendulum.datetime(2026, 9, 1)")
    before = daily.properties("machine", "role", datetime(2026, 1, 1, tzinfo=timezone.utc))
    assert (before["StartDate"], before["EndDate"]) == ("2026-02-01T00:00:00Z", "2026-09-01T00:00:59Z")
    after = daily.properties("machine", "role", NOW)
    assert "StartDate" not in after
    assert daily.properties("machine", "role", NOW.replace(year=2027)) is None


def test_compile_writes_them_beside_the_machine(tmp_path):
    path = write_dag(tmp_path, f"{HEAD}    with DAG('case', schedule='0 4 13 * FRI'):\n        pass\n")
    done = ductwork("compile", path, "-o", tmp_path)
    assert done.code == 0
    written = json.loads((tmp_path / "case.eventbridge.json").read_text())
    assert written["rules"] == []
    assert [each["ScheduleExpression"] for each in written["schedules"]] == [
        "cron(0 4 13 * ? *)",
        "cron(0 4 ? * FRI *)",
    ]
    assert [each["Name"] for each in written["schedules"]] == ["case-1", "case-2"]
    assert written["schedules"][0] == {
        "Name": "case-1",
        "Description": "Starts case: 0 4 13 * FRI in UTC",
        "ScheduleExpression": "cron(0 4 13 * ? *)",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": "${StateMachineArn}",
            "RoleArn": "${SchedulerRoleArn}",
            "Input": '{"logical_date": "<aws.scheduler.scheduled-time>"}',
        },
    }


ASSETS = "Asset('a') & (Asset('b') | AssetAlias('c')) & Asset.ref(uri='s3://d')"


def queue_of(tmp_path, schedule, more=""):
    text = f"{HEAD}    with DAG('case', schedule={schedule}{more}):\n        pass\n"
    compiled = compile_text(tmp_path, text, unattended=True, event_bus="news")
    (artefact,) = compiled.artefacts
    assert [finding.code for finding in compiled.diagnostics] == []
    return artefact.started_by


def test_updates_of_assets_are_rules_and_a_machine(tmp_path):
    started_by = queue_of(tmp_path, ASSETS)
    says = started_by.documents()
    assert [rule["EventPattern"]["detail"] for rule in says["rules"]] == [
        {"asset": {"name": ["a", "b"]}},
        {"asset": {"uri": ["s3://d"]}},
        {"alias": ["c"]},
    ]
    assert {rule["EventBusName"] for rule in says["rules"]} == {"news"}
    assert [rule["Name"] for rule in says["rules"]] == ["case-1", "case-2", "case-3"]
    assert started_by.told() == "updates of a and (b or c) and s3://d, of which bus news tells"
    assert [*check_structure(says["starter"]), *check_requests(says["starter"])] == []
    assert "DW332" in started(tmp_path, ASSETS)[1]  # nobody says where updates are told


def test_a_clock_and_assets_with_a_limit_are_schedules_rules_and_the_ends_of_runs(tmp_path):
    both = "AssetOrTimeSchedule(timetable=CronTriggerTimetable('0 4 * * *', timezone='UTC'), assets=[Asset('a')])"
    started_by = queue_of(tmp_path, both, ", max_active_runs=2")
    says = started_by.documents()
    assert [each["ScheduleExpression"] for each in says["schedules"]] == ["cron(0 4 * * ? *)"]
    updates, ends = says["rules"]
    assert (updates["Name"], ends["Name"], ends["EventBusName"]) == ("case-2", "case-3", "default")
    assert ends["EventPattern"]["detail"]["stateMachineArn"] == ["${StateMachineArn}"]
    assert [*check_structure(says["starter"]), *check_requests(says["starter"])] == []


def test_patterns_are_as_long_as_eventbridge_takes_them(tmp_path):
    names = ", ".join(f"Asset('an-asset-with-a-long-name-{number}')" for number in range(150))
    rules = queue_of(tmp_path, f"[{names}]").documents()["rules"]
    patterns = [json.dumps(rule["EventPattern"]) for rule in rules]
    assert max(map(len, patterns)) <= 2_048
    assert sum(len(rule["EventPattern"]["detail"]["asset"]["name"]) for rule in rules) == 150


def test_what_reads_dates_that_runs_of_assets_lack_is_airflows_own(tmp_path):
    """Airflow fails a task that asks such a run for ``ds``; the other does the same as ever."""
    body = """
        from airflow.providers.amazon.aws.operators.batch import BatchOperator
        for name in ("{{ ds }}", "{{ run_id }}"):
            BatchOperator(task_id=name[3:-3], job_name=name, job_definition="d", job_queue="q", retries=0)
        """
    compiled = compile_text(
        tmp_path,
        f"{HEAD}\n    with DAG('case', schedule=[Asset('a')]):{textwrap.indent(body, '    ')}",
        event_bus="news",
    )
    assert {task.task_id: task.work.kind for task in compiled.workflows[0].tasks} == {
        "ds": "worker",
        "run_id": "native",
    }


def test_partitions_of_assets_are_reported(tmp_path):
    schedules, codes = started(tmp_path, "PartitionedAssetTimetable(assets=Asset('a'))")
    assert (schedules, "DW332" in codes) == ((), True)
