"""The passes: each takes a workflow and gives a workflow, in the order of :data:`PASSES`."""

from __future__ import annotations

from collections.abc import Callable

from ductwork.diagnostics import Diagnostics
from ductwork.ir import Workflow
from ductwork.passes.container_workers import set_workers_apart
from ductwork.passes.containers import place_containers
from ductwork.passes.fail_fast import watch_each_other
from ductwork.passes.job_definitions import name_images
from ductwork.passes.skips import limit_skips

Pass = Callable[[Workflow, Diagnostics], Workflow]

PASSES: tuple[Pass, ...] = (limit_skips, watch_each_other, set_workers_apart, name_images, place_containers)
