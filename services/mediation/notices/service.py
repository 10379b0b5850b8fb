"""NoticeService's RPCs: the outbox for the sending process, lists and receipts for people and gateways."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pb.access.v1 import contact_pb2
from pb.mediation.v1 import notices_pb2 as pb
from pb.mediation.v1 import notices_pb2_grpc, people_pb2

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.mediation import notice as rules_of
from casework.mediation.notice import Channel, MissingField, NoticeRule, NoticeState, Outcome, Receipt, Text
from casework.papers.scan import WORD
from services.kit import dates
from services.kit.command import Work, check_etag, command
from services.kit.composition import Parts
from services.kit.instants import instant
from services.kit.numbers import numbers
from services.kit.serving.access import Context, current_call
from services.kit.storage import access_log, paging
from services.kit.storage.database import Connection
from services.mediation import record
from services.mediation import store as cases
from services.mediation.models.cases import Case
from services.mediation.models.notices import Notice
from services.mediation.notices import contacts, letter, proving, store, view, writing
from services.mediation.notices.asking import AskingRpcs
from services.mediation.notices.enclosing import behind, enclosed

_QUIET = timedelta(minutes=15)
_MACHINES = frozenset({"integrator", "service"})


@dataclass(frozen=True, slots=True)
class _Change:
    """The result of an attempt: the notice's new columns, and whether the attempt is stored as proof."""

    columns: Mapping[str, Any]
    kept: bool = True


