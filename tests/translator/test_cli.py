"""The command line: exit codes 0, 1 and 2, results alone on stdout, and no traceback for any input."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from asl_requests import environment_of
from cli_process import ductwork
from code_cases import bash, in_dag
from compiling import HEADER, write_dag
from ductwork.diagnostics.catalogue import CODES

DAGS = Path(__file__).parents[1] / "golden" / "dags"
NOISY = "import os\nprint('to stdout')\nos.write(1, b'to file 1')\nos.system('echo from a child')\n" + in_dag(bash())


def checked(*arguments, **options):
    finished = ductwork(*arguments, **options)
    assert "Traceback" not in finished.out + finished.err
    return finished


# ---- results ----


def test_stdout_holds_the_json_alone(tmp_path):
    path = write_dag(tmp_path, NOISY)
    code, out, err = checked("compile", path, "-o", "-")
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    assert json.loads(out)["Comment"] == "Airflow DAG case, compiled by Ductwork"


def test_indented_and_minified_are_the_same_json(tmp_path):
    path = write_dag(tmp_path, in_dag(bash()))
    short, long = (checked("compile", path, "-o", "-", *more).out for more in ([], ["--indent"]))
    assert json.loads(short) == json.loads(long)
    assert short == json.dumps(json.loads(short), separators=(",", ":"), ensure_ascii=False) + "\n"
    assert long == json.dumps(json.loads(long), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(("target", "kind"), [("stepfunctions", "asl"), ("batch", "batch")])
def test_files_are_written_by_dag_and_kind(tmp_path, target, kind):
    code, out, err = checked(
        "compile", DAGS / "chain.py", DAGS / "fan.py", "--target", target, "-o", tmp_path / "new" / "folder"
    )
    assert (code, out) == (0, "")
    made = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert made == [f"chain.{kind}.json", f"fan.{kind}.json"]
    assert [line for line in err.splitlines() if line.startswith("wrote ")] == [
        f"wrote {tmp_path / 'new' / 'folder' / name}" for name in made
    ]


def test_the_engine_of_a_state_machine(tmp_path):
    code, _, _ = checked("compile", DAGS / "chain.py", "--engine", "batch", "-o", tmp_path, "--indent")
    assert (code, (tmp_path / "chain.asl.json").read_text()) == (0, (DAGS.parent / "chain.engine.json").read_text())
    assert checked("check", DAGS / "mapping.py", "--engine", "batch").code == 1
    told = checked("explain", DAGS / "chain.py", "--engine", "batch").out
    assert "a run without failures: 9 transitions" in told


@pytest.mark.parametrize("verb", ["compile", "check", "explain"])
@pytest.mark.parametrize("target", ["batch", "schedule"])
def test_other_targets_have_no_engine(tmp_path, verb, target):
    arguments = [verb, DAGS / "chain.py", "--target", target, "--engine", "batch"]
    code, out, err = checked(*arguments, *(["-o", tmp_path] if verb == "compile" else []))
    assert (code, out, list(tmp_path.iterdir())) == (2, "", [])
    assert f"--engine goes with --target stepfunctions: {target} has no state machine" in err
    assert checked(verb, DAGS / "chain.py", "--engine", "glue").code == 2


def test_the_written_file_is_the_golden(tmp_path):
    checked("compile", DAGS / "chain.py", "-o", tmp_path, "--indent")
    assert (tmp_path / "chain.asl.json").read_text() == (DAGS.parent / "chain.asl.json").read_text()


def test_job_definitions_are_written_beside(tmp_path):
    checked("compile", DAGS / "executor_config.py", "-o", tmp_path)
    (definition,) = json.loads((tmp_path / "executor_config.jobdefinitions.json").read_text())
    assert definition["containerProperties"]["image"] == "registry.example/etl:1.2"


def test_job_definitions_that_stdout_has_no_room_for_are_told():
    code, out, err = checked("compile", DAGS / "executor_config.py", "-o", "-")
    assert (code, out.count("\n")) == (0, 1)
    assert "executor_config needs job definitions, which are written only where -o names a folder" in err


def test_one_dag_of_several(tmp_path):
    path = write_dag(tmp_path, in_dag(bash()) + in_dag(bash()).replace("'case'", "'other'"))
    code, _, _ = checked("compile", path, "-o", tmp_path / "out", "--dag-id", "other")
    assert code == 0
    assert [made.name for made in (tmp_path / "out").iterdir()] == ["other.asl.json"]


def test_a_faulty_dag_does_not_keep_the_others_from_being_written(tmp_path):
    path = write_dag(
        tmp_path,
        in_dag(bash(more=", executor_config={'ductwork': {'nope': 1}}")) + in_dag(bash()).replace("'case'", "'other'"),
    )
    code, _, err = checked("compile", path, "-o", tmp_path / "out")
    assert code == 1
    assert "DW202" in err
    assert [made.name for made in (tmp_path / "out").iterdir()] == ["other.asl.json"]


def test_deployment_values_of_the_command_line(tmp_path):
    path = write_dag(tmp_path, in_dag(bash()))
    options = [
        "--job-queue",
        "q",
        "--job-definition",
        "d:1",
        "--ledger-table",
        "table",
        "--memory",
        "512",
        "--vcpus",
        "2",
    ]
    machine = json.loads(checked("compile", path, "-o", "-", *options, "--gpus", "1").out)
    state = machine["States"]["t"]["Arguments"]
    assert (state["JobQueue"], state["JobDefinition"]) == ("q", "d:1")
    needs = {need["Type"]: need["Value"] for need in state["ContainerOverrides"]["ResourceRequirements"]}
    assert needs == {"VCPU": "2", "MEMORY": "512", "GPU": "1"}
    assert environment_of(machine, machine["States"]["t"])["DUCTWORK_LEDGER_TABLE"] == "table"


def test_check_as_text_and_json(tmp_path):
    path = write_dag(tmp_path, in_dag(bash(more=", pool='p', executor_config={'ductwork': {'nope': 1}}")))
    code, out, _ = checked("check", path, "--format", "json")
    assert code == 1
    line = HEADER.count("\n") + 2
    assert [
        (found["code"], found["file"], found["line"], found["task_id"], found["field"]) for found in json.loads(out)
    ] == [
        ("DW308", str(path), line, "t", "pool"),
        ("DW202", str(path), line, "t", "nope"),
    ]
    assert set(json.loads(out)[0]) == {"code", "severity", "what", "hint", "dag_id", "task_id", "field", "file", "line"}
    code, out, _ = checked("check", path)
    assert code == 1
    assert out.splitlines()[0].startswith(
        f"{path}:{line}: warning DW308 [case.t pool]: the size of pool 'p' is not known"
    )
    assert f"{path}:{line}: error DW202 [case.t nope]: 'nope' in executor_config is not a deployment value" in out
    assert not [made for made in tmp_path.iterdir() if made.suffix == ".json"]


def test_check_of_a_clean_file_and_of_one_with_warnings(tmp_path):
    clean = write_dag(tmp_path, in_dag(bash()), name="clean.py")
    assert checked("check", clean)[:2] == (0, "no problems: case\n")
    assert checked("check", clean, "--format", "json")[:2] == (0, "[]\n")
    warned = write_dag(tmp_path, in_dag(bash(more=", pool='p'")), name="warned.py")
    code, out, _ = checked("check", warned)
    assert code == 0
    assert "warning DW308" in out


@pytest.mark.parametrize("code", ["DW101", "DW308", "DW511"])
def test_explain_a_code(code):
    finished = checked("explain", code.lower())
    assert finished.code == 0
    assert finished.out.startswith(f"{code} ({CODES[code].severity.value}): {CODES[code].title}\n\n")
    assert finished.out.endswith(f"{CODES[code].explanation}\n\nsource: {CODES[code].source}\n")


def test_explain_a_file():
    code, out, _ = checked("explain", DAGS / "batch_templates.py")
    assert code == 0
    lines = [line.split() for line in out.splitlines()[1:6]]
    assert [(name, kind) for name, kind, *_ in lines] == [
        ("first", "native"),
        ("array", "native"),
        ("fire_and_forget", "native"),
        ("limited", "native"),
        ("needs_airflow", "worker"),
    ]
    assert "var.value.x" in out
    size = len(checked("compile", DAGS / "batch_templates.py", "-o", "-").out.encode()) - 1
    assert f"asl: {size:,} bytes, {size // 6:,} a task" in out


def test_explain_shows_what_each_task_takes(tmp_path):
    """Of a call the actions that its operator needs; ids too long for a state's name, of which the ends differ."""
    long = "long" * 30
    (tmp_path / "case.py").write_text(f"""{HEADER}
from airflow.providers.amazon.aws.operators.sns import SnsPublishOperator
with DAG("case"):
    SnsPublishOperator(task_id="tell", target_arn="arn:aws:sns:us-east-1:123456789012:topic", message="m") >> [
        BashOperator(task_id="work", bash_command="true"),
        BashOperator(task_id="{long}a", bash_command="true"),
        BashOperator(task_id="{long}b", bash_command="true"),
    ]
""")
    code, out, err = checked("explain", tmp_path / "case.py")
    assert code == 0, err
    shown = [line.split() for line in out.splitlines()]
    table = {row[0]: row[1:] for row in shown[shown.index(next(row for row in shown if row[0] == "task")) + 1 :]}
    machine = json.loads(checked("compile", tmp_path / "case.py", "-o", "-").out)
    own = [name for name in machine["States"] if "tell" in name.replace("?", " ").split()]
    assert table["tell"][0] == str(len(own))
    assert table["tell"][3:] == [f"{int(table['tell'][2]) * 0.025:.3f}", "sns:Publish"]
    assert table["work"][-1] == "batch:SubmitJob"
    assert table[f"{long}a"] == table[f"{long}b"] == ["-"] * 4


