"""Objects of S3 as files, and what S3 says against it in words that say what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from ductwork_airflow.aws import errors
from ductwork_airflow.aws.clients import Aws


class ObjectError(RuntimeError):
    """An object that cannot be read or written.

    :ivar lasting: to try again would fail in the same way
    """

    def __init__(self, message: str, *, lasting: bool = True) -> None:
        super().__init__(message)
        self.lasting = lasting


def download(bucket: str, key: str, path: Path, aws: Aws, missing: str = "it does not exist") -> None:
    """Write an object to a file.

    :param missing: what to say of an object that is not there
    :raises ObjectError: S3 does not give it
    :raises NoCredentialsError: nobody says who asks
    """
    try:
        answer = aws.client("s3").get_object(Bucket=bucket, Key=key)
        with path.open("wb") as file:
            shutil.copyfileobj(answer["Body"], file)
    except NoCredentialsError:
        raise
    except (ClientError, BotoCoreError) as error:
        raise refused(error, bucket, "s3:GetObject", missing) from error


def refused(error: Exception, bucket: str, needs: str, missing: str = "it does not exist") -> ObjectError:
    """What an error of botocore's means.

    :param needs: the actions that a role has to be allowed
    """
    if not isinstance(error, ClientError):
        return ObjectError(f"S3 cannot be reached: {error}", lasting=False)
    name = errors.code(error)
    if name == errors.BUCKET_UNKNOWN:
        return ObjectError(f"the bucket {bucket} does not exist")
    if name in errors.OBJECT_UNKNOWN:
        return ObjectError(missing)
    if errors.status(error) == 403 and name not in errors.CREDENTIALS_EXPIRED:
        return ObjectError(
            f"access is denied: the role needs {needs} for it; without s3:ListBucket a missing object is refused, too"
        )
    return ObjectError(f"S3 answers {errors.message(error)} ({name})", lasting=False)
