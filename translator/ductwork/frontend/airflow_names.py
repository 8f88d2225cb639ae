"""Which names the installed Airflow and its providers have, and where those are that a file looks for elsewhere."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import re
import warnings
from collections import defaultdict
from pathlib import Path
from types import ModuleType

from ductwork.airflow2 import Place, is_airflow, moved
from ductwork.frontend.airflow2_removals import not_installed, without_vendor
from ductwork.startup import airflow_imports

_CLASS = re.compile(r"^class (\w+)\b", re.M)


class _Unloadable(ModuleType):
    """A module that is there, and needs a package which is not."""


def ready() -> None:
    """Import Airflow, which takes some seconds, as a command does that lives no longer."""
    with airflow_imports():
        importlib.import_module("airflow.sdk")


@functools.cache
def has(module: str, name: str = "") -> bool | None:
    """Whether a module of Airflow, or a name in it, is there; None if its provider is not installed.

    :param name: a name in the module, or a module in the package; empty for the module itself
    """
    found = _load(module)
    if found is None:
        return None if not_installed(module) else False
    if not name or _offers(found, name):
        return True
    return hasattr(found, "__path__") and _load(f"{module}.{name}") is not None


@functools.cache
def now(module: str, name: str) -> Place | None:
    """Where a name is in Airflow 3 and its providers: by the table, or because one provider has one class so called.

    A place in a provider that is not installed counts, for the table was looked up there.
    """
    place = moved(module, name)
    if place is not None and (not is_airflow(place.module) or has(place.module, place.name) is not False):
        return place
    if has(module, name) is False and (classes := _classes(module)):
        kind = _kind(module)
        found = [each for each in classes.get(without_vendor(name), ()) if _kind(each.module) == kind]
        return found[0] if len(found) == 1 else None
    return None


@functools.cache
def refuses(module: str, name: str, argument: str) -> bool:
    """Whether a class or function of Airflow takes no such keyword argument.

    Where its module's source names the argument, it may take it out of its ``**kwargs``: that is no refusal.
    """
    made = getattr(_load(module), name, None)
    if made is None:
        return False
    classes = [each for each in inspect.getmro(made) if each is not object] if inspect.isclass(made) else [made]
    for each in classes:
        function = each.__init__ if inspect.isclass(each) else each
        if argument in inspect.signature(function).parameters or _mentions(each.__module__, argument):
            return False
    return True


@functools.cache
def _mentions(module: str, argument: str) -> bool:
    file = getattr(importlib.import_module(module), "__file__", None)
    quoted = rf"""["']{argument}["']"""
    kept = re.compile(rf"(pop|get)\(\s*{quoted}|{quoted} in kwargs|kwargs\[{quoted}\]")
    return bool(file) and kept.search(Path(str(file)).read_text(encoding="utf-8")) is not None


def _load(module: str) -> ModuleType | None:
    """A module; None if there is none. One that needs a package which is not installed is there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            return None if f"{module}.".startswith(f"{error.name}.") else _Unloadable(module)
        except ImportError as error:
            # Airflow 3 has left some modules that import what it has not.
            return None if is_airflow(error.name or "") else _Unloadable(module)
        except Exception:  # noqa: BLE001 -- a module may raise anything when it is imported
            return _Unloadable(module)


def _offers(found: ModuleType, name: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return isinstance(found, _Unloadable) or hasattr(found, name)
        except ImportError:
            return True


def _kind(module: str) -> str:
    kinds = re.findall(r"\.(operators|sensors|hooks|transfers|triggers|notifications|decorators)\b", module)
    return str(kinds[0]) if kinds else ""


@functools.cache
def _classes(module: str) -> dict[str, list[Place]]:
    """The classes of an installed provider by their names without vendor and case, read from its source."""
    parts = module.split(".")
    if parts[:2] != ["airflow", "providers"] or not_installed(module):
        return {}
    found: dict[str, list[Place]] = defaultdict(list)
    for depth in (4, 3):
        spec = importlib.util.find_spec(".".join(parts[:depth])) if len(parts) >= depth else None
        if spec is not None and spec.submodule_search_locations:
            root, package = Path(next(iter(spec.submodule_search_locations))), spec.name
            break
    else:
        return {}
    for file in sorted(root.rglob("*.py")):
        below = file.relative_to(root).with_suffix("").parts
        name = ".".join((package, *below)).removesuffix(".__init__")
        for each in _CLASS.findall(file.read_text(encoding="utf-8")):
            found[without_vendor(each)].append(Place(name, each))
    return found
