"""``ductwork worker -- COMMAND...``: an operator's own container, whose image has Ductwork to keep its XCom.

``DUCTWORK_XCOM`` says what the XCom is, as the operator would have it:

=============  ==========================================================================
a path         the JSON in this file, as the sidecar of a KubernetesPodOperator reads it
``last``       the last line that the command prints, as DockerOperator has it
``all``        all lines
=============  ==========================================================================

The exit code, which is the command's own, says the task's state, as it does for any container.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.ledger import Ledger, LedgerError
from ductwork_airflow.worker.environment import InvalidEnvironment, WorkerEnvironment
from ductwork_airflow.worker.report_outcome import EXIT_UNREPORTED, EXIT_USAGE

XCOM_VARIABLE = "DUCTWORK_XCOM"


def main(command: Sequence[str]) -> int:
    """Run an operator's own container, and keep its XCom.

    :return: the exit code: the command's; another than 0 too where its XCom cannot be kept
    """
    try:
        environment = WorkerEnvironment.parse(os.environ)
    except InvalidEnvironment as error:
        print(f"ductwork worker: {error}", file=sys.stderr)
        return EXIT_USAGE
    how = os.environ.get(XCOM_VARIABLE, "last")
    code, lines = run(command, how)
    if code:
        return code
    try:
        if (value := result(how, lines)) is not None:
            names = (environment.dag_id, environment.run_id, environment.task_id)
            ledger = Ledger.connect(environment.table, Aws(environment.region))
            ledger.put_xcom(*names, "return_value", value, map_index=environment.map_index)
    except (LedgerError, ClientError, BotoCoreError, ValueError, OSError) as error:
        print(f"ductwork worker: the XCom cannot be kept: {error}", file=sys.stderr)
        return EXIT_UNREPORTED
    return 0


def run(command: Sequence[str], how: str) -> tuple[int, list[str]]:
    """The command's exit code, and what it printed, which goes on to the log line by line."""
    if how.startswith("/"):
        Path(how).parent.mkdir(parents=True, exist_ok=True)
        Path(how).unlink(missing_ok=True)
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=_without_ours())
    except OSError as error:
        print(f"ductwork worker: {error}", file=sys.stderr)
        return 127, []
    with process:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: process.send_signal(number))
        lines = []
        for raw in process.stdout or ():
            lines.append(raw.decode(errors="replace").rstrip())
            print(lines[-1], flush=True)
    return (process.returncode if process.returncode >= 0 else 128 - process.returncode), lines


def result(how: str, lines: Sequence[str]) -> object:
    """The XCom; None for none.

    :raises ValueError: the file holds something else than JSON
    """
    if how.startswith("/"):
        text = Path(how).read_text(encoding="utf-8") if Path(how).exists() else ""
        return json.loads(text) if text else None
    if not lines:
        return None
    return list(lines) if how == "all" else lines[-1]


def _without_ours() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("DUCTWORK_")}
