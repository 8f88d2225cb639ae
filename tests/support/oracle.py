"""Run DAG files under Airflow itself (``dag.test()``) and print what became of their tasks.

``python oracle.py FILE...`` with AIRFLOW_HOME pointing at a migrated metadata database. Prints one JSON object:
``{file: {dag_id: {"state", "tasks": {"task_id[map_index]": {"state", "try_number", "return_value"?}}}}}``.
"""

import json
import os
import sys
import time
import traceback
from datetime import datetime, timezone

from ductwork.frame_stack import roomy
from ductwork.startup import airflow_imports

LOGICAL_DATE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def do_not_sleep():
    """``dag.test()`` sleeps a second after each sweep that started nothing, even when states changed: sweep again at once.

    Sensors and retry delays wait as ever.
    """
    sleep = time.sleep

    def shorter(seconds):
        caller = sys._getframe(1).f_code
        in_test = caller.co_name == "test" and caller.co_filename.endswith(os.path.join("definitions", "dag.py"))
        sleep(0.02 if in_test else seconds)

    time.sleep = shorter


def run_file(path):
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    try:
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    except ImportError:
        from airflow.models.dagbag import DagBag, sync_bag_to_db

    bag = DagBag(dag_folder=path, safe_mode=False)
    if bag.import_errors:
        raise RuntimeError(f"Airflow cannot load {path}: {bag.import_errors}")
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", None)
    return {dag_id: run_dag(dag) for dag_id, dag in sorted(bag.dags.items())}


def run_dag(dag):
    """The record of a run. A run that could not be carried out is one too, so that the others still count."""
    try:
        return outcome(dag.test(run_after=LOGICAL_DATE, logical_date=LOGICAL_DATE))
    except Exception:  # noqa: BLE001 - whatever dag.test() raises is to be compared with the other side's "could not run"
        traceback.print_exc()
        return {"state": "could not run", "error": traceback.format_exc(), "tasks": {}}


def outcome(run):
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        tasks = {}
        for ti in run.get_task_instances(session=session):
            record = {"state": ti.state and str(getattr(ti.state, "value", ti.state)), "try_number": ti.try_number}
            value = session.query(XComModel.value).filter_by(
                dag_id=ti.dag_id, run_id=ti.run_id, task_id=ti.task_id, map_index=ti.map_index, key="return_value"
            )
            if (found := value.first()) is not None:
                record["return_value"] = found[0]
            tasks[f"{ti.task_id}[{ti.map_index}]"] = record
    return {"state": str(run.state.value), "tasks": tasks}


@roomy
def main():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    do_not_sleep()
    with airflow_imports():
        import airflow.models.dagbag
        import airflow.sdk  # noqa: F401
        import airflow.settings
    airflow.settings.configure_vars()  # a forked process has had them from another environment
    json.dump({path: run_file(path) for path in sys.argv[1:]}, out)
    out.flush()


if __name__ == "__main__":
    main()
