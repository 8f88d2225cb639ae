"""Sensors in poke mode, soft_fail and timeouts included."""

from airflow.sdk import DAG, PokeReturnValue, task

with DAG("sensing"):

    @task.sensor(poke_interval=0.1, timeout=5, mode="poke")
    def sees(ti) -> PokeReturnValue:
        return PokeReturnValue(is_done=True, xcom_value="seen")

    @task.sensor(poke_interval=0.1, timeout=0.3, mode="poke", soft_fail=True)
    def gives_up_softly() -> PokeReturnValue:
        return PokeReturnValue(is_done=False)

    @task.sensor(poke_interval=0.1, timeout=0.3, mode="poke", retries=2)
    def gives_up() -> PokeReturnValue:
        return PokeReturnValue(is_done=False)

    @task
    def after(value):
        return value

    after(sees())
    gives_up_softly() >> after.override(task_id="below_soft")("never")
    gives_up()
