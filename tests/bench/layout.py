"""Measures what compiling large DAGs to states costs before any state is printed. ``python tests/bench/layout.py [N ...]``.

For each shape: seconds of CPU to load and lower the DAG, to lay it out, and to analyse its state data, beside what
Airflow takes to load and serialise the same file; both in this process, after all imports. The ratio is that of layout
and analysis alone to Airflow's work.
"""

import gc
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT"] = "3600"

SIZES = [int(size) for size in sys.argv[1:]] or [1_000, 10_000]

HEAD = """
import random
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("measured"):
    def task(name):
        return EmptyOperator(task_id=name)
"""
SHAPES = {
    "a chain": """
    last = task("t0")
    for n in range(1, {size}):
        last = last >> task(f"t{{n}}")
""",
    "side by side": """
    for n in range({size}):
        task(f"t{{n}}")
""",
    "a spine with leaves": """
    last = task("t0")
    for n in range(1, {size} // 2):
        last >> [below := task(f"t{{n}}"), task(f"leaf{{n}}")]
        last = below
""",
    "full layers of 100": """
    above = [task(f"t0_{{k}}") for k in range(100)]
    for n in range(1, {size} // 100):
        below = [task(f"t{{n}}_{{k}}") for k in range(100)]
        for each in below:
            above >> each
        above = below
""",
    # The longest path has a fifth of the tasks; every 200th has up to 300 direct upstream tasks.
    "random": """
    rng = random.Random(1)
    levels = {size} // 5
    tasks, level = [], []
    for n in range({size}):
        made = task(f"t{{n}}")
        at = n * levels // {size}
        above = {{level[-1]}} if level and at else set()
        near = rng.choice([0, 1, 1, 2, 3]) if n % 200 else rng.randint(50, 300)
        above.update(rng.choice(tasks[-100 if n % 200 else 0 :]) for _ in range(near if tasks else 0))
        if above:
            list(above) >> made
        tasks.append(made)
        if not n % 5:
            level.append(made)
""",
}


def seconds(call):
    gc.collect()
    started = time.process_time()
    made = call()
    return made, time.process_time() - started


def airflow_loads(path):
    from airflow.serialization.serialized_objects import DagSerialization
    from ductwork_airflow.compat import dag_bag

    return [DagSerialization.to_dict(dag) for dag in dag_bag()(path, bundle_path=path.parent).dags.values()]


def lowered(path):
    from ductwork import compiler
    from ductwork.diagnostics import Diagnostics
    from ductwork.lowering.settings import Settings
    from ductwork.lowering.workflow import lower_dag

    diagnostics = Diagnostics()
    (dag,) = compiler.load([str(path)], None, diagnostics)
    settings = Settings.read({}, diagnostics, restartable=True, unattended=False, fallback={})
    return compiler.rewrite(lower_dag(dag, settings, diagnostics), diagnostics)


def measure(path, shape, size):
    from ductwork.backends.stepfunctions.dataflow.liveness import DataFlow
    from ductwork.backends.stepfunctions.dataflow.rule_conditions import Decisions
    from ductwork.planning import layout

    path.write_text(HEAD + SHAPES[shape].format(size=size))
    workflow, lowering = seconds(lambda: lowered(path))
    root, laying = seconds(lambda: layout.of(workflow))
    _, analysing = seconds(lambda: DataFlow(workflow, root, Decisions(workflow)))
    _, loading = seconds(lambda: airflow_loads(path))
    joins = [len(join.tells) for join in layout.joins(root)]
    print(
        f"{shape:20} {size:7,} {lowering:9.2f} {laying:7.2f} {analysing:9.2f} {loading:9.2f} "
        f"{(laying + analysing) / loading:6.2f} {len(joins):6,} {sum(joins):7,}",
        flush=True,
    )


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "measured.py"
        path.write_text(HEAD + SHAPES["a chain"].format(size=2))
        lowered(path), airflow_loads(path)
        print(
            "shape                  tasks  lowering  layout  dataflow   Airflow  ratio  joins   tells  (seconds of CPU)"
        )
        for shape in SHAPES:
            for size in SIZES:
                measure(path, shape, size)


if __name__ == "__main__":
    main()
