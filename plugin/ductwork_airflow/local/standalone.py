"""A whole Airflow on a laptop, its DAGs run by the embedded AWS: ``python -m ductwork_airflow.local.standalone DAGS``.

Two processes of their own process groups: :mod:`ductwork_airflow.local.service` and ``airflow standalone``, which finds
the service by ``[ductwork] endpoint_url`` and delegates every DAG. Both end with this process, Ctrl-C included.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from ductwork_airflow.embedded_aws.services import ROLE_ARN, strip_aws_variables
from ductwork_airflow.local.service import READY

REGION = "us-east-1"
_HEALTHY_SECONDS = 300.0
_GRACE_SECONDS = 30.0
_DATABASE_SECONDS = 60
_PASSWORDS = "simple_auth_manager_passwords.json.generated"


class StartError(RuntimeError):
    """Airflow or the embedded AWS did not start; the message says which and where its log is."""


class Standalone:
    """A context manager: both are ready inside it and gone after it.

    :param dags: the DAGs folder
    :param home: Airflow's home, which also takes logs, ledger and metadata database
    :param port: of Airflow's web server
    :param settings: further environment variables for Airflow, ``AIRFLOW__...``
    :ivar url: of Airflow's web server
    :ivar endpoint_url: of the embedded AWS
    :ivar environment: the environment variables of Airflow's processes
    """

    def __init__(self, dags: Path, home: Path, port: int, settings: Mapping[str, str] | None = None) -> None:
        self._dags, self._home, self._port = dags.resolve(), home.resolve(), port
        self._settings = dict(settings or {})
        self._stack = contextlib.ExitStack()
        self.url = f"http://127.0.0.1:{port}"
        self.endpoint_url = ""
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Standalone:
        _require_free(self._port)
        self._home.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            self._start_service(stack)
            self._start_airflow(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def log(self) -> Path:
        """Where Airflow's own output goes."""
        return self._home / "standalone.log"

    def credentials(self) -> tuple[str, str]:
        """User and password, which Airflow makes up when it first starts in a home."""
        passwords = json.loads((self._home / _PASSWORDS).read_text(encoding="utf-8"))
        user, password = next(iter(passwords.items()))
        return str(user), str(password)

    def beside(self, verb: str) -> str:
        """The command line that looks at this AWS from another terminal.

        :param verb: of ``ductwork``, with its arguments
        """
        keys = "AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local"
        return f"{keys} ductwork {verb} --region {REGION} --endpoint-url {self.endpoint_url}"

    def wait(self) -> None:
        """Return when one of the two processes ends."""
        while self._service.poll() is None and self._airflow.poll() is None:
            time.sleep(0.5)

    def _start_service(self, stack: contextlib.ExitStack) -> None:
        command = [sys.executable, "-m", "ductwork_airflow.local.service", str(self._dags)]
        environment = {**os.environ, "AIRFLOW_HOME": str(self._home)}
        self._service = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        stack.callback(_end, self._service)
        assert self._service.stdout is not None
        word, _, self.endpoint_url = self._service.stdout.readline().strip().partition(" ")
        if word != READY:
            raise StartError("the embedded AWS did not start; its error is above")

    def _start_airflow(self, stack: contextlib.ExitStack) -> None:
        log = stack.enter_context(self.log.open("w", encoding="utf-8"))
        command = [sys.executable, "-m", "airflow", "standalone"]
        self.environment = strip_aws_variables(os.environ) | self._environment() | self._settings
        self._airflow = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, start_new_session=True)
        stack.callback(_end, self._airflow)
        deadline = time.monotonic() + _HEALTHY_SECONDS
        while not self._healthy():
            if self._airflow.poll() is not None or time.monotonic() > deadline:
                raise StartError(f"Airflow did not start; see {self.log}")
            time.sleep(0.5)

    def _environment(self) -> dict[str, str]:
        free = iter(_free_ports(2))
        # Four processes write to one SQLite file. On a busy machine its usual 5 seconds of waiting are not enough, and
        # "database is locked" ends scheduler and triggerer.
        database = f"sqlite:///{self._home / 'airflow.db'}?timeout={_DATABASE_SECONDS}"
        return {
            "AIRFLOW_HOME": str(self._home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", database),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self._dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
            # How long a deferred task's process may linger, see ductwork_airflow.airflow_side.trigger_delay.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(next(free)),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(next(free)),
            "AIRFLOW__DUCTWORK__ENDPOINT_URL": self.endpoint_url,
            "AIRFLOW__DUCTWORK__ROLE_ARN": ROLE_ARN,
            "AIRFLOW__DUCTWORK__LEDGER_TABLE": "ductwork",
            "AIRFLOW__DUCTWORK__JOB_QUEUE": "ductwork-local",
            "AIRFLOW__DUCTWORK__JOB_DEFINITION": "ductwork-worker",
            "AIRFLOW__DUCTWORK__POLL_INTERVAL": "1",
            "AIRFLOW__DUCTWORK__DELEGATE_DAGS": "*",
            # Else each process that asks for the default connection warns that there is none.
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps({"conn_type": "aws", "extra": {"region_name": REGION}}),
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": REGION,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        }

    def _healthy(self) -> bool:
        """Whether all of Airflow's components have reported."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v2/monitor/health", timeout=5) as reply:
                health = json.load(reply)
        except (urllib.error.URLError, OSError, ValueError):
            return False
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all((health.get(part) or {}).get("status") == "healthy" for part in parts)


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Send TERM to the process and its children; KILL if that is not enough."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sig)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)


def _require_free(port: int) -> None:
    """Find out at once what Airflow would say after minutes, in its log.

    :raises StartError: something listens on the port
    """
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError as error:
            raise StartError(
                f"port {port} cannot be used for Airflow: {error.strerror}. Choose another: make airflow PORT=8081"
            ) from error


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run Airflow and the embedded AWS for a folder of DAGs, until Ctrl-C.

    :param arguments: of the command line, without the program; those of the process by default
    :return: the exit code
    """
    parser = argparse.ArgumentParser(prog="python -m ductwork_airflow.local.standalone", description=__doc__)
    parser.add_argument("dags", type=Path, help="the DAGs folder")
    parser.add_argument("--port", type=int, default=8080, help="of Airflow's web server")
    options = parser.parse_args(arguments)
    home = Path(os.environ.get("AIRFLOW_HOME") or Path.home() / "airflow").expanduser()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        print("==> starting the embedded AWS and Airflow (half a minute)", flush=True)
        with Standalone(options.dags, home, options.port) as airflow:
            user, password = airflow.credentials()
            print(f"==> {airflow.url}  user: {user}  password: {password}")
            print("==> beside it: " + airflow.beside("status DAG_ID"))
            print(f"==> press Trigger on a DAG; Ctrl-C ends everything (log: {airflow.log})", flush=True)
            airflow.wait()
    except KeyboardInterrupt:
        return 0
    except StartError as error:
        print(f"==> {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
