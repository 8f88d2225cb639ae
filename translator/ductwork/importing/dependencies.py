"""Dependencies that no order of jobs can satisfy: on a job that is not there, on the job itself, in a circle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

from ductwork.importing.places import shown
from ductwork.planning import partial_order

# More are reported once these are fixed.
_MOST_CIRCLES = 10
# Comparing with every name takes its time.
_MOST_GUESSES = 10
_SHOWN_OF_CIRCLE = 6

Report = Callable[[str, str, str, str], None]


def check_dependencies(names: Sequence[object], given: Sequence[Sequence[tuple[str, str]]], report: Report) -> None:
    """Report DW605 for dependencies that no order of the jobs can satisfy.

    :param names: of the jobs; what is no text is reported elsewhere
    :param given: for each job the ``(name, place)`` of what it depends on
    :param report: takes code, place, what and hint
    """
    job_names = {name for name in names if isinstance(name, str)}
    upstream: dict[str, dict[str, str]] = {name: {} for name in job_names}
    guesses = 0
    for name, above in zip(names, given, strict=True):
        for up, place in above:
            if up not in job_names:
                guesses += 1
                close = get_close_matches(up, sorted(job_names), 1) if guesses <= _MOST_GUESSES else []
                hint = (
                    f"correct the spelling: perhaps {close[0]!r}" if close else "name a job of jobList, or add the job"
                )
                report("DW605", place, f"there is no job {shown(up)}", hint)
            elif up == name:
                report("DW605", place, f"{shown(name)} depends on itself", "remove it")
            elif isinstance(name, str):
                upstream[name].setdefault(up, place)
    for circle in _circles(upstream):
        place = upstream[circle[0]][circle[-1]]
        some = [*map(shown, circle[:_SHOWN_OF_CIRCLE]), *["..."] * (len(circle) > _SHOWN_OF_CIRCLE), shown(circle[0])]
        what = f"jobs depend on each other in a circle: {' -> '.join(some)}"
        report("DW605", place, what, "remove this dependency, or another of the circle")


def _circles(upstream: Mapping[str, Mapping[str, str]]) -> list[list[str]]:
    """Circles that share no job, each from a job to the one that runs after it and so on."""
    circles: list[list[str]] = []
    left = dict(upstream)
    while len(circles) < _MOST_CIRCLES:
        within = {name: [up for up in above if up in left] for name, above in left.items()}
        stuck = left.keys() - set(partial_order.topological(within))
        if not stuck:
            break
        # What is stuck has something stuck above it: going up from anywhere leads into a circle.
        trail: dict[str, None] = {}
        name = min(stuck)
        while name not in trail:
            trail[name] = None
            name = next(up for up in within[name] if up in stuck)
        circle = list(trail)[list(trail).index(name) :]
        circles.append(circle[::-1])
        for name in circle:
            del left[name]
    return circles
