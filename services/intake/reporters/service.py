"""The RPCs of reporters, who act by their receipt, without an account."""

from __future__ import annotations

import asyncio

from pb.intake.v1 import report_pb2, reporter_pb2_grpc
from pb.intake.v1 import reporter_pb2 as pb

from casework import names
from casework.case import someone_else
from casework.door import report as rules_of
from casework.door import second_factor
from casework.door.report import OPEN, Contentment, ReportState
from casework.errors import CaseError, Reason
from services.intake import erasing, record, store, view
from services.intake import reception as reception_
from services.intake.forwards import ending
from services.intake.models import Report
from services.intake.reception import ACCEPT, Reception
from services.intake.reporters import store as acts
from services.intake.reporters import view as told_by
from services.kit.clocks.clockwork import NewClock
from services.kit.command import Named, Work, command
from services.kit.composition import Parts
from services.kit.instants import stamp
from services.kit.pictures import MEDIA_TYPE, Picture, encoded_anew
from services.kit.servicer import Servicer
from services.kit.serving.access import Context, current_call
from services.kit.serving.codes import REPORTER, CodeMint
from services.kit.serving.limits import too_many
from services.kit.storage import access_log
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent

_AT_ONCE = 2
"""Photos re-encoded at a time; more wait."""
_SESSION = 1800
"""Seconds for which a token to act is valid."""
REVIEW = "decline-review"
"""Key of the clock of a review."""


