"""Restarts: what of a run is kept and what runs again, as Airflow's Clear would have it.

The plan is written into the run's item by the same conditional write that reopens the run, and is gone when the new
execution has begun. Whoever finds a run with a plan completes that restart, so it happens once, whoever dies in it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TypeAlias

from ductwork.contracts import ledger as schema
from ductwork.contracts import run_item
from ductwork.contracts.compression import unpacked_text
from ductwork.contracts.run_item import RunItem
from ductwork.contracts.task_facts import Facts
from ductwork.contracts.task_item import MapItem, TaskItem
from ductwork.planning import partial_order
from ductwork.semantics.trigger_rules import ABSENT, DEFAULT, FAILED, verdict

from ductwork_airflow.aws.errors import SubmissionError
from ductwork_airflow.ledger.compression import packed_text
from ductwork_airflow.trigger_rules import no_instance

# What ended well, for Airflow's Clear "only failed".
_KEPT = frozenset({"success", "skipped"})

# Of a task with several instances, which outcome stands for it.
_PRECEDENCE = ("failed", "upstream_failed", "success", "skipped", "removed")


# How a task ended, or its instances.
Outcome: TypeAlias = "str | list[str]"


@dataclass(frozen=True)
class Wanted:
    """What somebody asks of a restart. Nothing named means: what did not end well.

    :param tasks: clear these and, as Airflow's Clear does by default, all tasks downstream of them
    :param instances: of mapped tasks that are not among these, clear the instances of these indexes alone, and all
        tasks downstream
    :param only: leave those downstream alone
    :param marks: outcomes to give without running anything; as in Airflow, what failed downstream runs again
    :param failed: clear whatever else did not end well too
    """

    tasks: Sequence[str] = ()
    only: bool = False
    marks: Mapping[str, str] = field(default_factory=dict)
    failed: bool = False
    instances: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def all_that_failed(self) -> bool:
        """Whether all runs again that did not end well."""
        return self.failed or not (self.tasks or self.instances or self.marks)


@dataclass(frozen=True)
class Plan:
    """What one restart of a run does: which tasks run again, and how the others count as ended.

    :param number: 1 for a run's first restart
    :param done: the outcomes of the tasks that are kept or marked; of a mapped task all that its instances ended in
    :param again: the tasks that run again
    :param marks: those of ``done`` that the ledger does not have yet
    :param partly: of ``again`` the tasks whose mapped instances are kept where they ended well
    :param instances: of ``again`` the tasks of whose mapped instances only these run again
    :param kept: how the instances have ended that are kept of native tasks of ``again``, by ``task[index]``: no worker
        would find out
    """

    number: int
    done: Mapping[str, Outcome]
    again: Sequence[str]
    marks: Mapping[str, str] = field(default_factory=dict)
    partly: Sequence[str] = ()
    instances: Mapping[str, Sequence[int]] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """For the run's item, which has the tasks of a large chain in it already."""
        return packed_text(json.dumps(asdict(self), sort_keys=True))

    @classmethod
    def of(cls, run: RunItem) -> Plan | None:
        """The plan of a restart that has been decided and has not begun."""
        return cls(**json.loads(unpacked_text(run["restart"]))) if run.get("restart") else None

    def keeps(self, item: TaskItem) -> bool:
        """Whether an instance of a task that runs again is none of those that do."""
        task_id, index = item["task_id"], item["map_index"]
        if index < 0 or index in self.instances.get(task_id, ()):
            return False
        if task_id in self.partly:
            return item.get("state") in _KEPT and not item.get("stopped")
        return task_id in self.instances and item.get("state") in schema.TERMINAL_STATES


