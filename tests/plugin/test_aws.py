"""What processes forked from a warmed-up one share of AWS's client library, and what they do not."""

import json
import subprocess
import sys

FORKED = """
import json, os
import boto3
from ductwork_airflow.aws import clients as aws

os.environ |= {"AWS_ACCESS_KEY_ID": "the pool's", "AWS_SECRET_ACCESS_KEY": "s", "AWS_PROFILE": "none such"}
aws.warm_up("dynamodb")
read = []
loader = boto3.DEFAULT_SESSION._loader
loader.file_loader.load_file = lambda path: read.append(path) if loader.file_loader.exists(path) else None
if os.fork():
    os.wait()
else:
    del os.environ["AWS_PROFILE"]
    os.environ |= {"AWS_ACCESS_KEY_ID": "its own", "AWS_DEFAULT_REGION": "us-west-2"}
    client = boto3.client("dynamodb")
    key = client._request_signer._credentials.access_key
    print(json.dumps([key, client.meta.region_name, read]))
"""


def test_a_forked_process_finds_its_own_credentials_and_reads_no_file_again():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["its own", "us-west-2", []]
