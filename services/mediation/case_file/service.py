"""A party's own file: read from the tables of the case, for this party alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from pb.mediation.v1 import agreement_pb2, evidence_pb2, people_pb2
from pb.privacy.v1 import case_file_pb2 as pb
from pb.privacy.v1 import case_file_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason
from casework.mediation.course import Scope
from casework.mediation.session import AttendeeRole, Presence
from services.kit.composition import Parts
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.personal import Paper, data, fit, parts
from services.kit.serving.access import Context, current_call
from services.kit.storage import access_log
from services.kit.storage.database import Connection
from services.kit.storage.sealing import CaseSealer
from services.mediation import keys, record
from services.mediation.agreement import store as agreements
from services.mediation.agreement.store import Loaded
from services.mediation.case_file import acts, store
from services.mediation.case_file.writing import written
from services.mediation.consents import store as consents
from services.mediation.consents import view as consents_shown
from services.mediation.evidence import store as evidence
from services.mediation.evidence import view as evidence_shown
from services.mediation.evidence.files import Files
from services.mediation.mediators import store as mediators
from services.mediation.models.cases import Case
from services.mediation.models.people import Party
from services.mediation.notices import own as notices
from services.mediation.notices import store as outbox
from services.mediation.notices.writing import Wording
from services.mediation.panel import store as panel
from services.mediation.panel import view as panel_shown
from services.mediation.people import named
from services.mediation.people import store as people
from services.mediation.people import view as people_shown
from services.mediation.safeguards import store as safeguards
from services.mediation.servicer import Servicer
from services.mediation.sessions import store as sessions

_ALL = 10_000
_NEWEST = 2**63 - 1
_NOBODY = "-"
"""Stands for the account of a party without one: the file names no official's account."""