def make(
    run: RunItem, items: Sequence[TaskItem], number: int, wanted: Wanted, mapped: Mapping[str, MapItem] | None = None
) -> Plan:
    """Plan a restart.

    :param run: the run's item
    :param items: its task instances
    :param number: the restart's
    :param mapped: see :meth:`Ledger.mapped`
    :raises SubmissionError: the run has no such task, or nothing is left to do
    """
    facts = run.get("tasks") or {}
    states: dict[str, set[str]] = {task_id: {""} for task_id, own in facts.items() if ABSENT not in own}
    for item in items:
        # What never ran because the run was stopped is shown as skipped, and has not ended well.
        state = "" if item.get("stopped") else item.get("state", "")
        states.setdefault(item["task_id"], set()).add(state)
        if state:
            states[item["task_id"]].discard("")
    begun = Counter(item["task_id"] for item in items if item["map_index"] >= 0)
    for task_id, expanded in (mapped or {}).items():
        if begun[task_id] < expanded.get("size", 0):
            states.setdefault(task_id, set()).add("")
    _check(run, wanted, states)
    cleared = set(wanted.tasks) if wanted.only else _downstream(wanted.tasks, facts)
    instances = {task_id: sorted(found) for task_id, found in wanted.instances.items() if task_id not in cleared}
    cleared |= instances.keys() if wanted.only else _downstream(instances, facts)
    cleared |= {task_id for task_id in _downstream(wanted.marks, facts) if states.get(task_id, set()) & FAILED}
    whole = cleared - instances.keys()
    if wanted.all_that_failed:
        cleared |= {task_id for task_id, found in states.items() if not found <= _KEPT}
    several = {task_id for task_id in mapped or {} if begun[task_id]}
    done = {
        task_id: _outcome(found, several=task_id in several)
        for task_id, found in states.items()
        if found and found <= schema.TERMINAL_STATES and task_id not in cleared
    } | {task_id: [state] if task_id in several else state for task_id, state in wanted.marks.items()}
    marks = dict(wanted.marks)
    if run_item.is_chain(run):
        _divert_native(facts, done, marks)
    again = sorted(states.keys() - done.keys())
    if done and not (again or marks):
        raise SubmissionError(f"all tasks of run {run['run_id']!r} ended well: name the tasks that are to run again")
    partly = {item["task_id"] for item in items if item["map_index"] >= 0} & set(again) - whole
    if not wanted.all_that_failed:
        partly -= instances.keys()
    plan = Plan(number, done, again, marks, sorted(partly), instances)
    kept = {
        f"{item['task_id']}[{item['map_index']}]": item["state"]
        for item in items
        if item["task_id"] in again and facts.get(item["task_id"], {}).get("native") and plan.keeps(item)
    }
    return replace(plan, kept=kept)


def _outcome(found: set[str], *, several: bool) -> Outcome:
    """What a task that does not run again counts as for those below it.

    :param several: the task was expanded: tasks below ask for all that its instances ended in, and what is expanded
        over it goes by their number. A text is how a whole task has ended
    """
    ends = [state for state in _PRECEDENCE if state in found]
    return [state for state in ends if state != "removed"] or ends if several else ends[0]


def _check(run: RunItem, wanted: Wanted, known: Iterable[str]) -> None:
    named = {*wanted.tasks, *wanted.instances, *wanted.marks}
    if unknown := sorted(named.difference(known)):
        raise SubmissionError(
            f"run {run['run_id']!r} has no task {', '.join(unknown)}; it has {', '.join(sorted(known))}"
        )
    facts = run.get("tasks") or {}
    for task_id, state in wanted.marks.items():
        if state != "success" and facts.get(task_id, {}).get("instant"):
            what = f"{task_id} does nothing and can only be marked success, not {state}"
            raise SubmissionError(f"{what}: mark the tasks below it")
    never_submitted = no_instance.never_submitted(facts) if run_item.is_chain(run) else frozenset()
    if jobless := sorted(never_submitted & wanted.marks.keys()):
        why = "on the run's logical date it is below a task without an instance, so what is below it has no job either"
        raise SubmissionError(f"{', '.join(jobless)} cannot be marked in a job chain: {why}")
    if both := sorted({*wanted.tasks, *wanted.instances} & wanted.marks.keys()):
        raise SubmissionError(f"{', '.join(both)}: a task is either to run again or marked, not both")


def _divert_native(facts: Facts, done: dict[str, Outcome], marks: dict[str, str]) -> None:
    """End what a chain's plain containers could not see: that a task above them, which is no job any more, did not
    succeed. They have no other rule than all_success; of a task without a job, what is above it counts."""
    order = partial_order.topological({task_id: own.get("upstream") or () for task_id, own in facts.items()})
    seen: dict[str, Outcome] = {}
    for task_id in order:
        own = facts[task_id]
        end = verdict(DEFAULT, [end for up in own.get("upstream") or () if up in seen for end in _ends(seen[up])])
        if task_id in done:
            seen[task_id] = done[task_id]
        elif end != "run" and own.get("native"):
            seen[task_id] = done[task_id] = marks[task_id] = end
        elif end != "run" and "job" not in own and "rule" not in own:
            seen[task_id] = end


def _ends(outcome: Outcome) -> Sequence[str]:
    """The outcomes of a task's instances, where there are several."""
    return [outcome] if isinstance(outcome, str) else outcome


def _downstream(task_ids: Iterable[str], facts: Facts) -> set[str]:
    below: dict[str, list[str]] = {}
    for task_id, own in facts.items():
        for up in own.get("upstream", ()):
            below.setdefault(up, []).append(task_id)
    found: set[str] = set()
    waiting = list(task_ids)
    while waiting:
        if (task_id := waiting.pop()) not in found:
            found.add(task_id)
            waiting += below.get(task_id, ())
    return found
