"""What a DAG file takes from the clock or from chance.

Airflow parses a DAG file again for each task, so ``date.today()`` in an argument is the day of the run. What is
compiled is parsed once. So a file that reads a clock, or may do so unseen, is loaded a second time, under another clock
and with other random numbers, and what differs is reported: see :data:`ductwork.diagnostics.catalogue.CODES`, DW115 to
DW117.

Not seen: what a file takes from other processes, and from C code with clocks of its own (``numpy.datetime64('now')``);
what it does on one day of the week or of the month only, if neither clock shows that; the order of a set of texts.
"""

from __future__ import annotations

import ast
import contextlib
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from ductwork.diagnostics import Diagnostics, Origin, Severity
from ductwork.frontend import clock_reads, drift
from ductwork.frontend.clock_reads import ClockReads
from ductwork.frontend.processing import Location
from ductwork.ir.snapshot import DagSnapshot

Loader = Callable[[Diagnostics], Sequence[DagSnapshot]]

# Names, those of modules among them.
_SOURCE = re.compile(
    r"(utc)?now|today|yesterday|tomorrow|time(_ns)?|localtime|gmtime|(as)?ctime"
    r"|clock\w*|\w*random\w*|uuid\w*|secrets"
)
# Packages that give the time or a random number only under a name that _SOURCE has; the standard library is one too.
_KNOWN = (
    frozenset({"airflow", "pendulum", "dateutil", "pytz", "ductwork", "ductwork_airflow"}) | sys.stdlib_module_names
)
# Airflow's name of a module that is a DAG file begins so.
_DAG_FILE = "unusual_prefix_"
_OF_NOBODY = _KNOWN | {"__main__"}
# Modules that are of no bundle's author, once looked at: all but a few of the thousands that are loaded.
_INSTALLED: dict[str, ModuleType] = {}
# Two seeds whose first numbers differ even if each is a choice between two things.
_SEED, _OTHER_SEED = 0, 206


@contextlib.contextmanager
def watched(place: Location) -> Iterator[ClockReads | None]:
    """Watch the block load a DAG file, with random numbers that are the same in each compilation.

    :return: what the file reads of clocks; None if nothing is watched, since it names none and has no helpers
    """
    with _seeded(), contextlib.ExitStack() as watching:
        sees, packages = _look(str(place.file), os.stat(place.file).st_mtime_ns)
        if not sees and not packages - _KNOWN:
            yield None
            return
        reads = watching.enter_context(clock_reads.watched(place.bundle))
        # Helpers that are there already read what they read unseen.
        reads.any = any(sees for sees, _ in _looks(_helpers(place.bundle)))
        yield reads


def compared(
    first: Sequence[DagSnapshot],
    reads: ClockReads | None,
    load: Loader,
    path: str,
    place: Location,
    diagnostics: Diagnostics,
) -> list[DagSnapshot]:
    """The DAGs of a file with what each task takes from the clock (``TaskSnapshot.clocked``).

    :param first: as the file was loaded
    :param reads: what was seen meanwhile
    :param load: loads it again
    :param place: in its bundle, whose modules are the author's own and are run again too
    """
    if not first or not _may_tell_time(place, reads):
        return list(first)
    later = Diagnostics()
    with elsewhen(), _fresh_modules(place.bundle):
        second = load(later)
    reported = set(diagnostics)
    if new := [each.what for each in later if each.severity is Severity.ERROR and each not in reported]:
        what = f"loaded a second time, under another clock, the file fails: {'; '.join(new)}"
        hint = "what it takes from the clock is not known; the schedule holds what it gives now"
        diagnostics.add("DW117", Origin(path), what, hint)
        return list(first)
    return drift.compared(first, second, diagnostics)


@contextlib.contextmanager
def _seeded() -> Iterator[None]:
    before = random.getstate()
    random.seed(_SEED)
    try:
        yield
    finally:
        random.setstate(before)


