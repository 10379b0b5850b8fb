"""Bulk reception: batches of rows, each row answered on its own, safe to send again."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from pb.intake.v1 import intake_pb2 as pb

from casework import names
from casework.errors import CaseError, FieldFault, Reason
from services.intake import store
from services.intake.reception import Draft, Received, Reception, must_be_of_its_own_source
from services.kit.serving import validation
from services.kit.serving.access import Call
from services.kit.serving.businesstime import BusinessTime
from services.kit.serving.errors import invalid
from services.kit.storage import requests
from services.kit.storage.database import Database, is_unique_violation
from services.kit.storage.feed import FeedPulse

_BREATH = 50
"""Rows processed before the event loop gets a turn; otherwise the batch being sent would wait for them."""
_KEY = re.compile(r"[A-Za-z0-9._:/-]{8,80}")
"""A request id, as the contract has it for single calls."""
_AHEAD = 3
"""Batches of one stream that are processed at a time: PostgreSQL stores one while the next is being checked."""
_ATTEMPTS = 20
"""An attempt fails if another batch with the same rows was committed meanwhile; finally the sender retries."""


class BulkReception:
    """Receives batches of rows."""

    def __init__(
        self, database: Database, reception: Reception, numbers: store.Numbers, time: BusinessTime, pulse: FeedPulse
    ) -> None:
        self._database = database
        self._reception = reception
        self._numbers = numbers
        self._time = time
        self._pulse = pulse

    async def answers(
        self, batches: AsyncIterator[pb.ImportReportsRequest], call: Call
    ) -> AsyncIterator[pb.ImportReportsResponse]:
        """Yield the answer to each batch, in order, once it is committed completely."""
        under_way: deque[asyncio.Task[pb.ImportReportsResponse]] = deque()
        try:
            async for batch in batches:
                under_way.append(asyncio.create_task(self._receive(batch, call)))
                while under_way and (under_way[0].done() or len(under_way) >= _AHEAD):
                    yield await under_way.popleft()
            while under_way:
                yield await under_way.popleft()
        finally:
            for task in under_way:
                task.cancel()

    async def take(self, rows: Sequence[pb.ImportRow], call: Call) -> Sequence[pb.ImportResult]:
        """Return the answer to each row of a partner, whose rules say which unit receives it."""
        return (await self._receive(pb.ImportReportsRequest(rows=rows), call, placed=True)).results

    async def _receive(
        self, batch: pb.ImportReportsRequest, call: Call, *, placed: bool = False
    ) -> pb.ImportReportsResponse:
        for _ in range(_ATTEMPTS):
            try:
                return await self._attempt(batch, call, placed=placed)
            except Exception as error:
                # Another batch committed the same row first: look again, it is a repeat now.
                if not is_unique_violation(error):
                    raise
        raise CaseError(Reason.SERVICE_UNAVAILABLE)

    async def _attempt(self, batch: pb.ImportReportsRequest, call: Call, *, placed: bool) -> pb.ImportReportsResponse:
        now, caller = self._time.now(), call.caller.subject
        results: list[pb.ImportResult | None] = [None] * len(batch.rows)
        bodies = [requests.body_hash(row.report) for row in batch.rows]
        async with self._database.begin() as connection:
            known = await store.earlier(
                connection, caller, [row.request_id for row in batch.rows if _KEY.fullmatch(row.request_id)]
            )
        drafts: list[tuple[int, Draft]] = []
        seen: dict[str, int] = {}
        for index, row in enumerate(batch.rows):
            if index % _BREATH == 0:
                await asyncio.sleep(0)
            try:
                draft = self._check(row, bodies, known, seen, index, now, call, placed=placed)
            except CaseError as error:
                results[index] = refused(row.row, error, call.language)
                continue
            if isinstance(draft, pb.ImportResult):
                results[index] = draft
            elif draft is None:
                # The same key twice in one batch: answered like a repeat, once its first has a number.
                results[index] = pb.ImportResult(row=row.row, repeated=True)
            else:
                drafts.append((index, draft))
        if drafts:
            await self._store(batch, bodies, drafts, results, now, call)
        for index, row in enumerate(batch.rows):
            result = results[index]
            first = results[seen[row.request_id]] if row.request_id in seen else None
            if result is not None and result.repeated and not result.report and first is not None:
                # It gets the result of the first one, which may be a refusal.
                result.MergeFrom(first)
                result.row, result.repeated, result.receipt_code = row.row, bool(first.report), ""
        return pb.ImportReportsResponse(results=[result for result in results if result is not None])

    def _check(
        self,
        row: pb.ImportRow,
        bodies: list[bytes],
        known: dict[str, tuple[bytes, bytes]],
        seen: dict[str, int],
        index: int,
        now: datetime,
        call: Call,
        *,
        placed: bool,
    ) -> Draft | pb.ImportResult | None:
        if not _KEY.fullmatch(row.request_id):
            raise invalid([FieldFault("request_id", "格式不正确。", f"must match {_KEY.pattern}")])
        if row.request_id in known:
            first_body, answer = known[row.request_id]
            if first_body != bodies[index]:
                raise requests.reused()
            return pb.ImportResult(row=row.row, report=answer.decode(), repeated=True)
        if row.request_id in seen:
            if bodies[seen[row.request_id]] != bodies[index]:
                raise requests.reused()
            return None
        if faults := validation.faults_of(row.report, "report."):
            raise invalid(faults)
        draft = self._reception.draft(row.report, now, importing=True)
        if not placed:
            must_be_of_its_own_source(row.report)
            call.require(draft.filed_to)
        call.access.must_hold(call.caller, draft.door, draft.filed_to, "report.channel")
        seen[row.request_id] = index
        return draft

    async def _store(
        self,
        batch: pb.ImportReportsRequest,
        bodies: list[bytes],
        drafts: list[tuple[int, Draft]],
        results: list[pb.ImportResult | None],
        now: datetime,
        call: Call,
    ) -> None:
        drafts = await self._without_known_sources(batch, bodies, drafts, results, call)
        numbers = await self._numbers.take([draft.series for _, draft in drafts])
        received: list[Received] = []
        for (_, draft), number in zip(drafts, numbers, strict=True):
            if len(received) % _BREATH == 0:
                await asyncio.sleep(0)
            received.append(self._reception.receive(draft, number, now, many=True))
        caller = call.caller.subject
        answers = [
            (caller, batch.rows[index].request_id, bodies[index], names.report_name(number).encode())
            for (index, _), number in zip(drafts, numbers, strict=True)
        ]
        async with self._database.begin() as connection:
            # The keys first, in a fixed order: batches that share rows wait for each other and do not deadlock.
            await store.remember_all(connection, sorted(answers))
            await store.add(connection, received, at=now, actor=caller, trace=call.trace_parent)
        self._pulse.beat()
        for (index, _), number, each in zip(drafts, numbers, received, strict=True):
            results[index] = pb.ImportResult(
                row=batch.rows[index].row, report=names.report_name(number), receipt_code=each.receipt_code
            )

    async def _without_known_sources(
        self,
        batch: pb.ImportReportsRequest,
        bodies: list[bytes],
        drafts: list[tuple[int, Draft]],
        results: list[pb.ImportResult | None],
        call: Call,
    ) -> list[tuple[int, Draft]]:
        """Answer rows whose source id exists already: a repeat, even of a colleague's row, or a different record."""
        by_source: dict[str, dict[str, str]] = {}
        for index, draft in drafts:
            if draft.report.source:
                by_source.setdefault(draft.report.source, {})[draft.report.source_id] = batch.rows[index].request_id
        there: dict[tuple[str, str], tuple[str, bytes | None]] = {}
        if by_source:
            async with self._database.begin() as connection:
                for source, keys in by_source.items():
                    found = await store.sourced(connection, source, keys)
                    there |= {(source, source_id): each for source_id, each in found.items()}
        kept: list[tuple[int, Draft]] = []
        taken: set[tuple[str, str]] = set()
        for index, draft in drafts:
            key, row = (draft.report.source, draft.report.source_id), batch.rows[index].row
            number, body = there.get(key, ("", None))
            if body == bodies[index]:
                results[index] = pb.ImportResult(row=row, report=names.report_name(number), repeated=True)
            elif body is not None:
                results[index] = refused(row, requests.reused(), call.language)
            elif number or key in taken:
                results[index] = refused(row, _known(*key), call.language)
            else:
                if key[0]:
                    taken.add(key)
                kept.append((index, draft))
        return kept


def _known(source: str, source_id: str) -> CaseError:
    fault = FieldFault("report.source_id", "已经存在。", "exists already")
    return CaseError(Reason.ALREADY_EXISTS, f"{source}/{source_id}", (fault,))


def refused(row: int, error: CaseError, language: str) -> pb.ImportResult:
    """Return the answer to a row that was refused."""
    fault: Any = error.fields[0] if error.fields else None
    said, message = error.message(language), (fault.en if language == "en" else fault.zh) if fault else ""
    return pb.ImportResult(
        row=row,
        reason=str(error.reason),
        field=fault.field if fault else "",
        message=said if message in said else f"{said} {message}",
    )
