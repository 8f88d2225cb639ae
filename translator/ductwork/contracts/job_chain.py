"""A job chain's document: what the Batch back end writes, and submitters, mirrors and the chain machine read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from ductwork.contracts.json_types import JsonObject
from ductwork.contracts.run_item import Manifest


class _ChainJob(TypedDict):
    name: str
    depends_on: Sequence[str]
    submit: JsonObject


class ChainJob(_ChainJob, total=False):
    """One job.

    :ivar depends_on: names of jobs of the chain
    :ivar submit: the SubmitJob request, but for ``dependsOn``; texts ``${run:NAME}`` in it are values of the run
    :ivar group: of an array: what it depends on in the same group, it depends on child by child
    """

    group: str


class JobChain(TypedDict):
    """The document of a job chain.

    :ivar jobs: in topological order
    """

    version: int
    dag_id: str
    jobs: Sequence[ChainJob]
    manifest: Manifest
