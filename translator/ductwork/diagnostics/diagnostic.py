"""What Ductwork reports about a DAG: a stable code, where, what is wrong, what to do.

Diagnostics are collected, never raised one at a time, so that one run reports everything there is to mend.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace

from ductwork.diagnostics.severity import Severity


@dataclass(frozen=True, order=True)
class Origin:
    """A place in a user's file. ``line`` counts from 1; 0 means the whole file."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Diagnostic:
    """One finding.

    :param code: ``DW`` and three digits, a key of :data:`ductwork.diagnostics.catalogue.CODES`
    :param dag_id: the DAG it is about, if there is one
    :param task_id: the task it is about, if there is one
    :param field: the operator argument, option or setting it is about
    """

    code: str
    severity: Severity
    origin: Origin
    what: str
    hint: str
    dag_id: str = ""
    task_id: str = ""
    field: str = ""

    def __str__(self) -> str:
        subject = ".".join(part for part in (self.dag_id, self.task_id) if part)
        about = " ".join(part for part in (subject, self.field) if part)
        about = f" [{about}]" if about else ""
        return f"{self.origin}: {self.severity.value} {self.code}{about}: {self.what}\n    {self.hint}"

    def as_json(self) -> dict[str, object]:
        """As ``ductwork check --format json`` prints it: flat, with ``file`` and ``line`` for the origin."""
        plain = asdict(self)
        origin = plain.pop("origin")
        return {**plain, "severity": self.severity.value, "file": origin["file"], "line": origin["line"]}


@dataclass
class Diagnostics:
    """A growing, ordered collection of findings."""

    found: list[Diagnostic] = field(default_factory=list)

    def add(self, code: str, origin: Origin, what: str, hint: str, **about: str) -> None:
        """Add an error, or whatever severity the catalogue gives this code."""
        # Imported late: the catalogue is long, and most runs need none of its text.
        from ductwork.diagnostics.catalogue import CODES

        self.found.append(Diagnostic(code, CODES[code].severity, origin, what, hint, **about))

    def extend(self, others: Iterable[Diagnostic]) -> None:
        """Add findings as they are, behind those that are there."""
        self.found.extend(others)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return any(finding.severity is Severity.ERROR for finding in self.found)

    def failed_for(self, dag_id: str) -> bool:
        """Whether there is an error about this DAG."""
        return any(finding.severity is Severity.ERROR and finding.dag_id == dag_id for finding in self.found)


def told(findings: Iterable[Diagnostic]) -> Iterator[tuple[Severity, str]]:
    """The texts of findings in their order. A warning that is the same for several tasks is one text.

    Each error is a text: there is something to do about each.
    """
    groups: dict[object, list[Diagnostic]] = {}
    for number, finding in enumerate(findings):
        same = replace(finding, origin=Origin(finding.origin.file), task_id="")
        alone = finding.severity is Severity.ERROR or not finding.task_id
        groups.setdefault(number if alone else same, []).append(finding)
    for first, *others in groups.values():
        places = (other.task_id + ("" if other.origin == first.origin else f" ({other.origin})") for other in others)
        yield first.severity, f"{first}\n    also: {', '.join(places)}" if others else str(first)
