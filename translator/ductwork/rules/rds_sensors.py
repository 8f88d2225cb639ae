"""Sensors of RDS: databases, clusters, snapshots, exports. What is not there is "not yet"."""

from __future__ import annotations

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir import AwsSensor
from ductwork.ir.aws_call import Phrase
from ductwork.ir.aws_sensor import Absent, Holds
from ductwork.rules.aws_calls import Given
from ductwork.rules.aws_sensors import fails, over, poke, sensor_rule, texts
from ductwork.rules.base import Decline

_SENSORS = "airflow.providers.amazon.aws.sensors.rds"
_AVAILABLE = ("available",)
_EXPORTED = ("starting", "in_progress", "complete", "canceling", "canceled")
# By db_type: action, member of the request, list, status, error.
_DATABASES = {
    "instance": ("DescribeDBInstances", "DBInstanceIdentifier", "DBInstances", "DBInstanceStatus", "DBInstance"),
    "cluster": ("DescribeDBClusters", "DBClusterIdentifier", "DBClusters", "Status", "DBCluster"),
}
_SNAPSHOTS = {
    "instance": ("DescribeDBSnapshots", "DBSnapshotIdentifier", "DBSnapshots", "Status", "DBSnapshot"),
    "cluster": (
        *("DescribeDBClusterSnapshots", "DBClusterSnapshotIdentifier", "DBClusterSnapshots", "Status"),
        "DBClusterSnapshot",
    ),
}


def _of_type(given: Given, kinds: dict[str, tuple[str, str, str, str, str]], name: str) -> AwsSensor | Decline:
    if given.is_set("hook_params"):
        return Decline("hook_params is set, which is for Airflow's hook, so a worker looks")
    action, member, found, status, missing = kinds[str(given.constant("db_type"))]
    return poke(
        "rds",
        action,
        {member: given[name]},
        over(Holds((found, 0, status), texts(given, "target_statuses", _AVAILABLE), lower=True)),
        absent=Absent(errors=(f"{missing}NotFoundFault",)),
    )


def _database(given: Given) -> AwsSensor | Decline:
    return _of_type(given, _DATABASES, "db_identifier")


def _snapshot(given: Given) -> AwsSensor | Decline:
    return _of_type(given, _SNAPSHOTS, "db_snapshot_identifier")


def _export(given: Given) -> AwsSensor | Decline:
    if given.is_set("hook_params"):
        return Decline("hook_params is set, which is for Airflow's hook, so a worker looks")
    status, export = ("ExportTasks", 0, "Status"), given["export_task_identifier"]
    errors = texts(given, "error_statuses", ("failed",))
    if len(errors) != 1:
        return Decline("error_statuses are several, so a worker says which one it was")
    error = Phrase(("AirflowException: Export task ", export, " failed with status ", errors[0]))
    return poke(
        "rds",
        "DescribeExportTasks",
        {"ExportTaskIdentifier": export},
        fails(error, Holds(status, errors, lower=True)),
        over(Holds(status, texts(given, "target_statuses", _EXPORTED), lower=True)),
        absent=Absent(errors=("ExportTaskNotFoundFault",)),
    )


RULE = sensor_rule(
    "rds_sensors",
    {
        f"{_SENSORS}.RdsDbSensor": _database,
        f"{_SENSORS}.RdsSnapshotExistenceSensor": _snapshot,
        f"{_SENSORS}.RdsExportTaskExistenceSensor": _export,
    },
    f"{AMAZON_PROVIDER}/operators/rds.html",
    arguments={
        **dict.fromkeys(("DBInstanceIdentifier", "DBClusterIdentifier"), "db_identifier"),
        **dict.fromkeys(("DBSnapshotIdentifier", "DBClusterSnapshotIdentifier"), "db_snapshot_identifier"),
        "ExportTaskIdentifier": "export_task_identifier",
    },
)