class ReporterServicer(Servicer, reporter_pb2_grpc.ReporterServiceServicer):
    """Serves reporters."""

    service = "intake"
    heads = "reports"
    body_key_name = "requests of reporters"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._reception = Reception(parts.rules, parts.sealer, parts.clockwork)
        self._mint = CodeMint(parts.settings.codes_key_file)
        self._encoding = asyncio.Semaphore(_AT_ONCE)

    async def SignInByReceipt(self, request: pb.SignInByReceiptRequest, context: Context) -> pb.ReceiptSession:
        """Return a token that acts for the reporter; from the fifth wrong answer in a row the receipt is closed."""
        current_call().require(names.ROOT_UNIT)
        index = self._reception.receipt_index(request.code)
        async with self.database.begin() as connection:
            # Locked, so that simultaneous answers are all counted.
            row = await store.lock(connection, (await store.by_receipt(connection, index)).number)
            erasing.must_be_there(row)
            refusal = await self._wrong(connection, row, request.second_factor)
        if refusal is not None:
            # Raised after the transaction, so that the wrong answer is counted.
            self.pulse.beat()
            raise refusal
        report, case = names.report_name(row.number), names.case_name(row.merged_into or row.number)
        token, until = self._mint.token(REPORTER, report, case, _SESSION)
        return pb.ReceiptSession(access_token=token, expire_time=stamp(until), report=report, case=case)

    async def _wrong(self, connection: Connection, row: Report, said: str) -> CaseError | None:
        """Return the error for a wrong answer, and count it; None if it is right."""
        now, before = self.time.now(), await acts.tries(connection, row.number)
        if before and before.until and before.until > now:
            return too_many((before.until - now).total_seconds())
        content = self._reception.open(row.number, row.sealed_key, row.sealed)
        phone = content.reporter.phone
        if not content.receipt_words and not phone:
            return CaseError(Reason.SECOND_FACTOR_MISSING)
        if second_factor.is_right(said, content.receipt_words, phone):
            if before:
                await acts.forget(connection, row.number)
            return None
        failed = (before.failed if before else 0) + 1
        closed = second_factor.closed_for(failed)
        await acts.fail(connection, row.number, failed, now + closed if closed else None)
        if closed:
            await self.log.append(
                connection, [NewEvent(row.number, "ReceiptClosed", row.unit)], at=now, actor="", trace=""
            )
        return CaseError(Reason.SECOND_FACTOR_WRONG)

    async def ReissueReceipt(self, request: pb.ReissueReceiptRequest, context: Context) -> report_pb2.Report:
        """Return the report with its new receipt; the code itself is only in the sealed part."""
        answer = await self._reissue(request, context)
        async with self.database.read() as connection:
            row = await store.get(connection, names.number_of(request.name))
        content = self._reception.open(row.number, row.sealed_key, row.sealed)
        answer.receipt_code, answer.receipt_words = content.receipt_code, content.receipt_words
        return answer

    @command(report_pb2.Report)
    async def _reissue(self, request: pb.ReissueReceiptRequest, work: Work) -> report_pb2.Report:
        row = await self._locked(request, work)
        content = self._reception.open(row.number, row.sealed_key, row.sealed)
        code, index = self._reception.new_receipt()
        content.receipt_code = code
        content.receipt_words = reception_.words_for(request.second_factor, content.reporter.phone, "second_factor")
        sealed = self.sealer.under(row.number, row.sealed_key).seal(content.SerializeToString())
        changed = await store.change(work.connection, row.number, work.now, sealed=sealed, receipt_index=index)
        await acts.forget(work.connection, row.number)
        await work.append(NewEvent(row.number, "ReceiptReissued", row.unit, {"document": request.document_kind}))
        return view.report(changed, work.call.language, work.now)

    @command(report_pb2.Report)
    async def AddToReport(self, request: pb.AddToReportRequest, work: Work) -> report_pb2.Report:
        """Add words; the unit reads them with the report."""
        row = await self._locked(request, work)
        rules_of.must_be_under_way(row.state, await self._case_is_closed(work.connection, row))
        sealed = self.sealer.under(row.number, row.sealed_key).seal(request.text.encode())
        added = await acts.add(work.connection, row.number, sealed, work.now)
        await work.append(NewEvent(row.number, "ReportAdded", row.unit, {"addition": added.addition}))
        return view.report(row, work.call.language, work.now)

    async def AddPhoto(self, request: pb.AddPhotoRequest, context: Context) -> pb.Photo:
        """Add a photo, re-encoded and sealed with its thumbnail; no transaction is held while encoding."""
        async with self.database.read() as connection:
            row = await store.get(connection, names.number_of(request.parent))
            await record.admit(connection, current_call(), row)
        async with self._encoding:
            picture = await asyncio.to_thread(encoded_anew, request.content)

        @command(pb.Photo)
        async def add(servicer: ReporterServicer, request: pb.AddPhotoRequest, work: Work) -> pb.Photo:
            return await servicer._add_photo(request, picture, work)

        return await add(self, request, context)

    async def _add_photo(self, request: pb.AddPhotoRequest, picture: Picture, work: Work) -> pb.Photo:
        row = await self._locked_report(request.parent, work)
        rules_of.must_be_under_way(row.state, await self._case_is_closed(work.connection, row))
        sealer = self.sealer.under(row.number, row.sealed_key)
        added = await acts.add_photo(work.connection, row.number, picture, sealer, work.now)
        await work.append(NewEvent(row.number, "PhotoAdded", row.unit, {"photo": added.photo}))
        return told_by.photo(request.parent, added)

    async def ListPhotos(self, request: pb.ListPhotosRequest, context: Context) -> pb.ListPhotosResponse:
        """Return the photos of a report, without content."""
        async with self.database.read() as connection:
            row = await store.get(connection, names.number_of(request.parent))
            await record.admit(connection, current_call(), row)
            erasing.must_be_there(row)
            found = await acts.photos(connection, row.number)
        return pb.ListPhotosResponse(photos=[told_by.photo(request.parent, each) for each in found])

    async def DownloadPhoto(self, request: pb.DownloadPhotoRequest, context: Context) -> pb.PhotoFile:
        """Return a photo, and log the access."""
        call, now, number = current_call(), self.time.now(), names.number_of(request.name)
        async with self.database.begin() as connection:
            row = await store.get(connection, number)
            await record.admit(connection, call, row)
            erasing.must_be_there(row)
            found = await acts.photo(connection, number, int(names.last(request.name)))
            await access_log.record(connection, call, now, number, request.name)
            event = NewEvent(number, "ContentRead", row.unit)
            await self.log.append(connection, [event], at=now, actor=call.caller.subject, trace=call.trace_parent)
        self.pulse.beat()
        sealed = found.thumbnail if request.thumbnail else found.sealed
        content = self.sealer.under(number, row.sealed_key).open(sealed)
        return pb.PhotoFile(name=request.name, media_type=MEDIA_TYPE, content=content)

    @command(report_pb2.Report)
    async def CorrectReport(self, request: pb.CorrectReportRequest, work: Work) -> report_pb2.Report:
        """Correct the reporter's contact or the address; a wish not to be reached by some channel stays."""
        row = await self._locked(request, work)
        content = self._reception.open(row.number, row.sealed_key, row.sealed)
        if request.HasField("reporter"):
            reception_.correct_reporter(content, request.reporter)
        if request.HasField("address"):
            content.address = request.address
        reception_.must_keep_its_factor(content)
        sealed = self.sealer.under(row.number, row.sealed_key).seal(content.SerializeToString())
        reachable = row.reachable or reception_.left_a_contact(content.reporter)
        changed = await store.change(work.connection, row.number, work.now, sealed=sealed, reachable=reachable)
        await work.append(NewEvent(row.number, "ReportCorrected", row.unit))
        return view.report(changed, work.call.language, work.now)

    @command(report_pb2.Report)
    async def WithdrawReport(self, request: pb.WithdrawReportRequest, work: Work) -> report_pb2.Report:
        """Withdraw: before acceptance the report ends; later the unit is notified."""
        row = await self._locked(request, work)
        if row.withdrawn_at is not None or row.state not in OPEN | {ReportState.ACCEPTED, ReportState.MERGED}:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        if row.state not in OPEN:
            if await self._case_is_closed(work.connection, row):
                raise CaseError(Reason.WRONG_STATE, ReportState.CLOSED.name, state=ReportState.CLOSED.name)
            changed = await store.change(work.connection, row.number, work.now, withdrawn_at=work.now)
            await work.append(NewEvent(row.number, "WithdrawalRequested", row.unit))
            return view.report(changed, work.call.language, work.now)
        state = rules_of.move(row.state, ReportState.WITHDRAWN)
        changed = await store.change(
            work.connection, row.number, work.now, state=state, withdrawn_at=work.now, decided_at=work.now
        )
        await work.stop(row.number, f"{ACCEPT}%", met=False)
        await ending.lapse(work, row)
        await work.append(NewEvent(row.number, "ReportWithdrawn", row.unit, {"state": state.name}, wakes=True))
        return view.report(changed, work.call.language, work.now)

    @command(report_pb2.Report)
    async def RateReport(self, request: pb.RateReportRequest, work: Work) -> report_pb2.Report:
        """Rate the handling, once the matter is over."""
        row = await self._locked(request, work)
        rules_of.must_be_ended(row.state, await self._case_is_closed(work.connection, row))
        sealer = self.sealer.under(row.number, row.sealed_key)
        sealed = sealer.seal(request.text.encode()) if request.text else None
        said = Contentment(request.contentment)
        await acts.rate(work.connection, row.number, said, sealed, work.now)
        await work.append(NewEvent(row.number, "ReportRated", row.unit, {"contentment": said.name}))
        return view.report(row, work.call.language, work.now)

    @command(report_pb2.Report)
    async def RequestReview(self, request: pb.RequestReviewRequest, work: Work) -> report_pb2.Report:
        """Request a review of a refusal: once, with a clock."""
        row = await self._locked(request, work)
        if await acts.review(work.connection, row.number) is not None:
            raise CaseError(Reason.OBJECTED_BEFORE, names.report_name(row.number))
        state = rules_of.move(row.state, ReportState.DISPUTED)
        refusal = await acts.refusal(work.connection, row.number)
        sealer = self.sealer.under(row.number, row.sealed_key)
        sealed = sealer.seal(request.text.encode()) if request.text else None
        await acts.dispute(work.connection, row.number, refusal[0] if refusal else "", sealed, work.now)
        clock = await work.start_clock(
            row.number, REVIEW, "decline_review", subject=names.report_name(row.number), unit=row.unit, at=work.now
        )
        changed = await store.change(work.connection, row.number, work.now, state=state)
        payload = {"state": state.name, "due_at": clock.due_at}
        await work.append(NewEvent(row.number, "RefusalDisputed", row.unit, payload, wakes=True))
        return view.report(changed, work.call.language, work.now)

    async def GetDeclineReview(self, request: pb.GetDeclineReviewRequest, context: Context) -> pb.DeclineReview:
        """Return what the reporter wrote, and how it was decided; this is logged."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.begin() as connection:
            row = await store.get(connection, number)
            await record.admit(connection, call, row)
            erasing.must_be_there(row)
            found = await acts.must_be_reviewed(connection, number)
            due = await store.clock_date(connection, names.clock_id(number, REVIEW))
            await access_log.record(connection, call, self.time.now(), number, request.name)
            event = NewEvent(number, "ContentRead", row.unit)
            await self.log.append(
                connection, [event], at=self.time.now(), actor=call.caller.subject, trace=call.trace_parent
            )
        self.pulse.beat()
        opener = self.sealer.under(number, row.sealed_key)
        return told_by.review(names.report_name(number), found, opener, due)

    @command(report_pb2.Report)
    async def DecideReview(self, request: pb.DecideReviewRequest, work: Work) -> report_pb2.Report:
        """Decide a review, by another person: the refusal stands, or the report awaits acceptance again."""
        row = await self._locked(request, work)
        found = await acts.must_be_reviewed(work.connection, row.number)
        state = rules_of.move(row.state, ReportState.DECLINED if request.upheld else ReportState.RECEIVED)
        someone_else(work.actor, found.declined_by)
        await acts.decide(
            work.connection, row.number, at=work.now, by=work.actor, upheld=request.upheld, reason=request.reason
        )
        await work.stop(row.number, f"{REVIEW}%")
        told = {"state": state.name, "reason": request.reason}
        if request.upheld:
            changed = await store.change(work.connection, row.number, work.now, state=state)
            await work.append(NewEvent(row.number, "RefusalUpheld", row.unit, told, wakes=True))
            return view.report(changed, work.call.language, work.now)
        clock = await self._accept_anew(row, work)
        content = self._reception.open(row.number, row.sealed_key, row.sealed)
        content.ClearField("refusal")
        sealed = self.sealer.under(row.number, row.sealed_key).seal(content.SerializeToString())
        changed = await store.change(
            work.connection, row.number, work.now, state=state, route=0, decided_at=None, sealed=sealed,
            **clock.shown(),
        )  # fmt: skip
        await work.append(NewEvent(row.number, "RefusalSetAside", row.unit, told, wakes=True))
        return view.report(changed, work.call.language, work.now)

    async def _accept_anew(self, row: Report, work: Work) -> NewClock:
        """Start the limit for accepting again, from the decision: the first one was met by the refusal."""
        limit = row.triage.get("acceptance", {}).get("limit", ACCEPT)
        return await work.start_clock(
            row.number, f"{ACCEPT}-{row.version + 1}", limit, subject=names.report_name(row.number), unit=row.unit,
            at=work.now,
        )  # fmt: skip

    @staticmethod
    async def _case_is_closed(connection: Connection, row: Report) -> bool:
        return await record.case_is_closed(connection, row.merged_into or row.number)

    async def _locked(self, request: Named, work: Work) -> Report:
        """Return the report, locked, if the caller may act on it."""
        return await self._locked_report(request.name, work)

    async def _locked_report(self, name: str, work: Work) -> Report:
        row = await store.lock(work.connection, names.number_of(name))
        await record.admit(work.connection, work.call, row)
        erasing.must_be_there(row)
        return row
