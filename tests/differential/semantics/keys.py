"""Which keys of XComs, task states and Variables Airflow takes, and what it gives back for them."""

from __future__ import annotations

from airflow.sdk import DAG, Variable, get_current_context, task

# What Airflow's client makes of "..", "?" and "#" is its own affair: it is the client here, too.
KEYS = [
    "",
    None,
    1,
    "k" * 512,
    "a/b",
    "a/",
    "/a",
    "/",
    "a//b",
    "a/../b",
    "100%",
    "a%41b",
    " a b ",
    "a+b;c&d\\e",
    "a\nb",
]


def each(push, pull):
    found = []
    for key in KEYS:
        for call in (lambda key=key: push(key), lambda key=key: pull(key)):
            try:
                found.append(call())
            except Exception:  # noqa: BLE001 - which class it is depends on how the server is reached
                found.append("refused")
    return found


with DAG("keys"):

    @task
    def xcoms():
        ti = get_current_context()["ti"]
        return each(lambda key: ti.xcom_push(key, f"of {key}"), lambda key: ti.xcom_pull(ti.task_id, key=key))

    @task
    def states():
        store = get_current_context()["task_state_store"]
        return each(lambda key: store.set(key, f"of {key}"), store.get)

    @task
    def variables():
        return each(lambda key: Variable.set(key, f"of {key}"), lambda key: Variable.get(key, default="absent"))

    xcoms(), states(), variables()
