"""DW104: what Airflow 3 removed, and that what we name in its place is there."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re

import pytest
from compiling import HEADER_LINES, compile_files, write_dag
from ductwork.frontend import airflow2_removals

_BASH = "airflow.providers.standard.operators.bash"
_PYTHON = "airflow.providers.standard.operators.python"

# import line -> (what the message says is gone, what it names instead)
REMOVED = {
    "import airflow.operators.bash_operator": ("airflow.operators.bash_operator", _BASH),
    "from airflow.operators.python_operator import PythonOperator": ("airflow.operators.python_operator", _PYTHON),
    "from airflow.operators.dummy_operator import DummyOperator": ("airflow.operators.dummy_operator", "EmptyOperator"),
    "from airflow.operators.dummy import DummyOperator": ("airflow.operators.dummy", "EmptyOperator"),
    "from airflow.operators.empty import DummyOperator": ("airflow.operators.empty.DummyOperator", "EmptyOperator"),
    "from airflow.operators.subdag import SubDagOperator": ("airflow.operators.subdag", "airflow.sdk.TaskGroup"),
    "from airflow.operators.sensors import ExternalTaskSensor": ("airflow.operators.sensors", "standard.sensors"),
    "from airflow.operators.http_operator import SimpleHttpOperator": (
        "http_operator",
        "providers.http.operators.http",
    ),
    "from airflow.operators.branch_operator import X": ("branch_operator", "standard.operators.branch"),
    "from airflow.operators.slack_operator import X": ("slack_operator", "airflow.providers.slack.operators.slack"),
    "from airflow.operators.s3_to_hive_operator import X": (
        "s3_to_hive_operator",
        "apache.hive.transfers.s3_to_hive (S3ToHiveOperator)",
    ),
    "from airflow.operators import BashOperator": ("airflow.operators.BashOperator", f"{_BASH}.BashOperator"),
    "from airflow.operators import PythonOperator": ("PythonOperator", f"{_PYTHON}.PythonOperator"),
    "from airflow.sensors.sql_sensor import SqlSensor": ("sql_sensor", "airflow.providers.common.sql.sensors.sql"),
    "from airflow.sensors.s3_key_sensor import S3KeySensor": (
        "s3_key_sensor",
        "airflow.providers.amazon.aws.sensors.s3",
    ),
    "from airflow.sensors.web_hdfs_sensor import X": ("web_hdfs_sensor", "hdfs.sensors.web_hdfs (WebHdfsSensor)"),
    "from airflow.hooks.base_hook import BaseHook": ("airflow.hooks.base_hook", "airflow.sdk (BaseHook)"),
    "from airflow.hooks.postgres_hook import X": ("postgres_hook", "airflow.providers.postgres.hooks.postgres"),
    "from airflow.hooks.hive_hooks import X": (
        "airflow.hooks.hive_hooks",
        "airflow.providers.apache.hive.hooks.hive (",
    ),
    "from airflow.contrib.operators.ssh_operator import X": (
        "airflow.contrib.operators.ssh_operator",
        "airflow.providers.ssh.operators.ssh",
    ),
    "from airflow.contrib.hooks.aws_hook import AwsHook": ("contrib.hooks.aws_hook", "aws.hooks.base_aws"),
    "import airflow.contrib.sensors.file_sensor": ("contrib.sensors.file_sensor", "standard.sensors.filesystem"),
    "from airflow.contrib.hooks.gcs_hook import X": (
        "airflow.contrib.hooks.gcs_hook",
        "airflow.providers.google.cloud.hooks.gcs (GCSHook)",
    ),
    "from airflow.utils.dates import days_ago": ("airflow.utils.dates.days_ago", "a fixed datetime"),
    "from airflow.utils.decorators import apply_defaults": ("apply_defaults", "leave it out: BaseOperator"),
    "from airflow.utils.helpers import chain": ("airflow.utils.helpers.chain", "airflow.sdk.chain"),
    "from airflow.datasets import Dataset": ("airflow.datasets", "Asset in place of Dataset"),
    "from airflow.kubernetes.secret import Secret": ("airflow.kubernetes.secret", "airflow.providers.cncf.kubernetes"),
    "from airflow.macros.hive import max_partition": (
        "airflow.macros.hive",
        "airflow.providers.apache.hive.macros.hive (",
    ),
    "from airflow.providers.http.operators.http import SimpleHttpOperator": ("SimpleHttpOperator", "HttpOperator"),
    "from airflow.providers.amazon.aws.operators.emr_create_job_flow import X": ("emr_create_job_flow", "changelog"),
    "from airflow.models.dataset import Dataset": ("airflow.models.dataset", "airflow.sdk (Asset in place of Dataset)"),
    "from airflow.providers.slack.notifications.slack_notifier import SlackNotifier": (
        "slack_notifier",
        "airflow.providers.slack.notifications.slack (SlackNotifier)",
    ),
    "from airflow.providers.amazon.aws.operators.aws_lambda import X": ("aws_lambda", "LambdaInvokeFunctionOperator"),
    "from airflow.providers.amazon.aws.hooks.lambda_function import AwsLambdaHook": (
        "AwsLambdaHook",
        "airflow.providers.amazon.aws.hooks.lambda_function.LambdaHook",
    ),
    "from airflow.providers.amazon.aws.operators.batch import AwsBatchOperator": (
        "AwsBatchOperator",
        "use airflow.providers.amazon.aws.operators.batch.BatchOperator",
    ),
    "from airflow.providers.amazon.aws.operators.glue import AwsGlueJobOperator": (
        "AwsGlueJobOperator",
        "use airflow.providers.amazon.aws.operators.glue.GlueJobOperator",
    ),
    "from airflow.providers.amazon.aws.operators.sqs import SQSPublishOperator": ("SQS", "sqs.SqsPublishOperator"),
    "import airflow; airflow.operators.BashOperator": ("airflow.operators", f"{_BASH}.BashOperator"),
}
ARGUMENTS = {
    "d = DAG('d', schedule_interval='@daily')": ("argument schedule_interval of DAG", "use schedule="),
    "d = DAG('d', timetable=None)": ("argument timetable of DAG", "use schedule="),
    "d = DAG('d', concurrency=1)": ("argument concurrency of DAG", "use max_active_tasks="),
    "d = DAG('d', fail_stop=True)": ("argument fail_stop of DAG", "use fail_fast="),
    "d = DAG('d', default_view='tree')": ("argument default_view of DAG", "leave it out: Airflow 3's UI has one view"),
    "d = DAG('d', orientation='LR')": ("argument orientation of DAG", "leave it out: Airflow 3's UI has one view"),
    "d = DAG('d', full_filepath='x')": ("argument full_filepath of DAG", "leave it out"),
    "BashOperator(task_id='t', bash_command='x', task_concurrency=1)": (
        "argument task_concurrency of BashOperator",
        "use max_active_tis_per_dag=",
    ),
    "PythonOperator(task_id='t', python_callable=print, provide_context=True)": (
        "argument provide_context of PythonOperator",
        "leave it out: callables get the context",
    ),
    "EmptyOperator(task_id='t', execution_date=None)": (
        "argument execution_date of EmptyOperator",
        "use logical_date=",
    ),
}
# Not written for an older Airflow: what is missing is a package, or a name that never was.
OTHER = {
    "from airflow.providers.google.cloud.operators.bigquery import X": "pip install apache-airflow-providers-google",
    "import airflow.providers.apache.spark.operators.spark_submit": "pip install apache-airflow-providers-apache-spark",
    "from airflow.providers.dbt.cloud.operators.dbt import X": "pip install apache-airflow-providers-dbt-cloud",
    "from airflow.sdk import Nonsense": "mend this line",
    "from airflow.providers.amazon.aws.operators.s3 import Nonsense": "mend this line",
    "DAG('d', nonsense=1)": "mend this line",
    "BashOperator(task_id='t', bash_command='x', nonsense=1)": "mend this line",
}


def finding(folder, line):
    (found,) = compile_files(write_dag(folder, f"x = 1\n{line}\n")).diagnostics
    assert found.origin.line == HEADER_LINES + 2
    return found


@pytest.mark.parametrize("line", [*REMOVED, *ARGUMENTS])
def test_the_replacement_is_named(line, tmp_path):
    used, instead = (REMOVED | ARGUMENTS)[line]
    found = finding(tmp_path, line)
    assert found.code == "DW104"
    gone, _, advice = found.what.partition(" is not in Airflow 3: ")
    assert used in gone
    assert instead in advice
    assert found.hint.startswith(f"run: ductwork upgrade {tmp_path / 'case.py'}")
    assert ("; and: pip install" in found.hint) == any(provider in advice for provider in UNCHECKED)


@pytest.mark.parametrize("line", OTHER)
def test_other_errors_are_not_called_old(line, tmp_path):
    found = finding(tmp_path, line)
    assert found.code == "DW103"
    assert OTHER[line] in found.hint


def _named(text):
    """The modules and attributes that an entry of the tables names: ``[(module, [attribute, …])]``."""
    match = re.match(r"airflow\.[\w.]*\w", text)
    if not match:
        return None
    attributes = re.search(r"\((\w+(?:, \w+)*)\)", text)
    return match[0], attributes[1].split(", ") if attributes else []


def _installed(module):
    if not module.startswith("airflow.providers."):
        return True
    for end in (3, 4):
        name = ".".join(module.split(".")[:end])
        try:
            if importlib.util.find_spec(name) is None:
                return False
        except ModuleNotFoundError:
            return False
    return True


NAMED = sorted(
    {text for text in [*airflow2_removals.MODULES.values(), *airflow2_removals.NAMES.values()] if _named(text)}
)
# Their providers are not among our requirements, so the modules they name cannot be looked at here.
UNCHECKED = {
    *("airflow.providers.apache.hdfs", "airflow.providers.apache.hive", "airflow.providers.apache.spark"),
    *("airflow.providers.google", "airflow.providers.mysql", "airflow.providers.postgres"),
    *("airflow.providers.slack", "airflow.providers.ssh"),
}


@pytest.mark.parametrize("text", [text for text in NAMED if _installed(_named(text)[0])])
@pytest.mark.filterwarnings("ignore")  # of replacements that are deprecated in their turn
def test_the_replacement_exists(text):
    module, attributes = _named(text)
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError:
        parent, _, name = module.rpartition(".")
        attributes, loaded = [name], importlib.import_module(parent)
    assert [name for name in attributes if not hasattr(loaded, name)] == []


def test_what_cannot_be_checked_is_listed():
    names = [_named(text)[0] for text in NAMED if not _installed(_named(text)[0])]
    assert [name for name in names if not name.startswith(tuple(UNCHECKED))] == []


@pytest.mark.parametrize("module", sorted(airflow2_removals.MODULES))
def test_every_module_of_the_table_is_reported_when_it_is_missing(module):
    removed = airflow2_removals.replacement(f"ModuleNotFoundError: No module named '{module}'")
    assert removed.used == f"module {module}"
    assert removed.instead == airflow2_removals.MODULES[module]


@pytest.mark.parametrize("argument", sorted(airflow2_removals.ARGUMENTS))
def test_every_argument_of_the_table_is_gone_or_ignored(argument):
    """An argument that the installed DAG or BaseOperator takes and honours must not be called removed."""
    from airflow.sdk import DAG, BaseOperator
    from ductwork.frontend import fields

    taken = {*inspect.signature(DAG.__init__).parameters, *inspect.signature(BaseOperator.__init__).parameters}
    ignored = fields.AIRFLOW in {fields.DAG.get(argument), fields.TASK.get(argument)}
    assert argument not in taken or ignored
