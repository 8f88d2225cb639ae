#!/usr/bin/env bash
# Airflow 3.3.2: a DAG with schedule=Asset.ref(name="orders"), started by an event of the asset "orders".
# Expected: the run is about that event, as a DAG's with schedule=Asset("orders") is (triggering_asset_events).
# Seen: the run starts and has no events at all: the scheduler looks for them by whole assets and aliases alone.
source "$(dirname "$0")/common.sh"
python_with apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2
export AIRFLOW_HOME="$work" AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__DAGS_FOLDER="$work/dags"
mkdir dags
cat > dags/asset_dags.py <<'PY'
from airflow.sdk import DAG, Asset

with DAG("by_asset", schedule=Asset("orders")):
    pass
with DAG("by_ref", schedule=Asset.ref(name="orders")):
    pass
PY
env/bin/airflow db migrate >migrate.log 2>&1
env/bin/python -W ignore - <<'PY' 2>log
from airflow.assets.manager import AssetManager
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.serialization.definitions.assets import SerializedAssetUniqueKey
from airflow.utils.session import create_session

bag = DagBag(dag_folder="dags", safe_mode=False)
DagBundlesManager().sync_bundles_to_db()
sync_bag_to_db(bag, "dags-folder", None)
with create_session() as session:
    session.query(DagModel).update({DagModel.is_paused: False})
with create_session() as session:
    AssetManager.register_asset_change(asset=SerializedAssetUniqueKey("orders", "orders"), session=session)
with create_session() as session:
    query, triggered = DagModel.dags_needing_dagruns(session)
    models = [model for model in query.all() if model.dag_id in triggered]
    job = Job()
    session.add(job)
    session.flush()
    SchedulerJobRunner(job=job)._create_dag_runs_asset_triggered(dag_models=models, session=session)
with create_session() as session:
    seen = {run.dag_id: len(run.consumed_asset_events) for run in session.query(DagRun)}
print(seen)
assert seen == {"by_asset": 1, "by_ref": 0}
PY
