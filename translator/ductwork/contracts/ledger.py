"""The ledger's shape: keys, states and ranks of the one DynamoDB table.

The translator writes these into state machines and the plugin reads and writes the same items, so
they live here, where both can import them.

==================================  ===========================================================================
item                                keys
==================================  ===========================================================================
a DAG run                           pk ``run#<dag_id>#<run_id>``, sk ``run``
a task instance                     same pk, sk ``task#<task_id>#<map_index>``
an XCom value                       same pk, sk ``xcom#<task_id>#<key>#<map_index>``
a task state store entry            same pk, sk ``store#<task_id>#<map_index>#<key>``
a submission claim of a job chain   same pk, sk ``job#<job name>``
the run a task of Airflow submits   pk ``submitter#<dag_id>#<run_id>`` of Airflow's, sk ``<task_id>#<map_index>``
what a local run was compiled from  same pk, sk ``local``
how a mapped instance has ended     same pk, sk ``ended#<task_id>#<state>#<map_index>``, nothing but keys and expiry
what a mapped task expanded to      same pk, sk ``map#<task_id>``
a join of parallel branches         same pk, sk ``join#<hash of the execution's ARN>#<join's name>``
what a large restart keeps          same pk, sk ``kept#<number of the restart>#<page, from 1>``
the facts of a DAG's tasks          pk ``manifest#<dag_id>``, sk ``<id>#<number of the chunk>``
the runs of a DAG that go on       pk ``limit#<dag_id>``, sk ``runs``
instances of a task that go on     pk ``limit#<dag_id>``, sk ``task#<task_id>``
the latest run of a DAG            pk ``limit#<dag_id>``, sk ``latest``
tasks of a pool that go on         pk ``pool#<name>``, sk ``tasks``
what the next run waits for        pk of the run, sk ``past#<task_id>``
instances of a task in one run      same pk, sk ``limit#<task_id>``
an asset's event                    pk ``asset#<name|uri|alias>#<value>``, sk ``event#<timestamp>#<id>``
what starts a DAG's next run         pk ``run_queue#<dag_id>``, sk ``queue``, and ``event#<id>`` of each event counted
an asset's state store entry        pk ``asset#<name|uri>#<value>``, sk ``store#<key>``
an Airflow Variable set by a task   pk ``variable#<key>``, sk ``variable``
the list of such Variables          pk ``variables``, sk ``key#<key>``
==================================  ===========================================================================

A mapped instance's item and its ``ended#`` marker are written together, so that counting the few bytes of markers
tells how many instances of a task ended in a state: :func:`ended_prefix`.

Only run items carry both ``dag_id`` and ``started_at``, so the index ``by_dag`` lists runs alone.
"""

from __future__ import annotations

import json

from ductwork.semantics.trigger_rules import OUTCOMES

INDEX_BY_DAG = "by_dag"
RUN_SK = "run"
LOCAL_SK = "local"
TTL_ATTRIBUTE = "expires_at"
RETENTION_DAYS = 90

UNMAPPED = -1
# The key of the XCom that a task returns.
RETURN_VALUE = "return_value"
ERROR_LIMIT = 32_768  # characters of a task's error that are kept

TERMINAL_STATES = OUTCOMES
# Airflow's task instance states, by how far along one try they are. States of equal order may follow one
# another in either direction (a deferred task runs again), which only the worker that owns the try may report.
STATE_ORDER: dict[str, int] = {
    "scheduled": 10,
    "queued": 20,
    "running": 30,
    "deferred": 30,
    "up_for_reschedule": 30,
    "restarting": 30,
    "up_for_retry": 60,
    **dict.fromkeys(sorted(TERMINAL_STATES), 90),
}
TRY_STEP = 100


def rank(state: str, try_number: int) -> int:
    """The place of ``state`` in the life of a task instance: workers and mirrors never lower it, a restart may."""
    return try_number * TRY_STEP + STATE_ORDER[state]


