"""How fast and how patiently jobs are submitted."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

# AWS Batch takes 50 SubmitJob calls a second of one account in one Region. Others submit too.
# https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
SUBMISSIONS_A_SECOND = 45.0
_SLOWEST = 0.5
_SLOWER, _FASTER = 0.5, 0.5


@dataclass(frozen=True)
class Pace:
    """How patient submission is, in seconds.

    :param lease: for how long a claim without an id is its owner's
    :param list_lag: for how long ListJobs may not know a new job yet
    :param backoff: the first wait after a refused or lost SubmitJob; it doubles
    :param attempts: how often a job is sent at the most
    :param rate: SubmitJob calls a second at the most
    :param at_once: how many jobs are on their way to AWS at a time; a job is sent after those it depends on
    """

    lease: float = 30.0
    list_lag: float = 3.0
    backoff: float = 1.0
    attempts: int = 8
    rate: float = SUBMISSIONS_A_SECOND
    at_once: int = 8


class Pacer:
    """Lets calls of any number of threads through, evenly, at a rate that follows what AWS can take.

    The rate is halved when AWS has throttled a call, and grows by half a call a second with each that went well. So all
    submitters of an account come to share its quota.

    :param rate: calls a second at the most, and to begin with
    """

    def __init__(self, rate: float) -> None:
        self._most = self.rate = rate
        self._lock = threading.Lock()
        self._next = self._slowed = 0.0

    def wait(self) -> None:
        """Return when the next call may be made."""
        with self._lock:
            moment = max(time.monotonic(), self._next)
            self._next = moment + 1 / self.rate
        time.sleep(max(0.0, moment - time.monotonic()))

    def went_well(self) -> None:
        """Speed up by half a call a second, up to the rate it began with."""
        with self._lock:
            self.rate = min(self._most, self.rate + _FASTER)

    def was_throttled(self) -> None:
        """Halve the rate. Calls that were under way together are throttled together, which counts once a second."""
        with self._lock:
            if time.monotonic() - self._slowed >= 1.0:
                self._slowed = time.monotonic()
                self.rate = max(_SLOWEST, self.rate * _SLOWER)