def distance(now: datetime) -> timedelta:
    """How far from ``now`` each part of a moment is another: weekend or not, half of the day, month, minute."""
    # 400 days are a year, a month and some days. On a weekend if this is none, and in the other half of the day.
    days = next(days for days in range(400, 407) if _weekend(now + timedelta(days=days)) != _weekend(now))
    hours = 12 if now.hour < 12 else -12
    # Shortly before noon and midnight an earlier minute: a later one were in the same half again.
    minutes = 17 if now.hour % 12 < 11 else -17
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=31)


@contextlib.contextmanager
def elsewhen() -> Iterator[None]:
    """In the block it is another time of another weekday, day, month and year, and random numbers are other ones.

    The time is later than now: what a file did in the past no longer matters. The change holds for the whole process.
    """
    # Late: it imports pytest where there is one, and most files need neither.
    import time_machine

    away = distance(datetime.now())
    before = random.getstate()
    random.seed(_OTHER_SEED)
    try:
        with time_machine.travel(away), _texts_of_now():
            yield
    finally:
        random.setstate(before)


@contextlib.contextmanager
def _texts_of_now() -> Iterator[None]:
    """Replace ``time.ctime()`` and ``time.asctime()``, which ``time_machine`` leaves to C's clock."""
    originals = time.ctime, time.asctime
    time.ctime = lambda seconds=None: originals[0](time.time() if seconds is None else seconds)
    time.asctime = lambda parts=None: originals[1](time.localtime() if parts is None else parts)
    try:
        yield
    finally:
        time.ctime, time.asctime = originals


def _weekend(day: datetime) -> bool:
    return day.weekday() > 4


def _may_tell_time(place: Location, reads: ClockReads | None) -> bool:
    """Whether a DAG file, or a module of its bundle that is loaded by now, may have taken something from a clock.

    It does if it was seen to, or imports a package that is not known, whose clocks may be out of sight.
    """
    files = {str(place.file), *_helpers(place.bundle)}
    ours = {Path(file).relative_to(place.bundle).parts[0].removesuffix(".py") for file in files}
    looks = _looks(files)
    if any(packages - ours - _KNOWN for _, packages in looks):
        return True
    return any(sees for sees, _ in looks) if reads is None else reads.any


def _looks(files: Iterable[str]) -> list[tuple[bool, frozenset[str]]]:
    return [_look(file, os.stat(file).st_mtime_ns) for file in files if file.endswith(".py")]


@lru_cache(maxsize=1024)
def _look(file: str, _changed: int) -> tuple[bool, frozenset[str]]:
    """Whether a file names a clock or a source of random numbers, and the packages that it imports."""
    names, modules = set[str](), set[str]()
    for node in ast.walk(ast.parse(Path(file).read_bytes())):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Import):
            modules.update(each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(each.name for each in node.names)
            modules.update({node.module} if node.module and not node.level else ())
    packages = {module.partition(".")[0] for module in modules}
    names |= packages
    return any(map(_SOURCE.fullmatch, names)), frozenset(packages)


@contextlib.contextmanager
def _fresh_modules(bundle: Path) -> Iterator[None]:
    """Import the bundle's modules again, as a worker would, and put those that were there back."""
    before = _own_modules(bundle)
    for name in before:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in _own_modules(bundle):
            del sys.modules[name]
        sys.modules.update(before)


def _helpers(bundle: Path) -> set[str]:
    """The files of the author's own modules that are loaded, other than DAG files."""
    modules = _own_modules(bundle).items()
    return {str(module.__file__) for name, module in modules if not name.startswith(_DAG_FILE)}


def _own_modules(bundle: Path) -> dict[str, ModuleType]:
    """The author's own modules. A folder with DAG files may contain a virtual environment, and Airflow in that."""
    start = f"{bundle}{os.sep}"
    found = {}
    for name, module in list(sys.modules.items()):
        if _INSTALLED.get(name) is module:
            continue
        file = str(getattr(module, "__file__", None) or "")
        if "site-packages" in file or name.partition(".")[0] in _OF_NOBODY:
            _INSTALLED[name] = module
        elif file.startswith(start):
            found[name] = module
    return found
