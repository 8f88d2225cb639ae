"""The home that Airflow and Ductwork share here is as ``airflow db migrate`` leaves one."""

import configparser
import sqlite3
from pathlib import Path

from cryptography.fernet import Fernet


def test_it_has_a_key_for_variables_and_its_own_paths(airflow_environment):
    home = Path(airflow_environment["AIRFLOW_HOME"])
    found = configparser.ConfigParser(interpolation=None)
    found.read(home / "airflow.cfg")
    assert Fernet(found["core"]["fernet_key"])
    assert found["database"]["sql_alchemy_conn"] == f"sqlite:///{home / 'airflow.db'}"
    assert found["core"]["plugins_folder"] == str(home / "plugins")


def test_its_database_is_migrated(airflow_environment):
    with sqlite3.connect(Path(airflow_environment["AIRFLOW_HOME"], "airflow.db")) as database:
        assert database.execute("SELECT count(*) FROM dag_run").fetchone() == (0,)
