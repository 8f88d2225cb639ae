"""Whether a run is still to be submitted: it may be stopped, or restarted, while somebody submits it.

Who stops a run says so in its item first, and then ends the jobs that the claims know. So a job whose id was in its
claim before the submitter found the run going on is known to whoever stops it later. A submitter that finds its run
stopped ends the others, those it has made since.
"""

from __future__ import annotations

import threading
import time

from ductwork_airflow.submit.claims import Claims
from ductwork_airflow.submit.errors import SubmissionError

# A submitter looks so often at its run's item, which in a large chain is large.
LOOK_SECONDS = 1.0


class StoppedError(SubmissionError):
    """The run is not to be submitted any more."""


class Going:
    """Asked before each job, by any number of threads.

    :ivar unseen: ids of jobs that whoever stops the run may not know
    """

    def __init__(self, claims: Claims) -> None:
        self._claims, self._lock = claims, threading.Lock()
        self._looked = float("-inf")
        self.unseen: set[str] = set()

    def made(self, job_id: str) -> None:
        """A job's id is in its claim."""
        with self._lock:
            self.unseen.add(job_id)

    def check(self, *, last: bool = False) -> None:
        """
        :param last: nothing more is on its way; however short the last look is ago
        :raises StoppedError: the run was stopped, has ended, or has been restarted since
        """
        with self._lock:
            if not last and time.monotonic() - self._looked < LOOK_SECONDS:
                return
            known = set(self.unseen)
            if (why := self._claims.is_over(submitted=last)) is not None:
                raise StoppedError(
                    f"run {self._claims.run_id!r} of DAG {self._claims.dag_id!r} {why}: nothing more of it is submitted"
                )
            self.unseen -= known
            self._looked = time.monotonic()