class NoticeServicer(AskingRpcs, notices_pb2_grpc.NoticeServiceServicer):
    """Serves notices."""

    body_key_name = "requests of notices"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._wording = writing.Wording(parts.rules)
        self._book = parts.rules.notices

    async def RecordNotices(self, request: pb.RecordNoticesRequest, context: Context) -> pb.RecordNoticesResponse:
        """Write the notices that the rules require; for all units, by the root's machine client only."""
        current_call().require(names.ROOT_UNIT)
        now, written = self.time.now(), 0
        async with self.database.begin() as connection:
            known = await store.cases(connection, [names.number_of(event.case) for event in request.events])
            for event in request.events:
                case = known.get(names.number_of(event.case))
                if event.type == "CaseDataErased":
                    await store.drop(connection, names.number_of(event.case), now)
                written += await writing.write(connection, self.rules, self.clockwork, self.sealer, event, case, now)
        return pb.RecordNoticesResponse(written=written)

    async def ClaimNotices(self, request: pb.ClaimNoticesRequest, context: Context) -> pb.ClaimNoticesResponse:
        """Return due notices; those in quiet hours wait, those that cannot be worded have failed."""
        current_call().require(names.ROOT_UNIT)
        now, lease = self.time.now(), secrets.token_hex(16)
        reply, wrong = pb.ClaimNoticesResponse(), list[tuple[Notice, str]]()
        async with self.database.begin() as connection:
            rows = await store.claim(connection, now, lease, request.lease_seconds, request.max_notices)
            known = await store.cases(connection, [row.number for row in rows])
            waiting = []
            for row in rows:
                rule = self._book.find(row.rule)
                if rule is None:
                    wrong.append((row, "no-such-rule"))
                    continue
                due = rule.due(now, self.clockwork.calendars.of(row.unit))
                if due > now:
                    waiting.append({"key": row.id, **store.changed(row, due_at=due)})
                    continue
                try:
                    reply.notices.append(await self._claimed(connection, row, rule, known.get(row.number), lease))
                except MissingField as error:
                    wrong.append((row, f"missing-{error}"))
            await store.change_all(connection, waiting)
        for row, reason in wrong:
            await self._alone(row, lease, _Change({"state": NoticeState.FAILED, "reason": reason}), None)
        return reply

    async def _claimed(
        self, connection: Connection, row: Notice, rule: NoticeRule, case: Case | None, lease: str
    ) -> pb.ClaimedNotice:
        texts = [
            view.text(told, language, discreet=discreet)
            for discreet in (False, True)
            for language, told in (await self._wording.texts(connection, row, case, discreet=discreet)).items()
        ]
        asked = rules_of.asked_for(rule, row.said)
        return pb.ClaimedNotice(
            name=store.name_of(row.id),
            lease=lease,
            recipient=store.recipient(row),
            texts=texts,
            asked=asked is not None,
            **numbers(channels=(asked,) if asked else rule.channels, exhausted=row.exhausted),
        )

    async def RecordAttempts(self, request: pb.RecordAttemptsRequest, context: Context) -> pb.RecordAttemptsResponse:
        """Record the results of claimed notices, if the claim is still valid."""
        current_call().require(names.ROOT_UNIT)
        told = {names.index_of(each.name): each for each in request.attempts}
        async with self.database.read() as connection:
            rows = await store.due_of(connection, list(told))
            known = await store.cases(connection, [row.number for row in rows])
        apart = [row for row in rows if row.number in known and self._is_told(row, told[row.id])]
        done = 0
        for row in apart:
            attempt = told.pop(row.id)
            done += await self._alone(row, attempt.lease, self._after(row, attempt), _channel(attempt))
        return pb.RecordAttemptsResponse(recorded=done + await self._together(told))

    def _is_told(self, row: Notice, attempt: pb.NoticeAttempt) -> bool:
        """Return whether the result of a notice is in its case's history, which needs the case's lock."""
        rule = self._book.find(row.rule)
        outcome, proves = Outcome(attempt.outcome), rule is not None and rule.proves
        return outcome is Outcome.EXHAUSTED or (outcome is Outcome.ACCEPTED and proves)

    async def _together(self, told: Mapping[int, pb.NoticeAttempt]) -> int:
        """Record attempts without further consequences, in one transaction."""
        now, actor = self.time.now(), current_call().caller.subject
        changes, kept = [], []
        async with self.database.begin() as connection:
            for row in await store.due_of(connection, list(told), lock=True):
                attempt = told[row.id]
                if row.lease != attempt.lease:
                    continue
                after = self._after(row, attempt)
                columns = store.changed(row, **after.columns, updated_at=now)
                changes.append({"key": row.id, **columns})
                if after.kept:
                    kept.append(_delivery(row, columns, now, now, actor, _channel(attempt)))
            await store.change_all(connection, changes)
            await store.record(connection, *kept)
        return len(changes)

    async def _alone(self, row: Notice, lease: str, after: _Change, channel: Channel | None) -> int:
        """Record the result of one notice under its case's lock, with its consequences."""
        call, now = current_call(), self.time.now()
        async with self.database.begin() as connection:
            case = await _lock_case(connection, row.number)
            row = await store.lock(connection, row.id)
            if row.lease != lease or row.state is not NoticeState.DUE:
                return 0
            work = Work(connection, now, call, self.log, self.clockwork, consequences=self.consequences)
            columns = after.columns
            row = await store.change(connection, row, **columns, updated_at=now)
            await store.record(connection, _delivery(row, columns, now, now, work.actor, channel))
            await proving.tell(work, case, self._book.find(row.rule), row, now)
            await work.follow()
        self.pulse.beat()
        return 1

    def _after(self, row: Notice, attempt: pb.NoticeAttempt) -> _Change:
        """Return the result of an attempt for a notice."""
        now, outcome, channel = self.time.now(), Outcome(attempt.outcome), _channel(attempt)
        reason = attempt.reason
        if outcome is Outcome.ACCEPTED:
            sent = {"state": NoticeState.SENT, "channel": channel, "attempts": 0, "reason": "", "sent_at": now}
            return _Change(sent)
        if outcome is Outcome.TO_DESK:
            return _Change({"state": NoticeState.AT_DESK, "channel": channel or Channel.COUNTER, "attempts": 0})
        if outcome is Outcome.EXHAUSTED:
            return _Change({"state": NoticeState.FAILED, "reason": reason or row.reason})
        if outcome is Outcome.NOBODY:
            return _Change({"state": NoticeState.CANCELLED, "reason": reason or "nobody"})
        if outcome is Outcome.QUIET:
            until = instant(attempt.retry_time) if attempt.HasField("retry_time") else now + _QUIET
            return _Change({"due_at": max(until, now + timedelta(minutes=1))}, kept=False)
        retry, tried = self._book.retry, row.attempts + 1
        if outcome is Outcome.REFUSED or tried >= retry.attempts:
            # The next channel, at once.
            exhausted = sorted({*row.exhausted, int(channel or 0)} - {0})
            return _Change({"exhausted": exhausted, "attempts": 0, "due_at": now, "channel": channel, "reason": reason})
        due = now + retry.wait(tried, store.name_of(row.id))
        return _Change({"attempts": tried, "due_at": due, "channel": channel, "reason": reason})

    async def ListNotices(self, request: pb.ListNoticesRequest, context: Context) -> pb.ListNoticesResponse:
        """Return notices of the caller's units, longest waiting first."""
        call, size = current_call(), request.page_size or 50
        scope = call.scope(names.last(request.unit) if request.unit else "")
        behind = paging.read(request.page_token, "notices", paging.instant, paging.position)
        number = names.number_of(request.case) if request.case else ""
        channel = Channel(request.channel) if request.channel else None
        async with self.database.read() as connection:
            found = await store.listed(
                connection, paging.subtree(scope), number, request.states, channel, behind, size + 1
            )
        reply = pb.ListNoticesResponse(notices=[view.notice(row, self._book, call.language) for row in found[:size]])
        if len(found) > size:
            end = found[size - 1]
            reply.next_page_token = paging.token("notices", end.due_at.isoformat(), end.id)
        return reply

    async def GetNotice(self, request: pb.GetNoticeRequest, context: Context) -> pb.Notice:
        """Return a notice with the proof of its delivery."""
        async with self.database.begin() as connection:
            row, _ = await self._seen(connection, names.index_of(request.name))
            kept = await store.deliveries(connection, row.id)
        return view.notice(row, self._book, current_call().language, kept)

    async def GetNoticeLetter(self, request: pb.GetNoticeLetterRequest, context: Context) -> pb.NoticeLetter:
        """Return a notice as an addressed letter, and log it; without an address if none may be used."""
        call, now = current_call(), self.time.now()
        async with self.database.begin() as connection:
            row, case = await self._seen(connection, names.index_of(request.name, "notices"))
            rule = self._book.find(row.rule)
            if rule is None:
                raise CaseError(Reason.NOT_FOUND, row.rule)
            with_it = await enclosed(connection, self.sealer, rule, case, call.language)
            contact = await self._contact(connection, row)
            wish = contact.preference
            language = "en" if wish.language == "en" else "zh"
            told = await self._worded(connection, row, case, language, discreet=wish.discreet)
            subject = store.recipient(row) if row.party else ""
            await access_log.record(connection, call, now, row.number, subject, people_pb2.PURPOSE_DOCUMENT)
        addressee, text = contact.display_name, told.text.replace("{name}", contact.display_name)
        barred = contact_pb2.CONTACT_CHANNEL_PAPER in wish.never_by
        address = "" if barred else contact.postal_address
        worded = Text(told.subject, text, told.short)
        sender = self.rules.units.paper(row.unit).full
        printed = letter.printed(worded, addressee, address, sender, dates.today(now), language)
        return pb.NoticeLetter(
            name=request.name, addressee=addressee, address=address, language=language, subject=told.subject, text=text,
            content=await asyncio.to_thread(behind, printed, with_it), file_name=f"{row.number}-{row.id}.docx",
            media_type=WORD, enclosures=with_it.names, missing_enclosures=with_it.missing,
        )  # fmt: skip

    async def _contact(self, connection: Connection, row: Notice) -> contact_pb2.Contact:
        """Return how a recipient can be reached; a reporter who is no party, as known when the case was opened."""
        name = store.recipient(row)
        found = await contacts.find(connection, self.sealer, [name], dates.today(self.time.now()))
        if name in found:
            return found[name][0]
        told = await contacts.reporter_of(connection, self.sealer, row.number)
        return contact_pb2.Contact(
            name=name, display_name=told.display_name, postal_address=told.postal_address, preference=told.contact
        )

    async def _worded(
        self, connection: Connection, row: Notice, case: Case | None, language: str, *, discreet: bool
    ) -> Text:
        try:
            return (await self._wording.texts(connection, row, case, discreet=discreet))[language]
        except MissingField as error:
            raise CaseError(Reason.FACTS_MISSING, str(error), lacking=str(error)) from None

    @command(pb.Notice)
    async def RecordReceipt(self, request: pb.RecordReceiptRequest, work: Work) -> pb.Notice:
        """Record a receipt, and what follows from service on its day."""
        row, case = await self._locked(work, names.index_of(request.name))
        check_etag(row.version, request.etag)
        kind = Receipt(request.kind)
        if work.call.caller.roles <= _MACHINES:
            rules_of.must_be_of_a_gateway(kind, row.channel)
        at = _happened(request, row, work.now)
        columns = _received(row, kind, rules_of.after_receipt(row.state, kind), at, work.now)
        was_failed = row.state is NoticeState.FAILED
        row = await store.change(work.connection, row, **columns, updated_at=work.now)
        said = _delivery(row, columns, at, work.now, work.actor, row.channel)
        await store.record(work.connection, {**said, "evidence": request.evidence})
        if was_failed and case is not None:
            await proving.resolved(work, case, row, "served")
        await proving.tell(work, case, self._book.find(row.rule), row, at)
        return view.notice(row, self._book, work.call.language)

    @command(pb.Notice)
    async def ResolveNotice(self, request: pb.ResolveNoticeRequest, work: Work) -> pb.Notice:
        """Retry a notice that could not be delivered, or give it up."""
        row, case = await self._locked(work, names.index_of(request.name))
        check_etag(row.version, request.etag)
        if row.state is not NoticeState.FAILED:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        columns: dict[str, Any] = {"state": NoticeState.CANCELLED, "reason": request.reason}
        if request.again:
            columns = {"state": NoticeState.DUE, "exhausted": [], "attempts": 0, "due_at": work.now, "reason": ""}
        row = await store.change(work.connection, row, **columns, updated_at=work.now)
        said = _delivery(row, columns, work.now, work.now, work.actor, row.channel)
        await store.record(work.connection, {**said, "reason": request.reason})
        if case is not None:
            await proving.resolved(work, case, row, request.reason)
        return view.notice(row, self._book, work.call.language)

    async def _seen(self, connection: Connection, notice: int) -> tuple[Notice, Case | None]:
        """Return a notice and its case, if the caller may look at it; the case is None where there is none yet."""
        row = await store.get(connection, notice)
        case = (await store.cases(connection, [row.number])).get(row.number)
        if case is None:
            current_call().require(row.unit)
        else:
            await record.admit(connection, current_call(), case)
        return row, case

    async def _locked(self, work: Work, notice: int) -> tuple[Notice, Case | None]:
        """Return a notice and its case, both locked, if the caller may act on it."""
        row = await store.get(work.connection, notice)
        case = await _lock_case(work.connection, row.number)
        if case is None:
            work.call.require(row.unit)
        else:
            await record.admit(work.connection, work.call, case)
        # A notice's name does not contain its case, so that the pipeline cannot check exclusions.
        if row.number in work.call.kept_from:
            raise CaseError(Reason.PERMISSION_DENIED, permission=work.call.permission)
        return await store.lock(work.connection, notice), case


