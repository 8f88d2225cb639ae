"""Each kind of work is carried out, or refused, by each back end; nobody else asks which kind a task is."""

import ast
from pathlib import Path

import ductwork
import ductwork_airflow
import pytest
from ductwork import ir
from ductwork.backends import BACKENDS, ENGINES
from ductwork.backends.batch import chain, job_roles
from ductwork.backends.schedule_document import document
from ductwork.backends.stepfunctions.tasks import kinds
from ductwork.diagnostics import Origin
from ductwork.ir import AwsCall, AwsSensor, BatchJob, NoOp, Wait, Work, Worker

# The tables, and the back ends they are of. A machine that submits a job chain submits the jobs of the Batch back end.
TABLES = {
    "states": kinds.STATES,
    "requests": chain.REQUESTS,
    "workers instead": job_roles.WORKER_INSTEAD,
    "losses": document.LOSSES,
}
EXAMPLES = {
    Worker: Worker("user code"),
    NoOp: NoOp("nothing to run"),
    BatchJob: BatchJob("a job", {"jobName": "t", "jobQueue": "q", "jobDefinition": "d"}),
    AwsCall: AwsCall("a call", service="sns", action="Publish", arguments={"Message": "m"}),
    AwsSensor: AwsSensor("a sensor", service="s3", action="HeadObject", arguments={"Bucket": "b", "Key": "k"}),
    Wait: Wait("a moment", until=None, after_interval=60.0, timeout=3600.0),
}


def all_kinds(kind=Work):
    return {below for each in kind.__subclasses__() for below in {each, *all_kinds(each)}}


def task_of(work):
    return ir.Task("t", Origin("dag.py", 1), "some.Operator", work)


def test_there_are_kinds():
    assert all_kinds() == EXAMPLES.keys()
    assert {*BACKENDS, *ENGINES} == {"stepfunctions", "batch", "schedule", "states"}, "a new back end needs a table"


@pytest.mark.parametrize("table", TABLES)
def test_each_table_has_every_kind(table):
    assert TABLES[table].keys() == all_kinds()


def test_each_kind_says_what_explain_calls_it():
    names = [kind.kind for kind in all_kinds()]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < 8, "the column of explain"


def test_what_has_no_job_in_a_chain_is_empty_or_has_a_worker_instead():
    without = {kind for kind, request in chain.REQUESTS.items() if request is None}
    replaced = {kind for kind in without if job_roles.WORKER_INSTEAD[kind](task_of(EXAMPLES[kind]), False, False)}
    assert (without, replaced) == ({NoOp, Wait, AwsCall, AwsSensor}, {Wait, AwsCall, AwsSensor})
    assert all(kind.is_empty for kind in without - replaced)
    assert not any(kind.is_empty for kind in all_kinds() - without)


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.kind)
def test_anything_but_what_is_empty_can_run_in_a_worker(kind):
    work = EXAMPLES[kind]
    moved = work.in_worker("so that it sees others")
    assert moved is work if kind is Worker else moved.why == "so that it sees others"
    assert moved.has_worker
    assert moved.submits == work.submits


def test_the_container_of_a_worker_is_submitted_by_it():
    work = BatchJob("a container", {}, container=ir.Container("image"))
    worker = work.in_worker("why")
    assert (work.submits, work.submits_container) == (work, False)
    assert (worker.submits, worker.submits_container, worker.container) == (work, True, None)


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.kind)
def test_the_job_of_a_kind_that_has_one_can_be_another(kind):
    work, job = EXAMPLES[kind], BatchJob("another", {})
    changed = work.submitting(job)
    assert type(changed) is type(work)
    assert changed.submits == (job if kind in {BatchJob, Worker} else work.submits)


def test_the_older_name_is_the_same_kind():
    assert ir.Instant is ir.NoOp


def asked_kinds(path):
    """``line: source`` of each question which kind something is."""
    names = {kind.__name__ for kind in all_kinds()} | {"Work", "Instant"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        asked = []
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"isinstance", "issubclass"}:
            asked = [node.args[1]]
        elif isinstance(node, ast.MatchClass):
            asked = [node.cls]
        elif isinstance(node, ast.Compare) and "type(" in ast.unparse(node):
            asked = [node]
        if any(part in names for each in asked for name in ast.walk(each) for part in ast.unparse(name).split(".")):
            yield f"{path}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)}"


def test_nobody_asks_which_kind_a_task_is(tmp_path):
    sources = [path for package in (ductwork, ductwork_airflow) for path in Path(package.__file__).parent.rglob("*.py")]
    assert [asked for path in sources for asked in asked_kinds(path)] == []
    probe = tmp_path / "probe.py"
    probe.write_text("isinstance(w, (int, ir.Wait))\ntype(w) is Worker\nmatch w:\n    case BatchJob(): ...\n")
    assert len(list(asked_kinds(probe))) == 3
