"""RPCs for the legal rights of reporters: erasure of reports that never became a case, and the access log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

from pb.intake.v1 import forwards_pb2, reporter_pb2
from pb.mediation.v1 import erasure_pb2, people_pb2
from pb.privacy.v1 import case_file_pb2, reports_pb2_grpc
from pb.privacy.v1 import reports_pb2 as pb

from casework import names
from casework.door.report import ReportState
from casework.erasure import keep_until
from casework.errors import CaseError, Reason
from services.intake import erasing, record, store, view
from services.intake.forwards import store as forwards
from services.intake.forwards import view as forwards_shown
from services.intake.grids import rounds
from services.intake.links import answers
from services.intake.models import Report
from services.intake.reception import Reception
from services.intake.reporters import store as acts
from services.intake.reporters import view as told_by
from services.kit import looks
from services.kit.command import Work, command
from services.kit.composition import Parts
from services.kit.erasing import Erasing, Matter
from services.kit.instants import stamp
from services.kit.personal import Paper, data, parts
from services.kit.rules import Rules
from services.kit.saying import moment
from services.kit.servicer import Servicer
from services.kit.serving.access import OFFICIALS, Context, current_call
from services.kit.serving.codes import HOLDER, CodeMint
from services.kit.storage import access_log, paging
from services.kit.storage.database import Connection
from services.kit.storage.sealing import CaseSealer

_READING = 300
"""Seconds for which the gateway may add what other services have."""


class _Exported(NamedTuple):
    """A report's file, and what opens its photos."""

    file: pb.ReportFile
    opener: CaseSealer
    case: str


