"""What starts a DAG's runs outside Airflow: its timetable becomes schedules of EventBridge Scheduler.

:func:`started_by` is all that other rooms need. The rest, from the top: ``asset_queue`` (updates of assets) and
``continuous`` (the end of the run before), with ``run_queue``; ``expressions`` (a cron, exactly), with
``clock_changes`` (where AWS and Airflow differ), ``aws_cron`` (AWS's dialect), ``firings`` (when a cron fires) and
``zones``; ``lengths`` (every so many minutes or months).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfoNotFoundError

from ductwork import ir
from ductwork.contracts.aws_schedules import (
    SCHEDULED_TIME,
    SCHEDULED_TIME_MEMBER,
    EventRule,
    Schedule,
    StartedBy,
    Starter,
    schedule_name,
)
from ductwork.diagnostics import Diagnostics
from ductwork.ir.asset_condition import updates
from ductwork.ir.timetable import (
    SINCE_LAST,
    Assets,
    Continuous,
    Cron,
    Events,
    Every,
    Once,
    Timetable,
    Unknown,
)
from ductwork.schedules import asset_queue, continuous
from ductwork.schedules.expressions import UTC, CannotSayError, exact
from ductwork.schedules.firings import Firings
from ductwork.schedules.intervals import rule_of
from ductwork.schedules.lengths import Counted, of_length

_HINT = (
    "start its runs yourself (ductwork run, aws stepfunctions start-execution, a schedule of your own), or keep the "
    "DAG in Airflow, which starts it (SubmitScheduleOperator, delegate)"
)
_HINT_EVENT_BUS = (
    "name the bus: event_bus in [ductwork], or AIRFLOW__DUCTWORK__EVENT_BUS=default; or keep the DAG in Airflow, which "
    "starts it (SubmitScheduleOperator, delegate)"
)
_HINT_BACKFILL = "start them with: ductwork backfill FILE --from DATE --to DATE"
# A schedule fires within its minute; a bound that is to hold for the firing of a minute lies at the minute's end.
_WITHIN = timedelta(seconds=59)


def started_by(workflow: ir.Workflow, diagnostics: Diagnostics) -> StartedBy:
    """The schedules that start a DAG's runs when Airflow would; none for a DAG that only people start.

    What they cannot say is reported: DW332 where nothing starts the DAG, DW333 where runs are left out.
    """
    timetable = workflow.timetable
    if timetable is None:
        return StartedBy()
    try:
        drafts = list(_drafts(timetable))
        _check_assets(timetable.by_assets)
    except CannotSayError as error:
        _report(workflow, "DW332", str(error), _HINT, diagnostics)
        return StartedBy()
    if timetable.by_assets and not workflow.deployment.event_bus:
        _report(workflow, "DW332", _unheard(timetable.by_assets), _HINT_EVENT_BUS, diagnostics)
        return StartedBy()
    for what, hint in _left_out(timetable):
        _report(workflow, "DW333", what, hint, diagnostics)
    schedules = tuple(
        replace(draft, name=schedule_name(workflow.dag_id, number), description=_description(workflow, draft))
        for number, draft in enumerate(drafts, start=1)
    )
    return StartedBy(schedules, _starter(workflow, timetable, len(drafts)))


def _starter(workflow: ir.Workflow, timetable: Timetable, before: int) -> Starter | None:
    """What starts runs by events.

    :param before: how many schedules the DAG has, whose names its rules go on from
    """
    if assets := timetable.by_assets:
        starter = asset_queue.of_workflow(workflow, assets.condition)
    elif isinstance(timetable.when, Continuous):
        starter = continuous.of_workflow(
            workflow, _to_the_millisecond(timetable.earliest), _to_the_millisecond(timetable.latest)
        )
    else:
        return None
    rules = tuple(
        replace(rule, name=schedule_name(workflow.dag_id, number), description=_description(workflow, rule))
        for number, rule in enumerate(starter.rules, start=before + 1)
    )
    return replace(starter, rules=rules)


def _to_the_millisecond(text: str) -> str:
    """ISO 8601 in UTC as JSONata's ``$now`` writes it."""
    moment = naive(text)
    return f"{moment.isoformat(timespec='milliseconds')}Z" if moment else ""


def _report(workflow: ir.Workflow, code: str, what: str, hint: str, diagnostics: Diagnostics) -> None:
    diagnostics.add(code, workflow.origin, what, hint, dag_id=workflow.dag_id, field="schedule")


def _description(workflow: ir.Workflow, draft: Schedule | EventRule) -> str:
    return f"Starts {workflow.dag_id}: {draft.description}"[:512]


def _drafts(timetable: Timetable) -> Iterator[Schedule]:
    """Schedules without names.

    :raises CannotSayError: there are none that say it
    """
    when, text = timetable.when, _input(timetable)
    if isinstance(when, (Assets, Continuous)):
        return
    if isinstance(when, Events):
        yield from _of_events(when, timetable, text)
    elif isinstance(when, Once):
        yield _once(timetable)
    elif isinstance(when, Every):
        yield from _of_length(when, timetable, text)
    elif isinstance(when, Unknown):
        raise CannotSayError(when.why)
    else:
        if timetable.interval == SINCE_LAST and timetable.catchup and not timetable.earliest:
            return  # Airflow starts nothing, either.
        yield from dict.fromkeys(each for cron in when.crons for each in _of_cron(cron, timetable, text))


