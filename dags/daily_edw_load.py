"""A nightly warehouse load: fetch files, clean them, convert and aggregate side by side, load the result.

Every step does small real work in a folder under the system's temporary directory, so the DAG runs anywhere:
``ductwork run dags/daily_edw_load.py --local``, or under Airflow itself.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

REGIONS = ("north", "south", "east", "west")


def workspace(run_id: str) -> Path:
    """The folder in which one run keeps its files."""
    folder = Path(tempfile.gettempdir()) / "daily_edw_load" / run_id.replace(":", "-").replace("+", "-")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def fetch(run_id: str, ds: str) -> str:
    """Stand in for an FTP server: write one day's sales, some rows of them broken, as such files are."""
    path = workspace(run_id) / "sales.csv"
    numbers = random.Random(ds)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["day", "region", "amount"])
        for row in range(1000):
            amount = "n/a" if row % 97 == 0 else f"{numbers.uniform(1, 500):.2f}"
            rows.writerow([ds, numbers.choice(REGIONS), amount])
    return str(path)


def cleanse(run_id: str, ti) -> int:
    """Drop the rows whose amount is not a number."""
    with open(ti.xcom_pull(task_ids="FTP")) as file:
        good = [row for row in csv.DictReader(file) if row["amount"] != "n/a"]
    (workspace(run_id) / "clean.json").write_text(json.dumps(good))
    return len(good)


def aggregate(run_id: str) -> dict[str, float]:
    """Total the amounts by region."""
    totals = dict.fromkeys(REGIONS, 0.0)
    for row in json.loads((workspace(run_id) / "clean.json").read_text()):
        totals[row["region"]] += float(row["amount"])
    return {region: round(total, 2) for region, total in totals.items()}


def load(run_id: str, ti) -> int:
    """Check what was converted and write the totals, the way a COPY into a warehouse would."""
    with gzip.open(workspace(run_id) / "sales.csv.gz", "rt") as file:
        raw = sum(1 for _ in file) - 1
    totals = ti.xcom_pull(task_ids="Aggregate")
    with gzip.open(workspace(run_id) / "warehouse.json.gz", "wt") as file:
        json.dump({"raw_rows": raw, "clean_rows": ti.xcom_pull(task_ids="Cleanse"), "totals": totals}, file)
    return len(totals)


with DAG(
    dag_id="daily_edw_load",
    description="The nightly warehouse load",
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 1, "retry_delay": timedelta(minutes=1)},
    tags=["example"],
) as dag:
    ftp = PythonOperator(task_id="FTP", python_callable=fetch)
    clean = PythonOperator(task_id="Cleanse", python_callable=cleanse)
    convert = BashOperator(
        task_id="ConvertParquet",
        bash_command="gzip --keep --force \"{{ ti.xcom_pull(task_ids='FTP') }}\" && echo converted",
    )
    total = PythonOperator(task_id="Aggregate", python_callable=aggregate)
    warehouse = PythonOperator(task_id="LoadRedshift", python_callable=load)

    ftp >> [clean, convert]
    [ftp, clean] >> total
    [clean, convert, total] >> warehouse
