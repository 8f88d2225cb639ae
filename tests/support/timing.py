"""When each task of a DAG could have started: the moment its rule was decided, from what the ledger says of the others.

Times are seconds since the first task of the run started.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scheduling_model import Dag, decide
from scheduling_rules import RUN


@dataclass(frozen=True)
class Span:
    start: float
    end: float


def spans(record: Mapping[str, Any]) -> dict[str, Span]:
    """Of the tasks that a worker ran."""
    found = {
        name.removesuffix("[-1]"): (_moment(task["started_at"]), _moment(task["ended_at"]))
        for name, task in record["tasks"].items()
        if task["started_at"] and task["ended_at"] and task["try_number"]
    }
    zero = min(start for start, _ in found.values())
    return {
        name: Span((start - zero).total_seconds(), (end - zero).total_seconds()) for name, (start, end) in found.items()
    }


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def decided(dag: Dag, ran: Mapping[str, Span]) -> dict[str, tuple[float, str]]:
    """When each task's rule was decided and how, given when its upstream tasks ended: 0 for those without any."""
    found: dict[str, tuple[float, str]] = {}
    ended: dict[str, str] = {}
    events = sorted((span.end, name) for name, span in ran.items())
    for now, over in [(0.0, ""), *events]:
        if over:
            ended[over] = {"ok": "success", "skip": "skipped"}.get(dag.by_name[over].script[-1], "failed")
        changed = True
        while changed:
            todo = [node for node in dag.nodes if node.name not in found]
            verdicts = {node.name: verdict for node in todo if (verdict := decide(dag, node, ended))}
            changed = bool(verdicts)
            found |= {name: (now, verdict) for name, verdict in verdicts.items()}
            ended |= {name: verdict for name, verdict in verdicts.items() if verdict != RUN}
    return found


def critical_path(dag: Dag, seconds: Mapping[str, float]) -> float:
    """What the run would take if nothing but the jobs, of so many seconds each, took time."""
    return max(_ideal(dag, seconds).values())


def with_barriers(dag: Dag, seconds: Mapping[str, float]) -> float:
    """The same if tasks ran level by level, each level waiting for all of the one before."""
    levels: dict[str, int] = {}
    longest: dict[int, float] = {}
    did_run = _ideal(dag, seconds)
    for node in dag.nodes:
        level = levels[node.name] = 1 + max((levels[name] for name in node.upstream), default=0)
        if node.name in did_run:
            longest[level] = max(longest.get(level, 0.0), seconds.get(node.name, 0.0))
    return sum(longest.values())


def _ideal(dag: Dag, seconds: Mapping[str, float]) -> dict[str, float]:
    """When each task that runs would end."""
    ran: dict[str, Span] = {}
    while True:
        starts = {name: at for name, (at, how) in decided(dag, ran).items() if how == RUN and name not in ran}
        if not starts:
            return {name: span.end for name, span in ran.items()}
        # The next to end is certain; what the others do may still be decided by it.
        ends = {name: at + seconds.get(name, 0.0) for name, at in starts.items()}
        name = min(ends, key=lambda name: (ends[name], name))
        ran[name] = Span(starts[name], ends[name])
