"""Sends batches over one stream, several at a time, and resends those that a lost connection left unanswered.

Nothing is lost: a batch is kept until it is answered. Nothing is duplicated: each row has its key, and the service
returns `repeated` for a row it already has.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
from pb.intake.v1 import intake_pb2, intake_pb2_grpc

from accord.importing.batch import AnswerMismatch, Batch
from accord.importing.journal import Outcome

_CODE = grpc.StatusCode
_EOF = grpc.aio.EOF  # type: ignore[attr-defined]
# A restart of the service takes seconds; a fault in it would come back each time.
_PASSING = {_CODE.UNAVAILABLE, _CODE.DEADLINE_EXCEEDED, _CODE.CANCELLED, _CODE.ABORTED}
_DOUBTFUL = {_CODE.INTERNAL, _CODE.UNKNOWN, _CODE.RESOURCE_EXHAUSTED}


class TransferStopped(Exception):
    """The transfer cannot continue; the processed rows are in the journal."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how often to retry. Times in seconds; tries are counted until a batch is answered.

    first_tries: before the first answer, when the address may simply be wrong.
    """

    in_flight: int = 8
    answer: float = 60.0
    stream: float = 900.0
    tries: int = 40
    first_tries: int = 8
    doubtful_tries: int = 8
    first_pause: float = 0.2
    longest_pause: float = 5.0


class _Tries:
    """Counts streams that ended without an answer, and decides when to give up."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._ever = False
        self._all = self._doubtful = 0

    def exhausted(self, error: Exception, progress: bool) -> bool:
        """Count a stream that ended with this error, after progress or without; tell whether to give up."""
        code = error.code() if isinstance(error, grpc.aio.AioRpcError) else None
        if progress:
            self._ever, self._all, self._doubtful = True, 0, 0
        self._all += 1
        self._doubtful += code in _DOUBTFUL
        if code is _CODE.UNAUTHENTICATED:
            return not progress  # a token that expired meanwhile: the next stream has a new one
        if code is not None and code not in _PASSING and code not in _DOUBTFUL:
            return True
        most = self._patience.tries if self._ever else self._patience.first_tries
        return self._all >= most or self._doubtful >= self._patience.doubtful_tries

    def pause(self) -> float:
        """Return the seconds to wait before the next stream."""
        return float(min(self._patience.longest_pause, self._patience.first_pause * 2 ** (self._all - 1)))


class Transfer:
    """One transfer: takes batches, reports every outcome (in the order of answers) and every retry."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        token: Callable[[], str],
        on_outcome: Callable[[Outcome], None],
        on_retry: Callable[[str], None] = lambda _: None,
        patience: Patience = Patience(),
    ) -> None:
        self._stub: Any = intake_pb2_grpc.IntakeServiceStub(channel)
        self._token = token
        self._on_outcome = on_outcome
        self._on_retry = on_retry
        self._patience = patience
        self._unanswered: deque[Batch] = deque()
        self._room = asyncio.Event()
        self._all_sent = False
        self._unreadable: Exception | None = None
        self._progress = False
        self._tries = _Tries(patience)

    async def run(self, batches: Iterator[Batch]) -> None:
        """Return when every batch is answered. Raises TransferStopped, or what reading the batches raised."""
        while True:
            self._progress = False
            try:
                await self._stream(batches)
            except (grpc.aio.AioRpcError, TimeoutError, ConnectionError) as error:
                text = _explain(error)
                if self._tries.exhausted(error, self._progress):
                    raise TransferStopped(text) from error
                self._on_retry(text)
                await asyncio.sleep(self._tries.pause())
                continue
            except AnswerMismatch as error:
                raise TransferStopped(f"unexpected response from the service: {error}") from error
            if self._unreadable:
                raise self._unreadable
            return

    async def _stream(self, batches: Iterator[Batch]) -> None:
        """Send and receive until everything is answered; raise the error that ended it early."""
        metadata = (("authorization", f"Bearer {self._token()}"), ("accept-language", "en"))
        call = self._stub.ImportReports(metadata=metadata, timeout=self._patience.stream)
        # A separate task: if writing and reading took turns, both sides could wait for the other's full window.
        writer = asyncio.create_task(self._write(call, batches))
        try:
            while True:
                response = await asyncio.wait_for(call.read(), self._patience.answer)
                if response is _EOF:
                    break
                self._answer(response)
        finally:
            call.cancel()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        if self._unanswered or not self._all_sent:
            raise ConnectionError("the service ended the stream early")

    async def _write(
        self, call: grpc.aio.StreamStreamCall[intake_pb2.ImportReportsRequest, intake_pb2.ImportReportsResponse],
        batches: Iterator[Batch],
    ) -> None:  # fmt: skip
        try:
            for batch in list(self._unanswered):
                await call.write(batch.request())
            while not self._all_sent:
                while len(self._unanswered) >= self._patience.in_flight:
                    self._room.clear()
                    await self._room.wait()
                following = self._next(batches)
                if following is None:
                    self._all_sent = True
                elif following.rows:
                    self._unanswered.append(following)
                    await call.write(following.request())
                else:
                    self._on_outcome(following.outcome())
            await call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the reader learns why

    def _next(self, batches: Iterator[Batch]) -> Batch | None:
        try:
            return next(batches, None)
        except Exception as error:
            # What was sent before still gets its answers; `run` raises this afterwards.
            self._unreadable = error
            return None

    def _answer(self, response: intake_pb2.ImportReportsResponse) -> None:
        if not self._unanswered:
            raise AnswerMismatch("received an answer to a batch that was not sent")
        outcome = self._unanswered[0].outcome(response.results)
        self._on_outcome(outcome)
        self._unanswered.popleft()
        self._progress = True
        self._room.set()


def _explain(error: Exception) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error) or "the service did not answer in time"
