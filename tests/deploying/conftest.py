"""One account for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deployed_account import Account, an_account


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("deploying")
    with pytest.MonkeyPatch.context() as monkeypatch, an_account(folder, monkeypatch, 2) as account:
        yield account
