"""S3KeySensor of keys that are known by name: the machine looks for the objects."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urlsplit

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir import AwsSensor, Concat, Expr, RunValue, Text
from ductwork.ir.aws_sensor import Absent
from ductwork.rules.aws_calls import Given
from ductwork.rules.aws_sensors import over, poke, sensor_rule
from ductwork.rules.base import Decline
from ductwork.templates import CannotLowerError

_NEED_AIRFLOW = ("wildcard_match", "check_fn", "use_regex")
_URL = re.compile(r"s3[na]?://([^/]+)/+(.*)", re.IGNORECASE | re.DOTALL)
# No URL begins like this, whatever follows.
_NO_URL = re.compile(r"(?!//)[^:]*[^A-Za-z0-9+.:-]|[^A-Za-z/]")
_DATES = ("ds", "ds_nodash", "ts", "ts_nodash")


def _key(given: Given) -> AwsSensor | Decline:
    if name := given.is_set(*_NEED_AIRFLOW):
        return Decline(f"{name} is set, so a worker looks at the objects themselves")
    keys = given["bucket_key"]
    requests = [_object(given["bucket_name"], key) for key in (keys if isinstance(keys, list) else [keys])]
    if not requests:
        return Decline("bucket_key is empty, so there is nothing to wait for")
    first, *others = requests
    # A bucket that is not there is "not yet", too.
    return replace(poke("s3", "HeadObject", first, over(), absent=Absent(status=404)), further=tuple(others))


def _object(bucket: object, key: object) -> dict[str, object]:
    """The request for an object.

    :raises CannotLowerError: only the run shows whether the key is a URL, and of which bucket
    """
    pieces: tuple[object, ...] = key.parts if isinstance(key, Concat) else (key,)
    first, others = pieces[0], [piece for piece in pieces[1:] if isinstance(piece, Expr)]
    opening = first.value if isinstance(first, Text) else first if isinstance(first, str) else ""
    if bucket is None:
        if not (found := _URL.fullmatch(opening)) or _has_query(opening, others):
            raise CannotLowerError("bucket_key is no s3:// URL with a bucket that is the same in all runs")
        if not others:
            parsed = urlsplit(opening, allow_fragments=False)
            return {"Bucket": parsed.netloc, "Key": parsed.path.lstrip("/")}
        if not found[2] and not _is_date(others[0]):
            raise CannotLowerError("only the run shows which key bucket_key is")
        return {"Bucket": found[1], "Key": _joined(found[2], others)}
    if not (_NO_URL.match(opening) or _is_date(first) or _is_plain(key)):
        raise CannotLowerError("bucket_name is set, and only the run shows whether bucket_key is a URL")
    return {"Bucket": bucket, "Key": key}


def _has_query(opening: str, others: list[Expr]) -> bool:
    return any("?" in each.value for each in others if isinstance(each, Text)) or (bool(others) and "?" in opening)


def _is_date(part: object) -> bool:
    return isinstance(part, RunValue) and part.name in _DATES


def _is_plain(key: object) -> bool:
    """Whether it is a text that Airflow takes for a key beside a bucket."""
    return isinstance(key, str) and not (urlsplit(key).scheme or urlsplit(key).netloc)


def _joined(opening: str, others: list[Expr]) -> Expr:
    parts = ([Text(opening)] if opening else []) + others
    return parts[0] if len(parts) == 1 else Concat(tuple(parts))


RULE = sensor_rule(
    "s3_key_sensor",
    {"airflow.providers.amazon.aws.sensors.s3.S3KeySensor": _key},
    f"{AMAZON_PROVIDER}/operators/s3/s3.html",
    arguments={"Bucket": "bucket_name", "Key": "bucket_key"},
)
