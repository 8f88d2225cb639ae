"""Showing runs on AWS while they go on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ductwork.cli import output
from ductwork.diagnostics import Diagnostics, Origin

from ductwork_airflow.commands.base import CLEAN, FAILED

if TYPE_CHECKING:
    from ductwork_airflow.aws.clients import Clients
    from ductwork_airflow.ledger import Ledger
    from ductwork_airflow.reporting.report import RunReport
    from ductwork_airflow.run_model.handle import RunHandle

# A person watches: no longer than this between two looks.
_LONGEST_WAIT_SECONDS = 5.0


def follow(clients: Clients, ledger: Ledger, handle: RunHandle, order: Sequence[str] = ()) -> RunReport | None:
    """Watch a run to its end and show it all the while. None if it never got as far as the ledger."""
    from ductwork_airflow.reporting import report
    from ductwork_airflow.reporting.progress import progress
    from ductwork_airflow.runs import lifecycle

    watcher = lifecycle.watcher(clients, handle)
    with progress() as shown:
        while True:
            looked = watcher.poll()
            seen = report.read(ledger, handle.dag_id, handle.run_id, order, values=looked.ended)
            if seen is not None:
                shown.show(seen)
            if looked.ended:
                return seen
            time.sleep(min(looked.wait, _LONGEST_WAIT_SECONDS))


def finish(report: RunReport, origins: Mapping[str, Origin], as_json: bool, where: str = "") -> int:
    """Say how a run ended, and why if it failed. The exit code."""
    from ductwork_airflow.reporting.report import diagnose

    diagnostics = Diagnostics()
    diagnose(report, origins, diagnostics)
    output.print_diagnostics(diagnostics)
    output.say(f"{report.dag_id} {report.run_id}: {report.state}{where}")
    if as_json:
        output.print_json(report.as_json())
    return CLEAN if report.state == "success" else FAILED
