"""Every setting of a task and of a DAG, and what happens to it. Nothing is dropped in silence.

``COMPILED``  the compiled schedule carries it.
``WORKER``    Airflow's own code honours it inside the worker; a task that sets it is not lowered to a native one.
``SHOWN``     it only changes what a user interface shows.
``AIRFLOW``   it steers Airflow's scheduler or its workers, which play no part here.
``LIMITS``    not enforced in this version; setting it gives a warning.

A test holds these tables against the constructors of the installed Airflow, so a new argument cannot slip by.
"""

from __future__ import annotations

from ductwork.ir.snapshot import LIMIT_SETTINGS

COMPILED = "compiled"
WORKER = "worker"
SHOWN = "shown"
AIRFLOW = "airflow"
LIMITS = "limits"

TASK: dict[str, str] = {
    "task_id": COMPILED,
    "trigger_rule": COMPILED,
    "retries": COMPILED,
    "retry_delay": COMPILED,
    "retry_exponential_backoff": COMPILED,
    "max_retry_delay": COMPILED,
    "execution_timeout": COMPILED,
    "executor_config": COMPILED,
    "task_group": COMPILED,
    "dag": COMPILED,
    "default_args": COMPILED,
    "email": WORKER,
    "email_on_retry": WORKER,
    "email_on_failure": WORKER,
    "retry_policy": WORKER,
    "params": WORKER,
    "on_execute_callback": WORKER,
    "on_failure_callback": WORKER,
    "on_success_callback": WORKER,
    "on_retry_callback": WORKER,
    "on_skipped_callback": WORKER,
    "pre_execute": WORKER,
    "post_execute": WORKER,
    "run_as_user": WORKER,
    "do_xcom_push": WORKER,
    "multiple_outputs": WORKER,
    "inlets": WORKER,
    "outlets": WORKER,
    "render_template_as_native_obj": WORKER,
    "logger_name": WORKER,
    "allow_nested_operators": WORKER,
    "map_index_template": WORKER,
    "owner": SHOWN,
    "doc": SHOWN,
    "doc_md": SHOWN,
    "doc_json": SHOWN,
    "doc_yaml": SHOWN,
    "doc_rst": SHOWN,
    "task_display_name": SHOWN,
    "queue": COMPILED,
    "executor": LIMITS,
    "start_date": COMPILED,
    "end_date": COMPILED,
    # Airflow 3 warns of it and does nothing.
    "sla": AIRFLOW,
    # Nothing of Airflow 3 reads them.
    "resources": AIRFLOW,
    "ignore_first_depends_on_past": COMPILED,
    # Airflow 3.3's scheduler never puts it into the context that its rules look at.
    "wait_for_past_depends_before_skipping": AIRFLOW,
    # The order in which Airflow's executor takes tasks; priority_weight itself is reported.
    "weight_rule": AIRFLOW,
    "priority_weight": LIMITS,
    "pool": COMPILED,
    "pool_slots": COMPILED,
    "max_active_tis_per_dag": COMPILED,
    "max_active_tis_per_dagrun": COMPILED,
    "depends_on_past": COMPILED,
    "wait_for_downstream": COMPILED,
}

DAG: dict[str, str] = {
    "dag_id": COMPILED,
    "default_args": COMPILED,
    "task_group": COMPILED,
    "params": WORKER,
    "template_searchpath": WORKER,
    "template_undefined": WORKER,
    "user_defined_macros": WORKER,
    "user_defined_filters": WORKER,
    "jinja_environment_kwargs": WORKER,
    "render_template_as_native_obj": WORKER,
    "description": SHOWN,
    "doc_md": SHOWN,
    "tags": SHOWN,
    "owner_links": SHOWN,
    "dag_display_name": SHOWN,
    # Schedules of EventBridge Scheduler, beside the machine: ductwork.schedules. DW330 and DW332 where there are none.
    "schedule": AIRFLOW,
    "start_date": COMPILED,
    "end_date": COMPILED,
    "catchup": AIRFLOW,
    "max_active_tasks": LIMITS,
    "max_consecutive_failed_dag_runs": LIMITS,
    # Of Airflow's own users and its list of DAGs.
    "access_control": AIRFLOW,
    "is_paused_upon_creation": AIRFLOW,
    "auto_register": AIRFLOW,
    "allowed_run_types": LIMITS,
    # For versioned bundles; what is compiled is a version itself, and restarting a machine replaces it.
    "disable_bundle_versioning": AIRFLOW,
    "rerun_with_latest_version": AIRFLOW,
    # Airflow 3 does nothing with it.
    "sla_miss_callback": AIRFLOW,
    "max_active_runs": COMPILED,
    "dagrun_timeout": COMPILED,
    "deadline": LIMITS,
    "on_success_callback": COMPILED,
    "on_failure_callback": COMPILED,
    "fail_fast": COMPILED,
}

# Compiled settings of a DAG that the compiler reads by name.
DAG_READ = ("max_active_runs", "dagrun_timeout", "on_success_callback", "on_failure_callback", "fail_fast")

# Compiled settings of a task that are read by name, whatever its operator.
TASK_READ = (
    *("pool", "pool_slots", "max_active_tis_per_dag", "max_active_tis_per_dagrun", "queue"),
    *("depends_on_past", "wait_for_downstream", "ignore_first_depends_on_past"),
)

# Values that mean "not set" for the settings that give diagnostics.
TASK_DEFAULTS: dict[str, object] = {"priority_weight": 1, "pool": "default_pool", "pool_slots": 1}


def says(name: str, value: object) -> bool:
    """Whether this value of a setting has an effect; for limits, 0 is one."""
    return bool(value) or (name in LIMIT_SETTINGS and value == 0)
