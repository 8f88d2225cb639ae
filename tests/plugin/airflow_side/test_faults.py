"""Throttling and expired credentials while a run is watched: the operator, waiting or deferred, gets over both."""

from __future__ import annotations

import json

import pytest
from aws_proxy import Proxy

POLLS = {"stepfunctions": "GetExecutionHistory", "batch": "/v1/describejobs"}
CASES = [
    ("stepfunctions", "sync"),
    ("batch", "deferred"),
    pytest.param("stepfunctions", "deferred", marks=pytest.mark.long),
    pytest.param("batch", "sync", marks=pytest.mark.long),
]


class Faults:
    """The second look is throttled, the fourth finds the credentials expired. Then the run may end.

    :param connections: the file Airflow reads connections from; where the new credentials come to be
    """

    def __init__(self, poll, connections, switch):
        self._poll, self._connections, self._switch = poll, connections, switch
        self._polls = 0
        self._key = "old"
        self.refused = []
        self.write("old")

    def write(self, key):
        connection = {"conn_type": "aws", "login": key, "password": "secret", "extra": {"region_name": "us-east-1"}}
        self._connections.write_text(json.dumps({"rotated": connection}))

    def judge(self, call):
        if call.action == self._poll and call.access_key == self._key:
            self._polls += 1
            if self._polls == 2:
                return self._refuse("ThrottlingException")
            if self._polls == 4:
                self._key = "new"
                self.write("new")
        if call.access_key != self._key:
            return self._refuse("ExpiredTokenException")
        if self._polls > 4:
            self._switch.touch()
        return None

    def _refuse(self, code):
        self.refused.append(code)
        return code


@pytest.mark.parametrize(("target", "way"), CASES)
def test_a_run_is_watched_through_throttling_and_expired_credentials(
    run_dag, embedded, remote, traces, tmp_path, target, way
):
    connections = tmp_path / "connections.json"
    faults = Faults(POLLS[target], connections, tmp_path / "switch")
    with Proxy(embedded, faults.judge) as proxy:
        (found,) = run_dag(
            f"faulty_{target}_{way}",
            "run",
            AIRFLOW__DUCTWORK__ENDPOINT_URL=proxy.url,
            AIRFLOW__SECRETS__BACKEND="airflow.secrets.local_filesystem.LocalFilesystemBackend",
            AIRFLOW__SECRETS__BACKEND_KWARGS=json.dumps({"connections_file_path": str(connections)}),
        )
    task = found["tasks"]["submit"]
    assert (found["state"], task["state"], task["try_number"]) == ("success", "success", 1)
    assert task["xcoms"]["return_value"]["counts"] == {"success": 2}
    assert traces() == ["first", "slow"]
    assert set(faults.refused) == {"ThrottlingException", "ExpiredTokenException"}
    assert remote.tasks("long", found["run_id"]) == {"first": ("success", 1), "slow": ("success", 1)}
