"""Showing runs on AWS while they go on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ductwork import output
from ductwork.diagnostics import Diagnostics, Origin

from ductwork_airflow.commands.base import CLEAN, FAILED

if TYPE_CHECKING:
    from ductwork_airflow.ledger import Ledger
    from ductwork_airflow.report import RunReport
    from ductwork_airflow.submit.remote import Clients, RunHandle

# A person watches: no longer than this between two looks.
_LONGEST_WAIT_SECONDS = 5.0


def follow(clients: Clients, ledger: Ledger, handle: RunHandle, order: Sequence[str] = ()) -> RunReport | None:
    """Watch a run to its end and show it all the while. None if it never got as far as the ledger."""
    from ductwork_airflow import report
    from ductwork_airflow.progress import progress
    from ductwork_airflow.submit import runs

    watcher = runs.watcher(clients, handle)
    with progress() as shown:
        while True:
            looked = watcher.poll()
            found = report.read(ledger, handle.dag_id, handle.run_id, order, values=looked.ended)
            if found is not None:
                shown.show(found)
            if looked.ended:
                return found
            time.sleep(min(looked.wait, _LONGEST_WAIT_SECONDS))


def finish(report: RunReport, origins: Mapping[str, Origin], as_json: bool, where: str = "") -> int:
    """Say how a run ended, and why if it failed. The exit code."""
    from ductwork_airflow.report import diagnose

    diagnostics = Diagnostics()
    diagnose(report, origins, diagnostics)
    output.print_diagnostics(diagnostics)
    output.say(f"{report.dag_id} {report.run_id}: {report.state}{where}")
    if as_json:
        output.print_json(report.as_json())
    return CLEAN if report.state == "success" else FAILED
