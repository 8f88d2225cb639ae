"""Waiting for what happens by itself."""

import time
from collections.abc import Callable


def until(look: Callable[[], object], seconds: float = 40) -> None:
    """Look again and again until what is looked for is there.

    :param seconds: how long at most
    """
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.05)
