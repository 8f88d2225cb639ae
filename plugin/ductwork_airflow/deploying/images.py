"""Whether an image is in ECR, and for the architecture that its jobs run on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from botocore.exceptions import ClientError

from ductwork_airflow.aws.clients import Aws
from ductwork_airflow.aws.errors import code, message
from ductwork_airflow.deploying.findings import BAD, GOOD, UNKNOWN, Finding

_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<name>[^:@]+)(?P<which>[:@].+)?"
)
# What Batch calls an architecture, and what images do.
ARCHITECTURES = {"X86_64": "amd64", "ARM64": "arm64"}
_MEDIA_TYPES = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
]


def check(aws: Aws, image: str, architecture: str) -> Iterator[Finding]:
    """Look for an image.

    :param architecture: as Batch calls it, ``X86_64`` or ``ARM64``
    """
    about, found = f"image {image}", _ECR.fullmatch(image)
    if found is None:
        what = "it is not in ECR, so nobody here knows whether it is there"
        yield Finding(about, UNKNOWN, what, f"docker pull {image}")
        return
    which = found["which"] or ":latest"
    wanted = {"imageTag": which[1:]} if which[0] == ":" else {"imageDigest": which[1:]}
    try:
        answer = aws.client("ecr").batch_get_image(
            registryId=found["account"],
            repositoryName=found["name"],
            imageIds=[wanted],
            acceptedMediaTypes=_MEDIA_TYPES,
        )
    except ClientError as error:
        if code(error) != "RepositoryNotFoundException":
            raise
        create = f"aws ecr create-repository --repository-name {found['name']} && "
        yield Finding(about, BAD, f"it is not there: {message(error)}", f"{create}docker push {image}")
        return
    if not answer["images"]:
        why = ", ".join(each.get("failureReason", "") for each in answer.get("failures", ()))
        yield Finding(about, BAD, f"it is not there: {why}", f"docker push {image}")
        return
    yield _of_architecture(about, image, answer["images"][0]["imageManifest"], ARCHITECTURES[architecture])


def _of_architecture(about: str, image: str, manifest: str, wanted: str) -> Finding:
    """An index names architectures; of a single image the manifest does not tell."""
    parts = json.loads(manifest).get("manifests")
    if parts is None:
        return Finding(about, GOOD, f"for one architecture, which it does not tell; jobs run on {wanted}")
    has = {each.get("platform", {}).get("architecture") for each in parts}
    if wanted in has:
        return Finding(about)
    what = f"it is for {', '.join(sorted(filter(None, has)))}, and jobs run on {wanted}"
    return Finding(about, BAD, what, f"docker buildx build --platform linux/{wanted} -t {image} --push .")
