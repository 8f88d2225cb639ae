"""A running Airflow as a person uses it in the UI: by its public REST API, with the ledger to compare with."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import httpx
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.local.standalone import Standalone

ENDED = {"success", "failed"}

# Quick looks, so that tests are.
SETTINGS = {
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__DUCTWORK__POLL_INTERVAL": "0.5",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Airflow:
    """What a person does in the UI, by the same public API, and the ledger to compare with."""

    def __init__(self, running: Standalone, home: Path) -> None:
        user, password = running.credentials()
        self.home = home
        self.http = httpx.Client(base_url=running.url, timeout=120)
        token = self._json(self.http.post("/auth/token", json={"username": user, "password": password}))
        self.http.headers["Authorization"] = f"Bearer {token['access_token']}"
        self.ledger = Ledger.connect("ductwork", Aws("us-east-1", running.endpoint_url, ("local", "local")))

    def trigger(self, dag_id, conf=None, run_id=None, logical_date=None):
        """A run's id. Waits for the DAG file to be seen. With a run id of one's own, errors of the server are met by
        asking once more, as a person would: SQLite, which Airflow has here, may be locked for too long.
        """
        deadline = time.monotonic() + 90
        while self.http.get(f"/api/v2/dags/{dag_id}").status_code == 404 and time.monotonic() < deadline:
            time.sleep(1)
        body = {"logical_date": logical_date, "conf": conf or {}, "dag_run_id": run_id}
        reply = self.http.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        while run_id and reply.status_code >= 500 and time.monotonic() < deadline:
            time.sleep(1)
            reply = self.http.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        return run_id if run_id and reply.status_code == 409 else self._json(reply)["dag_run_id"]

    def state(self, dag_id, run_id):
        return self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"]

    def wait(self, dag_id, run_id, seconds=400):
        """The run's state at its end."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if (state := self.state(dag_id, run_id)) in ENDED:
                return state
            time.sleep(0.5)
        raise AssertionError(f"{dag_id} {run_id} did not end: {self.states(dag_id, run_id)}")

    def run(self, dag_id):
        run_id = self.trigger(dag_id)
        return run_id, self.wait(dag_id, run_id)

    def instances(self, dag_id, run_id):
        reply = self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        return {found["task_id"]: found for found in reply["task_instances"]}

    def every_state(self, dag_id, run_id):
        """By task id and map index."""
        reply = self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=1000")
        return {(found["task_id"], found["map_index"]): found["state"] for found in reply["task_instances"]}

    def instance(self, dag_id, run_id, task_id, map_index):
        return self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/{map_index}")

    def states(self, dag_id, run_id):
        return {task_id: found["state"] for task_id, found in self.instances(dag_id, run_id).items()}

    def log(self, dag_id, run_id, task_id, number=1, map_index=-1):
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{number}"
        params = {"full_content": True, "map_index": map_index}
        return self.http.get(path, params=params, headers={"Accept": "application/json"}).text

    def xcoms(self, dag_id, run_id, task_id, map_index=-1):
        base = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries"
        index = {"map_index": map_index}
        keys = [entry["key"] for entry in self._json(self.http.get(base, params=index))["xcom_entries"]]
        raw = index | {"deserialize": False}
        return {key: self._json(self.http.get(f"{base}/{key}", params=raw))["value"] for key in keys}

    def links(self, dag_id, run_id, task_id, map_index=-1):
        base = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links"
        return self._json(self.http.get(base, params={"map_index": map_index}))["extra_links"]

    def nodes(self, dag_id):
        """What the UI's graph shows, by id."""
        waiting = list(self._get(f"/ui/structure/structure_data?dag_id={dag_id}")["nodes"])
        found = {}
        while waiting:
            node = waiting.pop()
            found[node["id"]] = node
            waiting += node.get("children") or []
        return found

    def clear(self, dag_id, run_id, **what):
        body = {"dry_run": False, "dag_run_id": run_id, "only_failed": False, "reset_dag_runs": True, **what}
        self._json(self.http.post(f"/api/v2/dags/{dag_id}/clearTaskInstances", json=body))

    def clear_run(self, dag_id, run_id):
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/clear"
        self._json(self.http.post(path, json={"dry_run": False, "only_failed": False}))

    def delete_run(self, dag_id, run_id):
        reply = self.http.delete(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")
        assert reply.status_code == 204, reply.text

    def wait_for_remote(self, dag_id, run_id, seconds=120):
        deadline = time.monotonic() + seconds
        while "ended_at" not in self.ledger.run(dag_id, run_id):
            assert time.monotonic() < deadline, f"the ledger does not know the end of {dag_id} {run_id}"
            time.sleep(0.5)

    def remote(self, dag_id, run_id):
        """Remote states and try numbers by task id."""
        return {
            item["task_id"]: (item["state"], item.get("try_number", 0)) for item in self.ledger.tasks(dag_id, run_id)
        }

    def every_remote_state(self, dag_id, run_id):
        return {(item["task_id"], item["map_index"]): item["state"] for item in self.ledger.tasks(dag_id, run_id)}

    def _get(self, path):
        """What is only read may be asked for again."""
        deadline = time.monotonic() + 60
        while (reply := self.http.get(path)).status_code >= 500 and time.monotonic() < deadline:
            time.sleep(1)
        return self._json(reply)

    @staticmethod
    def _json(reply):
        assert reply.is_success, f"{reply.request.url}: {reply.status_code} {reply.text}"
        return reply.json()
