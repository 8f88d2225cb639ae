from datetime import datetime, timedelta

from airflow.sdk import DAG, task

with DAG("etl", schedule="0 6 * * *", start_date=datetime(2026, 1, 1), catchup=False):

    @task
    def start(ds=None):
        return ds

    @task(retries=2, retry_delay=timedelta(minutes=1))
    def extract_orders(day):
        return list(range(10))

    @task
    def extract_items(day):
        return list(range(20))

    @task
    def extract_users(day):
        return list(range(30))

    @task
    def gather(*rows):
        return [len(each) for each in rows]

    @task
    def plan(counts):
        return counts

    @task
    def clean(count):
        return count * 2

    @task
    def total(cleaned):
        return sum(cleaned)

    @task
    def check(number):
        return number

    @task(trigger_rule="all_done")
    def end(number):
        print(number)

    day = start()
    rows = gather(extract_orders(day), extract_items(day), extract_users(day))
    end(check(total(clean.expand(count=plan(rows)))))
