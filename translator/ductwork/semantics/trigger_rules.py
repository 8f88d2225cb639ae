"""Airflow's trigger rules as data: what a task does, given the outcomes of its direct upstream tasks.

Each rule is a list of clauses in Airflow's own order of precedence (airflow.ti_deps.deps.trigger_rule_dep, 3.3). The
first clause that holds diverts the task to its verdict; if none holds, the task runs. State machines turn the clauses
into conditions, the evaluator of a job chain evaluates them; both read this table.

A removed upstream task instance is neither a failure nor skipped: below it, all_success runs its task.

Two outcomes are no states of Airflow's. ``absent``: there is no instance (:mod:`ductwork.ir.window`). ``no_status``:
there is one that waits in vain, because it is below one of either kind; its run fails ("all tasks deadlocked"). A task
below one of them waits in vain itself, unless its rule says otherwise of the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Verdict = Literal["run", "skipped", "upstream_failed", "no_status"]

FAILED = frozenset({"failed", "upstream_failed"})
SKIPPED = frozenset({"skipped"})
SUCCESS = frozenset({"success"})
OUTCOMES = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
ABSENT: Final = "absent"
NO_STATUS: Verdict = "no_status"
NEVER = frozenset({ABSENT, NO_STATUS})

DEFAULT = "all_success"
# The rule of teardown tasks: of the direct upstream tasks it looks at the setups only.
TEARDOWN = "all_done_setup_success"
# A task with this rule waits for nothing at all.
ALWAYS = "always"


@dataclass(frozen=True)
class Clause:
    """What a task ends in, or that it runs, if its upstream tasks ended in certain states.

    :param holds: ``any``: at least one upstream task ended in one of ``states``; ``none``: not one did
    """

    verdict: Verdict
    holds: Literal["any", "none"]
    states: frozenset[str]

    def true_of(self, outcomes: Collection[str]) -> bool:
        """Whether the clause holds.

        :param outcomes: the states in which upstream tasks have ended
        """
        return bool(self.states & set(outcomes)) == (self.holds == "any")


def _any(verdict: Verdict, states: frozenset[str]) -> Clause:
    return Clause(verdict, "any", states)


def _none(verdict: Verdict, states: frozenset[str]) -> Clause:
    return Clause(verdict, "none", states)


def _unless(verdict: Verdict, states: frozenset[str]) -> tuple[Clause, Clause]:
    """Not one ended in ``states``: the verdict, once all have ended, which some never do."""
    return _none(verdict, states | NEVER), _none(NO_STATUS, states)


_ALL_SKIPPED = _none("skipped", (OUTCOMES | NEVER) - SKIPPED)
IN_VAIN = _any(NO_STATUS, NEVER)

# What a task needs of the setups above it that are not its direct upstream tasks.
SETUPS = (_any("upstream_failed", FAILED), _any("skipped", SKIPPED))

RULES: Mapping[str, tuple[Clause, ...]] = {
    "all_success": (*SETUPS, IN_VAIN),
    "all_failed": (_any("skipped", SUCCESS | SKIPPED), IN_VAIN),
    "all_done": (IN_VAIN,),
    "all_done_min_one_success": (_any("skipped", SKIPPED), IN_VAIN, _none("upstream_failed", SUCCESS)),
    "all_skipped": (_any("skipped", SUCCESS | FAILED), IN_VAIN),
    "one_failed": _unless("skipped", FAILED),
    "one_success": (_ALL_SKIPPED, *_unless("upstream_failed", SUCCESS)),
    "one_done": _unless("skipped", frozenset({"success", "failed"})),
    "none_failed": (_any("upstream_failed", FAILED), IN_VAIN),
    "none_failed_min_one_success": (
        _any("upstream_failed", FAILED),
        _ALL_SKIPPED,
        IN_VAIN,
        _none("upstream_failed", SUCCESS),
    ),
    "none_skipped": (_any("skipped", SKIPPED), IN_VAIN),
    TEARDOWN: (IN_VAIN, _ALL_SKIPPED, _none("upstream_failed", SUCCESS)),
    ALWAYS: (),
}

# Rules that let a task run before all its upstream tasks have ended: as soon as one has ended so.
EARLY: Mapping[str, frozenset[str]] = {
    "one_success": SUCCESS,
    "one_failed": FAILED,
    "one_done": frozenset({"success", "failed"}),
}

# Rules of which Airflow asks a task of a mapped group that is not expanded yet with all instances of the tasks above it
# in the group. Of other rules it sees, within the group, only what ended before it was expanded.
OF_ALL_INSTANCES = frozenset({"one_success", "one_failed", "one_done", "none_failed_min_one_success"})


def verdict(
    rule: str, outcomes: Collection[str], setups: Collection[str] = (), *, unseen: Collection[str] = ()
) -> Verdict:
    """What a rule says once all direct upstream tasks have ended.

    :param outcomes: of all direct upstream task instances
    :param setups: of those among them that are setups
    :param unseen: see :func:`unseen`
    :raises KeyError: the rule is not one of :data:`RULES`
    """
    if not outcomes:
        return "run"
    read = set(outcomes).difference(unseen)
    if rule == TEARDOWN:
        read &= {*setups, *NEVER}
        if not read:
            return "run"
    return next((clause.verdict for clause in RULES[rule] if clause.true_of(read)), "run")


def unseen(expanding: bool) -> frozenset[str]:
    """The outcomes that a task does not see of tasks directly above it: where one of these is mapped, Airflow counts
    their instances, not the tasks, and so waits for none that it has not made.

    :param expanding: one of them is mapped, or in a mapped group
    """
    return frozenset({ABSENT}) if expanding else frozenset()
