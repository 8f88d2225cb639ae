"""The forms of deployment values: what each may be, as Python or as text, and what is wrong with it.

Configuration files and environment variables have nothing but text. So every check takes text too: dictionaries as
JSON, lists as JSON or separated by commas.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ductwork.contracts import aws_names, batch_limits
from ductwork.contracts.batch_shapes import VOLUME, mismatches
from ductwork.contracts.stepfunctions_limits import MAX_TIMEOUT_SECONDS


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if not pattern.fullmatch(str(value)):
            raise ValueError(f"not a legal {what}")
        return str(value)

    return check


def _integer(least: int, most: int, unit: str) -> Callable[[object], int]:
    def check(value: object) -> int:
        try:
            number = int(str(value))
        except ValueError:
            raise ValueError(f"must be a whole number of {unit}" if unit else "must be a whole number") from None
        if not least <= number <= most:
            raise ValueError(f"must be {least:,} to {most:,} {unit}".rstrip())
        return number

    return check


def _vcpus(value: Any) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or not (number in (0.25, 0.5) or (number >= 1 and number == int(number))):
        raise ValueError("must be 0.25, 0.5 or a whole number")
    return f"{number:g}"


def _boolean(value: object) -> bool:
    # Airflow's configuration knows these.
    booleans = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
    if str(value).lower() not in booleans:
        raise ValueError("must be true or false")
    return booleans[str(value).lower()]


# Any: what is in it each form checks for itself.
def dictionary(value: object) -> Mapping[object, Any]:
    """A dictionary, or the JSON text of one.

    :raises ValueError: it is neither
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            example = """as text it is a JSON object, e.g. {"NAME": "value"}"""
            raise ValueError(f"must be a dictionary; {example} ({error})") from None
    if not isinstance(value, Mapping):
        raise ValueError("must be a dictionary")
    return value


def _string_dict(value: object) -> dict[str, str]:
    """A dictionary of texts; numbers, and the truth values of JSON, are written out."""
    spelled = {True: "true", False: "false"} if isinstance(value, str) else {}
    texts = {}
    for name, text in dictionary(value).items():
        if not name:
            raise ValueError("one of its names is empty")
        if text is None:
            raise ValueError(f"{name} has no value")
        if isinstance(text, (Mapping, list, tuple, set)):
            raise ValueError(f"the value of {name} is no text")
        texts[str(name)] = spelled.get(text, str(text)) if isinstance(text, bool) else str(text)
    return texts


def _environment(value: object) -> dict[str, str]:
    variables = _string_dict(value)
    for name in variables:
        if name.startswith(("AWS_BATCH", "DUCTWORK_")):
            raise ValueError(f"the variable name {name} is reserved")
    return variables


def _tags(value: object) -> dict[str, str]:
    tags = _string_dict(value)
    if len(tags) > batch_limits.MAX_TAGS:
        raise ValueError(f"must be at most {batch_limits.MAX_TAGS} tags")
    return tags


def _secrets(value: object) -> dict[str, str]:
    check = _matching(aws_names.SECRET, "ARN of a secret or parameter")
    return {name: check(reference) for name, reference in _environment(value).items()}


def _volumes(value: object) -> dict[str, object]:
    volumes = dictionary(value)
    for name, volume in volumes.items():
        for _, what in mismatches(volume, VOLUME, str(name)):
            raise ValueError(what)
        if len(volume) != 1:
            raise ValueError(f"{name} must be one of {', '.join(VOLUME)}")
    return {str(name): volume for name, volume in volumes.items()}


def _names(value: object) -> frozenset[str]:
    """Names in a list, in the JSON text of one, or separated by commas."""
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.lstrip().startswith("[") else value.split(",")
        except ValueError as error:
            raise ValueError(f"must be a list of names; as text a, b or a JSON list ({error})") from None
    if not isinstance(value, (list, tuple, set, frozenset)) or not all(isinstance(name, str) for name in value):
        raise ValueError("must be a list of names")
    return frozenset(name.strip() for name in value) - {""}


def pools(text: str) -> dict[str, int]:
    """Slots by the names of pools.

    :param text: ``name=slots, ...``
    :raises ValueError: for the first part that is wrong
    """
    form = "NAME=SLOTS with a whole number of slots, or -1 for any number"
    return {name: int(slots) for name, slots in _pairs(text, re.compile(r"-1|0*[1-9][0-9]*"), form)}


def queues(text: str) -> dict[str, str]:
    """Job queues by the names of Airflow's queues.

    :param text: ``Airflow's queue=job queue, ...``
    :raises ValueError: for the first part that is wrong
    """
    return dict(_pairs(text, aws_names.JOB_QUEUE, "QUEUE=JOB_QUEUE with the name or ARN of a job queue"))


def _pairs(text: str, values: re.Pattern[str], form: str) -> Iterator[tuple[str, str]]:
    """Each name of ``name=value, ...`` with its value."""
    names = set()
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, value = (each.strip() for each in part.partition("="))
        if not name or not values.fullmatch(value):
            raise ValueError(f"{part!r} is not {form}")
        if name in names:
            raise ValueError(f"{name} is there twice")
        names.add(name)
        yield name, value


def _platform(value: object) -> str:
    if str(value).lower() not in {"ec2", "fargate"}:
        raise ValueError("must be ec2 or fargate")
    return str(value).lower()


CHECKS: dict[str, Callable[[object], object]] = {
    "job_queue": _matching(aws_names.JOB_QUEUE, "job queue name or ARN"),
    "job_definition": _matching(aws_names.JOB_DEFINITION, "job definition name, name:revision or ARN"),
    "image": _matching(re.compile(r"\S{1,512}"), "image name"),
    "ledger_table": _matching(aws_names.TABLE, "table name (3 to 255 letters, digits, _ . -)"),
    "vcpus": _vcpus,
    "memory": _integer(4, 2_000_000, "MiB"),
    "gpus": _integer(1, 64, ""),
    "timeout": _integer(batch_limits.MIN_TIMEOUT_SECONDS, MAX_TIMEOUT_SECONDS, "seconds"),
    "share_identifier": _matching(re.compile(r"[A-Za-z0-9]{1,255}"), "share identifier (letters and digits)"),
    "scheduling_priority": _integer(0, batch_limits.MAX_SCHEDULING_PRIORITY, ""),
    "propagate_tags": _boolean,
    "event_bus": _matching(aws_names.EVENT_BUS, "name or ARN of an event bus"),
    "dag_code": _matching(aws_names.DAG_CODE, "place of DAG code: s3://BUCKET/PREFIX/HASH.zip, as `upload` prints it"),
    "environment": _environment,
    "tags": _tags,
    "native": _boolean,
    "container_image": _matching(re.compile(r"\S{1,512}"), "image name"),
    "worker_image": _boolean,
    "platform": _platform,
    "public_ip": _boolean,
    "job_role": _matching(aws_names.ROLE, "ARN of a role"),
    "execution_role": _matching(aws_names.ROLE, "ARN of a role"),
    "registry_credentials": _matching(aws_names.SECRET, "ARN of a secret"),
    "secrets": _secrets,
    "volumes": _volumes,
    "ignore": _names,
}
