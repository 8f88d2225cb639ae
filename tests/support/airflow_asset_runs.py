"""Which runs Airflow's scheduler makes of a sequence of asset events, as Airflow itself has it.

``python airflow_asset_runs.py FILE CASES`` with AIRFLOW_HOME pointing at a migrated metadata database. CASES is JSON, a
list of ``[dag_id, steps]``; a step is ``["event", {"name", "uri", "alias", "partition_key"}]``, after which the
scheduler looks, or ``["end"]``: the DAG's oldest run that goes on ends, and the scheduler looks. Prints a JSON list: for
each case its runs, in order, as ``{"run_id", "run_type", "logical_date", "data_interval", "events": [numbers]}``.
The number of an event is its place among the case's steps.
"""

import json
import sys

from ductwork.startup import airflow_imports

# Airflow's log goes to stdout as it is imported.
answers, sys.stdout = sys.stdout, sys.stderr


def look(dag_id):
    """One look of the scheduler at what assets start."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        query, triggered = DagModel.dags_needing_dagruns(session)
        models = [model for model in query.all() if model.dag_id in triggered and model.dag_id == dag_id]
        job = Job()
        session.add(job)
        session.flush()
        SchedulerJobRunner(job=job)._create_dag_runs_asset_triggered(dag_models=models, session=session)


def happen(number, event):
    from airflow.assets.manager import AssetManager
    from airflow.serialization.definitions.assets import SerializedAssetUniqueKey
    from airflow.utils.session import create_session

    with create_session() as session:
        AssetManager.register_asset_change(
            asset=SerializedAssetUniqueKey(event["name"], event["uri"]),
            extra={"number": number},
            source_alias_names=[event["alias"]] if event.get("alias") else [],
            partition_key=event.get("partition_key"),
            session=session,
        )


def end(dag_id):
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState

    with create_session() as session:
        going = session.query(DagRun).filter(DagRun.dag_id == dag_id, DagRun.state != DagRunState.SUCCESS)
        going.order_by(DagRun.id).first().state = DagRunState.SUCCESS


def runs(dag_id):
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        return [
            {
                "run_id": run.run_id,
                "run_type": str(run.run_type.value if hasattr(run.run_type, "value") else run.run_type),
                "logical_date": run.logical_date,
                "data_interval": [run.data_interval_start, run.data_interval_end],
                "run_after": run.run_after.isoformat(),
                "events": sorted(event.extra["number"] for event in run.consumed_asset_events),
            }
            for run in session.query(DagRun).filter(DagRun.dag_id == dag_id).order_by(DagRun.id)
        ]


def main(path, cases):
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models.asset import AssetDagRunQueue
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    bag = DagBag(dag_folder=path, safe_mode=False)
    assert not bag.import_errors, bag.import_errors
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", None)
    with create_session() as session:
        session.query(DagModel).update({DagModel.is_paused: False})
    found = []
    for dag_id, steps in cases:
        for number, step in enumerate(steps):
            if step[0] == "event":
                happen(number, step[1])
            else:
                end(dag_id)
            look(dag_id)
        found.append(runs(dag_id))
        # Its events are other DAGs' too, which are asked one after another.
        with create_session() as session:
            session.query(AssetDagRunQueue).delete()
    print(json.dumps(found, default=str), file=answers)


if __name__ == "__main__":
    with airflow_imports():
        main(sys.argv[1], json.loads(sys.argv[2]))
