"""Restarts: what of a run is kept and what runs again, as Airflow's Clear would have it.

The plan is written into the run's item by the same conditional write that reopens the run, and is gone when the new
execution has begun. Whoever finds a run with a plan completes that restart, so it happens once, whoever dies in it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ductwork import graph
from ductwork import ledger_schema as schema
from ductwork.trigger_rules import DEFAULT, FAILED, verdict

from ductwork_airflow.ledger import Item, Ledger, expiry, now
from ductwork_airflow.packed import packed_text, unpacked_text
from ductwork_airflow.submit.errors import SubmissionError

# What ended well, for Airflow's Clear "only failed".
_KEPT = frozenset({"success", "skipped"})

# Of a task with several instances, which outcome stands for it.
_PRECEDENCE = ("failed", "upstream_failed", "success", "skipped", "removed")

# What a try leaves on a task instance's item, and its successor must not find.
_OF_A_TRY = (
    "asset_events_due",
    "callbacks_due",
    "ended_at",
    "error",
    "heartbeat_at",
    "hostname",
    "job_attempt",
    "job_id",
    "log_stream",
    "outcome",
    "pid",
    "skipped",
    "started_at",
    "stopped",
    "until",
)

_ONCE = "attribute_not_exists(#restarted) OR #restarted < :restarted"


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
        return self.failed or not (self.tasks or self.instances or self.marks)


@dataclass(frozen=True)
class Plan:
    """
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
    done: Mapping[str, Any]
    again: Sequence[str]
    marks: Mapping[str, str] = field(default_factory=dict)
    partly: Sequence[str] = ()
    instances: Mapping[str, Sequence[int]] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """For the run's item, which has the tasks of a large chain in it already."""
        return packed_text(json.dumps(asdict(self), sort_keys=True))

    @classmethod
    def of(cls, run: Item) -> Plan | None:
        """The plan of a restart that has been decided and has not begun."""
        return cls(**json.loads(unpacked_text(run["restart"]))) if run.get("restart") else None

    def keeps(self, item: Item) -> bool:
        """Whether an instance of a task that runs again is none of those that do."""
        task_id, index = item["task_id"], item["map_index"]
        if index < 0 or index in self.instances.get(task_id, ()):
            return False
        if task_id in self.partly:
            return item.get("state") in _KEPT and not item.get("stopped")
        return task_id in self.instances and item.get("state") in schema.TERMINAL_STATES


def make(
    run: Item, items: Sequence[Item], number: int, wanted: Wanted, mapped: Mapping[str, Item] | None = None
) -> Plan:
    """
    :param mapped: see :meth:`Ledger.mapped`
    :raises SubmissionError: the run has no such task, or nothing is left to do
    """
    facts = run.get("tasks") or {}
    states: dict[str, set[str]] = {task_id: {""} for task_id in facts}
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
    done = {
        task_id: _outcome(found, several=task_id in (mapped or {}))
        for task_id, found in states.items()
        if found and found <= schema.TERMINAL_STATES and task_id not in cleared
    } | dict(wanted.marks)
    marks = dict(wanted.marks)
    if schema.is_chain(run):
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


def _outcome(found: set[str], *, several: bool) -> str | list[str]:
    """
    :param several: the rules of tasks below ask for all that its instances ended in
    """
    ends = [state for state in _PRECEDENCE if state in found]
    several = several and len(ends) > 1
    return [state for state in ends if state != "removed"] if several else ends[0]


def _check(run: Item, wanted: Wanted, known: Iterable[str]) -> None:
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
    if both := sorted({*wanted.tasks, *wanted.instances} & wanted.marks.keys()):
        raise SubmissionError(f"{', '.join(both)}: a task is either to run again or marked, not both")


def _divert_native(facts: Mapping[str, Mapping[str, Any]], done: dict[str, Any], marks: dict[str, str]) -> None:
    """End what a chain's plain containers could not see: that a task above them, which is no job any more, did not
    succeed. They have no other rule than all_success; of a task without a job, what is above it counts."""
    order = graph.topological({task_id: own.get("upstream") or () for task_id, own in facts.items()})
    seen: dict[str, Any] = {}
    for task_id in order:
        own = facts[task_id]
        end = verdict(DEFAULT, [end for up in own.get("upstream") or () if up in seen for end in _ends(seen[up])])
        if task_id in done:
            seen[task_id] = done[task_id]
        elif end != "run" and own.get("native"):
            seen[task_id] = done[task_id] = marks[task_id] = end
        elif end != "run" and "job" not in own and "rule" not in own:
            seen[task_id] = end


