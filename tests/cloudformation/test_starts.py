"""What starts runs, in a stack: schedules and rules with the roles that they take, and nothing that never fires."""

from __future__ import annotations

import json
from datetime import datetime, timezone

from cfn_lint_check import lint_template
from code_cases import in_dag
from compiling import write_dag
from ductwork.cloudformation import dag_stack
from ductwork.compiler import Options, compile_paths
from ductwork.contracts.aws_schedules import EventRule, Schedule, StartedBy, Starter

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
STARTS = StartedBy(
    schedules=(
        Schedule(
            "a", "cron(0 3 * * ? *)", "Europe/Vienna", input='{"scheduled_time": "<aws.scheduler.scheduled-time>"}'
        ),
        Schedule("gone", "at(2026-05-01T00:00:00)", start="2026-05-01T00:00:00Z"),
    ),
    starter=Starter(
        {"StartAt": "Start", "States": {"Start": {"Arguments": "${StateMachineArn} in ${LedgerTable}"}}},
        (EventRule("c", {"source": ["ductwork"], "detail": {"of": ["${StateMachineArn}"]}}),),
    ),
)


def stack(folder, started_by):
    compiled = compile_paths([str(write_dag(folder, in_dag("EmptyOperator(task_id='t')")))], Options())
    further = dag_stack.Further(started_by=started_by, now=NOW)
    return dag_stack.of(compiled.artefacts[0], compiled.workflows[0], further)


def test_schedules_and_rules_start_the_machine_by_roles_of_their_own(tmp_path):
    made = stack(tmp_path, STARTS)
    resources = made.template["Resources"]
    schedule, rule = resources["Schedule1"]["Properties"], resources["Event1"]["Properties"]
    assert "Schedule2" not in resources
    target = {"Arn": {"Ref": "Machine"}, "RoleArn": {"Fn::GetAtt": ["ScheduleRole", "Arn"]}}
    assert schedule["Target"] == {**target, "Input": '{"scheduled_time": "<aws.scheduler.scheduled-time>"}'}
    assert schedule["State"] == rule["State"] == {"Ref": "Schedules"}
    pattern = {"source": ["ductwork"], "detail": {"of": [{"Ref": "Machine"}]}}
    assert (rule["EventPattern"], rule["Targets"][0]["Arn"]) == (pattern, {"Ref": "Starter"})
    text = json.dumps(resources["Starter"]["Properties"]["DefinitionString"])
    assert '{"Ref": "Machine"}, " in ", {"Fn::ImportValue": {"Fn::Sub": "${SharedStack}-LedgerTable"}}' in text
    for name, service, started in (
        ("ScheduleRole", "scheduler.amazonaws.com", "Machine"),
        ("EventRole", "events.amazonaws.com", "Starter"),
    ):
        properties = resources[name]["Properties"]
        (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
        (allowed,) = properties["Policies"][0]["PolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": service}
        assert (allowed["Action"], allowed["Resource"]) == (["states:StartExecution"], [{"Ref": started}])
    (_, runs, _) = resources["StarterRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    assert (runs["Action"][-1], runs["Resource"]) == ("states:StartExecution", [{"Ref": "Machine"}])
    assert lint_template(made.text) == []


def test_a_dag_that_only_people_start_has_neither_roles_nor_a_switch(tmp_path):
    made = stack(tmp_path, StartedBy())
    assert {"ScheduleRole", "EventRole"} & made.template["Resources"].keys() == set()
    assert "Schedules" not in made.template["Parameters"]


def test_what_looks_at_the_last_run_of_continuous_may_do_so(tmp_path):
    text = in_dag("EmptyOperator(task_id='t')").replace("schedule=None", "schedule='@continuous', max_active_runs=1")
    compiled = compile_paths([str(write_dag(tmp_path, text))], Options(unattended=True))
    (artefact,) = compiled.artefacts
    assert [*compiled.diagnostics] == []
    made = dag_stack.of(artefact, compiled.workflows[0], dag_stack.Further(started_by=artefact.started_by, now=NOW))
    resources = made.template["Resources"]
    rules = [resources[name]["Properties"] for name in ("Event1", "Event2")]
    assert [rule.get("ScheduleExpression") for rule in rules] == [None, "rate(1 minute)"]
    assert ["EventPattern" in rule for rule in rules] == [True, False]
    assert {rule["State"]["Ref"] for rule in rules} == {"Schedules"}
    allowed = resources["StarterRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    (look,) = (each for each in allowed if each["Action"] == ["states:DescribeExecution"])
    assert "execution:${MachineName}:*" in json.dumps(look["Resource"])
    assert lint_template(made.text) == []
