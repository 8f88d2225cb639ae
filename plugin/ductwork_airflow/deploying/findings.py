"""What a look at an account finds, and looking where the caller may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from ductwork_airflow.aws.errors import ACCESS_REFUSED, code, message

GOOD, BAD, UNKNOWN = "good", "bad", "unknown"


@dataclass(frozen=True)
class Finding:
    """What a check found.

    :param about: what was looked at
    :param state: :data:`GOOD`, :data:`BAD` or :data:`UNKNOWN`
    :param what: what is wrong; empty if nothing is
    :param mend: a command, or what else to do
    """

    about: str
    state: str = GOOD
    what: str = ""
    mend: str = ""


def looked(about: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What a look finds; that nothing is known, if the caller may not look."""
    try:
        yield from look()
    except ClientError as error:
        if code(error) not in ACCESS_REFUSED:
            raise
        yield Finding(about, UNKNOWN, f"you may not look: {message(error)}", f"allow {error.operation_name}")
