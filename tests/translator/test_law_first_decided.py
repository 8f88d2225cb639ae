"""Laws of what Airflow's scheduler sees first: the definition, the machine's conditions and the worker's evaluator."""

from __future__ import annotations

import pytest
from ductwork.backends.batch import job_roles, manifest
from ductwork.backends.stepfunctions.asl.printer import code
from ductwork.backends.stepfunctions.dataflow.rule_conditions import Decisions
from ductwork.diagnostics import Origin
from ductwork.ir import Deployment, Retry, Task, Worker, Workflow
from ductwork.semantics.first_decided import (
    BoundClause,
    EndDependencies,
    SchedulerPasses,
    early_skips,
    is_skipped_first,
    rule_clauses,
    setup_clauses,
)
from ductwork.semantics.trigger_rules import ALWAYS, FAILED, RULES, SETUPS, TEARDOWN
from ductwork_airflow.trigger_rules.evaluator import Evaluator
from ductwork_airflow.trigger_rules.records import ItemRecords
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonata_eval import evaluate

LAW = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
FEW = settings(LAW, max_examples=100)
ENDS = ("success", "failed", "skipped", "upstream_failed")
NAMES = "abcdef"
ORIGIN = Origin("case.py", 1)


@st.composite
def upstream_tasks(draw):
    """``(clauses, ends, passes)`` of a task below some that have ended."""
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    waits = {}
    for number, name in enumerate(names):
        above = draw(st.sets(st.sampled_from(names[:number]), max_size=2)) if number else set()
        waits[name] = EndDependencies("all_done", sorted(above), (), draw(st.integers(0, 3)))
    setups = draw(st.sets(st.sampled_from(names)))
    rule = draw(st.one_of(st.just("all_success"), st.sampled_from(sorted(set(RULES) - {ALWAYS, TEARDOWN}))))
    clauses = draw(st.sampled_from([rule_clauses(rule, names, setups.__contains__), setup_clauses(names)]))
    # As of a task that is expanded over what some return.
    counted = tuple(sorted(draw(st.sets(st.sampled_from(names)))))
    if counted and rule in {"all_done", "all_failed", "all_skipped", "none_skipped"}:
        lost, void = (BoundClause(clause, counted, True) for clause in SETUPS)
        clauses = [lost, *clauses, void]
    return clauses, {name: {draw(st.sampled_from(ENDS))} for name in names}, SchedulerPasses(waits.__getitem__)


def pass_by_pass(clauses, ends, passes):
    """What becomes of a task, as the scheduler passes it again and again."""
    seen = {task: (passes.failed if found & FAILED else passes.ended)(task) for task, found in ends.items()}
    for number in sorted(set(seen.values())):
        ended = {task for task, at in seen.items() if at <= number}
        for each in clauses:
            asked = [task for task in each.tasks if task in ended]
            told = each.clause.holds == "any" or (len(asked) == len(each.tasks) and asked)
            if told and each.clause.true_of({end for task in asked for end in ends[task]}):
                return each.clause.verdict
    return "run"


def by_definition(clauses, ends, is_first):
    found = [each.clause.verdict for each in clauses if each.tasks and each.true_of(ends)]
    return "skipped" if is_first else next(iter(found), "run")


@LAW
@given(upstream_tasks())
def test_the_definition_is_what_the_scheduler_sees_pass_by_pass(case):
    clauses, ends, passes = case
    assert by_definition(clauses, ends, is_skipped_first(clauses, ends, passes)) == pass_by_pass(clauses, ends, passes)


@LAW
@given(upstream_tasks(), st.data())
def test_more_possible_outcomes_change_nothing(case, data):
    """A machine is written before anything has ended."""
    clauses, ends, passes = case
    possible = {task: found | data.draw(st.sets(st.sampled_from(ENDS))) for task, found in ends.items()}
    is_first = any(skip.true_of(ends) for skip in early_skips(clauses, possible, passes))
    assert by_definition(clauses, ends, is_first) == pass_by_pass(clauses, ends, passes)


@st.composite
def workflows(draw):
    """A workflow of jobs of any rules, retries and setups, and what each would end in."""
    tasks, rules = [], st.one_of(st.just("all_success"), st.sampled_from(sorted(set(RULES) - {TEARDOWN})))
    for number, name in enumerate(NAMES):
        roles = {up: draw(st.sampled_from(["", "", "upstream", "setup"])) for up in NAMES[:number]}
        setups = tuple(up for up, role in roles.items() if role == "setup")
        tasks.append(
            Task(
                task_id=name,
                origin=ORIGIN,
                operator="x.Y",
                work=Worker("it"),
                upstream=tuple(up for up, role in roles.items() if role == "upstream"),
                setups=setups,
                trigger_rule=draw(rules),
                is_setup=True,
                retry=Retry(retries=draw(st.integers(0, 2))),
                deployment=Deployment(job_queue="queue", job_definition="definition"),
            )
        )
    own = {name: draw(st.sampled_from(["success", "failed", "skipped"])) for name in NAMES}
    return Workflow(dag_id="d", origin=ORIGIN, dag_file="case.py", bundle_path="/dags", tasks=tuple(tasks)), own


def by_machine(diversions, outcomes):
    bindings = {"states": {"input": outcomes}}
    return next((each.verdict for each in diversions if evaluate(code(each.condition), bindings)), "run")


@FEW
@given(workflows())
def test_machine_and_worker_agree(case):
    workflow, own = case
    decisions, roles = Decisions(workflow), job_roles.job_roles(workflow)
    facts = manifest.manifest(roles, {name: name for name in NAMES})["tasks"]
    outcomes = {}
    for name in NAMES:
        items = [{"task_id": task, "map_index": -1, "state": end} for task, end in outcomes.items()]
        decided = by_machine(decisions.diversions[name], outcomes)
        assert Evaluator(facts, ItemRecords(items)).verdict(name) == decided, (name, outcomes)
        outcomes[name] = own[name] if decided == "run" else decided


def test_the_clauses_of_a_teardown_ask_its_setups_but_for_who_never_ends():
    found = [each.tasks for each in rule_clauses(TEARDOWN, ("make", "work"), {"make"}.__contains__)]
    assert found == [("make", "work"), ("make",), ("make",)]


@pytest.mark.parametrize(("rule", "ended"), [("all_success", 4), ("one_done", 2)])
def test_the_pass_at_a_task_comes_after_those_at_what_it_waits_for(rule, ended):
    waits = {
        "a": EndDependencies("all_success", ()),
        "b": EndDependencies("all_success", ("a",), retries=2),
        "c": EndDependencies("all_success", ("b",)),
        "it": EndDependencies(rule, ("a", "c"), retries=5),
        "setup": EndDependencies("one_done", ("a",), ("c",)),
    }
    passes = SchedulerPasses(waits.__getitem__)
    assert (passes.ended("it"), passes.failed("it"), passes.ended("setup")) == (ended, ended + 5, 4)
