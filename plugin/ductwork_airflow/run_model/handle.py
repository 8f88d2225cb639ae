"""A run on AWS as callers see it, whatever the target: start it once, watch it, stop it, find it again.

The operator, the trigger and the command line all go through this module, so that they agree on what a run is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol, TypedDict, cast

from ductwork.contracts.run_item import RunItem, is_chain


class HandleDict(TypedDict):
    """A :class:`RunHandle` as plain data."""

    dag_id: str
    run_id: str
    target: str
    ledger_table: str
    execution_arn: str | None


@dataclass(frozen=True)
class RunHandle:
    """What is needed to find a run again, from any process. Plain data: it travels in XComs and triggers.

    :param target: ``stepfunctions`` or ``batch``
    :param execution_arn: of the newest execution, for state machines
    """

    dag_id: str
    run_id: str
    target: str
    ledger_table: str
    execution_arn: str | None = None

    def as_dict(self) -> HandleDict:
        """Plain data, for XComs and triggers."""
        return cast(HandleDict, asdict(self))

    @classmethod
    def from_dict(cls, plain: HandleDict) -> RunHandle:
        """From what :meth:`as_dict` has made, by this version or an earlier one."""
        return cls(**plain)

    def at(self, execution_arn: str | None) -> RunHandle:
        """The handle to the same run in another execution."""
        return replace(self, execution_arn=execution_arn)

    def following(self, run: RunItem) -> RunHandle:
        """The handle to the run's newest execution.

        :param run: the run's item
        """
        # A chain is restarted without the execution that may have submitted it.
        followed = not (is_chain(run) and run.get("restarts"))
        return self.at(run.get("execution_arn") if followed else None)


@dataclass(frozen=True)
class RunProgress:
    """What one look at a run found.

    :param state: the run's: ``running``, ``success`` or ``failed``
    :param counts: task instances by state; ``none`` for those that have not begun
    :param changed: task instances whose state this look changed or found changed
    :param error: why the run failed, where it failed outside its tasks
    :param wait: seconds to wait until the next look is worth its calls
    """

    state: str
    counts: Mapping[str, int] = field(default_factory=dict)
    changed: int = 0
    error: str | None = None
    wait: float = 5.0

    @property
    def ended(self) -> bool:
        """Whether the run has a final state."""
        return self.state in {"success", "failed"}


class Watcher(Protocol):
    """Keeps the ledger true to what AWS reports of one run."""

    def poll(self) -> RunProgress:
        """Look once and bring the ledger up to date.

        Throttling and other transient errors are not raised: they give the last progress with a longer ``wait``.
        """

    def stop(self, reason: str) -> None:
        """Stop whatever of the run still runs. Nothing happens if it has ended."""
