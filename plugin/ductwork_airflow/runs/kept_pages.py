"""What a restart keeps, in the ledger: for machines whose input has no room for that.

The machines read it in ``stepfunctions/kept_tasks.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ductwork.contracts import ledger as schema
from ductwork.contracts.ledger import json_text
from ductwork.contracts.run_item import RunItem

from ductwork_airflow.ledger import Ledger, expiry
from ductwork_airflow.runs.restart_plan import Outcome

# Of JSON text, in which a state's result of 256 KiB has each quote once more.
_PAGE_BYTES = 150_000


def put(ledger: Ledger, run: RunItem, restart: int, kept: Mapping[str, Outcome]) -> dict[str, object]:
    """Write the pages; what the execution's input says of them. The same plan gives the same pages."""
    prefix, number = schema.kept_prefix(restart), 0
    for number, page in enumerate(_pages(kept), 1):
        ledger.update(run["pk"], f"{prefix}{number}", {schema.KEPT_TASKS: json_text(page), "expires_at": expiry()})
    return {"at": prefix, "pages": number}


def _pages(kept: Mapping[str, Outcome]) -> Iterator[dict[str, Outcome]]:
    page: dict[str, Outcome] = {}
    size = 0
    for name, outcome in sorted(kept.items()):
        more = len(json_text({name: outcome}).encode())
        if page and size + more > _PAGE_BYTES:
            yield page
            page, size = {}, 0
        page[name] = outcome
        size += more
    if page:
        yield page
