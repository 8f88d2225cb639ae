"""What a task can really skip: Airflow skips task instances with index -1, and what is directly below.

Instances whose number the file gives exist when the run begins, so nothing further above can skip them.
"""

from __future__ import annotations

from dataclasses import replace

from ductwork.diagnostics import Diagnostics
from ductwork.ir import Task, Workflow


def limit_skips(workflow: Workflow, diagnostics: Diagnostics) -> Workflow:
    """Take from each task the skips that reach instances which exist from the start, unless it is right above them."""
    by_id, sizes = workflow.by_id, workflow.sizes

    def limited(task: Task) -> Task:
        if not task.skips:
            return task
        skips = (down for down in task.skips if not sizes.get(down) or task.task_id in by_id[down].upstream)
        return replace(task, skips=tuple(skips))

    return replace(workflow, tasks=tuple(map(limited, workflow.tasks)))
