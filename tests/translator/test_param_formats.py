"""Airflow checks the format of a Param where a package for it is installed. Ductwork requires them all, so that whoever
compiles, whoever starts a run and the worker agree."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowException

# Every format of JSON Schema, and what Airflow's user interface adds: a legal value and an illegal one, None for none.
FORMATS = {
    "date": ("2026-01-02", "2026-02-30"),
    "time": ("10:00:00", "10:00:00+00:00"),  # jsonschema goes by its oldest draft here
    "date-time": ("2026-01-02T10:00:00+00:00", "2026-01-02"),
    "duration": ("P1D", "1 day"),
    "email": ("a@example.org", "a"),
    "idn-email": ("a@example.org", "a"),
    "hostname": ("example.org", "-a-"),
    "idn-hostname": ("example.org", "〮x"),
    "ipv4": ("10.0.0.1", "10.0.0.256"),
    "ipv6": ("::1", "::g"),
    "uri": ("s3://bucket/key", "no uri"),
    "uri-reference": ("../key", "\\\\x"),
    "iri": ("s3://bücket/key", "no iri"),
    "iri-reference": ("../kéy", "\\\\x"),
    "uri-template": ("s3://{bucket}", "s3://{bucket"),
    "uuid": ("2eb8aa08-aa98-11ea-b4aa-73b441d16380", "2eb8"),
    "json-pointer": ("/a/b", "a/b"),
    "relative-json-pointer": ("1/a", "/a"),
    "regex": ("a+", "("),
    "color": ("red", "no colour"),
    "multiline": ("a\nb", None),
    "no-such-format": ("anything", None),
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_format_is_checked(name: str) -> None:
    good, bad = FORMATS[name]
    assert Param(good, type="string", format=name).resolve() == good
    if bad is not None:
        with pytest.raises((AirflowException, ValueError)):
            Param(bad, type="string", format=name).resolve()


def test_no_further_format_is_known() -> None:
    from jsonschema import FormatChecker

    # Names of older drafts for formats that are in the table.
    older = {"host-name": "hostname", "ip-address": "ipv4", "idn-hostname": "idn-hostname"}
    assert {older.get(name, name) for name in FormatChecker.checkers} <= FORMATS.keys()


def required(name: str, extras: frozenset[str]) -> set[str]:
    """The names of the packages that one requires, itself included; of its extras those that are asked for."""
    from packaging.requirements import Requirement

    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(name, extras)]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for line in metadata.requires(name) or ():
            found = Requirement(line)
            marker = found.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in (extras or {""})):
                waiting.append((re.sub(r"[-_.]+", "-", found.name).lower(), frozenset(found.extras)))
    return {name for name, _ in seen}


def test_a_worker_has_what_checks_them() -> None:
    """An image has no extras of Ductwork's, and not what the tests need."""
    wanted = required("jsonschema", frozenset({"format-nongpl"}))
    assert {"rfc3339-validator", "rfc3986-validator", "fqdn"} <= wanted <= required("ductwork", frozenset())
