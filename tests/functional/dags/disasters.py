"""Independent tasks that each end badly in another way."""

import os
import signal

from airflow.sdk import DAG, task

with DAG("disasters"):

    @task
    def raises():
        raise ValueError("the figures do not add up")

    @task
    def unserialisable():
        return object()

    @task
    def too_large():
        return "x" * 500_000

    @task
    def kills_itself():
        os.kill(os.getpid(), signal.SIGKILL)

    @task(retries=1, retry_delay=1)
    def kills_its_worker():
        """As a lost host does: the supervisor dies with the task."""
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    @task(retries=2, retry_delay=1, retry_exponential_backoff=True)
    def fails_then_dies(ti):
        if ti.try_number == 1:
            raise ValueError("this time it says so")
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    @task
    def fine():
        return 1

    @task
    def below(value):
        return value

    raises()
    unserialisable()
    too_large()
    below.override(task_id="below_killed")(kills_its_worker())
    kills_itself()
    fails_then_dies()
    fine()
