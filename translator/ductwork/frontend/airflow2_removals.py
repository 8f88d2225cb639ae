"""What Airflow 3 removed or moved, and what to use in its place (from Airflow's upgrade notes and deprecation shims).

Two thirds of public DAG files were written for Airflow 1 or 2, so this is the most common diagnostic of all.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import dataclass

from ductwork.airflow2 import moved, places_of

UPGRADE_HINT = "run: ductwork upgrade {file}"

# Longest prefix wins. Value "" means: removed, nothing takes its place.
MODULES: dict[str, str] = {
    "airflow.operators.bash_operator": "airflow.providers.standard.operators.bash",
    "airflow.operators.bash": "airflow.providers.standard.operators.bash",
    "airflow.operators.python_operator": "airflow.providers.standard.operators.python",
    "airflow.operators.python": "airflow.providers.standard.operators.python",
    "airflow.operators.dummy_operator": "airflow.providers.standard.operators.empty (EmptyOperator)",
    "airflow.operators.dummy": "airflow.providers.standard.operators.empty (EmptyOperator)",
    "airflow.operators.empty": "airflow.providers.standard.operators.empty",
    "airflow.operators.branch_operator": "airflow.providers.standard.operators.branch",
    "airflow.operators.branch": "airflow.providers.standard.operators.branch",
    "airflow.operators.datetime": "airflow.providers.standard.operators.datetime",
    "airflow.operators.weekday": "airflow.providers.standard.operators.weekday",
    "airflow.operators.dagrun_operator": "airflow.providers.standard.operators.trigger_dagrun",
    "airflow.operators.trigger_dagrun": "airflow.providers.standard.operators.trigger_dagrun",
    "airflow.operators.latest_only_operator": "airflow.providers.standard.operators.latest_only",
    "airflow.operators.latest_only": "airflow.providers.standard.operators.latest_only",
    "airflow.operators.subdag_operator": "airflow.sdk.TaskGroup (sub-DAGs were removed)",
    "airflow.operators.subdag": "airflow.sdk.TaskGroup (sub-DAGs were removed)",
    "airflow.operators.email_operator": "airflow.providers.smtp.operators.smtp",
    "airflow.operators.email": "airflow.providers.smtp.operators.smtp",
    "airflow.operators.sensors": "airflow.providers.standard.sensors",
    "airflow.operators.postgres_operator": "airflow.providers.common.sql.operators.sql (SQLExecuteQueryOperator)",
    "airflow.operators.mysql_operator": "airflow.providers.common.sql.operators.sql (SQLExecuteQueryOperator)",
    "airflow.operators.sqlite_operator": "airflow.providers.common.sql.operators.sql (SQLExecuteQueryOperator)",
    "airflow.operators.mssql_operator": "airflow.providers.common.sql.operators.sql (SQLExecuteQueryOperator)",
    "airflow.operators.sql": "airflow.providers.common.sql.operators.sql",
    "airflow.operators.http_operator": "airflow.providers.http.operators.http",
    "airflow.operators.hive_operator": "airflow.providers.apache.hive.operators.hive",
    "airflow.operators.docker_operator": "airflow.providers.docker.operators.docker",
    "airflow.operators.slack_operator": "airflow.providers.slack.operators.slack",
    "airflow.operators": "airflow.providers.standard.operators or another provider's operators",
    "airflow.sensors.base_sensor_operator": "airflow.sdk (BaseSensorOperator)",
    "airflow.sensors.base": "airflow.sdk (BaseSensorOperator)",
    "airflow.sensors.external_task_sensor": "airflow.providers.standard.sensors.external_task",
    "airflow.sensors.external_task": "airflow.providers.standard.sensors.external_task",
    "airflow.sensors.filesystem": "airflow.providers.standard.sensors.filesystem",
    "airflow.sensors.time_delta": "airflow.providers.standard.sensors.time_delta",
    "airflow.sensors.s3_key_sensor": "airflow.providers.amazon.aws.sensors.s3",
    "airflow.sensors.http_sensor": "airflow.providers.http.sensors.http",
    "airflow.sensors.sql_sensor": "airflow.providers.common.sql.sensors.sql",
    "airflow.sensors.sql": "airflow.providers.common.sql.sensors.sql",
    "airflow.sensors": "airflow.providers.standard.sensors or another provider's sensors",
    "airflow.hooks": "a provider package (airflow.providers...)",
    "airflow.hooks.base_hook": "airflow.sdk (BaseHook)",
    "airflow.hooks.base": "airflow.sdk (BaseHook)",
    "airflow.hooks.postgres_hook": "airflow.providers.postgres.hooks.postgres",
    "airflow.hooks.mysql_hook": "airflow.providers.mysql.hooks.mysql",
    "airflow.hooks.S3_hook": "airflow.providers.amazon.aws.hooks.s3",
    "airflow.hooks.http_hook": "airflow.providers.http.hooks.http",
    "airflow.hooks.dbapi_hook": "airflow.providers.common.sql.hooks.sql (DbApiHook)",
    "airflow.hooks.dbapi": "airflow.providers.common.sql.hooks.sql (DbApiHook)",
    "airflow.contrib.operators.kubernetes_pod_operator": "airflow.providers.cncf.kubernetes.operators.pod",
    "airflow.contrib.operators.ssh_operator": "airflow.providers.ssh.operators.ssh",
    "airflow.contrib.operators.spark_submit_operator": "airflow.providers.apache.spark.operators.spark_submit",
    "airflow.contrib.operators.awsbatch_operator": "airflow.providers.amazon.aws.operators.batch",
    "airflow.contrib.operators.ecs_operator": "airflow.providers.amazon.aws.operators.ecs",
    "airflow.contrib.operators.emr_add_steps_operator": "airflow.providers.amazon.aws.operators.emr",
    "airflow.contrib.operators.bigquery_operator": "airflow.providers.google.cloud.operators.bigquery",
    "airflow.contrib.hooks.aws_hook": "airflow.providers.amazon.aws.hooks.base_aws",
    "airflow.contrib.sensors.file_sensor": "airflow.providers.standard.sensors.filesystem",
    "airflow.contrib": "a provider package (airflow.providers...)",
    "airflow.decorators": "airflow.sdk",
    "airflow.models.baseoperator": "airflow.sdk (BaseOperator, chain, cross_downstream)",
    "airflow.models.dag": "airflow.sdk (DAG)",
    "airflow.models.dataset": "airflow.sdk (Asset in place of Dataset)",
    "airflow.datasets": "airflow.sdk (Asset in place of Dataset)",
    "airflow.utils.dates": "a fixed datetime: from datetime import datetime; start_date=datetime(2024, 1, 1)",
    "airflow.utils.task_group": "airflow.sdk (TaskGroup)",
    "airflow.utils.timezone": "airflow.sdk (timezone)",
    "airflow.utils.apply_defaults": "nothing: BaseOperator applies default_args by itself",
    "airflow.utils.decorators": "nothing: BaseOperator applies default_args by itself",
    "airflow.utils.db": "",
    "airflow.utils.helpers": "airflow.sdk (chain, cross_downstream)",
    "airflow.utils.trigger_rule": "airflow.sdk (TriggerRule)",
    "airflow.utils.edgemodifier": "airflow.sdk (Label)",
    "airflow.utils.email": "airflow.providers.smtp",
    "airflow.kubernetes": "airflow.providers.cncf.kubernetes",
    "airflow.providers.cncf.kubernetes.operators.kubernetes_pod": "airflow.providers.cncf.kubernetes.operators.pod",
    "airflow.providers.postgres.operators.postgres": "airflow.providers.common.sql.operators.sql",
    "airflow.providers.mysql.operators.mysql": "airflow.providers.common.sql.operators.sql",
    "airflow.providers.sqlite.operators.sqlite": "airflow.providers.common.sql.operators.sql",
    "airflow.providers.snowflake.operators.snowflake": "airflow.providers.common.sql.operators.sql or SnowflakeSqlApi",
    "airflow.providers.amazon.aws.operators.aws_lambda": "airflow.providers.amazon.aws.operators.lambda_function "
    "(LambdaInvokeFunctionOperator)",
    "airflow.providers.slack.notifications.slack_notifier": "airflow.providers.slack.notifications.slack "
    "(SlackNotifier)",
    "airflow.subdag": "airflow.sdk.TaskGroup",
}

NAMES: dict[str, str] = {
    "days_ago": "a fixed datetime: from datetime import datetime; start_date=datetime(2024, 1, 1)",
    "DummyOperator": "airflow.providers.standard.operators.empty.EmptyOperator",
    "apply_defaults": "nothing: BaseOperator applies default_args by itself",
    "Dataset": "airflow.sdk.Asset",
    "DatasetAlias": "airflow.sdk.AssetAlias",
    "SubDagOperator": "airflow.sdk.TaskGroup",
    "provide_session": "nothing: tasks have no access to the metadata database; use the Airflow client API",
    "create_session": "nothing: tasks have no access to the metadata database; use the Airflow client API",
    "get_current_context": "airflow.sdk.get_current_context",
    "BaseHook": "airflow.sdk.BaseHook",
    "BashOperator": "airflow.providers.standard.operators.bash.BashOperator",
    "PythonOperator": "airflow.providers.standard.operators.python.PythonOperator",
    "BranchPythonOperator": "airflow.providers.standard.operators.python.BranchPythonOperator",
    "ShortCircuitOperator": "airflow.providers.standard.operators.python.ShortCircuitOperator",
    "BaseOperator": "airflow.sdk.BaseOperator",
    "BaseSensorOperator": "airflow.sdk.BaseSensorOperator",
    "Variable": "airflow.sdk.Variable",
    "Connection": "airflow.sdk.Connection",
    "DAG": "airflow.sdk.DAG",
    "TaskGroup": "airflow.sdk.TaskGroup",
    "TriggerRule": "airflow.sdk.TriggerRule",
    "SimpleHttpOperator": "airflow.providers.http.operators.http.HttpOperator",
    "chain": "airflow.sdk.chain",
    "cross_downstream": "airflow.sdk.cross_downstream",
}

ARGUMENTS: dict[str, str] = {
    "schedule_interval": "schedule=",
    "timetable": "schedule=",
    "concurrency": "max_active_tasks=",
    "max_active_tis": "max_active_tis_per_dag=",
    "task_concurrency": "max_active_tis_per_dag=",
    "provide_context": "nothing: callables get the context by the names of their parameters",
    "default_view": "nothing: Airflow 3's UI has one view",
    "orientation": "nothing: Airflow 3's UI has one view",
    "full_filepath": "nothing",
    "fail_stop": "fail_fast=",
    "sla_miss_callback": "deadline= (DeadlineAlert)",
    "sla": "deadline= of the DAG (DeadlineAlert)",
    "execution_date": "logical_date=",
}

_REMOVED_MODULE = re.compile(r"No module named '(airflow(?:\.[\w.]+)?)'")
_REMOVED_NAME = re.compile(r"cannot import name '(\w+)' from '(airflow(?:\.[\w.]+)?)'")
_REMOVED_ATTRIBUTE = re.compile(r"module '(airflow(?:\.[\w.]+)?)' has no attribute '(\w+)'")
_REMOVED_ARGUMENT = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")
_INVALID_ARGUMENT = re.compile(r"Invalid arguments were passed to (\w+) .*?\*\*kwargs: \{'(\w+)'", re.S)
_VENDOR = re.compile("^(aws|amazon)", re.I)
# Providers whose packages lie one level deeper, e.g. airflow.providers.apache.spark.
_NAMESPACES = {"apache", "atlassian", "cncf", "common", "dbt", "microsoft"}


@dataclass(frozen=True)
class Removed:
    """What a file uses and Airflow 3 does not have.

    :param used: what the file uses
    :param instead: what replaces it; empty, or "nothing" and why, for what nothing replaces
    :param provider: the package that has the replacement, where it is not installed
    """

    used: str
    instead: str
    provider: str = ""

    @property
    def what(self) -> str:
        """The problem, as a diagnostic's text."""
        use = f"use {self.instead}" if self.instead else "nothing replaces it"
        if self.instead.startswith("nothing"):
            use = f"leave it out{self.instead.removeprefix('nothing')}"
        return f"{self.used} is not in Airflow 3: {use}"

    def hint(self, file: str) -> str:
        """What to do.

        :param file: the DAG file, for the command line
        """
        change = UPGRADE_HINT.format(file=file)
        return f"{change}; and: pip install {self.provider}" if self.provider else change


