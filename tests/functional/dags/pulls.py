"""XComs that a state machine can read, and such that it cannot."""

from airflow.providers.amazon.aws.operators.eventbridge import EventBridgePutEventsOperator
from airflow.sdk import DAG, task


def event(task_id, detail):
    entries = [{"Source": "pulls", "DetailType": "d", "Detail": detail}]
    return EventBridgePutEventsOperator(task_id=task_id, entries=entries)


with DAG("pulls", default_args={"retries": 0}):

    @task
    def made(ti):
        ti.xcom_push(key="fits", value="é" * 10_000)
        ti.xcom_push(key="large", value="x" * 65_535)
        return 1, 2

    made() >> [
        event("fits", '{"length": {{ ti.xcom_pull("made", key="fits") | length }}}'),
        event("large", '{"length": {{ ti.xcom_pull("made", key="large") | length }}}'),
        event("pair", '{"pair": "{{ ti.xcom_pull("made") }}"}'),
        event("none", '{"none": "{{ ti.xcom_pull("made", key="gone") }}"}'),
    ]