def _check_assets(assets: Assets | None) -> None:
    """Whether there are assets whose updates could be told.

    :raises CannotSayError: there are none
    """
    if assets is not None and not updates(assets.condition):
        raise CannotSayError("it is scheduled on no asset at all")


def _unheard(assets: Assets) -> str:
    return (
        f"updates of assets start it ({assets.condition}), and event_bus does not say which EventBridge bus tells of "
        "them (ductwork deploy takes the bus default)"
    )


def _left_out(timetable: Timetable) -> Iterator[tuple[str, str]]:
    if timetable.catchup and not isinstance(timetable.when, (Once, Assets, Continuous)):
        yield "catchup=True: schedules start no runs of the time before they are made", _HINT_BACKFILL
    if isinstance(timetable.when, Once):
        what = "@once: a schedule that is made after the start_date starts nothing"
        if not timetable.earliest:
            what = "@once without a start_date: a run as soon as there is the DAG, which no schedule says"
        yield what, "start the run then: ductwork run"


def _input(timetable: Timetable) -> str:
    # Where no machine works out the rest, DW313 or DW328 says so.
    return json.dumps({SCHEDULED_TIME_MEMBER if rule_of(timetable) else "logical_date": SCHEDULED_TIME})


def _of_cron(cron: Cron, timetable: Timetable, text: str) -> Iterator[Schedule]:
    try:
        bounds = _Bounds.of(cron, timetable)
        for expression in exact(cron):
            yield Schedule("", expression.text, expression.zone, bounds.start, bounds.end, 0, text, "", expression.why)
    except ZoneInfoNotFoundError as error:
        raise CannotSayError(f"{cron.zone} is no time zone that is known here") from error


@dataclass(frozen=True)
class _Bounds:
    """Of a cron's runs: when the first and the last may start, ISO 8601 in UTC, empty for no bound."""

    start: str
    end: str

    @classmethod
    def of(cls, cron: Cron, timetable: Timetable) -> _Bounds:
        earliest, latest, firings = naive(timetable.earliest), naive(timetable.latest), Firings(cron)
        # Not the date itself: where hours are any, Airflow counts the time to the first firing, and a clock's change
        # between the two moves it.
        earliest = earliest and firings.at_or_after(earliest)
        if timetable.interval == SINCE_LAST:
            # What is bounded are the logical dates, and a run is due one firing after its own.
            earliest = earliest and firings.after(earliest)
            latest = latest and firings.after(latest)
        return cls(written(earliest), written(latest and latest.replace(second=0, microsecond=0) + _WITHIN))


def _of_events(events: Events, timetable: Timetable, text: str) -> Iterator[Schedule]:
    for each in events.dates:
        moment = naive(each)
        assert moment is not None, "events have dates"
        if moment.microsecond:
            raise CannotSayError(f"an event at {each}: EventBridge Scheduler knows whole seconds")
        if (not timetable.earliest or each >= timetable.earliest) and (
            not timetable.latest or each <= timetable.latest
        ):
            yield Schedule("", f"at({moment:%Y-%m-%dT%H:%M:%S})", UTC, each, "", 0, text, "", "one of its events")


def _once(timetable: Timetable) -> Schedule:
    moment = naive(timetable.earliest)
    if moment is None or (timetable.latest and timetable.earliest > timetable.latest):
        raise CannotSayError("@once without a start_date: a run as soon as there is the DAG, which no schedule says")
    text = json.dumps({"logical_date": written(moment), "run_type": "scheduled"})
    return Schedule("", f"at({moment:%Y-%m-%dT%H:%M:%S})", UTC, written(moment), "", 0, text, "", "@once")


def _of_length(every: Every, timetable: Timetable, text: str) -> Iterator[Schedule]:
    earliest, latest = naive(timetable.earliest), naive(timetable.latest)
    if timetable.interval == SINCE_LAST and latest is not None:
        latest += timedelta(seconds=every.span.seconds)
    end = written(latest and latest + _WITHIN)
    found = of_length(every, timetable, earliest)
    if isinstance(found, Counted):
        start, grid = written(found.start), written(found.grid)
        period = found.period if found.anchored else 0
        yield Schedule("", found.text, UTC, start, end, period, text, grid, found.text)
        return
    for each in found:
        yield Schedule("", each.text, each.zone, written(earliest), end, 0, text, "", each.why)


def naive(text: str) -> datetime | None:
    """ISO 8601 as a naive time in UTC; None for an empty text."""
    return datetime.fromisoformat(text).astimezone(timezone.utc).replace(tzinfo=None) if text else None


def written(moment: datetime | None) -> str:
    """A naive time in UTC as ISO 8601; empty for none."""
    return moment.replace(tzinfo=timezone.utc).isoformat() if moment else ""
