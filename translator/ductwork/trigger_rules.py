"""Airflow's trigger rules as data: what a task does, given the outcomes of its direct upstream tasks.

Each rule is a list of clauses in Airflow's own order of precedence (airflow.ti_deps.deps.trigger_rule_dep, 3.3). The
first clause that holds diverts the task to its verdict; if none holds, the task runs. State machines turn the clauses
into conditions, the worker's gate in a job chain evaluates them; both read this table.

A removed upstream task instance is neither a failure nor skipped: below it, all_success runs its task.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["run", "skipped", "upstream_failed"]

FAILED = frozenset({"failed", "upstream_failed"})
SKIPPED = frozenset({"skipped"})
SUCCESS = frozenset({"success"})
OUTCOMES = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})

DEFAULT = "all_success"
# The rule of teardown tasks: of the direct upstream tasks it looks at the setups only.
TEARDOWN = "all_done_setup_success"
# A task with this rule waits for nothing at all.
ALWAYS = "always"


@dataclass(frozen=True)
class Clause:
    """
    :param holds: ``any``: at least one upstream task ended in one of ``states``; ``none``: not one did
    """

    verdict: Literal["skipped", "upstream_failed"]
    holds: Literal["any", "none"]
    states: frozenset[str]

    def true_of(self, outcomes: Collection[str]) -> bool:
        return bool(self.states & set(outcomes)) == (self.holds == "any")


def _any(verdict: Literal["skipped", "upstream_failed"], states: frozenset[str]) -> Clause:
    return Clause(verdict, "any", states)


def _none(verdict: Literal["skipped", "upstream_failed"], states: frozenset[str]) -> Clause:
    return Clause(verdict, "none", states)


_ALL_SKIPPED = _none("skipped", OUTCOMES - SKIPPED)

RULES: Mapping[str, tuple[Clause, ...]] = {
    "all_success": (_any("upstream_failed", FAILED), _any("skipped", SKIPPED)),
    "all_failed": (_any("skipped", SUCCESS | SKIPPED),),
    "all_done": (),
    "all_done_min_one_success": (_any("skipped", SKIPPED), _none("upstream_failed", SUCCESS)),
    "all_skipped": (_any("skipped", SUCCESS | FAILED),),
    "one_failed": (_none("skipped", FAILED),),
    "one_success": (_ALL_SKIPPED, _none("upstream_failed", SUCCESS)),
    "one_done": (_none("skipped", frozenset({"success", "failed"})),),
    "none_failed": (_any("upstream_failed", FAILED),),
    "none_failed_min_one_success": (
        _any("upstream_failed", FAILED),
        _ALL_SKIPPED,
        _none("upstream_failed", SUCCESS),
    ),
    "none_skipped": (_any("skipped", SKIPPED),),
    TEARDOWN: (_ALL_SKIPPED, _none("upstream_failed", SUCCESS)),
    ALWAYS: (),
}

# What a task needs of the setups above it that are not its direct upstream tasks.
SETUPS: tuple[Clause, ...] = RULES["all_success"]

# Rules that let a task run before all its upstream tasks have ended: as soon as one has ended so.
EARLY: Mapping[str, frozenset[str]] = {
    "one_success": SUCCESS,
    "one_failed": FAILED,
    "one_done": frozenset({"success", "failed"}),
}


def verdict(rule: str, outcomes: Collection[str], setups: Collection[str] = ()) -> Verdict:
    """What a rule says once all direct upstream tasks have ended.

    :param outcomes: of all direct upstream task instances
    :param setups: of those among them that are setups
    :raises KeyError: the rule is not one of :data:`RULES`
    """
    read = setups if rule == TEARDOWN else outcomes
    if not read:
        return "run"
    return next((clause.verdict for clause in RULES[rule] if clause.true_of(read)), "run")
