"""A running Airflow as a person uses it in the UI: by its public REST API, with the ledger to compare with."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import httpx
import psutil
from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.ledger import Ledger
from ductwork_airflow.local.standalone import Standalone

ENDED = {"success", "failed"}
_WORKER = "airflow worker -- LocalExecutor"

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
        user, password = self.credentials = running.credentials()
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
        """Once the scheduler has heard of the end of its processes; else it takes their reports for those of a run that
        is made again under this id, and fails that ("the task instance's state attribute is queued").
        """
        self._wait_for_reports()
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        reply, deadline = self.http.delete(path), time.monotonic() + 60
        while reply.status_code >= 500 and time.monotonic() < deadline:
            time.sleep(1)
            reply = self.http.delete(path)
        assert reply.status_code in (204, 404), reply.text

    def _wait_for_reports(self):
        """Until no process of the executor is busy, and two loops of the scheduler have begun since."""
        deadline = time.monotonic() + 120
        while any(_is_busy(process) for process in psutil.Process().children(recursive=True)):
            assert time.monotonic() < deadline, "the executor's processes do not end"
            time.sleep(0.5)
        for _ in range(2):
            last = beat = self._heartbeat()
            while beat == last:
                assert time.monotonic() < deadline, "the scheduler's heart has stopped"
                time.sleep(0.5)
                beat = self._heartbeat()

    def _heartbeat(self):
        return self._get("/api/v2/monitor/health")["scheduler"]["latest_scheduler_heartbeat"]

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


def _is_busy(process):
    """Whether a process is one of LocalExecutor's with work, by the title that it gives itself."""
    try:
        title = process.cmdline()[0]
    except (psutil.Error, IndexError):
        return False
    return title.startswith(_WORKER) and not title.endswith("<idle>")
