"""The trigger rule in a job chain, where no state machine decides: the worker does, before it runs its task.

Batch starts a job when all it depends on has ended; the ledger says how. The mirror asks the same of tasks without a
job, and of those whose job Batch does not start.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property

from ductwork.contracts.ledger import TERMINAL_STATES, UNMAPPED
from ductwork.contracts.task_facts import Facts, TaskFacts, is_absent
from ductwork.semantics.first_decided import (
    EndDependencies,
    SchedulerPasses,
    is_skipped_first,
    rule_clauses,
    setup_clauses,
)
from ductwork.semantics.trigger_rules import (
    ABSENT,
    ALWAYS,
    DEFAULT,
    NEVER,
    NO_STATUS,
    Verdict,
    unseen,
    verdict,
)

from ductwork_airflow.ledger import LedgerError, TaskKey
from ductwork_airflow.trigger_rules import no_instance
from ductwork_airflow.trigger_rules.records import Records
from ductwork_airflow.trigger_rules.upstream_instances import indexes, instance


class Evaluator:
    """The verdicts of a run's tasks, as far as what is above them has ended.

    :param facts: what the run's item says of its tasks: see :mod:`ductwork.backends.batch.manifest`
    :param fail_fast: who has failed skips all others but teardowns, and may not have come to that yet
    """

    def __init__(self, facts: Facts, records: Records, *, fail_fast: bool = False) -> None:
        self._facts, self._records, self._fail_fast = facts, records, fail_fast
        self._verdicts: dict[TaskKey, Verdict] = {}
        self._passes = SchedulerPasses(self._end_dependencies)

    @cached_property
    def may_wait_in_vain(self) -> frozenset[str]:
        """See :func:`no_instance.may_wait_in_vain`."""
        return no_instance.may_wait_in_vain(self._facts)

    @cached_property
    def never_submitted(self) -> frozenset[str]:
        """See :func:`no_instance.never_submitted`."""
        return no_instance.never_submitted(self._facts)

    def verdict(self, task_id: str, index: int = UNMAPPED) -> Verdict:
        """Whether a task instance runs.

        :raises LedgerError: an upstream task has not ended
        """
        key = (task_id, index)
        if key not in self._verdicts:
            self._verdicts[key] = self._decide(task_id, index)
        return self._verdicts[key]

    def _decide(self, task_id: str, index: int) -> Verdict:
        task = self._facts.get(task_id, {})
        by_rule = self._by_rule(task_id, index, task)
        if self._fail_fast and by_rule == "upstream_failed" and not task.get("teardown"):
            return "skipped"
        # A mapped task that nothing diverts and that has no instances.
        return "skipped" if by_rule == "run" and task.get("size") == 0 else by_rule

    def _by_rule(self, task_id: str, index: int, task: TaskFacts) -> Verdict:
        rule = task.get("rule", DEFAULT)
        if rule == ALWAYS:
            return "run"
        # A branch skips its targets whatever else is upstream of them.
        if any(task_id in self._records.skipped(up) for up in task.get("skippers") or ()):
            return "skipped"
        upstream, indirect_setups = tuple(task.get("upstream") or ()), tuple(task.get("setups") or ())
        ends = {up: self._seen(task_id, index, up) for up in (*upstream, *indirect_setups)}
        if is_skipped_first(setup_clauses(indirect_setups), ends, self._passes):
            return "skipped"
        by_setups = verdict(DEFAULT, _union(ends, indirect_setups))
        if by_setups in ("skipped", "upstream_failed"):
            return by_setups
        if is_skipped_first(rule_clauses(rule, upstream, self._is_setup), ends, self._passes):
            return "skipped"
        setups = filter(self._is_setup, upstream)
        hidden = unseen(no_instance.is_expanding(self._facts, upstream))
        decision = verdict(rule, _union(ends, upstream), _union(ends, setups), unseen=hidden)
        return NO_STATUS if decision == "run" and self._waits_in_vain(task_id, index, indirect_setups) else decision

    def _waits_in_vain(self, task_id: str, index: int, setups: tuple[str, ...]) -> bool:
        """For setups, or tasks in a teardown's scope, without instances, or which wait in vain themselves."""
        scope = tuple(self._facts.get(task_id, {}).get("scope") or ())
        for above in (setups, scope):
            hidden = unseen(no_instance.is_expanding(self._facts, above))
            ends = {end for up in above if up in self.may_wait_in_vain for end in self._seen(task_id, index, up)}
            if (ends & NEVER) - hidden:
                return True
        return False

    def _seen(self, task_id: str, index: int, up: str) -> Collection[str]:
        """How an upstream task has ended, as far as an instance looks at it."""
        at, task = instance(self._facts, task_id, index, up), self._facts.get(up, {})
        if at is not None:
            return {self._outcome(up, at)}
        if "job" not in task or up in self.may_wait_in_vain:
            return {self._outcome(up, each) for each in indexes(task)}
        states = self._records.states(up)
        if not states:
            raise LedgerError(f"no instance of upstream task {up!r} has ended in the ledger, but their jobs have")
        return {_ended(up, state) for state in states}

    def _outcome(self, task_id: str, index: int) -> str:
        task, state = self._facts.get(task_id, {}), self._records.state(task_id, index)
        if is_absent(task):
            return ABSENT
        if state in TERMINAL_STATES:
            return str(state)
        if "job" not in task or task_id in self.never_submitted:
            # The mirror ends it, and may be behind; a restart may have it scheduled again.
            return self._end_without_job(task_id, index)
        if task_id in self.may_wait_in_vain and self.verdict(task_id, index) == NO_STATUS:
            return NO_STATUS
        if task.get("native"):
            # The mirror keeps its record, which may be behind: it has succeeded, or Batch would not have started this.
            return "success"
        return _ended(task_id, state)

    def _end_without_job(self, task_id: str, index: int) -> str:
        """A task without any job ends as its rule decides."""
        decision = self.verdict(task_id, index)
        return "success" if decision == "run" else decision

    def _is_setup(self, task_id: str) -> bool:
        return bool(self._facts.get(task_id, {}).get("setup"))

    def _end_dependencies(self, task_id: str) -> EndDependencies:
        task = self._facts.get(task_id, {})
        setups_and_scope = [*(task.get("setups") or ()), *(task.get("scope") or ())]
        return EndDependencies(
            task.get("rule", DEFAULT), task.get("upstream") or (), setups_and_scope, int(task.get("max_tries", 0))
        )


def _union(ends: Mapping[str, Collection[str]], task_ids: Iterable[str]) -> set[str]:
    return {end for task_id in task_ids for end in ends[task_id]}


def _ended(task_id: str, state: str | None) -> str:
    if state not in TERMINAL_STATES:
        raise LedgerError(
            f"upstream task {task_id!r} is {state or 'not'!r} in the ledger, but its job has ended: "
            "was the job started by hand, or the ledger restored?"
        )
    return state
