"""What the delegate asks of AWS."""

from __future__ import annotations

from collections import Counter

import pytest
from botocore.client import BaseClient


@pytest.fixture
def calls(monkeypatch):
    """The calls of all clients, by operation, from here on."""
    found, make = Counter(), BaseClient._make_api_call

    def counted(self, operation, arguments):
        found.update([operation])
        return make(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    return found
