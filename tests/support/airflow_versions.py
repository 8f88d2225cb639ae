"""Names of Airflow's that tests use and that the supported versions have in different places."""

try:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.models.expandinput import NotFullyPopulated
    from airflow.serialization.definitions.mappedoperator import get_mapped_ti_count
    from airflow.serialization.serialized_objects import DagSerialization
except ImportError:  # before 3.2
    from airflow.models.dagbag import DagBag
    from airflow.models.mappedoperator import get_mapped_ti_count
    from airflow.sdk.definitions._internal.expandinput import NotFullyPopulated
    from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization

__all__ = ["DagBag", "DagSerialization", "NotFullyPopulated", "get_mapped_ti_count"]