GROUPS = """
    with TaskGroup("outer", tooltip="all of it") as outer:
        EmptyOperator(task_id="a")
        with TaskGroup("inner", prefix_group_id=False):
            BashOperator(task_id="b", bash_command="true")
    @task_group
    def each(x):
        BashOperator(task_id="t", bash_command=x)
    outer >> each.expand(x=["one", "two", "three"])
    BashOperator.partial(task_id="m").expand(bash_command=["true"] * 7)
"""


@pytest.fixture
def grouped(tmp_path):
    heading = "from airflow.sdk import TaskGroup, task_group\nfrom airflow.providers.standard.operators.empty import EmptyOperator\n"
    (tmp_path / "case.py").write_text(f"{heading}{HEADER}with DAG('case'):\n{GROUPS}")
    return tmp_path / "case.py"


def test_explain_shows_groups_and_instances(grouped):
    code, out, err = checked("explain", grouped)
    assert code == 0, err
    shown = [line.partition("  worker")[0].partition("  instant")[0].rstrip() for line in out.splitlines()]
    assert shown[1:8] == [
        "  [outer]  all of it",
        "    [inner]",
        "      b",
        "    outer.a",
        "  m",
        "  [each], mapped: 3 instances at the most",
        "    each.t",
    ]
    assert "7 instances at the most, children of an array job" in out