class ReportPrivacyServicer(Servicer, reports_pb2_grpc.ReportPrivacyServiceServicer):
    """Serves erasures of reports that never became a case, holds on them, and the access log of reports."""

    service = "intake"
    heads = "reports"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._reception = Reception(parts.rules, parts.sealer, parts.clockwork)
        self._mint = CodeMint(parts.settings.codes_key_file)
        self._erasing = Erasing(
            self.service, store.KEPT, store.told, erasing.erase, parts.erasures, parts.rules, finishes=True
        )

    @command(erasure_pb2.CaseErasure)
    async def RequestReportErasure(
        self, request: pb.RequestReportErasureRequest, work: Work
    ) -> erasure_pb2.CaseErasure:
        """Record the request for an erasure; in a dry run, return what would be erased and write nothing."""
        return await self._erasing.request(work, await self._locked(request.name, work), request)

    @command(erasure_pb2.CaseErasure)
    async def EraseReport(self, request: pb.EraseReportRequest, work: Work) -> erasure_pb2.CaseErasure:
        """Destroy the report's key, as another person than the requester."""

        async def again() -> Matter:
            return self._matter(await store.get(work.connection, names.number_of(request.name)))

        return await self._erasing.erase(work, await self._locked(request.name, work), request.etag, again)

    @command(erasure_pb2.CaseErasure)
    async def RefuseReportErasure(self, request: pb.RefuseReportErasureRequest, work: Work) -> erasure_pb2.CaseErasure:
        """Refuse the request."""
        return await self._erasing.refuse(work, await self._locked(request.name, work), request.etag)

    @command(erasure_pb2.CaseErasure)
    async def HoldReportData(self, request: pb.HoldReportDataRequest, work: Work) -> erasure_pb2.CaseErasure:
        """Place a hold; it prevents erasure on every ground."""
        return await self._erasing.hold(work, await self._locked(request.name, work), request.evidence)

    @command(erasure_pb2.CaseErasure)
    async def ReleaseReportData(self, request: pb.ReleaseReportDataRequest, work: Work) -> erasure_pb2.CaseErasure:
        """Lift every hold, as another person than those who placed them."""
        return await self._erasing.release(work, await self._locked(request.name, work), request.evidence)

    async def GetReportErasure(self, request: pb.GetReportErasureRequest, context: Context) -> erasure_pb2.CaseErasure:
        """Return the state of the erasure of a report, in every service."""
        async with self.database.begin() as connection:
            matter = await self._erased_with(connection, request.name)
            return await self._erasing.answer(connection, matter, self.time.now())

    async def GetReportErasureCertificate(
        self, request: pb.GetReportErasureCertificateRequest, context: Context
    ) -> erasure_pb2.ErasureCertificate:
        """Return the certificate of an erasure that is complete."""
        async with self.database.begin() as connection:
            matter = await self._erased_with(connection, request.name)
            return await self._erasing.certificate(connection, matter)

    async def ListDueReportErasures(
        self, request: pb.ListDueReportErasuresRequest, context: Context
    ) -> pb.ListDueReportErasuresResponse:
        """Return reports whose retention is over, the longest expired first."""
        size, now = request.page_size or 50, self.time.now()
        scope = current_call().scope(names.last(request.unit) if request.unit else "")
        behind = paging.read(request.page_token, "report erasures", paging.instant, paging.key)
        years = {state: kept.years for state, kept in self.rules.retention.items()}
        async with self.database.read() as connection:
            found = await store.due(connection, years, paging.subtree(scope), now, behind, size + 1)
        reply = pb.ListDueReportErasuresResponse(
            erasures=[
                erasure_pb2.CaseErasure(
                    case=names.report_name(row.number), keep_until_time=stamp(row.until),
                    retention_class=self.rules.retention[row.state].key,
                )
                for row in found[:size]
            ]
        )  # fmt: skip
        if len(found) > size:
            end = found[size - 1]
            reply.next_page_token = paging.token("report erasures", end.until.isoformat(), end.number)
        return reply

    @command(erasure_pb2.CaseErasure)
    async def RecordReportErasureReach(
        self, request: pb.RecordReportErasureReachRequest, work: Work
    ) -> erasure_pb2.CaseErasure:
        """Record what an erasure reaches, or has reached, in another service."""
        row = await store.lock(work.connection, names.number_of(request.name))
        await record.admit(work.connection, work.call, row)
        return await self._erasing.record(work, self._matter(row), request.reach)

    async def ListReportAccess(
        self, request: pb.ListReportAccessRequest, context: Context
    ) -> pb.ListReportAccessResponse:
        """Return who read, found or exported a report, newest first."""
        call, size = current_call(), request.page_size or 50
        behind = paging.read(request.page_token, looks.PAGES) or 2**63 - 1
        async with self.database.begin() as connection:
            row = await self._seen(connection, request.parent)
            found = await access_log.listed(connection, row.number, behind, size + 1)
            filed_by = await store.filed_by(connection, row.number)
        report, case = names.report_name(row.number), names.case_name(row.merged_into or row.number)
        to = "" if call.caller.roles & OFFICIALS else call.caller.subject
        reply = pb.ListReportAccessResponse(
            entries=[looks.entry(each, self.rules.units, call.language, to=to) for each in found[:size]], case=case
        )
        if to and (call.caller.matter == report or to == filed_by):
            # Nobody else gets it: by this token one is the reporter.
            reply.access_token, _ = self._mint.token(HOLDER, report, case, _READING)
        reply.next_page_token = paging.following(found, size, looks.PAGES, lambda end: end.id)
        return reply

    async def ExportReport(self, request: pb.ExportReportRequest, context: Context) -> pb.ReportFile:
        """Return what somebody reported and who accessed it; this is logged."""
        return (await self._export(request.name)).file

    async def DownloadReport(
        self, request: pb.DownloadReportRequest, context: Context
    ) -> AsyncIterator[case_file_pb2.OwnFilePart]:
        """Answer the same with every photo, one after the other."""
        file, opener, case = await self._export(request.name)
        report = names.report_name(names.number_of(request.name))
        token, _ = self._mint.token(HOLDER, report, case, _READING)
        yield case_file_pb2.OwnFilePart(access_token=token)
        for part in (*parts(file.file_name, file.content), *data(file)):
            yield part
        for each in file.photos:
            async with self.database.read() as connection:
                row = await acts.photo(connection, names.number_of(each.name), int(names.last(each.name)))
            content = await asyncio.to_thread(opener.open, row.sealed)
            for part in parts(f"photos/{row.photo}.jpg", content):
                yield part

    async def _export(self, name: str) -> _Exported:
        """Return what somebody reported, with its paper; on record."""
        call, now = current_call(), self.time.now()
        async with self.database.begin() as connection:
            row = await self._seen(connection, name)
            erasing.must_be_there(row)
            report, purpose = names.report_name(row.number), people_pb2.PURPOSE_PARTY_REQUEST
            await access_log.record(connection, call, now, row.number, report, purpose)
            found = await access_log.listed(connection, row.number, 2**63 - 1, 10_000)
            filed_by = await store.filed_by(connection, row.number)
            added, rated = await acts.additions(connection, row.number), await acts.rating(connection, row.number)
            photos, review = await acts.photos(connection, row.number), await acts.review(connection, row.number)
            seen = await rounds.seen(connection, row.number, row.channel)
            sent_on = await forwards.of(connection, row.number)
            repeated = await answers.earlier(connection, row, self.rules, call.language, answers.to_both)
        opener = self.sealer.under(row.number, row.sealed_key)
        told = self._reception.open(row.number, row.sealed_key, row.sealed)
        told_by.put(told, opener, added, rated)
        forwarded = [forwards_shown.forward(each, row.due_at, self.rules) for each in sent_on]
        for each in forwarded:
            # The other report is somebody else's.
            each.ClearField("target")
        file = pb.ReportFile(
            name=name, export_time=stamp(now), report=view.report(row, call.language, now), told=told,
            photos=[told_by.photo(report, each) for each in photos],
            review=told_by.review(report, review, opener, None) if review else None,
            access_log=[
                looks.entry(each, self.rules.units, call.language, to=filed_by or "-") for each in found
            ],
            forwards=forwarded,
        )  # fmt: skip
        file.report.earlier_answers.extend(repeated)
        rounds.put(file.report, seen)
        written = await asyncio.to_thread(_written, file, self.rules, call.language)
        return _Exported(written, opener, names.case_name(row.merged_into or row.number))

    async def _locked(self, name: str, work: Work) -> Matter:
        """Return a report, locked, that is neither a case nor merged into another one, if the caller may act on it."""
        row = await store.lock(work.connection, names.number_of(name))
        await record.admit(work.connection, work.call, row)
        if row.state in (ReportState.ACCEPTED, ReportState.MERGED):
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        return self._matter(row)

    async def _erased_with(self, connection: Connection, name: str) -> Matter:
        """Return the matter that a report is erased with: itself, or the report it was merged into."""
        row = await self._seen(connection, name)
        return self._matter(await store.get(connection, row.merged_into) if row.merged_into else row)

    async def _seen(self, connection: Connection, name: str) -> Report:
        row = await store.get(connection, names.number_of(name))
        await record.admit(connection, current_call(), row)
        return row

    def _matter(self, row: Report) -> Matter:
        kept = self.rules.retention.get(row.state)
        since = row.decided_at or row.closed_at or row.updated_at
        return Matter(
            names.report_name(row.number), row.number, row.unit, row.erased_at, (row.seq, row.head),
            closed=kept is not None,
            until=keep_until(kept.years, since) if kept else None,
            kept_as=kept.key if kept else "",
        )  # fmt: skip


