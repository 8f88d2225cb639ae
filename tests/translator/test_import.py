"""``ductwork import``: what is read in schedule documents of any age, and what is said about those that are none."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import ductwork
from ductwork.importing.reading import MAX_BYTES
from schedules import exported, imported, job, schedule

SCHEDULES = Path(__file__).parents[1] / "golden" / "schedules"
ROOT = "$.jobList"


def found(diagnostics):
    """What is said, without its words."""
    for finding in diagnostics:
        assert finding.what and finding.hint and "\n" not in finding.what
        assert len(finding.what) < 400
    return {(finding.code, finding.field) for finding in diagnostics}


# ---- what cannot be imported ----

_GOOD = schedule(job("a"))
REFUSED = {
    "not an object": ([], ("DW602", "$")),
    "an item of DynamoDB": ({"scheduleId": {"S": "case"}, "jobList": {"L": []}}, ("DW602", "$")),
    "the answer of DynamoDB": ({"Item": {"scheduleId": {"S": "case"}, "jobList": {"L": []}}}, ("DW602", "$")),
    "no id": ({"jobList": [job("a")]}, ("DW602", "$.scheduleId")),
    "blank id": (schedule(job("a"), scheduleId=" "), ("DW602", "$.scheduleId")),
    "null id": (schedule(job("a"), scheduleId=None), ("DW602", "$.scheduleId")),
    "id with a space": (schedule(job("a"), scheduleId="daily load"), ("DW603", "$.scheduleId")),
    "id with a line": (schedule(job("a"), scheduleId="daily\n"), ("DW603", "$.scheduleId")),
    "long id": (schedule(job("a"), scheduleId="d" * 251), ("DW603", "$.scheduleId")),
    "no jobs": ({"scheduleId": "case"}, ("DW602", ROOT)),
    "empty jobList": (schedule(), ("DW602", ROOT)),
    "jobList of another kind": ({"scheduleId": "case", "jobList": {"a": job("a")}}, ("DW602", ROOT)),
    "a job of another kind": (schedule(job("a"), "b"), ("DW602", f"{ROOT}[1]")),
    "no name": (schedule({"jobQueue": "q", "jobDefinition": "d"}), ("DW602", f"{ROOT}[0].jobName")),
    "no queue": (schedule({"jobName": "a", "jobDefinition": "d"}), ("DW602", f"{ROOT}[0].jobQueue")),
    "no definition": (schedule({"jobName": "a", "jobQueue": "q"}), ("DW602", f"{ROOT}[0].jobDefinition")),
    "name of another kind": (schedule(job(7)), ("DW602", f"{ROOT}[0].jobName")),
    "name with a space": (schedule(job("a b")), ("DW603", f"{ROOT}[0].jobName")),
    "name with a dot": (schedule(job("a.b")), ("DW603", f"{ROOT}[0].jobName")),
    "name with a line": (schedule(job("a\n")), ("DW603", f"{ROOT}[0].jobName")),
    "name of code": (schedule(job("a'); import os #")), ("DW603", f"{ROOT}[0].jobName")),
    "long name": (schedule(job("a" * 129)), ("DW603", f"{ROOT}[0].jobName")),
    "illegal queue": (schedule(job("a", jobQueue="arn:aws:sqs:eu-west-1:1:q")), ("DW603", f"{ROOT}[0].jobQueue")),
    "illegal definition": (schedule(job("a", jobDefinition="d:latest")), ("DW603", f"{ROOT}[0].jobDefinition")),
    "illegal topic": (schedule(job("a"), scheduleSnsTopic="me"), ("DW603", "$.scheduleSnsTopic")),
    "long category": (schedule(job("a"), category="c" * 101), ("DW603", "$.category")),
    "name of a schedule of another kind": (schedule(job("a"), scheduleName=["x"]), ("DW602", "$.scheduleName")),
    "one name twice": (schedule(job("a"), job("b"), job("a")), ("DW604", f"{ROOT}[2].jobName")),
    "unknown dependency": (schedule(job("a", "b")), ("DW605", f"{ROOT}[0].jobDependencies[0]")),
    "self": (schedule(job("a"), job("b", "a", "b")), ("DW605", f"{ROOT}[1].jobDependencies[1]")),
    "circle": (
        schedule(job("a"), job("b", "a", "d"), job("c", "b"), job("d", "c"), job("e", "d")),
        ("DW605", f"{ROOT}[2].jobDependencies[0]"),
    ),
    "dependencies of another kind": (
        schedule(job("a"), job("b", jobDependencies="a")),
        ("DW602", f"{ROOT}[1].jobDependencies"),
    ),
    "a dependency of another kind": (schedule(job("a", 7)), ("DW602", f"{ROOT}[0].jobDependencies[0]")),
    "a dependency without a name": (schedule(job("a", {})), ("DW602", f"{ROOT}[0].jobDependencies[0]")),
    "overrides of another kind": (
        schedule(job("a", containerOverrides=[])),
        ("DW602", f"{ROOT}[0].containerOverrides"),
    ),
    "an unknown override": (
        schedule(job("a", containerOverrides={"cmd": ["x"]})),
        ("DW602", f"{ROOT}[0].containerOverrides.cmd"),
    ),
    "a variable of another kind": (
        schedule(
            job("a", containerOverrides={"environment": [{"name": "A", "value": "1"}, {"name": "B", "value": 2}]})
        ),
        ("DW602", f"{ROOT}[0].containerOverrides.environment[1].value"),
    ),
    "a reserved variable": (
        schedule(job("a", containerOverrides={"environment": [{"name": "AWS_BATCH_X", "value": ""}]})),
        ("DW603", f"{ROOT}[0].containerOverrides"),
    ),
    "long overrides": (
        schedule(job("a", containerOverrides={"command": ["x" * 9_000]})),
        ("DW603", f"{ROOT}[0].containerOverrides"),
    ),
    "a parameter of another kind": (schedule(job("a", parameters={"x": 1})), ("DW602", f"{ROOT}[0].parameters.x")),
    "a status of another kind": (schedule(job("a", jobStatus=1)), ("DW602", f"{ROOT}[0].jobStatus")),
    "a job id of another kind": (schedule(job("a", jobId={"jobId": 1})), ("DW602", f"{ROOT}[0].jobId")),
    **{
        f"wait_time {value!r}": (schedule(job("a"), wait_time=value), ("DW602", "$.wait_time"))
        for value in ("soon", "-1", 0, -5, 1.5, True, [60], "9" * 5_000, 10**8)
    },
}


@pytest.mark.parametrize(("given", "expected"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_refused(tmp_path, given, expected):
    text, diagnostics = imported(tmp_path, given)
    assert text is None
    assert found(diagnostics) == {expected}


NO_JSON = {
    "empty": "",
    "text": "a schedule",
    "a comment above": 'This is a schedule\n{"scheduleId": "case"}',
    "two documents": json.dumps(_GOOD) * 2,
    "no number": '{"scheduleId": NaN}',
    "a number of thousands of digits": '{"wait_time": ' + "9" * 5_000 + "}",
    "UTF-16": json.dumps(_GOOD).encode("utf-16"),
    "Latin-1": b'{"scheduleId": "\xe9"}',
    "too large": " " * MAX_BYTES + json.dumps(_GOOD),
    "bottomless": "[" * 1_000_000,
}


@pytest.mark.parametrize("given", NO_JSON.values(), ids=list(NO_JSON))
def test_what_is_no_json(tmp_path, given):
    text, diagnostics = imported(tmp_path, given)
    assert text is None
    assert found(diagnostics) == {("DW601", "")}


def test_a_mistake_in_json_is_shown_where_it_is(tmp_path):
    _, diagnostics = imported(tmp_path, '{\n "scheduleId": "case",\n "jobList": [,]\n}')
    (finding,) = diagnostics
    assert str(finding.origin) == f"{tmp_path / 'case.json'}:3"


ODD = {
    "a key twice": ('{"scheduleId": "case", "jobList": [{"jobName": "a", "jobName": "b"}]}', f"{ROOT}[0].jobName"),
    "half a character": (json.dumps(schedule(job("a"), scheduleName="\ud800")), "$.scheduleName"),
    "half a character in a key": (json.dumps(schedule(job("a", parameters={"\udc00": "x"}))), f"{ROOT}[0].parameters"),
    "deep": ('{"scheduleId": ' + "[" * 100 + "]" * 100 + "}", "$"),
}


@pytest.mark.parametrize(("given", "place"), ODD.values(), ids=list(ODD))
def test_json_that_nobody_means(tmp_path, given, place):
    text, diagnostics = imported(tmp_path, given)
    assert text is None
    assert found(diagnostics) == {("DW602", place)}


def test_everything_is_reported_at_once(tmp_path):
    given = schedule(
        job("a", "c", "nobody", jobQueue="q!"),
        job("b", "a", parameters={"x": None}),
        job("c", "b"),
        job("a"),
        scheduleId="x y",
        wait_time="soon",
        scheduleIdd="case",
    )
    _, diagnostics = imported(tmp_path, given)
    assert found(diagnostics) == {
        ("DW606", "$.scheduleIdd"),
        ("DW603", "$.scheduleId"),
        ("DW602", "$.wait_time"),
        ("DW603", f"{ROOT}[0].jobQueue"),
        ("DW602", f"{ROOT}[1].parameters.x"),
        ("DW604", f"{ROOT}[3].jobName"),
        ("DW605", f"{ROOT}[0].jobDependencies[1]"),
        ("DW605", f"{ROOT}[1].jobDependencies[0]"),
    }


def test_a_misspelt_dependency_gets_a_guess(tmp_path):
    _, diagnostics = imported(tmp_path, schedule(job("Cleanse"), job("Load", "cleanse")))
    (finding,) = diagnostics
    assert "'Cleanse'" in finding.hint


def test_each_circle_is_told(tmp_path):
    given = schedule(job("a", "b"), job("b", "a"), job("c", "d"), job("d", "c"), job("below", "a", "c"))
    _, diagnostics = imported(tmp_path, given)
    assert [finding.what.partition(": ")[2] for finding in diagnostics] == ["'b' -> 'a' -> 'b'", "'d' -> 'c' -> 'd'"]


def test_a_large_tangle_is_told_in_time(tmp_path):
    given = schedule(*(job(f"j{n}", f"j{(n + 1) % 9_000}", f"no{n}") for n in range(9_000)))
    _, diagnostics = imported(tmp_path, given)
    assert {finding.code for finding in diagnostics} == {"DW605"}
    assert len(diagnostics) == 9_001
    assert all(len(finding.what) < 400 for finding in diagnostics)


# ---- what is imported with a warning ----

WARNED = {
    "an unknown key": (schedule(job("a"), owner="me"), {("DW606", "$.owner")}),
    "an unknown key of a job": (schedule(job("a", retries=3)), {("DW606", f"{ROOT}[0].retries")}),
    "a key that is no name": (schedule(job("a"), **{"a key": 1}), {("DW606", "$['a key']")}),
    "a run's times": (schedule(job("a"), startDateTime="2018-09-22T19:55:26.7"), {("DW607", "$.startDateTime")}),
    "a run's status": (
        schedule(job("a", jobStatus="SUCCEEDED", jobId={"jobId": "802d"}), job("b", jobStatus="FAILED", jobId="19a7")),
        {("DW607", f"{ROOT}[0].jobStatus")},
    ),
    "a job passed over": (schedule(job("a"), job("b", jobStatus="PASS")), {("DW607", f"{ROOT}[1].jobStatus")}),
}


@pytest.mark.parametrize(("given", "expected"), WARNED.values(), ids=list(WARNED))
def test_what_is_imported_with_a_warning(tmp_path, given, expected):
    text, diagnostics = imported(tmp_path, given)
    assert found(diagnostics) == expected
    assert {finding.severity for finding in diagnostics} == {"warning"}
    assert text is not None
    made = exported(tmp_path, text)
    assert [each["jobName"] for each in made["jobList"]] == [each["jobName"] for each in given["jobList"]]
    assert {each["jobStatus"] for each in made["jobList"]} == {" "}


# ---- what is read alike ----

_PLAIN = schedule(job("a"), job("b", "a"), wait_time=60)
VARIANTS = {
    "blanks": schedule(
        job("a", jobStatus=" ", jobId=" "),
        job("b", "a", jobStatus="", jobId=""),
        category=" ",
        scheduleName="",
        scheduleSnsTopic=None,
        scheduleStatus=" ",
        wait_time=60,
    ),
    "wait_time as text": _PLAIN | {"wait_time": "60"},
    "wait_time as a decimal": _PLAIN | {"wait_time": 60.0},
    "no dependencies": schedule({"jobName": "a", "jobDefinition": "d", "jobQueue": "q"}, job("b", "a"), wait_time=60),
    "null": schedule(
        job("a", jobDependencies=None, containerOverrides=None, parameters=None, jobStatus=None, jobId=None),
        job("b", "a", containerOverrides={}, parameters={}),
        wait_time=60,
    ),
    "job ids as objects": schedule(job("a", jobId={"jobId": " "}), job("b", "a", jobId={"jobId": ""}), wait_time=60),
    "dependencies as objects": schedule(job("a"), job("b", {"jobName": "a"}), wait_time=60),
    "a dependency twice": schedule(job("a"), job("b", "a", "a"), wait_time=60),
}


@pytest.mark.parametrize("given", VARIANTS.values(), ids=list(VARIANTS))
def test_variants_of_many_years_are_read_alike(tmp_path, given):
    text, diagnostics = imported(tmp_path, given)
    assert [str(finding) for finding in diagnostics] == []
    assert text == imported(tmp_path, _PLAIN)[0]


def test_a_byte_order_mark_is_read(tmp_path):
    assert imported(tmp_path, b"\xef\xbb\xbf" + json.dumps(_PLAIN).encode())[0] == imported(tmp_path, _PLAIN)[0]


# ---- the DAG file ----


def test_the_dag_file_is_as_recorded(tmp_path, request):
    text, diagnostics = imported(tmp_path, (SCHEDULES / "daily_edw_load.json").read_text(encoding="utf-8"))
    assert [str(finding) for finding in diagnostics] == []
    golden = SCHEDULES / "daily_edw_load.py"
    if request.config.getoption("--update-goldens"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8"), f"see what changed, then: pytest {__file__} --update-goldens"


@pytest.mark.parametrize(
    ("edges", "lines"),
    [
        ("", []),
        ("ab bc cd", ["a >> b >> c >> d"]),
        ("ab ac bd cd", ["a >> [b, c]", "[b, c] >> d"]),
        ("ac bc cd ce", ["[a, b] >> c >> [d, e]"]),
        ("ac ad bd", ["a >> c", "[a, b] >> d"]),
        ("ac bc ad bd de", ["[a, b] >> c", "[a, b] >> d >> e"]),
    ],
    ids=["none", "chain", "diamond", "through one", "crossing", "all after all"],
)
def test_dependencies_are_written_as_people_do(tmp_path, edges, lines):
    above = {name: [up for up, down in edges.split() if down == name] for name in "abcde"}
    text, _ = imported(tmp_path, schedule(*(job(name, *ups) for name, ups in above.items())))
    with_block = ast.parse(text).body[-1]
    assert [ast.unparse(node) for node in with_block.body if isinstance(node, ast.Expr)] == lines


@pytest.mark.parametrize(
    ("names", "variables"),
    [
        (["FTP", "ConvertParquet", "LoadRedshift"], ["ftp", "convert_parquet", "load_redshift"]),
        (["S3Copy", "ETLJob2", "job-7_x"], ["s3_copy", "etl_job2", "job_7_x"]),
        (["1st", "class", "print", "dag"], ["job_1st", "class_", "print_", "dag_"]),
        (["a-b", "a_b", "A-B", "a_b_2"], ["a_b", "a_b_2", "a_b_3", "a_b_2_2"]),
        (["x" * 128, "x" * 127], ["x" * 34, "x" * 34 + "_2"]),
    ],
)
def test_variables_are_named_for_jobs(tmp_path, names, variables):
    text, _ = imported(tmp_path, schedule(*map(job, names)))
    assert [node.targets[0].id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Assign)] == variables


# ---- the command ----


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "good.json").write_text(json.dumps(_PLAIN))
    (tmp_path / "bad.json").write_text(json.dumps(schedule(job("a", "b"))))
    return tmp_path


def test_it_writes_a_dag_file_once(folder):
    code, out, err = ductwork("import", "good.json", "-o", "dags/new.py", cwd=folder)
    assert (code, out, err) == (0, "", "wrote dags/new.py\n")
    text = (folder / "dags" / "new.py").read_text()
    (folder / "dags" / "new.py").write_text("mine")
    code, out, err = ductwork("import", "good.json", "-o", "dags/new.py", cwd=folder)
    assert (code, out) == (1, "")
    assert "dags/new.py is there already" in err and "--force" in err
    assert (folder / "dags" / "new.py").read_text() == "mine"
    assert ductwork("import", "good.json", "-o", "dags/new.py", "--force", cwd=folder).code == 0
    assert (folder / "dags" / "new.py").read_text() == text
    assert ductwork("import", "good.json", "-o", "-", cwd=folder) == (0, text, "")


@pytest.mark.parametrize(
    ("code", "says", "arguments"),
    [
        (1, "DW605", ["bad.json", "-o", "new.py"]),
        (1, "DW605", ["bad.json", "-o", "-"]),
        (1, "DW601", ["nowhere.json", "-o", "new.py"]),
        (1, "DW601", [".", "-o", "new.py"]),
        (1, "DW601", ["/proc/self/mem", "-o", "new.py"]),
        (1, "DW601", ["/dev/zero", "-o", "new.py"]),
        (1, "cannot write", ["good.json", "-o", "good.json/new.py"]),
        (1, "there already", ["good.json", "-o", "."]),
        (2, "--output", ["good.json"]),
        (2, "Missing argument", ["-o", "new.py"]),
    ],
)
def test_faults_are_told_not_thrown(folder, code, says, arguments):
    done = ductwork("import", *arguments, cwd=folder)
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert "Traceback" not in done.err
    assert sorted(path.name for path in folder.iterdir()) == ["bad.json", "good.json"]


def test_it_needs_neither_airflow_nor_aws(folder):
    program = """if True:
        import sys
        from ductwork.cli.main import main
        for arguments in (["good.json", "-o", "-"], ["bad.json", "-o", "-"]):
            sys.argv = ["ductwork", "import", *arguments]
            try:
                main()
            except SystemExit:
                pass
        print(sorted({name.split(".")[0] for name in sys.modules} & {"airflow", "boto3", "botocore", "moto"}), file=sys.stderr)
    """
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=folder, env=dict(os.environ), capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
    assert "DW605" in done.stderr
    assert done.stdout.startswith('"""Jobs of AWS Batch')