def replacement(error: str) -> Removed | None:
    """What was removed, according to the last line of an import error; None if the error is about something else."""
    if match := _REMOVED_MODULE.search(error):
        module = match[1]
        if missing_provider(error):
            return None
        instead = _for_module(module) or _moved(module)
        return Removed(f"module {module}", instead, not_installed(instead) or "")
    if match := _REMOVED_NAME.search(error) or _REMOVED_ATTRIBUTE.search(error):
        first, second = match[1], match[2]
        name, module = (second, first) if "." in first or first == "airflow" else (first, second)
        place = moved(module, name)
        known = NAMES.get(name) or MODULES.get(f"{module}.{name}") or (str(place) if place else "")
        known = known or _for_module(module) or _renamed(module, name)
        return Removed(f"{module}.{name}", known) if known else None
    match = _REMOVED_ARGUMENT.search(error) or _INVALID_ARGUMENT.search(error)
    if match and match[2] in ARGUMENTS:
        return Removed(f"argument {match[2]} of {match[1]}", ARGUMENTS[match[2]])
    return None


def for_name(module: str, name: str) -> str:
    """What the tables say of a name; empty if they say nothing.

    :param name: empty for the module itself
    """
    return NAMES.get(name) or MODULES.get(f"{module}.{name}") or _for_module(module) or _moved(module)


