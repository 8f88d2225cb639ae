"""Tasks whose next try waits as long as only a worker knows. Each try leaves the moment of its start in a file."""

import os
import time
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, ExceptionRetryPolicy, RetryAction, RetryRule, task


def after(seconds):
    rule = RetryRule(exception=KeyError, action=RetryAction.RETRY, retry_delay=timedelta(seconds=seconds))
    return ExceptionRetryPolicy(rules=[rule])


TEN_MINUTES = timedelta(minutes=10)
SETTINGS = {
    "sooner": {"retry_delay": TEN_MINUTES, "retry_policy": after(2)},
    "later": {"retry_delay": timedelta(seconds=1), "retry_policy": after(12)},
    "growing": {"retry_delay": timedelta(seconds=2), "retry_exponential_backoff": 3, "retries": 2},
    "bounded": {
        "retry_delay": TEN_MINUTES,
        "retry_exponential_backoff": 2,
        "max_retry_delay": timedelta(seconds=4),
    },
}

with DAG("delays", default_args={"retries": 1}):

    @task
    def tried(ti, of=None):
        with (Path(os.environ["TRIES"]) / ti.task_id).open("a") as out:
            print(ti.try_number, max(ti.map_index, 0), time.time(), file=out)
        if ti.try_number <= ti.max_tries:
            raise KeyError("x")

    for name, settings in SETTINGS.items():
        tried.override(task_id=name, **settings)()
    # A Map, for no array holds its instances back; and an array, whose workers wait themselves.
    one_by_one = tried.override(task_id="in_map", max_active_tis_per_dagrun=1, **SETTINGS["sooner"])
    one_by_one.expand(of=[1, 2])
    tried.override(task_id="in_array", **SETTINGS["later"]).expand(of=[1, 2])
