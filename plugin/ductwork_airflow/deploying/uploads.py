"""What CloudFormation reads from a bucket: large definitions and templates, under keys that are hashes of them."""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import ClientError
from ductwork.contracts.names import short_hash

from ductwork_airflow.aws.errors import OBJECT_UNKNOWN, code
from ductwork_airflow.deploying.services import S3


def put_missing(client: S3, bucket: str, files: Mapping[str, str]) -> list[str]:
    """Upload what is not there yet.

    :param files: texts by keys that name their content, so one that is there is the right one
    :return: the keys that were uploaded
    """
    missing = [key for key in files if not _is_there(client, bucket, key)]
    for key in missing:
        client.put_object(Bucket=bucket, Key=key, Body=files[key].encode(), ContentType="application/json")
    return missing


def put_template(client: S3, bucket: str, text: str) -> str:
    """Upload a template; its URL."""
    key = f"ductwork/{short_hash(text, 32)}.template.json"
    put_missing(client, bucket, {key: text})
    # us-east-1 has none.
    region = client.get_bucket_location(Bucket=bucket)["LocationConstraint"] or "us-east-1"
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{bucket}.s3.{region}.{suffix}/{key}"


def _is_there(client: S3, bucket: str, key: str) -> bool:
    try:
        client.head_object(Bucket=bucket, Key=key)
        return True
    except ClientError as error:
        if code(error) in OBJECT_UNKNOWN:
            return False
        raise
