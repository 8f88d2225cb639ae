"""``ductwork run --local --dag-code``: the workers of a whole run fetch the DAG folder from the embedded S3."""

from pathlib import Path

from ductwork_airflow.dag_code.archive import pack

DAG = """
from airflow.sdk import DAG, task
from helpers import GREETING

with DAG("coded"):
    @task
    def where():
        return [__file__, GREETING]

    where()
"""


def test_workers_fetch_what_the_run_names(ductwork, tmp_path):
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "coded.py").write_text(DAG)
    (folder / "helpers.py").write_text("GREETING = 'hello'")
    uri = f"s3://my-bucket/code/{pack(folder, tmp_path).hash}.zip"
    ductwork.environment["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH"] = str(tmp_path / "storage")
    ductwork.environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(folder)
    ended = ductwork("run", folder / "coded.py", "--local", "--json", "--dag-code", uri)
    assert ended.code == 0, ended.err
    ((file, greeting),) = (task["return_value"] for task in ended.json["tasks"])
    assert Path(file) == tmp_path / "storage" / "dags-folder" / "versions" / uri[-68:-4] / "coded.py"
    assert greeting == "hello"

    (folder / "helpers.py").write_text("GREETING = 'good evening'")
    refused = ductwork("run", folder / "coded.py", "--local", "--json", "--dag-code", uri)
    assert refused.code == 1
    assert "DW516" in refused.err
    assert f"is not what {folder} has now" in refused.err.replace("\n", " ")