def _renamed(module: str, name: str) -> str:
    """The present name in a provider's module: providers dropped vendors' names, and abbreviate differently."""
    if not module.startswith("airflow.providers.") or module not in sys.modules:
        return ""
    renamed = [each for each in dir(sys.modules[module]) if without_vendor(each) == without_vendor(name)]
    return f"{module}.{renamed[0]}" if renamed else ""


def without_vendor(name: str) -> str:
    """A class's name as far as providers have kept it: without case, and without AWS or Amazon in front."""
    return _VENDOR.sub("", name).casefold()


def missing_provider(error: str) -> str | None:
    """The provider package to install, where an import error says that it is not."""
    match = _REMOVED_MODULE.search(error)
    return not_installed(match[1]) if match and not _for_module(match[1]) else None


def not_installed(module: str) -> str | None:
    """The provider package that has a module, such as ``apache-airflow-providers-ssh``, if it is not installed."""
    match = re.match(r"airflow\.providers((?:\.\w+)+)", module)
    if match is None:
        return None
    names = match[1].split(".")[1:]
    provider = names[: 2 if names[0] in _NAMESPACES else 1]
    try:
        installed = importlib.util.find_spec(".".join(["airflow.providers", *provider])) is not None
    except ModuleNotFoundError:
        installed = False
    return None if installed else f"apache-airflow-providers-{'-'.join(provider)}"


def _moved(module: str) -> str:
    return "what the provider's changelog names" if module.startswith("airflow.providers.") else ""


def _for_module(module: str) -> str:
    if module not in MODULES and (places := places_of(module)):
        modules = sorted({place.module for place in places})
        names = ", ".join(sorted({place.name for place in places}))
        return f"{modules[0]} ({names})" if len(modules) == 1 else " or ".join(modules)
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if (instead := MODULES.get(".".join(parts[:length]))) is not None:
            return instead
    return ""
