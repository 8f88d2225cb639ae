"""Old DAG files made ready for Airflow 3: ``ductwork upgrade``."""

from ductwork.upgrading.upgrade import Upgraded, upgrade

__all__ = ["Upgraded", "upgrade"]
