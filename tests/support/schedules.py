"""Schedule documents: small ones by hand, random ones as a Hypothesis strategy, and what an import makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from compiling import compile_files, document
from ductwork.diagnostics import Diagnostics
from ductwork.importing import import_file
from hypothesis import strategies as st

BLANKS = st.sampled_from([" ", "", None])
_NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True)
# Words of Python and names that a DAG file uses itself, and ids that make the same variable.
_AWKWARD = st.sampled_from(
    ["class", "match", "dag", "DAG", "print", "job", "Job", "JOB-", "j-o", "j_o", "JO", "0", "n" * 128]
)
# Whatever may be in a container's command, what Jinja, Python or JSON would take for their own above all.
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.lists(
        st.sampled_from(
            ["{{", "}}", "{%", "%}", "{#", "#}", "{", "\n", "\r", "\r\n", "\\", "'", '"', '"""', " ", "x", "ds"]
        ),
        max_size=8,
    ).map("".join),
)
_OVERRIDES = st.fixed_dictionaries(
    {},
    optional={
        # Batch takes no empty word.
        "command": st.lists(TEXTS.filter(bool), max_size=3),
        "environment": st.lists(
            st.fixed_dictionaries(
                {"name": TEXTS.filter(lambda name: name.strip() and not name.startswith("AWS_BATCH")), "value": TEXTS}
            ),
            max_size=2,
        ),
        "resourceRequirements": st.just([{"type": "VCPU", "value": "1"}]),
        "vcpus": st.integers(1, 8),
        "instanceType": TEXTS,
    },
)


def job(name: str, *above: Any, **more: Any) -> dict[str, Any]:
    return {"jobName": name, "jobDefinition": "d", "jobQueue": "q", "jobDependencies": list(above), **more}


def schedule(*jobs: Any, **more: Any) -> dict[str, Any]:
    return {"scheduleId": "case", "jobList": list(jobs), **more}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Documents as they have been written over the years, some jobs before those they depend on."""
    names = draw(st.lists(st.one_of(_NAMES, _AWKWARD), min_size=1, max_size=8, unique=True))
    jobs = []
    for number, name in enumerate(names):
        above = draw(st.lists(st.sampled_from(names[:number]), max_size=4)) if number else []
        made = {"jobName": name, "jobQueue": draw(st.sampled_from(["q", "other"])), "jobDefinition": "d:1"}
        if above or draw(st.booleans()):
            made["jobDependencies"] = [{"jobName": up} if draw(st.booleans()) else up for up in above]
        optional = {
            "containerOverrides": st.one_of(BLANKS, _OVERRIDES),
            "parameters": st.one_of(BLANKS, st.dictionaries(TEXTS, TEXTS, max_size=2)),
            "jobStatus": BLANKS,
            "jobId": st.one_of(BLANKS, st.just({"jobId": " "})),
        }
        jobs.append(made | draw(st.fixed_dictionaries({}, optional=optional)))
    optional = {
        "category": st.one_of(BLANKS, TEXTS),
        "scheduleName": st.one_of(BLANKS, TEXTS),
        "scheduleSnsTopic": st.one_of(BLANKS, st.just("arn:aws:sns:eu-west-1:123456789012:topic")),
        "wait_time": st.one_of(BLANKS, st.integers(1, 600), st.integers(1, 600).map(str)),
        "scheduleStatus": BLANKS,
    }
    shuffled = draw(st.permutations(jobs)) if draw(st.booleans()) else jobs
    made = {"scheduleId": draw(st.sampled_from(["case", "daily-load", "a.b_é"])), "jobList": list(shuffled)}
    return made | draw(st.fixed_dictionaries({}, optional=optional))


def imported(folder: Path, given: Any) -> tuple[str | None, Diagnostics]:
    """The DAG file that a document, or the text or bytes of one, becomes, and what is said about it."""
    path = folder / "case.json"
    data = given if isinstance(given, (str, bytes)) else json.dumps(given)
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
    diagnostics = Diagnostics()
    return import_file(str(path), diagnostics), diagnostics


def exported(folder: Path, text: str) -> dict[str, Any]:
    """What the DAG file compiles to."""
    path = folder / "imported.py"
    path.write_text(text, encoding="utf-8")
    return document(compile_files(path, target="schedule"))


def normal(given: dict[str, Any]) -> dict[str, Any]:
    """A document as the compiler would have written it; the order of jobs is not looked at here."""

    def said(value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value

    def names(each: dict[str, Any]) -> set[str]:
        return {up["jobName"] if isinstance(up, dict) else up for up in each.get("jobDependencies") or []}

    return {
        "scheduleId": given["scheduleId"],
        "category": said(given.get("category")) or " ",
        "scheduleName": said(given.get("scheduleName")) or given["scheduleId"],
        "scheduleSnsTopic": said(given.get("scheduleSnsTopic")) or " ",
        "wait_time": int(said(given.get("wait_time")) or 30),
        "jobs": {
            each["jobName"]: {
                "jobDefinition": each["jobDefinition"],
                "jobQueue": each["jobQueue"],
                "jobDependencies": names(each),
                "containerOverrides": said(each.get("containerOverrides")) or {},
                "parameters": said(each.get("parameters")) or {},
                "jobStatus": " ",
                "jobId": " ",
            }
            for each in given["jobList"]
        },
    }


def by_name(given: dict[str, Any]) -> dict[str, Any]:
    """A document of the compiler's in the form of :func:`normal`."""
    jobs = {}
    for each in given["jobList"]:
        rest = {key: value for key, value in each.items() if key != "jobName"}
        jobs[each["jobName"]] = rest | {"jobDependencies": set(each["jobDependencies"])}
    return {key: value for key, value in given.items() if key != "jobList"} | {"jobs": jobs}
