"""XComs in templates: ``ti.xcom_pull`` of one task."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ductwork.ir.expressions import RETURNED, XCom
from ductwork.ir.templating import Templating
from ductwork.templates import values
from ductwork.templates.errors import NotSaidError
from ductwork.templates.values import Value

PULL = "ti.xcom_pull"
# The others that Airflow has look into other runs, other DAGs and mapped instances.
_ARGUMENTS = ("task_ids", "dag_id", "key")
# Airflow's client puts a key into a URL without quoting it: what is left of another key, only the client knows.
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .:-]*(?<! )")


def pulled(arguments: Sequence[Value], named: Mapping[str, Value], known: Templating | None) -> Value:
    """What ``ti.xcom_pull(task_ids, key=...)`` gives, where it is one value.

    :raises NotSaidError: it may be several, or another than the one that stands when the task starts
    """
    given = dict(zip(_ARGUMENTS, arguments, strict=False)) | dict(named)
    if len(arguments) > len(_ARGUMENTS) or len(given) != len(arguments) + len(named):
        raise NotSaidError()
    if other := sorted(set(given) - {"task_ids", "key"}):
        raise NotSaidError(f"{PULL}({other[0]}=...)")
    task_id, key = _constant(given, "task_ids"), _constant(given, "key") if "key" in given else RETURNED
    if key != RETURNED and not _KEY.fullmatch(key):
        raise NotSaidError(f"{PULL}() of the key {key!r}")
    if known is None or task_id not in known.xcoms:
        raise NotSaidError(f"{PULL}() of {task_id!r}, which is mapped, not upstream, or kept by an XCom backend")
    return values.data(XCom(task_id, key, known.task_id))


def _constant(given: Mapping[str, Value], name: str) -> str:
    found = given[name].constant if name in given else None
    if found and isinstance(found[0], str) and found[0]:
        return found[0]
    raise NotSaidError(f"{PULL}() whose {name} is not one text in the template")
