"""A JSON value as a schedule, or diagnostics that say where it is none. All that is wrong is reported at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ductwork.contracts import aws_names, batch_limits
from ductwork.contracts import schedule_document as schema
from ductwork.contracts.batch_shapes import SUBMIT_JOB, mismatches
from ductwork.contracts.schedule_document import Job, Schedule
from ductwork.contracts.stepfunctions_limits import MAX_WAIT_SECONDS
from ductwork.diagnostics import Diagnostics, Origin
from ductwork.importing.dependencies import check_dependencies
from ductwork.importing.places import ROOT, at, blank, shown
from ductwork.importing.run_state import check_run_state

_SUBMIT = "give what AWS Batch's SubmitJob accepts"
_DAG_ID = re.compile(r"[\w.-]{1,250}")
_MAX_TAG = 100


def check(document: object, path: str, diagnostics: Diagnostics) -> Schedule | None:
    """The schedule that a document holds; None if it is not one, which is reported.

    :param document: of :func:`ductwork.importing.reading.read`
    :param path: of its file, for diagnostics
    """
    findings = Diagnostics()
    schedule = _Checker(Origin(path), findings).schedule(document)
    diagnostics.extend(findings)
    return None if findings.failed else schedule


def _unlike(pattern: re.Pattern[str], what: str, text: str) -> str:
    return "" if pattern.fullmatch(text) else what


def _typed(document: object) -> bool:
    """Whether a document is what ``aws dynamodb get-item`` prints of it."""
    item = document.get("Item", document) if isinstance(document, Mapping) else None
    schedule_id = item.get("scheduleId") if isinstance(item, Mapping) else None
    return isinstance(schedule_id, Mapping) and schedule_id.keys() == {"S"}


class _Checker:
    def __init__(self, origin: Origin, diagnostics: Diagnostics) -> None:
        self.origin = origin
        self.diagnostics = diagnostics

    def report(self, code: str, place: str, what: str, hint: str) -> None:
        self.diagnostics.add(code, self.origin, what, hint, field=place)

    def schedule(self, document: object) -> Schedule | None:
        if _typed(document):
            what = 'this is an item as DynamoDB spells it: {"S": "text"}, {"L": [...]}'
            hint = "export it as plain JSON, as boto3's Table.get_item or TypeDeserializer gives it"
            self.report("DW602", ROOT, what, hint)
            return None
        if not isinstance(document, Mapping):
            what = f"a schedule document is an object, not {shown(document)}"
            self.report("DW602", ROOT, what, 'write {"scheduleId": ..., "jobList": [...]}')
            return None
        self.keys(document, ROOT, schema.REQUIRED, (*schema.KEYS, *schema.RUN_KEYS))
        schedule = Schedule(
            schedule_id=self.text(document, "scheduleId", ROOT, self.dag_id) or "",
            category=self.text(document, "category", ROOT, self.category) or "",
            title=self.text(document, "scheduleName", ROOT) or "",
            topic=self.text(document, "scheduleSnsTopic", ROOT, self.topic) or "",
            wait_time=self.wait_time(document.get("wait_time")),
            jobs=self.jobs(document["jobList"]) if "jobList" in document else (),
        )
        jobs = document.get("jobList")
        check_run_state(document, jobs if isinstance(jobs, list) else [], self.report)
        return schedule

    def keys(self, value: Mapping[str, object], place: str, required: Sequence[str], known: Sequence[str]) -> None:
        for key in required:
            if key not in value:
                self.report(
                    "DW602", at(place, key), f"{key} is missing", f"add it: {', '.join(required)} must be there"
                )
        for key in (key for key in value if key not in known):
            hint = f"remove it, or correct its spelling; known are {', '.join(known)}"
            self.report("DW606", at(place, key), f"{shown(key)} is not known and not imported", hint)

    def text(
        self, value: Mapping[str, object], key: str, place: str, good: Callable[[str], str] | None = None
    ) -> str | None:
        """A text that is not blank, or None.

        :param good: what is wrong with such a text; empty if nothing is
        """
        text, here = value.get(key), at(place, key)
        if text is not None and not isinstance(text, str):
            self.report("DW602", here, f"{key} must be a text, not {shown(text)}", "write it in quotes")
        elif blank(text):
            if key in value and key in (*schema.REQUIRED, *schema.JOB_REQUIRED):
                self.report("DW602", here, f"{key} is empty", "every document and every job needs one")
        elif text is not None and good is not None and (what := good(text)):
            self.report("DW603", here, f"{shown(text)} is not a legal {what}", "use a name that AWS and Airflow accept")
        else:
            return text
        return None

    @staticmethod
    def dag_id(text: str) -> str:
        return "" if _DAG_ID.fullmatch(text) else "id of a DAG (at most 250 letters, digits, _ . -)"

    @staticmethod
    def category(text: str) -> str:
        return "" if len(text) <= _MAX_TAG else f"tag of a DAG (at most {_MAX_TAG} characters)"

    @staticmethod
    def topic(text: str) -> str:
        return "" if aws_names.TOPIC.fullmatch(text) else "ARN of an SNS topic (arn:aws:sns:REGION:ACCOUNT:NAME)"

    def wait_time(self, value: object) -> int:
        if blank(value):
            return schema.DEFAULT_WAIT_TIME
        text = str(value).strip() if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
        # A bound of eight digits, for Python refuses to read numbers of thousands.
        if re.fullmatch(r"[0-9]{1,8}", text) and int(text) >= 1:
            return int(text)
        what = f"wait_time must be a whole number of seconds from 1 to {MAX_WAIT_SECONDS:,}, not {shown(value)}"
        self.report("DW602", at(ROOT, "wait_time"), what, "write for example 60")
        return schema.DEFAULT_WAIT_TIME

    # ---- jobs ----

    def jobs(self, value: object) -> tuple[Job, ...]:
        here = at(ROOT, "jobList")
        if not isinstance(value, list) or not value:
            what = "jobList has no job" if value == [] else f"jobList must be a list of jobs, not {shown(value)}"
            self.report("DW602", here, what, "a schedule has at least one job")
            return ()
        names: list[object] = []
        above, jobs = [], []
        for number, each in enumerate(value):
            place = at(here, number)
            if not isinstance(each, Mapping):
                self.report("DW602", place, f"a job is an object, not {shown(each)}", 'write {"jobName": ...}')
                continue
            names.append(each.get("jobName"))
            above.append(self.dependencies(each.get("jobDependencies"), at(place, "jobDependencies")))
            jobs.append(self.job(each, place, [name for name, _ in above[-1]]))
        self.check_unique(value)
        check_dependencies(names, above, self.report)
        return tuple(jobs)

    def job(self, value: Mapping[str, object], place: str, dependencies: Sequence[str]) -> Job:
        self.keys(value, place, schema.JOB_REQUIRED, (*schema.JOB_KEYS, *schema.JOB_RUN_KEYS))
        legal = {
            "jobName": (aws_names.JOB_NAME, f"job name (at most {aws_names.JOB_NAME_LIMIT} letters, digits, - and _)"),
            "jobDefinition": (aws_names.JOB_DEFINITION, "job definition name, name:revision or ARN"),
            "jobQueue": (aws_names.JOB_QUEUE, "job queue name or ARN"),
        }
        texts = {
            key: self.text(value, key, place, partial(_unlike, pattern, what)) or ""
            for key, (pattern, what) in legal.items()
        }
        overrides, parameters = (self.member(value, key, place) for key in ("containerOverrides", "parameters"))
        return Job(
            name=texts["jobName"],
            definition=texts["jobDefinition"],
            queue=texts["jobQueue"],
            dependencies=tuple(dict.fromkeys(dependencies)),
            overrides=overrides,
            parameters=parameters,
        )

    def member(self, value: Mapping[str, object], key: str, place: str) -> Mapping[str, Any]:
        """``containerOverrides`` or ``parameters``, as SubmitJob takes them."""
        request = value.get(key)
        if blank(request):
            return {}
        misshapen = list(mismatches(request, SUBMIT_JOB[key], key))
        for path, what in misshapen:
            # Keys of a text's own choosing may hold dots; the path is for people.
            self.report("DW602", f"{place}.{path}", what if len(what) <= 300 else f"{what[:300]}...", _SUBMIT)
        if not misshapen:
            for problem in batch_limits.problems({key: request}):
                self.report("DW603", at(place, key), problem.what, _SUBMIT)
        return request if isinstance(request, Mapping) else {}

    def dependencies(self, value: object, place: str) -> list[tuple[str, str]]:
        """``(name, place)`` of what a job depends on: texts, or objects with a jobName."""
        hint = 'write a list of names, as ["job1", "job2"]'
        if blank(value):
            return []
        if not isinstance(value, list):
            self.report("DW602", place, f"jobDependencies must be a list, not {shown(value)}", hint)
            return []
        named = []
        for number, each in enumerate(value):
            name = each.get("jobName") if isinstance(each, Mapping) else each
            if isinstance(name, str):
                named.append((name, at(place, number)))
            else:
                self.report("DW602", at(place, number), f"{shown(each)} is not the name of a job", hint)
        return named

    def check_unique(self, jobs: Sequence[object]) -> None:
        first: dict[str, int] = {}
        for number, job in enumerate(jobs):
            name = job.get("jobName") if isinstance(job, Mapping) else None
            if not isinstance(name, str) or blank(name):
                continue
            if name in first:
                what = f"{shown(name)} is the name of {at(ROOT, 'jobList', first[name])} already"
                self.report("DW604", at(ROOT, "jobList", number, "jobName"), what, "give each job a name of its own")
            first.setdefault(name, number)
