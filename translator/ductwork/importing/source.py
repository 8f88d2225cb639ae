"""A schedule as a DAG file, as one would write it by hand."""

from __future__ import annotations

import builtins
import keyword as python_words
import re
from collections.abc import Iterable, Mapping, Sequence

from ductwork.contracts.schedule_document import Job, Schedule
from ductwork.importing.literals import INDENT, WIDTH, keyword, text
from ductwork.templates import escaped

_HEADER = '''\
"""Jobs of AWS Batch in the order of their dependencies, imported from a schedule document."""

'''
_SNS = "from airflow.providers.amazon.aws.notifications.sns import SnsNotifier\n"
_IMPORTS = """\
from airflow.providers.amazon.aws.operators.batch import BatchOperator
from airflow.sdk import DAG

"""
_TAKEN = {*python_words.kwlist, *python_words.softkwlist, *dir(builtins), "dag"}
# So short that any two variables and what is between them fit a line.
_LONGEST_VARIABLE = 34

# Jobs one after another; those in one list run side by side.
_Line = list[list[str]]


def dag_file(schedule: Schedule) -> str:
    """The text of the DAG file.

    :param schedule: checked: its names are ones that Airflow and AWS Batch accept, its dependencies have no circle
    """
    shared = _shared(schedule.jobs)
    variables = _variables([job.name for job in schedule.jobs])
    lines = [_HEADER + (_SNS if schedule.topic else "") + _IMPORTS]
    if schedule.topic:
        lines.append(f"TOPIC = {text(schedule.topic)}\n\n")
    lines += ["with DAG(\n", *_dag_arguments(schedule, shared), ") as dag:\n"]
    for job in schedule.jobs:
        lines.append(f"{INDENT}{variables[job.name]} = BatchOperator(\n")
        lines += [f"{line}\n" for line in _job_arguments(job, shared)]
        lines.append(f"{INDENT})\n")
    if edges := _edges(schedule.jobs, variables):
        lines += ["\n", *(f"{line}\n" for line in edges)]
    return "".join(lines)


def _dag_arguments(schedule: Schedule, shared: Mapping[str, str]) -> Iterable[str]:
    arguments: dict[str, object] = {"dag_id": schedule.schedule_id}
    if schedule.title and schedule.title != schedule.schedule_id:
        arguments["description"] = schedule.title
    for name, value in arguments.items():
        yield keyword(name, value, INDENT) + "\n"
    yield f"{INDENT}schedule=None,\n"
    yield keyword("default_args", {**shared, "poll_interval": schedule.wait_time}, INDENT) + "\n"
    if schedule.topic:
        for name, end in (("on_success_callback", "succeeded"), ("on_failure_callback", "failed")):
            # The id of a DAG has no character that means anything to Jinja.
            message = f"{schedule.schedule_id} {end}: {{{{ run_id }}}}"
            yield f"{INDENT}{name}=SnsNotifier(\n{2 * INDENT}target_arn=TOPIC,\n"
            yield f"{keyword('message', message, 2 * INDENT)}\n{INDENT}),\n"
    if schedule.category:
        yield keyword("tags", [schedule.category], INDENT) + "\n"


def _shared(jobs: Sequence[Job]) -> dict[str, str]:
    """The arguments that all jobs have in common, written once."""
    values = {
        "job_definition": {job.definition for job in jobs},
        "job_queue": {job.queue for job in jobs},
    }
    return {name: given.pop() for name, given in values.items() if len(given) == 1 and len(jobs) > 1}


def _job_arguments(job: Job, shared: Mapping[str, str]) -> Iterable[str]:
    arguments: dict[str, object] = {"task_id": job.name, "job_name": job.name}
    for name, value in (("job_definition", job.definition), ("job_queue", job.queue)):
        if name not in shared:
            arguments[name] = value
    for name, given in (("container_overrides", job.overrides), ("parameters", job.parameters)):
        if given:
            arguments[name] = _escaped(given)
    return [keyword(name, value, 2 * INDENT) for name, value in arguments.items()]


def _escaped(value: object) -> object:
    """Airflow renders these; in the document they are plain text."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, Mapping):
        return {key: _escaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_escaped(inner) for inner in value]
    return value


def _variables(names: Sequence[str]) -> dict[str, str]:
    """The name of a variable for each job: ``ConvertParquet`` becomes ``convert_parquet``."""
    variables: dict[str, str] = {}
    used: set[str] = set()
    numbers: dict[str, int] = {}
    for name in names:
        words = re.sub(r"([a-z0-9])([A-Z])|([A-Z])(?=[A-Z][a-z])", r"\1\3_\2", name).lower()
        plain = re.sub(r"[^a-z0-9]+", "_", words).strip("_")
        if not plain[0].isalpha():
            plain = f"job_{plain}"
        plain = plain[:_LONGEST_VARIABLE].rstrip("_")
        variable = f"{plain}_" if plain in _TAKEN else plain
        number = numbers.get(plain, 1)
        while variable in used:
            number += 1
            variable = f"{plain}_{number}"
        numbers[plain] = number
        used.add(variable)
        variables[name] = variable
    return variables


def _edges(jobs: Sequence[Job], variables: Mapping[str, str]) -> list[str]:
    """``a >> [b, c]`` and the like: one line for what follows the same jobs, lines that continue each other joined."""
    place = {job.name: number for number, job in enumerate(jobs)}
    below: dict[tuple[str, ...], list[str]] = {}
    for job in jobs:
        if job.dependencies:
            above = tuple(variables[name] for name in sorted(job.dependencies, key=place.__getitem__))
            below.setdefault(above, []).append(variables[job.name])
    # A list has no >> for lists: several jobs after several others take a line each.
    lines: list[_Line] = [
        [list(above), after]
        for above, all_after in below.items()
        for after in ([all_after] if len(above) == 1 else [[one] for one in all_after])
    ]
    return [_flat(line) if _fits(line) else _split(line) for line in _joined(lines)]


def _joined(lines: Sequence[_Line]) -> list[_Line]:
    """``a >> b`` and ``b >> c`` as ``a >> b >> c``, as far as that fits a line."""
    starting = {line[0][0]: line for line in lines if len(line[0]) == 1}
    gone: set[int] = set()
    for line in lines:
        # A line that has become the end of another must not go on by itself.
        if id(line) in gone:
            continue
        while len(line[-1]) == 1 and (follower := starting.get(line[-1][0])) and _fits(line + follower[1:]):
            gone.add(id(starting.pop(line[-1][0])))
            line += follower[1:]
    return [line for line in lines if id(line) not in gone]


def _fits(line: _Line) -> bool:
    return len(_flat(line)) <= WIDTH


def _flat(line: _Line) -> str:
    return INDENT + " >> ".join(part[0] if len(part) == 1 else f"[{', '.join(part)}]" for part in line)


def _split(line: _Line) -> str:
    """With each job of a list on a line of its own."""
    items = ("".join(f"{2 * INDENT}{name},\n" for name in part) for part in line)
    parts = (part[0] if len(part) == 1 else f"[\n{inner}{INDENT}]" for part, inner in zip(line, items, strict=True))
    return INDENT + " >> ".join(parts)