def test_explain_of_a_chain_tells_what_the_instances_are(tmp_path):
    body = "".join(
        f"    BashOperator.partial(task_id='m{number}').expand(bash_command=['true'] * {number})\n"
        for number in (0, 1, 3)
    )
    file = tmp_path / "case.py"
    file.write_text(f"{HEADER}with DAG('case'):\n{body}")
    code, out, err = checked("explain", file, "--target", "batch")
    assert code == 0, err
    shown = {line.split()[0]: line.strip() for line in out.splitlines()[1:4]}
    assert shown["m0"].endswith("instant expanded over nothing")
    assert shown["m1"].endswith("a container for each instance: 1 instance, a plain job")
    assert shown["m3"].endswith("a container for each instance: 3 instances, children of an array job")


def test_explain_draws_groups(grouped):
    code, out, err = checked("explain", "--graph", grouped)
    assert code == 0, err
    assert out.splitlines() == [
        "flowchart LR",
        '    subgraph g0["outer"]',
        '        subgraph g1["inner"]',
        '            t0["b"]',
        "        end",
        '        t2["outer.a"]',
        "    end",
        '    t1["m [ ]"]',
        '    subgraph g2["each [ ]"]',
        '        t3["each.t"]',
        "    end",
        "    t0 --> t3",
        "    t2 --> t3",
    ]


