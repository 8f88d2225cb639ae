"""The passes: each takes a workflow and gives a workflow, in the order of :data:`PASSES`."""

from __future__ import annotations

from collections.abc import Callable

from ductwork.diagnostics import Diagnostics
from ductwork.ir import Workflow
from ductwork.passes.containers import place_containers
from ductwork.passes.job_definitions import name_images

Pass = Callable[[Workflow, Diagnostics], Workflow]

PASSES: tuple[Pass, ...] = (name_images, place_containers)
