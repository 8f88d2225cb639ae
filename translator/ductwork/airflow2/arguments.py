"""Arguments that Airflow 3 and its providers' operators no longer take, and what each is now.

An empty text: left out, for nothing depends on it any more. Sources: the release notes of Airflow 2 and 3
(https://airflow.apache.org/docs/apache-airflow/stable/release_notes.html), and the providers' changelogs.
"""

from __future__ import annotations

from ductwork.airflow2.names import Place

DAG = {
    "schedule_interval": "schedule",
    "timetable": "schedule",
    "concurrency": "max_active_tasks",
    "fail_stop": "fail_fast",
    "default_view": "",
    "orientation": "",
    "full_filepath": "",
}
# Of every operator and sensor.
TASK = {
    "provide_context": "",
    "adhoc": "",
    "task_concurrency": "max_active_tis_per_dag",
    "max_active_tis": "max_active_tis_per_dag",
    "xcom_push": "do_xcom_push",
}
_POD = "airflow.providers.cncf.kubernetes.operators.pod"
_SQL = Place("airflow.providers.common.sql.operators.sql", "SQLExecuteQueryOperator")
# By the place of the class in Airflow 3.
OF_CLASS: dict[Place, dict[str, str]] = {
    Place("airflow.providers.standard.operators.trigger_dagrun", "TriggerDagRunOperator"): {
        "execution_date": "logical_date"
    },
    Place("airflow.providers.amazon.aws.operators.batch", "BatchOperator"): {"overrides": "container_overrides"},
    Place("airflow.timetables.assets", "AssetOrTimeSchedule"): {"datasets": "assets"},
    Place("airflow.providers.standard.operators.python", "PythonVirtualenvOperator"): {"use_dill": "serializer"},
    Place(_POD, "KubernetesPodOperator"): {"node_selectors": "node_selector", "resources": "container_resources"},
}
TRIGGER_RULES = {
    "dummy": "always",
    "none_failed_or_skipped": "none_failed_min_one_success",
    "NONE_FAILED_OR_SKIPPED": "NONE_FAILED_MIN_ONE_SUCCESS",
    "DUMMY": "ALWAYS",
}


class SqlOperator:
    """An operator of one kind of database, in whose place there is SQLExecuteQueryOperator.

    :param conn_id: the argument that named the connection
    :param default: the connection it had if none was named
    :param hook_params: arguments that are hook parameters now, and their names there
    """

    place = _SQL

    def __init__(self, conn_id: str, default: str, **hook_params: str) -> None:
        self.conn_id = conn_id
        self.default = default
        self.hook_params = hook_params


def now(place: Place, argument: str) -> str:
    """What an argument of a class in its present place is now, as ``name=``; empty if the tables do not say."""
    if place == SqlOperator.place:
        for each in SQL_OPERATORS.values():
            if argument == each.conn_id:
                return "conn_id="
            if argument in each.hook_params:
                return f'hook_params={{"{each.hook_params[argument]}": ...}}'
    new = OF_CLASS.get(place, {}).get(argument) or TASK.get(argument)
    return f"{new}=" if new else ""


_SNOWFLAKE = ("warehouse", "database", "role", "schema", "authenticator", "session_parameters")
# By the class's name in any of its modules.
SQL_OPERATORS = {
    "PostgresOperator": SqlOperator("postgres_conn_id", "postgres_default"),
    "MySqlOperator": SqlOperator("mysql_conn_id", "mysql_default", database="schema"),
    "MsSqlOperator": SqlOperator("mssql_conn_id", "mssql_default", database="schema"),
    "SqliteOperator": SqlOperator("sqlite_conn_id", "sqlite_default"),
    "OracleOperator": SqlOperator("oracle_conn_id", "oracle_default"),
    "JdbcOperator": SqlOperator("jdbc_conn_id", "jdbc_default"),
    "SnowflakeOperator": SqlOperator("snowflake_conn_id", "snowflake_default", **{each: each for each in _SNOWFLAKE}),
    "VerticaOperator": SqlOperator("vertica_conn_id", "vertica_default"),
    "TrinoOperator": SqlOperator("trino_conn_id", "trino_default"),
    "ExasolOperator": SqlOperator("exasol_conn_id", "exasol_default", schema="schema"),
    "RedshiftSQLOperator": SqlOperator("redshift_conn_id", "redshift_default"),
}
