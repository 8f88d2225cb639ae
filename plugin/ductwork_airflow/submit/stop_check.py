"""Whether a run is still to be submitted: it may be stopped, or restarted, while it is being submitted.

Who stops a run says so in its item first, and then ends the jobs that the claims know. So a job whose id was in its
claim before the submitter found the run going on is known to whoever stops it later. A submitter that finds its run
stopped ends the others, those it has made since.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from ductwork_airflow.aws.errors import SubmissionError
from ductwork_airflow.submit.claims import Claims

log = logging.getLogger(__name__)

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
        """Note that a job's id is in its claim."""
        with self._lock:
            self.unseen.add(job_id)

    def check(self, *, last: bool = False) -> None:
        """Raise if nothing more is to be submitted.

        :param last: nothing more is on its way; look even if the last look was a moment ago
        :raises StoppedError: the run was stopped, has ended, or has been restarted since
        """
        with self._lock:
            if not last and time.monotonic() - self._looked < LOOK_SECONDS:
                return
            seen_by_others = set(self.unseen)
            if (why := self._claims.is_over(submitted=last)) is not None:
                raise StoppedError(
                    f"run {self._claims.run_id!r} of DAG {self._claims.dag_id!r} {why}: nothing more of it is submitted"
                )
            self.unseen -= seen_by_others
            self._looked = time.monotonic()


def unless_stopped(submit: Callable[[], object]) -> bool:
    """Whether all has been submitted. What becomes of a run that somebody stops meanwhile, its watchers see."""
    try:
        submit()
    except StoppedError as error:
        log.warning("%s", error)
        return False
    return True
