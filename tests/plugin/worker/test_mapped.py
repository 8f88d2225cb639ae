"""Instances of mapped tasks, each in its own worker: where their values come from, and what they leave."""

from __future__ import annotations

import shutil
import signal
import time
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ductwork.contracts import ledger as schema
from ductwork_airflow.ledger import now
from ductwork_airflow.worker import EXIT_FAILED, EXIT_OK, EXIT_RETRY
from harness import MakeWorkers, Worked, Workers, count_ended

NAMES = ("numbers", "letters", "arguments", "literal", "pulls", "group.first", "group.second", "total", "many")

SIZE = 1200


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dags")
    shutil.copy(Path(__file__).parent / "mapped_dag.py", folder / "dag.py")
    return folder


@pytest.fixture(scope="module")
def workers(dags: Path, make_workers: MakeWorkers) -> Workers:
    made = make_workers(dags, "mapped_example", f"run-{uuid.uuid4().hex[:6]}", AIRFLOW__CORE__MAX_MAP_LENGTH="5")
    made.start_run(target="stepfunctions", tasks={name: {} for name in NAMES})
    return made


def indexes(task_id: str, size: int) -> list[tuple[str, int]]:
    return [(task_id, index) for index in range(size)]


RAN = [
    ("numbers", -1),
    ("letters", -1),
    ("arguments", -1),
    *indexes("literal", 3),
    *indexes("of_list", 3),
    *indexes("of_dict", 2),
    *indexes("cross", 6),
    *indexes("from_kwargs", 2),
    *indexes("zipped", 3),
    *indexes("mapped_values", 3),
    *indexes("joined", 6),
    *indexes("double", 3),
    *indexes("added", 3),
    *indexes("labelled", 2),
    *indexes("stores", 2),
    *indexes("shell", 2),
    ("pulls", -1),
]


@pytest.fixture(scope="module")
def ended(workers: Workers) -> dict[tuple[str, int], Worked]:
    return workers.run_mapped(RAN)


RESULTS = {
    "literal": [1, 4, 9],
    "of_list": [[10, 0], [20, 1], [30, 2]],
    "of_dict": [["a", 1], ["b", 2]],
    "cross": [[10, 1], [10, 2], [20, 1], [20, 2], [30, 1], [30, 2]],
    "from_kwargs": [[1, 2], [3, 4]],
    "zipped": [[10, 1], [20, 4], [30, 9]],
    "mapped_values": [-10, -20, -30],
    "joined": [10, 20, 30, 1, 4, 9],
    "double": [2, 8, 18],
    "added": [1011, 1021, 1031],
    "labelled": [7, 8],
    "stores": [[None, ["p"], 0], [None, ["q"], 1]],
    "shell": ["0", "2026-03-01"],
}


def values(workers: Workers, task_id: str, key: str = "return_value") -> list[Any]:
    return [item["value"] for item in workers.ledger.xcoms(workers.dag_id, workers.run_id, task_id, key)]


@pytest.mark.parametrize("task_id", RESULTS)
def test_an_instance_gets_the_values_of_its_index(
    workers: Workers, ended: dict[tuple[str, int], Worked], task_id: str
) -> None:
    own = {key: worked for key, worked in ended.items() if key[0] == task_id}
    assert {worked.code for worked in own.values()} == {EXIT_OK}, [worked.output for worked in own.values()]
    assert values(workers, task_id) == RESULTS[task_id]
    where = (workers.dag_id, workers.run_id, task_id)
    assert count_ended(workers.ledger, *where, "success") == len(own)
    lengths = [item.get("mapped_length") for item in workers.ledger.xcoms(*where, "return_value")]
    assert lengths == [None] * len(own)


def test_what_is_mapped_over_says_how_long_it_is(workers: Workers, ended: dict[tuple[str, int], Worked]) -> None:
    found = {
        task_id: (workers.ledger.xcom(workers.dag_id, workers.run_id, task_id, "return_value") or {}).get(
            "mapped_length"
        )
        for task_id in ("numbers", "letters", "arguments")
    }
    assert found == {"numbers": 3, "letters": 2, "arguments": 2}


