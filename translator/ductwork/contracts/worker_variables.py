"""Variables of a worker's environment that schedules set and workers read."""

from __future__ import annotations

from typing import Final

# The DAG that a worker runs a task of.
DAG_ID_VARIABLE: Final = "DUCTWORK_DAG_ID"
# A worker that finds this in its environment has nothing to do.
JOIN_VARIABLE: Final = "DUCTWORK_JOIN"
# A worker that finds this tells a skipped task by an error, so that what its machine takes for success is one.
SKIP_FAILS_VARIABLE: Final = "DUCTWORK_SKIP_FAILS"
# Where in S3 the DAG files are that the schedule was compiled from: s3://BUCKET/PREFIX/HASH.zip.
DAG_CODE_VARIABLE: Final = "DUCTWORK_DAG_CODE"