async def _lock_case(connection: Connection, number: str) -> Case | None:
    """Return a case, locked; None if the report is not a case yet. The case is locked before its notices."""
    if not await store.cases(connection, [number]):
        return None
    return await cases.lock(connection, number)


def _channel(attempt: pb.NoticeAttempt) -> Channel | None:
    return Channel(attempt.channel) if attempt.channel else None


def _delivery(
    row: Notice, columns: Mapping[str, Any], at: datetime, now: datetime, actor: str, channel: Channel | None
) -> dict[str, Any]:
    return {
        "notice": row.id, "at": at, "recorded_at": now, "state": columns.get("state", row.state), "channel": channel,
        "actor": actor, "reason": columns.get("reason", ""),
    }  # fmt: skip


def _happened(request: pb.RecordReceiptRequest, row: Notice, now: datetime) -> datetime:
    """Return when the receipt says it happened: not in the future, and not before the notice was written."""
    at = instant(request.time) if request.HasField("time") else now
    if at > now:
        raise field_error("time", Reason.IN_THE_FUTURE)
    if at < (row.sent_at if row.sent_at and request.kind != pb.RECEIPT_KIND_SERVED else row.occurred_at):
        raise field_error("time", Reason.BEFORE_START)
    return at


def _received(row: Notice, kind: Receipt, to: NoticeState, at: datetime, now: datetime) -> dict[str, Any]:
    """Return the columns of a notice after a receipt; a returned one goes to the next channel at once."""
    if kind is Receipt.POSTED:
        return {"state": to, "channel": Channel.PAPER, "sent_at": at, "reason": ""}
    if kind is Receipt.RETURNED:
        exhausted = sorted({*row.exhausted, int(row.channel or 0)} - {0})
        return {"state": to, "exhausted": exhausted, "attempts": 0, "due_at": now, "reason": "returned"}
    served = {"state": to, "served_at": row.served_at or at, "reason": ""}
    return {**served, "channel": Channel.COUNTER} if kind is Receipt.SERVED else served
