"""Measures state machines: bytes, transitions, history events. ``python tests/bench/machine_size.py [BASELINE]``.

Bytes are of minified JSON. Of a series-parallel DAG of worker tasks with retries=1 it says what one more task costs: the
difference between 59 tasks and 29, divided by 30, with and without restarts; of examples and goldens, the whole.

BASELINE is another checkout, of which the same is measured and set beside it.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHOLE = ["daily_edw_load", "flaky_api", "regional_sales", "taskflow_etl", "crossing", "branching", "mapping", "fan"]
WHOLE += ["chain", "mapped_group", "limited_mapping", "waiting", "empty_joins", "early_rules", "many_above", "teardown"]
SMALL, LARGE = 29, 59


def series_parallel(tasks, restartable):
    """The workflow of a chain of diamonds: two tasks, three branches of two tasks each, and so on."""
    from ductwork.diagnostics import Origin
    from ductwork.ir import Deployment, Retry, Task, Worker, Workflow

    above, made, level = (), [], 0
    where = Deployment(job_queue="${JobQueue}", job_definition="${JobDefinition}")

    def add(upstream):
        name = f"task_{len(made)}"
        common = {"origin": Origin("case.py", 1), "operator": "x.Y", "work": Worker("it"), "deployment": where}
        made.append(Task(task_id=name, upstream=upstream, retry=Retry(retries=1), **common))
        return name

    while len(made) < tasks:
        for _ in range(min(2, tasks - len(made))):
            above = (add(above),)
        ends = []
        for _ in range(min(3, (tasks - len(made)) // 2)):
            ends.append(add((add(above),)))
        above, level = tuple(ends) or above, level + 1
    workflow = Workflow("series_parallel", Origin("case.py", 1), "case.py", "/dags", tuple(made), deployment=where)
    return replace(workflow, restartable=restartable)


def measured(machine):
    from ductwork.backends.stepfunctions import costs

    size = len(json.dumps(machine, separators=(",", ":"), ensure_ascii=False).encode())
    return [size, *costs.cost(machine)]


def marginal(restartable):
    """``[bytes, transitions, events]`` of one more task."""
    from ductwork.backends.stepfunctions import machine
    from ductwork.compiler import to_json
    from ductwork.diagnostics import Diagnostics

    small, large = (
        measured(json.loads(to_json(machine.emit(series_parallel(size, restartable), Diagnostics()))))
        for size in (SMALL, LARGE)
    )
    return [round((more - less) / (LARGE - SMALL), 2) for less, more in zip(small, large, strict=True)]


def measure():
    """All figures by what they are of."""
    from compiling import compile_files, only_artefact

    found = {"a task": marginal(True), "a task, --no-restart": marginal(False)}
    for name in WHOLE:
        folders = (ROOT / "dags", ROOT / "tests/golden/dags")
        path = next(folder / f"{name}.py" for folder in folders if (folder / f"{name}.py").exists())
        found[name] = measured(json.loads(only_artefact(compile_files(path)).text()))
    return found


def of_checkout(root):
    """The same of a checkout, in a process of its own."""
    paths = [root / "translator", root / "plugin", root / "tests" / "support"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    done = subprocess.run(
        [sys.executable, __file__, "--json"], check=True, stdout=subprocess.PIPE, text=True, env=environment
    )
    return json.loads(done.stdout.splitlines()[-1])


def main():
    if sys.argv[1:] == ["--json"]:
        print(json.dumps(measure()))
        return
    here = of_checkout(ROOT)
    before = of_checkout(Path(sys.argv[1]).resolve()) if sys.argv[1:] else {}
    print(f"{'':22} {'bytes':>9} {'transitions':>12} {'events':>9}" + "   before, ratio of bytes" * bool(before))
    for what, (size, transitions, events) in here.items():
        line = f"{what:22} {size:9,} {transitions:12,} {events:9,}"
        if what in before:
            line += f"   {before[what][0]:,} {before[what][1]:,} {before[what][2]:,}, {size / before[what][0]:.2f}"
        print(line)


if __name__ == "__main__":
    main()