def test_xcom_pull(workers: Workers, ended: dict[tuple[str, int], Worked]) -> None:
    assert values(workers, "pulls") == [
        {"one": 4, "some": [9, 1], "all": [1, 4, 9], "two": [[10, 20, 30], {"a": 1, "b": 2}]}
    ], ended["pulls", -1].output


def test_labels(workers: Workers, ended: dict[tuple[str, int], Worked]) -> None:
    assert [ended["labelled", index].item.get("rendered_map_index") for index in range(2)] == ["number 7", "number 8"]


def test_inside_a_mapped_group_an_instance_reads_its_own_index(workers: Workers) -> None:
    """Most of its siblings have not begun: how many they are, the worker is told."""
    asked = [("numbers", -1), ("group.first", 1), ("group.second", 1), ("group.first", 2), ("group.second", 2)]
    ended = workers.run_mapped(asked, DUCTWORK_MAP_SIZE="3")
    assert {worked.code for worked in ended.values()} == {EXIT_OK}, [worked.output for worked in ended.values()]
    assert values(workers, "group.second") == [2100, 3100]


@pytest.mark.parametrize(
    ("task_id", "error"),
    [
        # The words of Airflow's server, by way of its client.
        ("too_many", "'message': \"pushed value is too large to map as a downstream's dependency\""),
        ("nothing", "XComForMappingNotPushed: did not push XCom for task mapping"),
        ("no_list", "UnmappableXComTypePushed: unmappable return type 'int'"),
    ],
)
def test_what_cannot_be_mapped_over_fails(workers: Workers, task_id: str, error: str) -> None:
    ended = workers.run_mapped([(task_id, -1)])[task_id, -1]
    assert (ended.code, ended.item["state"]) == (EXIT_FAILED, "failed"), ended.output
    assert error in ended.item["error"]


def test_thousands_of_values_are_a_lazy_sequence(workers: Workers) -> None:
    for index in range(SIZE):
        workers.ledger.put_xcom(workers.dag_id, workers.run_id, "many", "return_value", index, map_index=index)
    ended = workers.run("total")
    assert ended.code == EXIT_OK, ended.output
    assert values(workers, "total") == [
        {
            "kind": "LazyXComSequence",
            "length": SIZE,
            "first": 0,
            "last": SIZE - 1,
            "slice": [3, 5, 7],
            "sum": sum(range(SIZE)),
        }
    ]


def test_one_instance_is_an_ordinary_job_with_a_token(workers: Workers, ended: dict[tuple[str, int], Worked]) -> None:
    worked = workers.run("added", token="of-one", DUCTWORK_MAP_INDEX="0", DUCTWORK_MAP_SIZE="1")
    assert worked.reports == [("SendTaskSuccess", {"output": {"state": "success"}})]


# ---- a child that broke is started again at once by Batch, and waits itself ----


def test_the_next_attempt_waits_for_its_time(workers: Workers, dags: Path, make_workers: MakeWorkers) -> None:
    run = make_workers(dags, "mapped_example", f"run-{uuid.uuid4().hex[:6]}")
    run.start_run(target="stepfunctions", tasks={"breaks": {"max_tries": 2, "retry_delay": 6}})
    attempts = {"DUCTWORK_MAP_INDEX": "array", "AWS_BATCH_JOB_ARRAY_INDEX": "0", "AWS_BATCH_JOB_ARRAY_SIZE": "2"}
    assert run.run("breaks", **attempts).code == EXIT_RETRY
    first = run.item("breaks", 0)
    assert (first["state"], first["try_number"]) == ("up_for_retry", 1)
    second = run.start("breaks", **attempts)
    assert run.finish(second, "breaks").code == EXIT_RETRY
    after = run.item("breaks", 0)
    waited = moment(after["started_at"]) - moment(first["ended_at"])
    assert 6 <= waited < 60, after
    assert after["try_number"] == 2


