"""Random workflows with what each job would end in, and what Airflow would make of them."""

from __future__ import annotations

from ductwork.planning import layout
from ductwork.semantics.trigger_rules import ALWAYS, DEFAULT, EARLY, verdict
from hypothesis import strategies as st
from workflows import ruled_workflows


@st.composite
def scripted(draw):
    """A workflow, and what the job of each of its workers would end in."""
    workflow = draw(ruled_workflows())
    ends = {}
    for task in workflow.tasks:
        if not task.work.is_empty:
            end = draw(st.sampled_from(["success", "success", "failed", "skipped"]))
            if task.skips and end == "success":
                end = tuple(sorted(draw(st.sets(st.sampled_from(task.skips)))))
            ends[task.task_id] = end
    return workflow, ends


def allowed(workflow, ends, outcomes):
    """For each task the outcomes Airflow could give it, by what its upstream tasks ended in."""
    by_id = workflow.by_id
    for task in workflow.tasks:
        own = ends.get(task.task_id, "success")
        own = "success" if isinstance(own, tuple) else own
        marked = any(
            task.task_id in end and outcomes[by] == "success"
            for by, end in ends.items()
            if isinstance(end, tuple) and task.task_id in by_id[by].skips
        )
        above = [outcomes[up] for up in task.upstream]
        decided = verdict(task.trigger_rule, above)
        found = {own if decided == "run" else decided}
        if task.trigger_rule == DEFAULT and decided == "upstream_failed" and "skipped" in above:
            found.add("skipped")
        if marked:
            # A rule that decides early may start the task before a branch skips it.
            found = found | {"skipped"} if layout.is_early(task) else {"skipped"}
        yield task.task_id, found


def check_order(workflow, done):
    """A job starts only when its task's rule is decided."""
    at = {entry: number for number, entry in enumerate(done.order)}
    for task in workflow.tasks:
        if task.task_id not in done.ran or task.trigger_rule == ALWAYS:
            continue
        ended = [up for up in task.upstream if at[f"{up}!"] < at[task.task_id]]
        if set(ended) != set(task.upstream):
            assert any(done.outcomes[up] in EARLY[task.trigger_rule] for up in ended)


def free_of(workflow, ends, held, outcomes):
    """The tasks that are decided, and end, while one job goes on for ever."""
    free = set()
    for task in workflow.tasks:
        if task.task_id == held:
            continue
        ended = [up for up in task.upstream if up in free]
        decides = EARLY.get(task.trigger_rule, frozenset()) if layout.is_early(task) else frozenset()
        if (
            task.trigger_rule == ALWAYS
            or set(ended) == set(task.upstream)
            or any(outcomes[up] in decides for up in ended)
        ):
            free.add(task.task_id)
    return free
