"""When a call that failed is made again, and when not."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from accord_client.errors import AccordError, Unauthenticated

_FIRST = 0.1
_LONGEST = 5.0

OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", 32 * 1024 * 1024),
    # An error with its details comes as metadata; between the library's own two limits it is lost at random.
    ("grpc.max_metadata_size", 64 * 1024),
    ("grpc.absolute_max_metadata_size", 64 * 1024),
    # Feeds may be silent for long: a connection that is dead must be noticed. Services take a ping every 20 seconds.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # One who tries again is here, where it is known what may be repeated.
    ("grpc.enable_retries", 0),
]
"""How channels are opened."""


class Attempts:
    """The attempts at one call: the first, and those that follow until `patience` seconds are over."""

    def __init__(self, again: bool, patience: float, renew: Callable[[], bool]) -> None:
        self._again = again
        self._until = time.monotonic() + patience
        self._renew = renew
        self._renewed = False
        self._longest = _FIRST

    def pause(self, error: AccordError) -> float:
        """Return after how many seconds to try again; raise the error if the call is not to be made again.

        Longer each time, at random within the upper half, and never shorter than the service asks for.
        """
        if isinstance(error, Unauthenticated) and not self._renewed and self._renew():
            self._renewed = True  # it was refused before anything was done, whatever the call is
            return 0.0
        wait = max(error.retry_after, random.uniform(self._longest / 2, self._longest))
        self._longest = min(self._longest * 2, _LONGEST)
        if not (self._again and error.passes) or time.monotonic() + wait > self._until:
            raise error from None
        return wait
