"""Triggers beside the DAG file, as in a DAG bundle."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from airflow.sdk import Connection
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent
from asgiref.sync import sync_to_async

NOTES = Path(__file__).parent / "notes"


class PatientTrigger(BaseTrigger):
    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.wait = wait

    def serialize(self):
        return "example_triggers.PatientTrigger", {"wait": self.wait}

    async def run(self):
        with NOTES.open("a") as notes:
            notes.write(f"the trigger of {self.task_instance.task_id} waits\n")
        await asyncio.sleep(self.wait.total_seconds())
        connection = await sync_to_async(Connection.get)("warehouse")
        yield TriggerEvent({"host": connection.host})


class FailingTrigger(BaseTrigger):
    def serialize(self):
        return "example_triggers.FailingTrigger", {}

    async def run(self):
        raise LookupError("no such thing")
        yield TriggerEvent(None)


class EndingTrigger(BaseTrigger):
    def serialize(self):
        return "example_triggers.EndingTrigger", {}

    async def run(self):
        yield TaskSuccessEvent(xcoms={"answer": 42})
