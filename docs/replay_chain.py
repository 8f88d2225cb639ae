"""Submit an exported job chain with boto3 alone: python replay_chain.py DAG.batch.json [NAME=VALUE...]

Values fill the places ${NAME} of its jobs; what has no value stays as it is. This is enough where no job is a worker of
Ductwork's: the manifest, which says what workers and the ledger need, is not read.
"""

import json
import pathlib
import re
import sys

import boto3

path, values = pathlib.Path(sys.argv[1]), dict(each.split("=", 1) for each in sys.argv[2:])
batch, ids = boto3.client("batch"), {}
definitions = path.with_name(path.name.replace(".batch.json", ".jobdefinitions.json"))
for definition in json.loads(definitions.read_text()) if definitions.exists() else []:
    batch.register_job_definition(**definition)
for job in json.loads(path.read_text())["jobs"]:
    submit = re.sub(r"\$\{(.+?)\}", lambda place: values.get(place[1], place[0]), json.dumps(job["submit"]))
    above = [{"jobId": ids[name]} for name in job["depends_on"]]
    ids[job["name"]] = batch.submit_job(**json.loads(submit), dependsOn=above)["jobId"]
print(json.dumps(ids))