def _ends(outcome: str | Sequence[str]) -> Sequence[str]:
    """The outcomes of a task's instances, where there are several."""
    return [outcome] if isinstance(outcome, str) else outcome


def _downstream(task_ids: Iterable[str], facts: Mapping[str, Mapping[str, Any]]) -> set[str]:
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


def reopen(ledger: Ledger, run: Item, plan: Plan, **attributes: Any) -> bool:
    """Put an ended run back to running, with its plan. False if somebody else has done so."""
    changes = {"state": "running", "restart": plan.text(), "restarts": plan.number, **attributes}
    gone = dict.fromkeys(("ended_at", "error", "reason", "stopping"))
    # ended_at tells one end of the run from another: a run that was restarted and has failed again is not this one.
    condition = "ended_at = :ended_at"
    values = {":ended_at": run["ended_at"]}
    return ledger.update(run["pk"], run["sk"], {**changes, **gone}, condition=condition, values=values)


def reset(ledger: Ledger, run: Item, items: list[Item], plan: Plan) -> None:
    """Bring the task instances into the plan's state, once.

    Those that run again look as Airflow's cleared ones, and their XComs are gone; the marked ones have ended.
    """
    facts, again = run.get("tasks") or {}, set(plan.again)
    for item in items:
        if item["task_id"] in again and not plan.keeps(item):
            retries = facts.get(item["task_id"], {}).get("max_tries", 0)
            _reset(ledger, run, item, plan.number, retries)
    known = {(item["task_id"], item["map_index"]) for item in items}
    for item in items + [_unknown(run, *each) for each in _marked(facts, plan, items) if each not in known]:
        if item["task_id"] in plan.marks:
            _mark(ledger, item, plan.number, plan.marks[item["task_id"]])


def _marked(facts: Mapping[str, Any], plan: Plan, items: Sequence[Item]) -> Iterator[tuple[str, int]]:
    """The task instances that a plan marks, as far as it is known how many there are."""
    known = {item["task_id"] for item in items}
    for task_id in plan.marks:
        if size := facts.get(task_id, {}).get("size"):
            yield from ((task_id, index) for index in range(size))
        elif task_id not in known:
            yield task_id, schema.UNMAPPED


def _unknown(run: Item, task_id: str, index: int) -> Item:
    """A task instance that the ledger has not heard of."""
    return {"pk": run["pk"], "sk": schema.task_sk(task_id, index), "task_id": task_id, "map_index": index}


def _mark(ledger: Ledger, item: Item, number: int, state: str) -> None:
    # A try that never began is none.
    tried = int(item.get("base_try", 0)) if item.get("state") == "scheduled" else int(item.get("try_number", 0))
    changes = {
        "state": state,
        "outcome": state,
        "ended_at": now(),
        "error": "marked failed by hand" if state == "failed" else None,
        "try_number": tried,
        "rank": schema.rank(state, tried),
        "restarted": number,
        "expires_at": expiry(),
        # What a branch skipped was the decision of a task that counts as never run now.
        **dict.fromkeys(("callbacks_due", "skipped", "until")),
    }
    ledger.move_task(item["pk"], item["sk"], changes, condition=_ONCE)


def _reset(ledger: Ledger, run: Item, item: Item, number: int, retries: int) -> None:
    tried = int(item.get("try_number", 0))
    changes: dict[str, Any] = {
        **dict.fromkeys(_OF_A_TRY),
        "state": "scheduled",
        "restarted": number,
        # A task that never ran has no number: it gets one when it runs, and 0 if it does not this time either.
        "try_number": tried + 1 if tried else None,
        "rank": schema.rank("scheduled", tried + 1) if tried else None,
        "max_tries": tried + retries if tried else None,
        "base_try": tried or None,
        "updated_at": now(),
    }
    if not ledger.move_task(item["pk"], item["sk"], changes, condition=_ONCE):
        return
    for xcom in ledger.xcoms_of_instance(run["dag_id"], run["run_id"], item["task_id"], item["map_index"]):
        ledger.delete(xcom["pk"], xcom["sk"])
