"""Sensors in both modes: seen, timed out, softly failed, and failing with an error."""

import tempfile
from datetime import timedelta
from pathlib import Path

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, PokeReturnValue, task


def empty(name, rule="all_success"):
    return EmptyOperator(task_id=name, trigger_rule=rule)


def sensors(mode):
    @task.sensor(poke_interval=1, timeout=60, mode=mode)
    def sees() -> PokeReturnValue:
        return PokeReturnValue(is_done=True, xcom_value=mode)

    @task.sensor(poke_interval=1, timeout=60, mode=mode)
    def sees_later() -> bool:
        looked = Path(tempfile.gettempdir()) / f"looked-{mode}"
        seen = looked.exists()
        looked.touch()
        return seen

    @task.sensor(poke_interval=1, timeout=2, mode=mode)
    def gives_up() -> bool:
        return False

    @task.sensor(poke_interval=1, timeout=2, mode=mode, soft_fail=True)
    def gives_up_softly() -> bool:
        return False

    @task.sensor(poke_interval=1, timeout=60, mode=mode, soft_fail=True, retries=1, retry_delay=timedelta(0))
    def breaks() -> bool:
        raise RuntimeError("on purpose")

    sees() >> empty("seen")
    sees_later() >> empty("seen_later")
    gives_up() >> [empty("not_reached"), empty("on_failure", "one_failed")]
    gives_up_softly() >> [empty("skipped_too"), empty("in_the_end", "all_done")]
    breaks() >> empty("after_error", "all_done")


with DAG("sensors_poke"):
    sensors("poke")

with DAG("sensors_reschedule"):
    sensors("reschedule")
