"""The example DAGs that Airflow ships: which are compared with Airflow in every run, and which not at all, and why."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

_PACKAGES = ("airflow.example_dags", "airflow.providers.standard.example_dags")


def _files() -> dict[str, Path]:
    folders = [Path(next(iter(find_spec(name).submodule_search_locations))) for name in _PACKAGES]
    return {file.stem: file for folder in folders for file in sorted(folder.glob("*.py")) if file.stem != "__init__"}


FILES = _files()

# Mapping, a mapped group, branches with joins, setup and teardown, a short circuit: for every run of the suite.
QUICK = (
    "example_dynamic_task_mapping",
    "example_nested_branch_dag",
    "example_setup_teardown",
)

_INTERNET = "asks servers of the internet"
_PIP = "installs packages with pip in a virtual environment"
_PODS = "its tasks look for what the pods of its executor_config have mounted"
_OTHER_DAG = "starts a run of a DAG that dag.test() does not carry out, see functional/test_other_dags.py"
_PLUGIN = "needs a plugin of its own in Airflow: its DAG cannot be serialised without"

# These compile, but are not run.
NOT_RUN = {
    "example_branch_operator": f"{_PIP}, and branches at random",
    "example_branch_operator_decorator": f"{_PIP}, and branches at random",
    "example_custom_weight": _PLUGIN,
    "example_dag_decorator": _INTERNET,
    "example_external_task_marker_dag": "waits, for ten minutes, for a run of another DAG",
    "example_inlet_event_extra": "gives an asset of example_outlet_event_extra another name: Airflow accepts but one",
    "example_kubernetes_executor": _PODS,
    "example_local_kubernetes_executor": _PODS,
    "example_params_ui_tutorial": "a person has to fill in its form: a required param has no default",
    "example_python_decorator": _PIP,
    "example_python_operator": _PIP,
    "example_retry_policy": f"{_INTERNET}, and retries for minutes",
    "example_sensors": "one task waits for a file that another makes and a third removes, for ever if one after another",
    "example_external_task_parent_deferrable": _OTHER_DAG,
    "example_trigger_controller_dag": _OTHER_DAG,
    "example_workday_timetable": _PLUGIN,
    "tutorial_objectstorage": _INTERNET,
    "tutorial_taskflow_api_virtualenv": _PIP,
}

# These do not compile: stem -> (the codes of the errors, why).
REFUSED = {
    "example_hitl_operator": ({"DW312"}, "waits for what a person decides in Airflow's own interface"),
}

# DAGs that job chains refuse, by their ids: what a fixed chain of jobs cannot say.
_COUNTED = "how many instances it has is told by what another task returns"
REFUSED_BY_CHAINS = {
    "example_branch_dop_operator_v3": ({"DW307"}, "depends_on_past"),
    "example_params_trigger_ui": ({"DW304"}, _COUNTED),
    "example_task_mapping_second_order": ({"DW304"}, _COUNTED),
    "example_task_state_store_mapped": ({"DW304"}, _COUNTED),
}

# Tasks that tell the time or throw dice: their return values are not compared, everything else is.
VARYING = {
    "example_asset_state_store": {"load"},
    "example_bash_decorator": {"get_file_stats"},
    "example_task_state_store": {"run_job"},
    "example_task_state_store_mapped": {"process_table"},
    "tutorial": {"print_date"},
}

# DAGs that end otherwise than in Airflow, as the architecture page says under "Known deviations".
DEVIATING: dict[str, str] = {}

RUN = sorted(FILES.keys() - NOT_RUN.keys() - REFUSED.keys())