# What a run's item has as JSON text, so that neither a state machine nor a reader depends on how DynamoDB's nested
# values are spelled: what is known of tasks, the limits that the run is under, the assets that the DAG names.
RUN_JSON = ("tasks", "limits", "assets")


def json_text(value: object) -> str:
    """JSON as the ledger has it: short, and the same text for the same value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def run_pk(dag_id: str, run_id: str) -> str:
    return f"run#{dag_id}#{run_id}"


def task_sk(task_id: str, map_index: int = UNMAPPED) -> str:
    return f"task#{task_id}#{map_index}"


def parse_task_sk(sk: str) -> tuple[str, int]:
    """``(task_id, map_index)`` of a task instance's sort key."""
    _, task_id, map_index = sk.split("#")
    return task_id, int(map_index)


def ended_prefix(task_id: str, state: str = "") -> str:
    """What the sort keys of the markers of all instances of one task that ended, in ``state``, share."""
    return f"ended#{task_id}#{state}#" if state else f"ended#{task_id}#"


def ended_sk(task_id: str, state: str, map_index: int) -> str:
    """The marker of a mapped instance that ended in ``state``; instances that are not mapped have none."""
    return f"{ended_prefix(task_id, state)}{map_index:06d}"


def map_sk(task_id: str) -> str:
    """Where ``size`` is the number of instances of a mapped task, and ``job`` what its array job is doing."""
    return f"map#{task_id}"


def xcom_prefix(task_id: str, key: str) -> str:
    """What the sort keys of all map indexes of one XCom share."""
    escaped = key.replace("%", "%25").replace("#", "%23")
    return f"xcom#{task_id}#{escaped}#"


def xcom_sk(task_id: str, key: str, map_index: int = UNMAPPED) -> str:
    # Zero-padded so that DynamoDB's order of sort keys is the order of map indexes; "-1" sorts before digits.
    return xcom_prefix(task_id, key) + ("-1" if map_index < 0 else f"{map_index:06d}")


def store_sk(task_id: str, map_index: int, key: str) -> str:
    return f"store#{task_id}#{map_index}#{key}"


# The machine knows its own part of a join's key only when it runs: $run.joins.
JOIN_PREFIX = "join#"


# The attribute of an item of kept_sk: task id -> outcome, as JSON text.
KEPT_TASKS = "kept"


def kept_prefix(restart: int) -> str:
    """What the sort keys share of all items that say what a restart keeps, where its input has no room for that."""
    return f"kept#{restart}#"


def manifest_pk(dag_id: str) -> str:
    return f"manifest#{dag_id}"


def manifest_prefix(manifest_id: str) -> str:
    """What the sort keys of all chunks of one manifest share, see :mod:`ductwork.contracts.machine_bundle`."""
    return f"{manifest_id}#"


def manifest_sk(manifest_id: str, chunk: int) -> str:
    return f"{manifest_prefix(manifest_id)}{chunk:04d}"


def limit_key(dag_id: str) -> tuple[str, str]:
    """``(pk, sk)`` of what limits the runs of a DAG."""
    return f"limit#{dag_id}", "runs"


def task_limit_key(dag_id: str, task_id: str) -> tuple[str, str]:
    return f"limit#{dag_id}", f"task#{task_id}"


def run_limit_key(name: str) -> tuple[str, str]:
    """Of what limits a run's own tasks; the pk is the run's."""
    return "", f"limit#{name}"


def latest_key(dag_id: str) -> tuple[str, str]:
    return f"limit#{dag_id}", "latest"


def pool_key(name: str) -> tuple[str, str]:
    return f"pool#{name}", "tasks"


def past_sk(task_id: str) -> str:
    return f"past#{task_id}"


def job_sk(name: str) -> str:
    return f"job#{name}"


def submitter_key(dag_id: str, run_id: str, task_id: str, map_index: int = UNMAPPED) -> tuple[str, str]:
    """Partition key and sort key of what a task instance of Airflow has submitted; the ids are Airflow's own."""
    return f"submitter#{dag_id}#{run_id}", f"{task_id}#{map_index}"
