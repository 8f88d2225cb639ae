"""What Airflow 1 and 2 had and Airflow 3 has elsewhere, or under another name: plain data, needs no Airflow."""

from ductwork.airflow2.names import Place, has_moved, is_airflow, moved, places_of

__all__ = ["Place", "has_moved", "is_airflow", "moved", "places_of"]