def test_a_state_says_which_groups_its_task_is_in(grouped):
    machine = json.loads(checked("compile", grouped, "-o", "-").out)
    text = json.dumps(machine)
    assert '"Comment": "in outer (all of it) / inner"' in text
    assert '"Comment": "in each"' in text


CROSSING = """
    tasks = {name: EmptyOperator(task_id=name) for name in "abcd"}
    tasks["a"] >> [tasks["c"], tasks["d"]]
    tasks["b"] >> tasks["d"]
"""
GROUP = """
    @task_group
    def group(item):
        first = BashOperator(task_id="first", bash_command="true")
        second = BashOperator(task_id="second", bash_command="true")
        first >> BashOperator(task_id="third", bash_command="true", trigger_rule="one_done") << second

    group.expand(item=[1, 2])
"""


@pytest.mark.parametrize(
    ("body", "joins"),
    [
        (CROSSING, 1),
        # What waits for an earlier run or for a slot is no join.
        ("    EmptyOperator(task_id='a') >> BashOperator(task_id='b', bash_command='true', depends_on_past=True)\n", 0),
        ("    BashOperator(task_id='b', bash_command='true', max_active_tis_per_dag=1)\n", 0),
        (GROUP, 1),
    ],
    ids=["crossing", "past", "slots", "in a mapped group"],
)
def test_explain_counts_joins(tmp_path, body, joins):
    heading = (
        "from airflow.sdk import task_group\nfrom airflow.providers.standard.operators.empty import EmptyOperator\n"
    )
    text = f"{heading}{HEADER}with DAG('case'):\n{body}"
    (tmp_path / "case.py").write_text(text)
    code, out, err = checked("explain", tmp_path / "case.py")
    assert code == 0, err
    said = re.findall(r"joins of crossing branches and early rules: (\d+)", out)
    assert said == [str(joins)] * bool(joins)


# ---- faults ----


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    (folder / "binary.py").write_bytes(bytes(range(256)))
    (folder / "null.py").write_bytes(b"x = 1\n\0")
    (folder / "deep.py").write_text("x = " + "-" * 200_000 + "1\n")
    (folder / "syntax.py").write_text("def f(:\n")
    (folder / "raises.py").write_text("raise RuntimeError('line one\\nline two')\n")
    (folder / "exits.py").write_text("import sys\nsys.exit(0)\n")
    (folder / "plain.py").write_text("x = 1\n")
    (folder / "data.csv").write_text("a,b\n")
    (folder / "empty").mkdir()
    (folder / "odd").mkdir()
    (folder / "odd" / "folder.py").mkdir()
    (folder / "odd" / "gone.py").symlink_to(folder / "nowhere.py")
    # Reading one's own memory from its start fails for every user, root too.
    (folder / "unreadable.py").symlink_to("/proc/self/mem")
    (folder / "file.txt").write_text("")
    write_dag(folder, in_dag(bash()), name="good.py")
    return folder


