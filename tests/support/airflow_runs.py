"""Run one DAG in Airflow, in one process, and clear and run it again; print what became of it.

``python airflow_runs.py FILE DAG_ID CONF STEP...`` with AIRFLOW_HOME pointing at a migrated metadata database. Steps:
``at:ISO`` (the logical date; now if left out), ``run`` (until the DAG run ends), ``clear`` (all its tasks),
``touch:PATH``. The same logical date means the same DAG run: one whose process was killed goes on, as the scheduler has
it when a heartbeat is missing. Prints one JSON object per ``run``:
``{"run_id", "logical_date", "state", "tasks": {task_id: {"state", "try_number", "max_tries", "xcoms"}}}``. The log goes to stderr.
"""

import json
import os
import sys
from datetime import datetime, timezone
from pathlib import Path

from ductwork.frame_stack import roomy
from ductwork.startup import airflow_imports


def load(path, dag_id):
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    bag = DagBag(dag_folder=path, safe_mode=False)
    if bag.import_errors:
        raise RuntimeError(f"Airflow cannot load {path}: {bag.import_errors}")
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", None)
    return bag.dags[dag_id]


def clear(run):
    from airflow.models.taskinstance import clear_task_instances
    from airflow.utils.session import create_session

    with create_session() as session:
        clear_task_instances(run.get_task_instances(session=session), session)


def left_behind(dag, date):
    """The DAG run of a killed process, its tasks ready for another try; None if there is none."""
    from airflow.models.dagrun import DagRun
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.utils.session import create_session
    from airflow.utils.state import State

    with create_session() as session:
        run = session.query(DagRun).filter_by(dag_id=dag.dag_id, logical_date=date).one_or_none()
        if run is None:
            return None
        for ti in run.get_task_instances(session=session):
            if ti.state not in State.finished:
                ti.state = ti.next_method = ti.next_kwargs = ti.trigger_id = None
        run.dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    return run


def run_again(dag, run):
    """What ``dag.test()`` does, for a DAG run that exists."""
    from airflow.models.dagrun import DagRun
    from airflow.sdk.definitions.dag import _run_task
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, TaskInstanceState

    with create_session() as session:
        found = session.get(DagRun, run.id)
        found.dag = run.dag
        found.state = DagRunState.RUNNING
        while found.state == DagRunState.RUNNING:
            session.expire_all()
            schedulable, _ = found.update_state(session=session)
            for ti in schedulable:
                ti.try_number += 1
                ti.state = TaskInstanceState.SCHEDULED
            session.commit()
            for ti in found.get_task_instances(session=session):
                if ti.state == TaskInstanceState.SCHEDULED:
                    _run_task(ti=ti, task=dag.task_dict[ti.task_id], run_triggerer=True)
            session.expire_all()
    return found


def outcome(run):
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        tasks = {}
        for ti in run.get_task_instances(session=session):
            pushed = session.query(XComModel.key, XComModel.value).filter_by(run_id=run.run_id, task_id=ti.task_id)
            tasks[ti.task_id] = {
                "state": str(getattr(ti.state, "value", ti.state)),
                "try_number": ti.try_number,
                "max_tries": ti.max_tries,
                "xcoms": {key: decoded(value) for key, value in pushed.filter_by(dag_id=run.dag_id)},
            }
        date = run.logical_date.isoformat()
        return {"run_id": run.run_id, "logical_date": date, "state": str(run.state.value), "tasks": tasks}


def decoded(value):
    # Depending on the version the column holds JSON text or the value it stands for.
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


@roomy
def main():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    path, dag_id, conf, *steps = sys.argv[1:]
    with airflow_imports():
        import airflow.models.dagbag
        import airflow.sdk  # noqa: F401
    dag, run, found = load(path, dag_id), None, []
    date = datetime.now(timezone.utc)
    for step in steps:
        if step.startswith("at:"):
            date = datetime.fromisoformat(step.removeprefix("at:"))
        elif step == "run" and run is None and (run := left_behind(dag, date)) is None:
            run = dag.test(run_after=date, logical_date=date, run_conf=json.loads(conf))
            found.append(outcome(run))
        elif step == "run":
            found.append(outcome(run_again(dag, run)))
        elif step == "clear":
            clear(run)
        else:
            Path(step.removeprefix("touch:")).touch()
    json.dump(found, out)
    out.flush()


if __name__ == "__main__":
    main()
