"""Background loops of a process: restarted whatever happens, counted, with a truthful status.

No error ends a loop for good: it is started again after a growing pause. The code that keeps it cannot fail
either; in particular it logs an error only if it can.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import grpc
import structlog
from prometheus_client import Counter, Gauge

from casework.errors import CaseError

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0
WITHIN = 60.0
"""Seconds within which an iteration must finish; a loop that takes longer hangs."""

WELL = Gauge("accord_loop_well", "Whether a background loop of this process does its work: 1 or 0.", ["loop"])
RESTARTS = Counter("accord_loop_restarts_total", "Times a background loop failed and was started again.", ["loop"])
TURNED = Gauge("accord_loop_turned_timestamp_seconds", "When a background loop last finished an iteration.", ["loop"])

log = structlog.get_logger()


@dataclass
class Loop:
    """The status of one loop. The code in it reports the start and end of each iteration."""

    name: str
    within: float = WITHIN
    fault: str = "has not run yet"
    """Why it is not healthy; empty if it is."""
    begun: float | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)
    pause: float = _FIRST_PAUSE

    def begin(self) -> None:
        """Report the start of an iteration: from now on it is timed."""
        self.begun = time.monotonic()

    def turned(self) -> None:
        """Report that all work is done; the next work may arrive at any time."""
        if self.fault and self.pause > _FIRST_PAUSE:
            _tell(lambda: log.info("a loop has recovered", loop=self.name))
        self.fault, self.begun, self.pause = "", None, _FIRST_PAUSE
        TURNED.labels(self.name).set_to_current_time()

    def standing(self) -> str:
        """Return `well`, or the problem."""
        if self.fault:
            return self.fault
        if self.begun is not None and time.monotonic() - self.begun > self.within:
            return f"hangs for more than {self.within:g} s"
        return "well"

    def failed(self, why: str) -> None:
        """Record that it ended and will be restarted."""
        self.fault, self.begun = why, None
        RESTARTS.labels(self.name).inc()
        self.pause = min(self.pause * 2, _LONGEST_PAUSE)


Work = Callable[[Loop], Awaitable[None]]


class Loops:
    """The background loops of one process."""

    def __init__(self) -> None:
        self._loops: dict[str, Loop] = {}

    def start(self, name: str, work: Work, within: float = WITHIN) -> None:
        """Run this for ever; one iteration may take `within` seconds."""
        loop = self._loops[name] = Loop(name, within)
        WELL.labels(name).set_function(lambda: float(loop.standing() == "well"))
        loop.task = asyncio.get_running_loop().create_task(_keep(loop, work), name=name)

    def standing(self) -> dict[str, str]:
        """Return for each loop `well`, or the problem."""
        return {name: loop.standing() for name, loop in self._loops.items()}

    @property
    def well(self) -> bool:
        """Whether every loop does its work."""
        return all(standing == "well" for standing in self.standing().values())

    async def stop(self) -> None:
        """Stop them all."""
        tasks = [loop.task for loop in self._loops.values() if loop.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep(loop: Loop, work: Work) -> None:
    while True:
        loop.begin()
        try:
            await work(loop)
            why = "ended"
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            why = "was cut off"  # a call of it was cancelled, not the loop
        except Exception as error:
            why = _named(error)
            _tell_of(loop, error, why)
        loop.failed(why)
        await asyncio.sleep(loop.pause)


def _named(error: Exception) -> str:
    """Return the error in a word, without any data that was sent or stored."""
    if isinstance(error, CaseError):
        return str(error.reason)
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code().name
    return type(error).__name__


def _tell_of(loop: Loop, error: Exception, why: str) -> None:
    """Write one line for each new kind of error; unavailability needs no traceback."""
    if loop.fault == why:
        return
    if isinstance(error, CaseError | grpc.aio.AioRpcError | ConnectionError):
        _tell(lambda: log.warning("a loop failed", loop=loop.name, fault=why))
    else:
        _tell(lambda: log.error("a loop failed", loop=loop.name, fault=why, exc_info=error))


def _tell(write: Callable[[], object]) -> None:
    with suppress(Exception):
        write()
