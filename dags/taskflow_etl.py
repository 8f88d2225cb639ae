"""A TaskFlow pipeline: values travel between tasks as XComs, two branches run side by side."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import dag, task


@dag(schedule=None, start_date=datetime(2026, 1, 1), catchup=False, tags=["example"], params={"rows": 20})
def taskflow_etl():
    @task
    def extract(params: dict) -> list[dict]:
        """One order a row, with amounts that need no randomness to be checked."""
        return [{"order": number, "amount": number * 1.5} for number in range(params["rows"])]

    @task(multiple_outputs=True)
    def transform(orders: list[dict]) -> dict:
        amounts = [order["amount"] for order in orders]
        return {"count": len(amounts), "total": sum(amounts)}

    @task
    def largest(orders: list[dict]) -> int:
        return max(orders, key=lambda order: order["amount"])["order"]

    @task
    def load(count: int, total: float, top: int) -> str:
        return f"{count} orders, {total:.2f} in total, the largest is number {top}"

    orders = extract()
    summary = transform(orders)
    load(summary["count"], summary["total"], largest(orders))


taskflow_etl()
