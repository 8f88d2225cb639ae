"""Measures a whole compilation beside Airflow's loading and serialising of the same file: ``compile_time.py [N ...]``.

Seconds of CPU, in one process, after all imports; every task is a PythonOperator with one retry. What is ours is split
into loading (which runs the file, as Airflow's loading does), lowering, emitting states, and writing the JSON.
"""

import sys
import tempfile
from pathlib import Path

SIZES = [int(size) for size in sys.argv[1:]] or [1_000, 10_000]
sys.argv = sys.argv[:1]

from layout import HEAD, SHAPES, seconds  # noqa: E402

_TASK = "PythonOperator(task_id=name, python_callable=print, retries=1)"
_IMPORT = "from airflow.providers.standard.operators.python import PythonOperator\nimport random"
SOURCE = HEAD.replace("EmptyOperator(task_id=name)", _TASK).replace("import random", _IMPORT)


def airflow(path):
    """Seconds of loading and of serialising."""
    from airflow.serialization.serialized_objects import DagSerialization
    from ductwork_airflow.compat import dag_bag

    bag, loading = seconds(lambda: dag_bag()(path, bundle_path=path.parent))
    return loading, seconds(lambda: [DagSerialization.to_dict(dag) for dag in bag.dags.values()])[1]


def ductwork(path):
    """Seconds of each stage, and the texts."""
    from ductwork import compiler
    from ductwork.diagnostics import Diagnostics
    from ductwork.lowering.settings import Settings
    from ductwork.lowering.workflow import lower_dag

    diagnostics, options = Diagnostics(), compiler.Options()

    def lowered():
        settings = Settings.read({}, diagnostics, restartable=True, unattended=False, fallback={})
        compiler.check(dag, settings, diagnostics)
        return compiler.rewrite(lower_dag(dag, settings, diagnostics), diagnostics)

    (dag,), loading = seconds(lambda: compiler.load([str(path)], None, diagnostics))
    workflow, lowering = seconds(lowered)
    artefacts, emitting = seconds(lambda: compiler._emit_all([workflow], options, diagnostics))
    texts, writing = seconds(lambda: [artefact.text() for artefact in artefacts])
    assert not diagnostics.failed, [str(finding) for finding in diagnostics]
    return (loading, lowering, emitting, writing), texts


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "measured.py"
        path.write_text(SOURCE + SHAPES["a chain"].format(size=2))
        airflow(path), ductwork(path)
        print(
            "shape                  tasks  Airflow: load  serialise  ours: load  lower   emit   JSON   ratio       bytes"
        )
        for shape, body in SHAPES.items():
            totals = []
            for size in SIZES:
                path.write_text(SOURCE + body.format(size=size))
                theirs, (ours, texts) = airflow(path), ductwork(path)
                totals.append(sum(ours))
                print(
                    f"{shape:20} {size:7,} {theirs[0]:14.2f} {theirs[1]:10.2f} {ours[0]:11.2f} "
                    f"{ours[1]:6.2f} {ours[2]:6.2f} {ours[3]:6.2f} {sum(ours) / sum(theirs):7.2f} "
                    f"{sum(map(len, texts)):11,}",
                    flush=True,
                )
            print(
                f"{shape:20} each size to the one before: {[round(b / a, 1) for a, b in zip(totals, totals[1:], strict=False)]}"
            )


if __name__ == "__main__":
    main()
