"""A sensor of AWS: a call that is made again and again, until what AWS answers says that the waiting is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ductwork.ir.aws_call import AwsCall, Leaf


class Key(str):
    """In a path: a key that is data, such as an attribute's name, and no member of the API's."""

    __slots__ = ()


@dataclass(frozen=True)
class Holds:
    """A condition on what AWS answered.

    :param path: names of members in boto3's spelling, indexes of lists, and :class:`Key`, from the answer inwards
    :param values: texts or expressions of such: the value at the path is one of them; none: there is a value
    :param negated: it is not so
    :param lower: of the value in small letters
    """

    path: tuple[str | int, ...]
    values: tuple[object, ...] = ()
    negated: bool = False
    lower: bool = False


@dataclass(frozen=True)
class Comes:
    """What a poke comes to.

    :param checks: it does so where all of these hold
    :param error: it has failed, with this as the last line of the operator's traceback; None: the waiting is over
    """

    checks: tuple[Holds, ...]
    error: Leaf = None


@dataclass(frozen=True)
class Absent:
    """An error of AWS that is an answer to the sensor: what it waits for is not there.

    :param errors: names of the API's errors
    :param says: a part of AWS's text
    :param status: of HTTP
    :param any_error: whatever AWS answers but with what was asked for
    :param comes: what the poke comes to; None: not yet
    """

    errors: tuple[str, ...] = ()
    says: str = ""
    status: int | None = None
    any_error: bool = False
    comes: Comes | None = None


@dataclass(frozen=True)
class Backoff:
    """Airflow's exponential backoff between pokes.

    :param longest: seconds; None: it goes on growing
    """

    longest: float | None = None


@dataclass(frozen=True)
class AwsSensor(AwsCall):
    """A call that looks, made again and again. ``links`` are left once the waiting is over.

    :param comes: what a poke comes to, in order of precedence; if to none of these, the sensor pokes again
    :param further: requests that a poke makes after ``arguments``, one after another, each once what was asked before
        came to a good end
    :param token: the member of an answer that says that there is more of it, and that of the request which asks for
        that; asked for where the poke comes to nothing else
    :param absent: the error that is an answer, too
    :param interval: seconds between two pokes
    :param limit: seconds after which it gives up, for good
    :param reschedules: Airflow's sensor is started again for each poke, so that execution_timeout does not end it
    :param skips_late: it is skipped when it gives up, else failed
    :param skips_errors: it is skipped where a poke fails
    :param ignores_errors: a poke that fails is one that says "not yet"
    """

    kind = "sensor"
    pokes = True

    comes: tuple[Comes, ...] = ()
    further: tuple[Mapping[str, object], ...] = ()
    token: tuple[str, str] | None = None
    absent: Absent | None = None
    interval: float = 60.0
    backoff: Backoff | None = None
    limit: float = 7 * 86_400.0
    reschedules: bool = False
    skips_late: bool = False
    skips_errors: bool = False
    ignores_errors: bool = False

    @property
    def ends(self) -> frozenset[str]:
        """The outcomes that it may have once it runs."""
        skips = self.skips_late or self.skips_errors
        return frozenset({"success", "failed", *(["skipped"] if skips else [])})
