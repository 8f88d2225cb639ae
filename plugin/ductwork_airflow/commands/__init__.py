"""The verbs this package adds to the ``ductwork`` command. Nothing heavy is imported before a verb runs."""

from __future__ import annotations

from ductwork_airflow.commands.backfill import backfill
from ductwork_airflow.commands.deploy import deploy, diff
from ductwork_airflow.commands.doctor import doctor
from ductwork_airflow.commands.listing import runs
from ductwork_airflow.commands.log_lines import logs
from ductwork_airflow.commands.prune import prune
from ductwork_airflow.commands.requests import requests
from ductwork_airflow.commands.restarts import restart, skip
from ductwork_airflow.commands.run import run
from ductwork_airflow.commands.script import script
from ductwork_airflow.commands.started import cancel, status, worker
from ductwork_airflow.commands.undeploy import undeploy
from ductwork_airflow.commands.upload import upload

__all__ = [
    "backfill",
    "cancel",
    "deploy",
    "diff",
    "doctor",
    "logs",
    "prune",
    "requests",
    "restart",
    "run",
    "runs",
    "script",
    "skip",
    "status",
    "undeploy",
    "upload",
    "worker",
]