class CaseFileServicer(Servicer, case_file_pb2_grpc.CaseFileServiceServicer):
    """Serves a party's own file."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        assert parts.settings.files is not None, "the evidence would not be served without it"
        self._files = Files(parts.settings.files)
        self._wording = Wording(parts.rules)

    async def ExportCaseFile(self, request: pb.ExportCaseFileRequest, context: Context) -> pb.CaseFile:
        """Return everything stored here about a party; this is logged."""
        found, _ = await self._export(request.name)
        return found

    async def DownloadCaseFile(
        self, request: pb.DownloadCaseFileRequest, context: Context
    ) -> AsyncIterator[pb.OwnFilePart]:
        """Answer the same with every file of evidence, one after the other."""
        found, opener = await self._export(request.name)
        for part in (*parts(found.file_name, found.content), *data(found)):
            yield part
        for index, each in enumerate(found.evidence, 1):
            for part in await asyncio.to_thread(self._evidence, index, each, opener):
                yield part

    async def ExportNotices(self, request: pb.ExportNoticesRequest, context: Context) -> pb.NoticesFile:
        """Answer the notices that a party or a reporter was sent, with their proof."""
        own, call = request.name.removesuffix("/notices"), current_call()
        number = names.number_of(own)
        async with self.database.begin() as connection:
            if own.startswith("reports/"):
                # Whether or not there is a case: the code, or whoever looked it up, is good for this report alone.
                call.require_person(call.caller.matter == own and call.access.holds(call.caller, call.permission))
                case, party = (await outbox.cases(connection, [number])).get(number), notices.REPORTER
            else:
                case = await self.seen(connection, request.name)
                row = await people.get_party(connection, case.number, names.party_of(own))
                await record.must_act_for(connection, call, row, frozenset({Scope.RECEIVE}))
                party, purpose = row.party, people_pb2.PURPOSE_PARTY_REQUEST
                await access_log.record(connection, call, self.time.now(), number, own, purpose)
            sent = await notices.found(connection, self._wording, number, party, case, call.language)
        found = pb.NoticesFile(name=request.name, notices=sent)
        return await asyncio.to_thread(_noticed, found, call.language)

    def _evidence(self, index: int, each: evidence_pb2.Evidence, opener: CaseSealer) -> Iterator[pb.OwnFilePart]:
        """Return a file of evidence in parts; the manifest says so where it is damaged or gone."""
        name = f"evidence/{index:02}-{fit(each.file_name or each.title)}"
        try:
            content = opener.open(self._files.get(bytes.fromhex(each.stored_hash)))
        except CaseError as error:
            if error.reason is not Reason.FILE_DAMAGED:
                raise
            return iter((pb.OwnFilePart(file_name=name, missing=True),))
        return parts(name, content)

    async def _export(self, name: str) -> tuple[pb.CaseFile, CaseSealer]:
        """Return the file of a party with its paper, and what opens its evidence; on record."""
        call, now = current_call(), self.time.now()
        own = name.removesuffix("/file")
        async with self.database.begin() as connection:
            case = await self.seen(connection, name)
            row = await people.get_party(connection, case.number, names.party_of(own))
            record.must_be_own(call, row)
            opener = keys.reading(self.sealer, case)
            purpose = people_pb2.PURPOSE_PARTY_REQUEST
            await access_log.record(connection, call, now, case.number, own, purpose)
            found = pb.CaseFile(name=name, export_time=stamp(now), **numbers(side=row.side))
            await self._person(connection, case, row, opener, found)
            await self._course(connection, row, opener, found)
            await self._agreed(connection, case, row, opener, found)
            await self._beside(connection, row, opener, found)
            looks = await access_log.listed(connection, case.number, _NEWEST, _ALL, [own])
            found.access_log.extend(await self.told(connection, case, looks, to=row.subject or _NOBODY))
            called = found.details.display_name
            sent = await notices.found(connection, self._wording, case.number, row.party, case, call.language, called)
            found.sent_notices.extend(sent)
        return await asyncio.to_thread(written, found, call.language), opener

    async def _person(
        self, connection: Connection, case: Case, row: Party, opener: CaseSealer, found: pb.CaseFile
    ) -> None:
        """Set who it is and what they reported; hidden data is left out, as others may find the document."""
        language, category = current_call().language, self.rules.categories.get(case.category)
        found.unit_display_name = self.rules.units.known(case.unit).name
        found.category = category.en if language == "en" else category.zh
        details = people_shown.details(opener, row.sealed)
        told = keys.content_of(self.sealer, case)
        if named.is_reporter(details, told):
            found.report_text = told.text
        screened = await safeguards.screening(connection, opener, row.number, row.party)
        if screened and screened.hide_address:
            for field in ("address", "service_address", "phone"):
                details.ClearField(field)
        found.details.CopyFrom(details)

    @staticmethod
    async def _course(connection: Connection, row: Party, opener: CaseSealer, found: pb.CaseFile) -> None:
        """Set their consents, attended sessions and evidence."""
        for said in await consents.listed(connection, row.number, 0, _ALL):
            if said.party == row.party:
                shown = consents_shown.consent(said)
                shown.ClearField("recorder")
                found.consents.append(shown)
        held = {each.session: each for each in await sessions.of_case(connection, row.number)}
        for came in await sessions.attendances(connection, row.number):
            is_theirs = came.role is AttendeeRole.PARTY and came.party == row.party
            if is_theirs and came.presence is not Presence.ABSENT:
                found.sessions.append(
                    pb.AttendedSession(
                        session=names.session_name(row.number, came.session),
                        start_time=stamp(held[came.session].started_at),
                        **numbers(kind=held[came.session].kind, presence=came.presence),
                    )
                )
        for file in await evidence.listed(connection, row.number, [row.party], 0, _ALL):
            label = evidence_pb2.Evidence.FromString(opener.open(file.sealed))
            given = evidence_shown.evidence(file)
            given.title, given.file_name = label.title, label.file_name
            given.ClearField("created_by")
            found.evidence.append(given)

    @staticmethod
    async def _beside(connection: Connection, row: Party, opener: CaseSealer, found: pb.CaseFile) -> None:
        """Set who accompanies them, who was proposed to take part in the mediation, and what they did besides."""
        own = names.party_name(row.number, row.party)
        for each in await store.companions(connection, row.number, row.party):
            shown = people_shown.masked_companion(each, opener)
            shown.ClearField("user")
            del shown.parties[:]
            shown.parties.append(own)
            found.companions.append(shown)
        for member in await panel.of_case(connection, row.number):
            name = (await mediators.get(connection, member.mediator)).display_name if member.mediator else ""
            seen = panel_shown.named(member, name, opener, party=True)
            found.panel.append(
                pb.PersonalMember(
                    member=seen.name,
                    role=seen.role,
                    display_name=seen.display_name,
                    capacity=seen.capacity,
                    agreed=row.party in member.agreed,
                    add_time=seen.add_time,
                )
            )
        found.acts.extend(await acts.of(connection, row, opener, current_call().language))

    async def _agreed(
        self, connection: Connection, case: Case, row: Party, opener: CaseSealer, found: pb.CaseFile
    ) -> None:
        """Set signed agreements, received notices and dates that concern them."""
        english = current_call().language == "en"
        dates = [
            (case.received_at, "报告登记", "reported"), (case.opened_at, "受理", "accepted"),
            (case.due_at, "办结期限", "to be closed by"), (case.closed_at, "办结", "closed"),
        ]  # fmt: skip
        for loaded in await agreements.loaded_all(connection, row.number):
            if row.party not in loaded.signed:
                continue
            found.agreements.append(_signed(loaded, row.party, opener))
            dates.append((loaded.row.confirm_due_at, "申请司法确认的期限", "last day for judicial confirmation"))
            theirs = {each.clause for each in loaded.clauses if row.party in (each.performer, each.beneficiary)}
            dates += [
                (each.due_at, "协议履行期限", "performance due") for each in loaded.parts if each.clause in theirs
            ]
        for notice in await agreements.notices(connection, row.number):
            if notice.party == row.party:
                told = pb.PersonalNotice(make_time=stamp(notice.made_at), serve_time=stamp(notice.served_at))
                found.notices.append(told)
        known = sorted((at, en if english else zh) for at, zh, en in dates if at is not None)
        found.dates.extend(pb.PersonalDate(what=what, time=stamp(at)) for at, what in known)


def _noticed(found: pb.NoticesFile, language: str) -> pb.NoticesFile:
    paper = Paper(language)
    notices.write(paper, found.notices, language)
    paper.put(found, f"{names.number_of(found.name)}-{paper.say('通知', 'notices')}.docx")
    return found


def _signed(loaded: Loaded, party: int, opener: CaseSealer) -> pb.SignedAgreement:
    name = names.agreement_name(loaded.row.number, loaded.row.agreement)
    text = agreement_pb2.AgreementText.FromString(opener.open(loaded.row.sealed))
    text.name = f"{name}/text"
    return pb.SignedAgreement(
        agreement=name, text=text, sign_time=stamp(loaded.signed[party]),
        effective_time=stamp(loaded.row.effective_at),
    )  # fmt: skip
