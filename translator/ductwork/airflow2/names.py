"""Where a name of Airflow 1 or 2 is now, from the table ``moved.txt``, which names its sources."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

# Airflow 1 offered the names of these packages' modules in the package itself, and sensors in a module of their own.
_PACKAGES = {
    "airflow.operators": "airflow.operators.",
    "airflow.operators.sensors": "airflow.sensors.",
    "airflow.sensors": "airflow.sensors.",
    "airflow.hooks": "airflow.hooks.",
    "airflow.contrib.operators": "airflow.contrib.operators.",
    "airflow.contrib.sensors": "airflow.contrib.sensors.",
    "airflow.contrib.hooks": "airflow.contrib.hooks.",
}


@dataclass(frozen=True)
class Place:
    """A name in a module, such as ``EmptyOperator`` in ``airflow.providers.standard.operators.empty``."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


def is_airflow(module: str) -> bool:
    """Whether a module is Airflow's or one of its providers': ``airflow_dbt`` and the like are not."""
    return module == "airflow" or module.startswith("airflow.")


def moved(module: str, name: str) -> Place | None:
    """Where a name of an older Airflow is in Airflow 3; None if that is not known, or where it was."""
    table = _table()
    if place := table.get(module, {}).get(name):
        return place
    if package := _PACKAGES.get(module):
        found = {names[name] for each, names in table.items() if each.startswith(package) and name in names}
        return found.pop() if len(found) == 1 else None
    return None


def has_moved(module: str) -> bool:
    """Whether the table knows names that a module of an older Airflow had."""
    return module in _table() or module in _PACKAGES


def places_of(module: str) -> tuple[Place, ...]:
    """Where the names of a module of an older Airflow are now; nothing of a module that the table does not have."""
    return tuple(_table().get(module, {}).values())


@functools.cache
def _table() -> dict[str, dict[str, Place]]:
    table: dict[str, dict[str, Place]] = {}
    names: dict[str, Place] = {}
    for line in resources.files(__package__).joinpath("moved.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        if not line.startswith(" "):
            names = table.setdefault(line, {})
            continue
        name, module, *renamed = line.split()
        names[name] = Place(module, renamed[0] if renamed else name)
    return table