def test_a_killed_process_waits_too(make_workers: MakeWorkers, dags: Path) -> None:
    run = make_workers(dags, "mapped_example", f"run-{uuid.uuid4().hex[:6]}")
    run.start_run(target="stepfunctions", tasks={"dies": {"max_tries": 1, "retry_delay": 4}})
    codes = [run.run("dies", DUCTWORK_MAP_INDEX="1").code]
    first = run.item("dies", 1)
    assert (first["state"], first["try_number"], first["error"]) == ("up_for_retry", 1, "killed by signal 9")
    codes.append(run.run("dies", DUCTWORK_MAP_INDEX="1").code)
    after = run.item("dies", 1)
    assert (after["state"], after["try_number"], codes) == ("failed", 2, [EXIT_RETRY, EXIT_FAILED])
    assert moment(after["started_at"]) - moment(first["ended_at"]) >= 4


def moment(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_a_stop_ends_the_wait_and_costs_no_try(workers: Workers, dags: Path, make_workers: MakeWorkers) -> None:
    run = make_workers(dags, "mapped_example", f"run-{uuid.uuid4().hex[:6]}")
    run.start_run(target="stepfunctions", tasks={"breaks": {"max_tries": 2, "retry_delay": 600}})
    names = (run.dag_id, run.run_id, "breaks")
    left = {"job_id": "old", "job_attempt": 1, "ended_at": now()}
    assert run.ledger.record_task(*names, "up_for_retry", 1, map_index=0, **left)
    before = run.item("breaks", 0)
    process = run.start("breaks", DUCTWORK_MAP_INDEX="0")
    assert process.line("try 2 waits until")
    process.send_signal(signal.SIGTERM)
    stopped = time.monotonic()
    assert run.finish(process, "breaks").code == EXIT_RETRY
    assert time.monotonic() - stopped < 15
    assert run.item("breaks", 0) == before


# ---- children whose last container died ----


def test_the_dead_of_an_array_are_recorded(workers: Workers, dags: Path) -> None:
    names = (workers.dag_id, workers.run_id, "dies")
    left = {"job_id": "array:0", "job_attempt": 1, "max_tries": 1}
    workers.ledger.record_task(*names, "running", 2, map_index=0, **left)
    workers.ledger.record_task(*names, "up_for_retry", 1, map_index=1, **left)
    workers.ledger.record_task(*names, "success", 1, map_index=2)
    job = {"DUCTWORK_CALLBACK": "task", "DUCTWORK_MAP_INDEX": "-1", "DUCTWORK_MAP_SIZE": "4"}
    worked = workers.run("dies", **job)
    assert worked.code == EXIT_OK, worked.output
    found = {item["map_index"]: (item["state"], item["try_number"]) for item in workers.ledger.instances(*names)}
    assert found == {0: ("failed", 2), 1: ("failed", 2), 2: ("success", 1), 3: ("failed", 1)}
    assert count_ended(workers.ledger, *names, "failed") == 3
    assert count_ended(workers.ledger, *names, "success") == 1
    called = [line for line in (dags / "notes").read_text().splitlines() if line.startswith("failure")]
    assert called == ["failure 0 2", "failure 1 2", "failure 3 1"]
    assert workers.run("dies", **job).code == EXIT_OK
    assert (dags / "notes").read_text().count("failure") == 3


def test_the_dead_of_a_task_without_callbacks_are_recorded_alone(workers: Workers) -> None:
    names = (workers.dag_id, workers.run_id, "double_dead")
    worked = workers.run("double_dead", DUCTWORK_CALLBACK="record", DUCTWORK_MAP_SIZE="3")
    assert worked.code == EXIT_OK, worked.output
    keys = workers.ledger.sort_keys(schema.run_pk(*names[:2]), schema.ended_prefix("double_dead", "failed"))
    assert keys == [schema.ended_sk("double_dead", "failed", index) for index in range(3)]
    assert not any("callbacks_due" in item for item in workers.ledger.instances(*names))
