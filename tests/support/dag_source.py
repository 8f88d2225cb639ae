"""Write DAGs of the scheduling model as DAG files that a person can read and run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from scheduling_model import Dag, Node, Over

_HEADER = '''"""{title}"""

import time
from datetime import timedelta

from airflow.exceptions import AirflowFailException, AirflowSkipException
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import BranchPythonOperator, PythonOperator, ShortCircuitOperator
from airflow.sdk import DAG, task_group


def act(*script, seconds=0, returns=None):
    """Work that does on each try what the script says, and afterwards what it says last."""

    def work(ti, **given):
        time.sleep(seconds)
        does = script[min(ti.try_number, len(script)) - 1]
        if does == "fail":
            raise RuntimeError("on purpose")
        if does == "give_up":
            raise AirflowFailException("no use trying again")
        if does == "skip":
            raise AirflowSkipException("on purpose")
        if returns is not None:
            return [{{"n": number}} for number in range(returns)]
        return f"{{ti.task_id}}, try {{ti.try_number}}"

    return work


def answer(value, seconds=0):
    def decide():
        time.sleep(seconds)
        return value

    return decide

'''


def write(folder: Path, dags: Iterable[Dag], per_file: int = 5) -> list[Path]:
    """Several DAGs a file, so that a file's cost is shared, but few: each worker parses its file."""
    todo = list(dags)
    files = []
    for start in range(0, len(todo), per_file):
        some = todo[start : start + per_file]
        file = folder / f"{some[0].name}.py"
        file.write_text(source(some))
        files.append(file)
    return files


def source(dags: Iterable[Dag]) -> str:
    some = list(dags)
    title = some[0].name if len(some) == 1 else f"{some[0].name} to {some[-1].name}"
    return _HEADER.format(title=title) + "\n".join("\n".join(_dag(dag)) + "\n" for dag in some)


def _dag(dag: Dag) -> Iterator[str]:
    yield f'\nwith DAG({dag.name!r}, default_args={{"retry_delay": timedelta(0)}}):'
    for node in dag.nodes:
        if not node.group:
            yield f"    {node.name} = {_operator(node)}"
        elif node.group not in (other.group for other in dag.nodes[: dag.nodes.index(node)]):
            yield from _group(dag, node.group)
    for node in dag.nodes:
        setups = [name for name in node.upstream if dag.by_name[name].is_setup] if node.is_teardown else []
        others = [name for name in node.upstream if name not in setups]
        if node.is_teardown:
            fails = ", on_failure_fail_dagrun=True" if node.fails_run else ""
            yield f"    {node.name}.as_teardown(setups=[{', '.join(setups)}]{fails})"
        if others:
            yield f"    [{', '.join(others)}] >> {node.name}" if len(others) > 1 else f"    {others[0]} >> {node.name}"


def _group(dag: Dag, group: str) -> Iterator[str]:
    inside = [node for node in dag.nodes if node.group == group]
    names = ", ".join(node.name for node in inside)
    yield ""
    yield f"    @task_group(group_id={group!r}, prefix_group_id=False)"
    yield "    def group(x, y=None):"
    yield f"        global {names}"
    for node in inside:
        yield f"        {node.name} = {_operator(node)}"
    for node in inside:
        above = [name for name in node.upstream if dag.by_name[name].group == group]
        if above:
            yield f"        [{', '.join(above)}] >> {node.name}"
    yield ""
    yield f"    group.expand({_expanded(dag.groups[group], 'x', 'y')})"


def _expanded(over: Over, first: str, second: str) -> str:
    """The arguments of ``expand``."""
    returned = [f"{source}.output" for source in over.sources]
    if over.literals is not None:
        returned.append(repr([{"n": number} for number in range(over.literals)]))
    if over.how == "product":
        return ", ".join(f"{name}={value}" for name, value in zip((first, second), returned, strict=False))
    if over.how == "concat":
        return f"{first}={returned[0]}.concat({', '.join(returned[1:])})"
    filled = ", fillvalue=0" if over.how == "filled" else ""
    return f"{first}={returned[0]}.zip({', '.join(returned[1:])}{filled})"


def _operator(node: Node) -> str:
    common = f"task_id={node.name!r}"
    if node.rule not in ("all_success", "all_done_setup_success"):
        common += f", trigger_rule={node.rule!r}"
    if node.retries:
        common += f", retries={node.retries}"
    pause = f", seconds={node.seconds:g}" if node.seconds else ""
    if node.returns is not None:
        pause += f", returns={node.returns}"
    if node.over is not None:
        does = f"python_callable=act({', '.join(map(repr, node.script))})"
        text = f"PythonOperator.partial({common}, {does}).expand({_expanded(node.over, 'templates_dict', 'op_kwargs')})"
    elif node.kind == "empty":
        text = f"EmptyOperator({common})"
    elif node.kind == "branch":
        text = f"BranchPythonOperator({common}, python_callable=answer({list(node.follow or ())!r}{pause}))"
    elif node.kind == "short":
        keep = "" if node.ignore_rules else ", ignore_downstream_trigger_rules=False"
        text = f"ShortCircuitOperator({common}, python_callable=answer({node.follow is None}{pause}){keep})"
    else:
        text = f"PythonOperator({common}, python_callable=act({', '.join(map(repr, node.script))}{pause}))"
    return text + (".as_setup()" if node.is_setup else "")