FORWARDED = {
    forwards_pb2.FORWARD_STATE_ASKED: ("待答复", "not answered yet"),
    forwards_pb2.FORWARD_STATE_TAKEN_OVER: ("已接收", "taken over"),
    forwards_pb2.FORWARD_STATE_SENT_BACK: ("已退回", "sent back"),
    forwards_pb2.FORWARD_STATE_RECALLED: ("已收回", "recalled"),
    forwards_pb2.FORWARD_STATE_REFERRED: ("由上级确定", "for the unit above to decide"),
    forwards_pb2.FORWARD_STATE_DECIDED: ("上级已确定", "decided by the unit above"),
    forwards_pb2.FORWARD_STATE_LAPSED: ("已失效", "lapsed"),
    forwards_pb2.FORWARD_STATE_UNDONE: ("并案已撤销", "merged and separated again"),
}
_CONTENT = {1: ("满意", "content"), 2: ("基本满意", "partly content"), 3: ("不满意", "not content")}


def _of_review(paper: Paper, review: reporter_pb2.DeclineReview, language: str) -> None:
    """Write that the reporter asked to look at a refusal again, and what came of it."""
    if not review.name:
        return
    lines = [f"{moment(review.create_time, language)} {review.text}".strip()]
    if review.HasField("decide_time"):
        upheld = paper.say("维持不予受理", "the refusal stays") if review.upheld else paper.say("撤销", "set aside")
        lines.append(f"{moment(review.decide_time, language)} {upheld}: {review.reason}")
    paper.lines("您申请的复核", "The review you asked for", lines)


def _written(file: pb.ReportFile, rules: Rules, language: str) -> pb.ReportFile:
    """Return a report's file, with its document in a language."""
    paper, told, number = Paper(language), file.told, names.number_of(file.name)
    category = rules.categories.get(file.report.category.removeprefix("categories/"))
    paper.facts(
        "", "",
        (("编号", "Number", number), ("登记单位", "Unit", rules.units.known(names.last(file.report.unit)).name),
         ("类别", "Kind of matter", paper.say(category.zh, category.en)),
         ("登记时间", "Received", moment(file.report.receive_time, language)),
         ("答复期限", "Answer due", moment(file.report.due_time, language)),
         ("报告人", "Reporter", told.reporter.display_name), ("电话", "Telephone", told.reporter.phone),
         ("地点", "Place", told.address), ("网格", "Grid", file.report.place.grid),
         ("发现时间", "Seen", moment(file.report.observe_time, language))),
    )  # fmt: skip
    paper.lines("报告的内容", "What you reported", [told.text])
    named = [" ".join(filter(None, (each.display_name, each.phone))) for each in told.parties]
    paper.lines("您提到的人员", "Persons you named", named)
    paper.lines("转送情况", "Where it was forwarded", [
        f"{moment(each.create_time, language)} {each.unit_display_name} → {each.asked_unit_display_name}: "
        f"{FORWARDED[each.state][language == 'en']}"
        for each in file.forwards
    ])  # fmt: skip
    paper.lines("以前的答复", "Earlier answers", [
        " ".join(filter(None, (names.last(each.report), each.unit_display_name, each.outcome)))
        for each in file.report.earlier_answers
    ])  # fmt: skip
    paper.lines("您补充的内容", "What you added", [
        f"{moment(each.create_time, language)} {each.text}" for each in told.additions
    ])  # fmt: skip
    paper.lines("您提交的照片", "Photos you added", [
        f"photos/{names.last(each.name)}.jpg, {moment(each.create_time, language)}" for each in file.photos
    ])  # fmt: skip
    _of_review(paper, file.review, language)
    if told.rating.contentment:
        said = _CONTENT[told.rating.contentment][language == "en"]
        paper.lines("您的评价", "How content you are", [f"{said} {told.rating.text}".strip()])
    paper.lines("查阅记录", "Who looked", [each.sentence for each in file.access_log])
    paper.put(file, f"{number}-{paper.say('本人材料', 'own-file')}.docx")
    return file
