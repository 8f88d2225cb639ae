"""What the container of a job prints, from its CloudWatch stream into the task's own log."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ductwork_airflow.aws.errors import NOT_FOUND, code

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

GROUP = "/aws/batch/job"
# What the log driver holds back, it sends within seconds of the container's end.
_SETTLED_SECONDS = 2.0
_LOOK_SECONDS = 0.5


class ContainerLog:
    """The lines of one job.

    :param client: a boto3 client of CloudWatch Logs
    :param show: called with each line
    :param keep: how many of the last lines are kept; None: all
    """

    def __init__(self, client: CloudWatchLogsClient, show: Callable[[str], None], keep: int | None) -> None:
        self._client, self._show = client, show
        self.lines: deque[str] = deque(maxlen=keep)
        self._token: str | None = None

    def follow(self, stream: str | None) -> bool:
        """Show what has come since the last call.

        :param stream: as DescribeJobs has it; None before the container has started
        :return: whether something has come
        :raises ClientError: it may not be read
        """
        came = False
        while stream:
            after = {"nextToken": self._token} if self._token else {}
            try:
                page = self._client.get_log_events(
                    logGroupName=GROUP,
                    logStreamName=stream,
                    startFromHead=True,
                    **after,  # type: ignore[arg-type]  # of one member
                )
            except ClientError as error:
                # The stream is made when the container first prints something.
                if code(error) == NOT_FOUND:
                    return came
                raise
            for event in page["events"]:
                came = True
                self.lines.append(event["message"])
                self._show(event["message"])
            # At the end the same token comes back.
            before, self._token = self._token, page["nextForwardToken"]
            if before == self._token:
                return came
        return came

    def settle(self, stream: str | None) -> None:
        """Wait for the last lines of a container that has ended, until nothing has come for a while."""
        quiet_since = time.monotonic()
        while stream and time.monotonic() - quiet_since < _SETTLED_SECONDS:
            if self.follow(stream):
                quiet_since = time.monotonic()
            time.sleep(_LOOK_SECONDS)
