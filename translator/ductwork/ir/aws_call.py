"""A task that calls AWS: the call, how its end is waited for, and what it leaves, as data.

What it leaves is said by values that read what AWS answered. Their leaves are those of this module, expressions
(:class:`ductwork.ir.Expr`) and JSON; around them may be dictionaries and lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ductwork.ir.work import Work

Leaf = object
"""One of the classes below, an expression, or JSON; or a dictionary or list of such."""


@dataclass(frozen=True)
class Answer:
    """A value of what AWS answered.

    :param path: names of members in boto3's spelling, from the answer inwards
    :param otherwise: what it is where AWS does not say; None: nothing
    """

    path: tuple[str, ...]
    otherwise: str | None = None


@dataclass(frozen=True)
class Each:
    """The same member of all items of a list.

    :param path: of the list
    """

    path: tuple[str, ...]
    member: str


@dataclass(frozen=True)
class Kept:
    """A value that was kept when the call was made: :attr:`AwsCall.keeps`."""

    name: str


@dataclass(frozen=True)
class Phrase:
    """A text of several pieces: texts, and values that are no objects.

    :param otherwise: the text where one of its answers is missing; None: without that piece
    """

    parts: tuple[Leaf, ...]
    otherwise: str | None = None


@dataclass(frozen=True)
class Metadata:
    """boto3's ``ResponseMetadata``, as far as Step Functions tells of the answer; only of optimized integrations."""


@dataclass(frozen=True)
class AwsDomain:
    """The domain of the console of the partition that the run is in, as Airflow's links have it."""


@dataclass(frozen=True)
class Parsed:
    """The value that a JSON text stands for.

    :param text: a text, or an expression of one
    """

    text: Leaf


@dataclass(frozen=True)
class JsonText:
    """The JSON text of a value, without blanks."""

    value: Leaf


@dataclass(frozen=True)
class MadeUp:
    """A UUID, another one for each call."""


@dataclass(frozen=True)
class Check:
    """A condition on what AWS answered.

    :param values: the value at the path is one of these; none: there is a value
    :param negated: it is not so
    """

    path: tuple[str, ...]
    values: tuple[str | int | bool, ...] = ()
    negated: bool = False


@dataclass(frozen=True)
class Failure:
    """What fails a task although AWS has answered.

    :param error: as the last line of the operator's traceback has it
    """

    check: Check
    error: Leaf


def is_many(leaf: Leaf) -> bool:
    """Whether a value is a list, over which a task may be expanded."""
    return isinstance(leaf, (list, Each))


@dataclass(frozen=True)
class Looks:
    """Looking again and again, from at once after the call, whether something has ended.

    :param done: it has, and well; failures are looked for first
    :param delay: seconds between two looks, as the operator has it
    :param limit: seconds after which the task gives up; None: it never does
    :param gives_up: the error then, which may read the last answer
    """

    service: str
    action: str
    arguments: Mapping[str, object]
    done: Check
    delay: float
    limit: float | None = None
    gives_up: Leaf = ""


@dataclass(frozen=True)
class Sync:
    """Step Functions itself waits for the end.

    :param failed: the error, which reads the answer about what has failed
    """

    failed: Leaf


@dataclass(frozen=True)
class AwsCall(Work):
    """A call of AWS. Leaves of ``arguments`` may be :class:`Expr`, :class:`Parsed`, :class:`JsonText`,
    :class:`MadeUp` or :class:`PerInstance`.

    :param service: as boto3 names it
    :param action: as the API has it, e.g. ``StartJobRun``
    :param arguments: in boto3's spelling
    :param integration: the optimized integration that makes the call, e.g. ``glue:startJobRun``; empty: the SDK's
    :param keeps: values of the answer that are read once it has gone
    :param links: XComs that are left as soon as the call is made, by key
    :param returns: the return value; None: there is none
    :param failures: of the last answer
    :param waits: how the end is waited for; None: it has ended when AWS answers
    :param timeout: seconds after which Airflow ends an attempt; None: never
    """

    kind = "call"

    service: str
    action: str
    arguments: Mapping[str, object]
    integration: str = ""
    keeps: Mapping[str, Leaf] = field(default_factory=dict)
    links: Mapping[str, Leaf] = field(default_factory=dict)
    returns: Leaf = None
    failures: tuple[Failure, ...] = ()
    waits: Looks | Sync | None = None
    timeout: float | None = None

    @property
    def actions(self) -> tuple[tuple[str, str, str], ...]:
        """The call, and what is asked while its end is waited for."""
        looks = [(self.waits.service, self.waits.action, "")] if isinstance(self.waits, Looks) else []
        return ((self.service, self.action, self.integration), *looks)

    @property
    def ends(self) -> frozenset[str]:
        return frozenset({"success", "failed"})
