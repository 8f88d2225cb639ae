"""``ductwork import``: a schedule document becomes a DAG file.

*Read* the file as JSON (``reading``), *check* it against what AWS Batch and Airflow accept and keep it as a
:class:`~ductwork.contracts.schedule_document.Schedule` (``checking``, ``dependencies``), *write* it as Python
(``source``, ``literals``). Neither Airflow nor AWS is needed. Text of the document reaches the DAG file as Python
literals alone, and where Airflow would render it, escaped.
"""

from __future__ import annotations

from ductwork.diagnostics import Diagnostics
from ductwork.importing.checking import check
from ductwork.importing.reading import read
from ductwork.importing.source import dag_file


def import_file(path: str, diagnostics: Diagnostics) -> str | None:
    """The text of a DAG file, or None where diagnostics say why there is none.

    :param path: of a schedule document, as the user gave it
    """
    document = read(path, diagnostics)
    if diagnostics.failed:
        return None
    schedule = check(document, path, diagnostics)
    return None if schedule is None else dag_file(schedule)
