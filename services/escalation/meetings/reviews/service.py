"""ReviewService's RPCs. Each reads the request, checks permission, decides, writes once, responds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from pb.escalation.v1 import reviews_pb2 as pb
from pb.escalation.v1 import reviews_pb2_grpc

from casework import names
from casework.clocks.ledger import Entry, Paused, Resumed
from casework.errors import CaseError, Reason, field_error
from casework.supervision.meetings import review as rules_of
from casework.supervision.meetings.review import Result, ReviewState
from services.escalation import files
from services.escalation.holders import store as holders
from services.escalation.meetings.models import ReviewReply
from services.escalation.meetings.reviews import course as what_follows
from services.escalation.meetings.reviews import notice, store, view
from services.escalation.meetings.reviews.receipts import Receipts
from services.escalation.models import File, Review
from services.escalation.servicer import Servicer
from services.kit.clocks import ledger as clock_ledger
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.composition import Parts
from services.kit.instants import instant
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent

_BEGINNING = datetime.fromisoformat("0001-01-02T00:00:00+00:00")
_BACKDATED = timedelta(days=5)
"""How long ago a recorded reply may have been received: as long as the rules allow backdating."""


class ReviewServicer(Servicer, reviews_pb2_grpc.ReviewServiceServicer):
    """Serves reviews."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._receipts = Receipts(parts.sealer)

    async def CreateReview(self, request: pb.CreateReviewRequest, context: Context) -> pb.Review:
        """Open a review; its receipt code is returned only here, also to a repeat."""
        opened = await self._create(request, context)
        opened.receipt_code = self._receipts.code(names.number_of(opened.name))
        return opened

    @command(pb.Review)
    async def _create(self, request: pb.CreateReviewRequest, work: Work) -> pb.Review:
        unit, case = self.known(request.review.unit, "review.unit"), names.number_of(request.review.case)
        work.call.require(unit)
        area, own = names.area_of_number(case), unit.partition("-")[0]
        if not (area.startswith(own) or own.startswith(area)):
            raise field_error("review.case", Reason.INVALID_FIELD, "another unit's case")
        file = await self.opened(work, "reviews", unit)
        row = await store.add(
            work.connection, file.number, case, state=ReviewState.ANSWER_DUE, unit=unit, turn=unit,
            receipt_index=self._receipts.index(self._receipts.code(file.number)), opened_at=work.now,
        )  # fmt: skip
        await work.append(NewEvent(row.number, "ReviewOpened", unit, {"case": names.case_name(case)}))
        return view.shown(row)

    async def GetReview(self, request: pb.GetReviewRequest, context: Context) -> pb.Review:
        """Return a review to the unit it is about or to those that decide."""
        async with self.database.read() as connection:
            row = await store.get(connection, names.number_of(request.name))
            course = await store.course(connection, row.number)
        units = {each.unit for each in course.appeals if each.unit}
        current_call().require_any([row.unit, row.turn, *sorted(units)])
        return view.shown(row, course)

    async def ListReviews(self, request: pb.ListReviewsRequest, context: Context) -> pb.ListReviewsResponse:
        """Return the reviews of the caller's units, most urgent first."""
        size = request.page_size or 50
        scope = current_call().scope(names.last(request.unit))
        behind = paging.read(request.page_token, "reviews", paging.instant, paging.key) or (_BEGINNING, "")
        async with self.database.read() as connection:
            found = await store.listed(connection, paging.subtree(scope), behind, size + 1, only_open=request.open)
        reply = pb.ListReviewsResponse(reviews=[view.shown(row) for row in found[:size]])
        reply.next_page_token = paging.following(
            found, size, "reviews", lambda end: (end.due_at or store.NEVER, end.number)
        )
        return reply

    @command(pb.Reply)
    async def DraftReply(self, request: pb.DraftReplyRequest, work: Work) -> pb.Reply:
        """Draft the next reply; a decision is not drafted by whoever gave or decided an earlier one."""
        file, row, course = await self._locked(request.parent, work)
        work.call.require(row.turn)
        kind = rules_of.reply_due(row.state)
        result = Result(request.reply.result) if request.reply.result else None
        rules_of.check_result(kind, result)
        rules_of.check_decider(kind, work.actor, course.involved)
        sealed = (await self.seal(work, file)).seal(request.reply.text.SerializeToString())
        reply = await store.draft(
            work.connection, row.number, course, kind=kind, result=result, unit=row.turn,
            drafted_by=work.actor, drafted_at=work.now, sealed=sealed,
        )  # fmt: skip
        subject = f"replies/{reply.reply}"
        await holders.assign(
            work.connection, row.number, subject, "drafter", unit=row.turn, official=work.actor, at=work.now
        )
        await work.append(NewEvent(row.number, "ReplyDrafted", row.unit, {"reply": reply.reply, "kind": kind.name}))
        return view.reply(reply)

    @command(pb.Reply)
    async def ServeReply(self, request: pb.ServeReplyRequest, work: Work) -> pb.Reply:
        """Record that a draft was signed and served, as another person than the drafter."""
        _, row, course = await self._locked(request.name, work)
        reply = await store.reply(work.connection, row.number, names.index_of(request.name))
        work.call.require(reply.unit)
        check_etag(reply.version, request.etag)
        kind, at = reply.kind, _served_at(request, reply, course, work.now)
        if reply.served_at or rules_of.reply_due(row.state) is not kind or course.hearing:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        if work.actor == reply.drafted_by:
            raise CaseError(Reason.SAME_PERSON)
        rules_of.check_decider(kind, work.actor, course.involved)
        reply = await store.change_reply(
            work.connection, reply, served_by=work.actor, served_at=at, medium=int(request.medium)
        )
        await holders.release(work.connection, row.number, f"replies/{reply.reply}", "drafter", work.now)
        row = await what_follows.follow_service(work, row, reply, at, self.rules.units)
        told = {"reply": reply.reply, "kind": kind.name, "state": row.state.name}
        if reply.result:
            told["result"] = reply.result.name
        await work.append(NewEvent(row.number, "ReplyServed", row.unit, told))
        return view.reply(reply)

    @command(pb.Appeal)
    async def CreateAppeal(self, request: pb.CreateAppealRequest, work: Work) -> pb.Appeal:
        """Record a person's request for a review, at a counter of the unit itself or of the deciding one."""
        file, row, course = await self._locked(request.parent, work)
        work.call.require_any([row.unit, row.turn, *self._deciding(row, course)])
        made_at = work.now
        if request.appeal.HasField("post_time"):
            made_at = instant(request.appeal.post_time)
            if made_at > work.now:
                raise field_error("appeal.post_time", Reason.IN_THE_FUTURE)
            if course.last and course.last.served_at and made_at < course.last.served_at:
                raise field_error("appeal.post_time", Reason.BEFORE_START)
        return await self._appeal(work, file, row, course, request.appeal.text, made_at, pb.APPEALED_BY_COUNTER)

    @command(pb.Appeal)
    async def FileAppeal(self, request: pb.FileAppealRequest, work: Work) -> pb.Appeal:
        """Request a review as the holder of the receipt code."""
        receipt = self._receipts.index(names.last(request.name))
        number = await store.number_by_receipt(work.connection, receipt, "receipt")
        file, row, course = await self._locked(names.file_name(number), work)
        work.call.require(row.unit)
        return await self._appeal(work, file, row, course, request.text, work.now, pb.APPEALED_BY_PERSON)

    async def _appeal(
        self, work: Work, file: File, row: Review, course: store.Course, told: pb.AppealText, made_at: datetime, by: int
    ) -> pb.Appeal:
        last = course.last
        right = await store.ask_clock(work.connection, last) if last else None
        refusal = rules_of.ask(row.state, row.lapsed, made_at, right.due_at if right else None)
        assert last is not None, "nothing is asked for before something was served"
        appeal, unit, asked = len(course.appeals) + 1, "", row
        if refusal is None:
            unit = what_follows.above(self.rules.units, last.unit)
            asked = await what_follows.follow_appeal(work, row, appeal, last, made_at, unit)
        kept = await store.appealed(
            work.connection, row.number, appeal=appeal, reply=last.reply, asked_by=by,
            recorded_by=work.actor, received_at=work.now, posted_at=None if made_at == work.now else made_at,
            refusal=refusal, unit=unit, due_at=None if refusal else asked.due_at,
            sealed=(await self.seal(work, file)).seal(told.SerializeToString()),
        )  # fmt: skip
        payload: dict[str, object] = {"appeal": appeal, "reply": last.reply, "state": asked.state.name}
        kind = "AppealReceived" if refusal is None else "AppealRefused"
        await work.append(NewEvent(row.number, kind, row.unit, payload | ({"why": refusal.name} if refusal else {})))
        return view.appeal(kept)

    @command(pb.Review)
    async def BeginHearing(self, request: pb.BeginHearingRequest, work: Work) -> pb.Review:
        """Begin a hearing; if the rule says so, the clock is paused from its day on (条例 36)."""
        row, course = await self._deciding_now(request, work)
        if course.hearing:
            raise CaseError(Reason.WRONG_STATE, "hearing", state="HEARING")
        appeal = course.appeals[-1].appeal
        await store.begin_hearing(
            work.connection, row.number, hearing=len(course.hearings) + 1, appeal=appeal, notice=request.notice,
            began_at=work.now,
        )  # fmt: skip
        return await self._heard(
            work, row, appeal, "HearingBegun",
            lambda **entry: Paused(**entry, cause=what_follows.HEARING, evidence=request.notice),
        )  # fmt: skip

    @command(pb.Review)
    async def EndHearing(self, request: pb.EndHearingRequest, work: Work) -> pb.Review:
        """End a hearing by its record."""
        row, course = await self._deciding_now(request, work)
        if not course.hearing:
            raise CaseError(Reason.WRONG_STATE, "no hearing", state=row.state.name)
        await store.end_hearing(work.connection, course.hearing, request.record, work.now)
        return await self._heard(
            work, row, course.hearing.appeal, "HearingEnded",
            lambda **entry: Resumed(**entry, reason=request.record),
        )  # fmt: skip

    async def ReadReply(self, request: pb.ReadReplyRequest, context: Context) -> pb.ReplyText:
        """Return the text of a reply; this is logged."""
        async with self.database.begin() as connection:
            row, reply = await self._reply(connection, request.name)
            text = await self._text(connection, row, reply)
            await self.log_reading(connection, row.number, row.unit, "ReplyRead", reply=reply.reply)
        self.pulse.beat()
        return text

    async def ReadAppeal(self, request: pb.ReadAppealRequest, context: Context) -> pb.AppealText:
        """Return the text of a person's request, to the deciding level and those above; this is logged."""
        async with self.database.begin() as connection:
            row = await store.get(connection, names.number_of(request.name))
            appeal = await store.appeal(connection, row.number, names.index_of(request.name))
            current_call().require(appeal.unit or what_follows.above(self.rules.units, row.unit) or row.unit)
            opener = await self.opener(connection, row.number)
            text = pb.AppealText.FromString(opener.open(appeal.sealed))
            await self.log_reading(connection, row.number, row.unit, "AppealRead", appeal=appeal.appeal)
        self.pulse.beat()
        return text

    async def GetReplyDocument(self, request: pb.GetReplyDocumentRequest, context: Context) -> pb.ReplyDocument:
        """Return a reply as a Word file; this is logged."""
        async with self.database.begin() as connection:
            row, reply = await self._reply(connection, request.name)
            text = await self._text(connection, row, reply)
            await self.log_reading(connection, row.number, row.unit, "ReplyRead", reply=reply.reply)
        self.pulse.beat()
        content = await asyncio.to_thread(notice.written, self._notice(row, reply, text))
        file_name = f"{row.number}-{reply.reply}.docx"
        return pb.ReplyDocument(name=request.name, file_name=file_name, content=content)

    async def GetReviewReceipt(self, request: pb.GetReviewReceiptRequest, context: Context) -> pb.ReviewReceipt:
        """Return what the holder of the receipt code may see."""
        call = current_call()
        async with self.database.read() as connection:
            number = await store.number_by_receipt(
                connection, self._receipts.index(names.last(request.name)), "receipt"
            )  # fmt: skip
            row = await store.get(connection, number)
            call.require(row.unit)
            last = (await store.course(connection, number)).last
            right = await store.ask_clock(connection, last) if last else None
        unit_name = self.rules.units.known(row.turn).name
        safe = right.raw_due_at if right else None
        return view.receipt(row, request.name, unit_name, safe, self.time.now(), call.language)

    # --- what several of them do --------------------------------------------------------------------------------------

    async def _locked(self, name: str, work: Work) -> tuple[File, Review, store.Course]:
        """Return the file, review and course that a name belongs to, locked."""
        file = await self.locked(name, work)
        row = await store.get(work.connection, file.number)
        return file, row, await store.course(work.connection, file.number)

    async def _deciding_now(self, request: Versioned, work: Work) -> tuple[Review, store.Course]:
        _, row, course = await self._locked(request.name, work)
        work.call.require(row.turn)
        check_etag(row.version, request.etag)
        rules_of.check_hearing(row.state)
        return row, course

    async def _heard(self, work: Work, row: Review, appeal: int, kind: str, entry: Callable[..., Entry]) -> pb.Review:
        """Record the begin or end of a hearing in the clock, if its rule allows the pause, and append the event."""
        clock = await what_follows.deciding_clock(work, row.number, appeal)
        also: list[NewEvent] = []
        if await what_follows.stands_still(work, clock):
            made = entry(seq=clock.entries + 1, at=work.now, recorded_at=work.now, actor=work.actor)
            change = await clock_ledger.record(work.connection, self.clockwork, clock, made, work.now)
            also = change.events
        row = await store.change(work.connection, row, state=row.state)
        await work.append(NewEvent(row.number, kind, row.unit, {"appeal": appeal}), *also)
        return view.shown(row, await store.course(work.connection, row.number))

    def _deciding(self, row: Review, course: store.Course) -> list[str]:
        """Return the unit that would decide on a review requested now, as a list; empty if there is none."""
        found = what_follows.above(self.rules.units, course.last.unit if course.last else row.unit)
        return [found] if found else []

    @staticmethod
    async def _reply(connection: Connection, name: str) -> tuple[Review, ReviewReply]:
        """Return the review and reply of a name, if the caller may read them: for the unit concerned, or the author."""
        row = await store.get(connection, names.number_of(name))
        reply = await store.reply(connection, row.number, names.index_of(name, "replies"))
        current_call().require_any((row.unit, reply.unit) if reply.served_at else (reply.unit,))
        return row, reply

    async def _text(self, connection: Connection, row: Review, reply: ReviewReply) -> pb.ReplyText:
        opener = files.reading(self.sealer, await files.get(connection, row.number))
        return pb.ReplyText.FromString(opener.open(reply.sealed))

    def _notice(self, row: Review, reply: ReviewReply, text: pb.ReplyText) -> notice.Notice:
        kind, result = reply.kind, reply.result
        above = what_follows.above(self.rules.units, reply.unit)
        return notice.Notice(
            number=what_follows.document_number(self.rules.units, reply),
            case=row.case_number,
            unit=self.rules.units.paper(reply.unit).full,
            above=self.rules.units.paper(above).full if above else "",
            kind=kind,
            result=result,
            leads_to=rules_of.after(kind, result, above=bool(above)),
            facts=text.facts,
            conclusion=text.conclusion,
            served_at=reply.served_at,
        )


def _served_at(request: pb.ServeReplyRequest, reply: ReviewReply, course: store.Course, now: datetime) -> datetime:
    """Return when a reply was received: now, or shortly before; never before what it replies to."""
    if not request.HasField("serve_time"):
        return now
    at = instant(request.serve_time)
    if at > now:
        raise field_error("serve_time", Reason.IN_THE_FUTURE)
    if now - at > _BACKDATED:
        raise field_error("serve_time", Reason.BACKDATED_TOO_FAR, str(_BACKDATED.days))
    since = [each.received_at for each in course.appeals] + [
        each.served_at for each in course.replies if each.served_at
    ]
    if since and at < max(since):
        raise field_error("serve_time", Reason.BEFORE_START)
    return at