FAULTS = [
    (1, "DW101", ["check", "nowhere.py"]),
    (1, "DW101", ["compile", "nowhere.py", "-o", "-"]),
    (1, "DW101", ["explain", "nowhere.py"]),
    (1, "DW101", ["check", "binary.py"]),
    (1, "DW101", ["check", "unreadable.py"]),
    (0, "DW114", ["check", "odd"]),
    (1, "DW102", ["check", "syntax.py"]),
    (1, "DW102", ["check", "null.py"]),
    (1, "DW102", ["check", "deep.py"]),
    (1, "DW103", ["check", "raises.py"]),
    (1, "DW103", ["check", "exits.py"]),
    (1, "DW105", ["check", "plain.py"]),
    (1, "DW105", ["check", "data.csv"]),
    (1, "DW107", ["check", "good.py", "--dag-id", "other"]),
    (0, "DW109", ["check", "empty"]),
    (1, "DW201", ["check", "good.py", "--memory", "lots"]),
    (1, "cannot write", ["compile", "good.py", "-o", "file.txt"]),
    (1, "cannot write", ["compile", "good.py", "-o", "file.txt/below"]),
    (1, "cannot write", ["compile", "good.py", "-o", "/proc/new"]),
    (2, "--nonsense", ["check", "good.py", "--nonsense"]),
    (2, "nonsense", ["nonsense"]),
    (2, "Missing argument", ["compile"]),
    (2, "Missing argument", ["explain"]),
    (2, "nonsense", ["compile", "good.py", "--target", "nonsense"]),
    (2, "xml", ["check", "good.py", "--format", "xml"]),
    (2, "requires an argument", ["compile", "good.py", "-o"]),
    (2, "DW999", ["explain", "DW999"]),
]


@pytest.mark.parametrize(
    ("code", "says", "arguments"), FAULTS, ids=lambda value: " ".join(value) if isinstance(value, list) else None
)
def test_faults_are_told_not_thrown(bad, code, says, arguments):
    finished = checked(*arguments, cwd=bad)
    assert finished.code == code
    assert says in finished.out + finished.err


@pytest.mark.skipif(
    os.geteuid() == 0 and sys.platform != "linux", reason="root reads everything where it has no capabilities to drop"
)
def test_a_file_without_permission(tmp_path):
    path = write_dag(tmp_path, in_dag(bash()))
    path.chmod(0)
    finished = checked("check", path, as_owner=True)
    assert (finished.code, "DW101" in finished.out, "Permission denied" in finished.out) == (1, True, True), finished


@pytest.mark.parametrize(
    ("start", "end"),
    [(b"\xef\xbb\xbf", b""), (b"# -*- coding: latin-1 -*-\n", b"NAME = '\xe9'\n")],
    ids=["mark", "latin-1"],
)
def test_encodings_that_python_reads_are_read(tmp_path, start, end):
    (tmp_path / "case.py").write_bytes(start + (HEADER + in_dag(bash())).encode() + end)
    assert checked("check", tmp_path / "case.py")[:2] == (0, "no problems: case\n")


# ---- fresh processes ----


def test_help_imports_neither_airflow_nor_the_compiler():
    program = """if True:
        import sys
        from ductwork.cli.main import main
        for arguments in (["--help"], ["-h"], ["compile", "--help"], ["check", "--help"], ["explain", "DW302"], ["--version"]):
            sys.argv = ["ductwork", *arguments]
            try:
                main()
            except SystemExit as end:
                assert not end.code, arguments
        heavy = {"airflow", "boto3", "botocore", "moto", "ductwork.ir", "ductwork.compiler"}
        # Results have taken stdout for themselves.
        print(sorted(heavy & sys.modules.keys()), file=sys.stderr)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
    assert "Usage: ductwork [OPTIONS] COMMAND [ARGS]..." in done.stdout


def test_output_is_the_same_in_every_process(tmp_path):
    path = write_dag(tmp_path, NOISY)
    command = [
        sys.executable,
        "-c",
        "from ductwork.cli.main import main; main()",
        "compile",
        str(path),
        str(DAGS),
        "-o",
        "-",
    ]
    seeds = [{**os.environ, "PYTHONHASHSEED": seed} for seed in ("1", "2")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) for env in seeds]
    first, second = (process.communicate()[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert first == second
    assert len(first.splitlines()) == 1 + len(list(DAGS.glob("*.py")))
    assert all(json.loads(line)["QueryLanguage"] == "JSONata" for line in first.splitlines())


def test_a_closed_pipe_is_no_crash():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", "from ductwork.cli.main import main; main()", "explain", "DW302"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")
