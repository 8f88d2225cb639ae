"""What the delegate asks of AWS."""

from __future__ import annotations

from collections import Counter

import pytest
from ductwork_airflow.hooks import DuctworkHook


@pytest.fixture
def calls(monkeypatch):
    """The calls of the hook's clients, by name, from here on."""
    found, make = Counter(), DuctworkHook.client

    def client(self, service):
        made = make(self, service)
        made.meta.events.register("before-call.*", lambda model, **_: found.update([model.name]), unique_id="counting")
        return made

    monkeypatch.setattr(DuctworkHook, "client", client)
    return found
