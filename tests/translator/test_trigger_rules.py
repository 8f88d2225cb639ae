"""The table of trigger rules gives what Airflow's own scheduler gives, for every rule and every mixture of outcomes."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
from airflow.ti_deps.deps.trigger_rule_dep import TriggerRuleDep
from ductwork.semantics.trigger_rules import ABSENT, ALWAYS, EARLY, NO_STATUS, RULES, TEARDOWN, verdict

STATES = ("success", "failed", "skipped", "upstream_failed", "removed", NO_STATUS)


def by_airflow(rule, outcomes, setups):
    """What Airflow's scheduler does with a task below tasks that ended so; the last ``setups`` of them are setups."""
    found = {"state": None}
    names = [f"t{number}" for number in range(len(outcomes))]
    first_setup = len(outcomes) - setups
    upstream = [
        SimpleNamespace(task_id=name, is_setup=number >= first_setup, get_needs_expansion=lambda: False)
        for number, name in enumerate(names)
    ]
    dag = SimpleNamespace(task_dict={task.task_id: task for task in upstream})
    task = SimpleNamespace(
        task_id="t",
        trigger_rule=rule,
        upstream_task_ids=set(names),
        upstream_list=upstream,
        is_teardown=False,
        dag=dag,
        task_group=None,
        get_upstreams_only_setups=lambda: (),
        get_closest_mapped_task_group=lambda: None,
    )
    ended = [
        SimpleNamespace(task_id=each.task_id, state=state, map_index=-1, task=each)
        for each, state in zip(upstream, outcomes, strict=True)
        if state != NO_STATUS
    ]
    ti = SimpleNamespace(
        task=task,
        map_index=-1,
        task_id="t",
        get_dagrun=lambda session: None,
        set_state=lambda state, session: bool(found.update(state=state)) or True,
    )
    context = SimpleNamespace(
        flag_upstream_failed=True,
        wait_for_past_depends_before_skipping=False,
        have_changed_ti_states=False,
        ensure_finished_tis=lambda run, session: ended,
    )
    statuses = list(TriggerRuleDep()._evaluate_trigger_rule(ti=ti, dep_context=context, session=None))
    if found["state"] is not None:
        return str(getattr(found["state"], "value", found["state"]))
    return "run" if all(status.passed for status in statuses) else "waits"


@pytest.mark.parametrize("rule", sorted(set(RULES) - {ALWAYS}))
def test_the_verdict_is_airflows(rule):
    for count in (1, 2, 3):
        for outcomes in itertools.product(STATES, repeat=count):
            for setups in range(count + 1) if rule == TEARDOWN else (0,):
                ours = verdict(rule, outcomes, outcomes[count - setups :] if setups else ())
                theirs = by_airflow(rule, outcomes, setups)
                if theirs == "waits" and NO_STATUS not in outcomes:
                    # For ever, in Airflow; nothing of ours ends as removed.
                    assert (rule, "removed" in outcomes) == ("all_skipped", True), outcomes
                else:
                    assert ours == {"waits": NO_STATUS}.get(theirs, theirs), (rule, outcomes, setups)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_task_without_an_instance_is_as_one_that_waits_in_vain(rule):
    """But among mapped tasks, whose instances Airflow counts: see the differential tests."""
    for outcomes in itertools.product(STATES, repeat=2):
        assert verdict(rule, (*outcomes, ABSENT), outcomes[:1]) == verdict(rule, (*outcomes, NO_STATUS), outcomes[:1])


@pytest.mark.parametrize("rule", sorted(EARLY))
def test_a_rule_that_decides_early_runs_whatever_comes_after(rule):
    for first in EARLY[rule]:
        for others in itertools.product(STATES, repeat=2):
            assert verdict(rule, (first, *others)) == "run"
