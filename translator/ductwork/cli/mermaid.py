"""``ductwork explain --graph``: a DAG as a Mermaid flowchart, task groups as boxes within boxes."""

from __future__ import annotations

from collections.abc import Iterator

from ductwork.ir import Task, Workflow


def draw(workflow: Workflow) -> str:
    """Text that GitHub, GitLab and other readers of Markdown draw."""
    names = {task.task_id: f"t{number}" for number, task in enumerate(workflow.tasks)}
    names |= {group: f"g{number}" for number, group in enumerate(workflow.task_groups)}
    lines = ["flowchart LR", *_box(workflow, names, (), workflow.tasks)]
    lines += [f"    {names[up]} --> {names[task.task_id]}" for task in workflow.tasks for up in task.upstream]
    return "\n".join(lines)


def _box(workflow: Workflow, names: dict[str, str], within: tuple[str, ...], tasks: tuple[Task, ...]) -> Iterator[str]:
    """What is in a group: tasks, and groups where their first task stands."""
    indent, drawn = "    " * (len(within) + 1), set()
    for task in tasks:
        if task.group_path == within:
            yield f'{indent}{names[task.task_id]}["{_text(_label(task))}"]'
            continue
        inner = task.group_path[: len(within) + 1]
        if inner in drawn:
            continue
        drawn.add(inner)
        group = workflow.task_groups[inner[-1]]
        title = f"{group.label} [ ]" if inner[-1] in workflow.mapped_groups else group.label
        yield f'{indent}subgraph {names[inner[-1]]}["{_text(title)}"]'
        yield from _box(workflow, names, inner, tuple(each for each in tasks if each.group_path[: len(inner)] == inner))
        yield f"{indent}end"


def _label(task: Task) -> str:
    return f"{task.task_id} [ ]" if task.length is not None else task.task_id


def _text(text: str) -> str:
    return text.replace('"', "#quot;")
