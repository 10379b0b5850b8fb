"""The history of a case in a service that does not make its portable file: with its proofs, and signed for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pb.feed.v1 import history_pb2 as pb
from pb.feed.v1 import history_pb2_grpc

from casework.errors import CaseError, Reason, field_error
from casework.names import number_of
from casework.papers.portable.writing import Link, history, statement
from services.kit.serving.access import Context, current_call
from services.kit.serving.businesstime import BusinessTime
from services.kit.signatures import SigningKey
from services.kit.storage import feed_store
from services.kit.storage.database import Database
from services.kit.storage.feed import Owner
from services.kit.storage.models import Event

Leaves = Callable[[Event, Event], bool]
"""Whether more of an event leaves than its hashes, by the event and the first one of its case."""


class HistoryServicer(history_pb2_grpc.HistoryServiceServicer):
    """Serves the histories of one service. `owner` returns the unit that owns the history of a case."""

    def __init__(
        self, service: str, database: Database, time: BusinessTime, key_file: Path | None, owner: Owner, leaves: Leaves
    ) -> None:  # fmt: skip
        self._service, self._database, self._time = service, database, time
        self._owner, self._leaves = owner, leaves
        self._key = SigningKey(key_file) if key_file else None

    async def GetSignedHistory(self, request: pb.GetSignedHistoryRequest, context: Context) -> pb.SignedHistory:
        """Return the history of a case with its proofs, signed."""
        if request.service != self._service:
            raise field_error("service", Reason.INVALID_FIELD, f"this is {self._service}")
        if self._key is None:
            raise CaseError(Reason.SERVICE_UNAVAILABLE)
        number = number_of(request.case)
        async with self._database.read() as connection:
            unit = await self._owner(connection, number)
            if unit is None:
                current_call().scope()  # nothing happened here, or there is no such case: both are empty
            else:
                current_call().require(unit)
            events = [] if unit is None else await feed_store.whole(connection, number)
        content = history([_link(each, self._leaves(each, events[0])) for each in events])
        told = statement(self._service, number, content, self._time.now())
        return pb.SignedHistory(statement=told, content=content, signature=self._key.sign(told))


def _link(row: Event, shown: bool) -> Link:
    return Link(
        row.number, row.seq, row.kind, row.unit, row.occurred_at, row.actor, row.payload, row.content, row.hash, shown
    )
