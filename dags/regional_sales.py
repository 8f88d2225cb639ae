"""Dynamic task mapping: how many files and regions there are is known only when the run has begun."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import dag, task, task_group


@dag(schedule=None, start_date=datetime(2026, 1, 1), catchup=False, tags=["example"])
def regional_sales():
    @task
    def list_files() -> list[str]:
        return ["eu-1.csv", "eu-2.csv", "us-1.csv"]

    @task
    def count_rows(file: str) -> dict:
        region, number = file.removesuffix(".csv").split("-")
        return {"region": region, "rows": 100 * int(number)}

    @task
    def regions(counts: list[dict]) -> list[str]:
        return sorted({count["region"] for count in counts})

    @task_group
    def report(region: str):
        """Once for each region: fetch, then publish."""

        @task
        def fetch(region: str) -> str:
            return f"sales of {region}"

        @task
        def publish(text: str) -> str:
            return f"published: {text}"

        return publish(fetch(region))

    @task
    def summary(published: list[str]) -> str:
        return "; ".join(published)

    counts = count_rows.expand(file=list_files())
    summary(report.expand(region=regions(counts)))


regional_sales()
