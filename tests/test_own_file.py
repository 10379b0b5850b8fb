"""A party takes out its own file, and a reporter the report: everything of this person, no word of anybody else's."""

from __future__ import annotations

import base64
import hashlib
import importlib
import io
import itertools
import json
import pkgutil
import zipfile
from collections.abc import Iterator
from typing import Any, TypeVar

import httpx
import pytest
from buf.validate import validate_pb2
from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import (
    agreement_pb2,
    caucus_pb2,
    evidence_pb2,
    notices_pb2,
    panel_pb2,
    people_pb2,
    safeguards_pb2,
    sessions_pb2,
)
from pb.mediation.v1.notices_pb2_grpc import NoticeServiceStub
from pb.mediation.v1.panel_pb2_grpc import PanelServiceStub
from pb.privacy.v1 import case_file_pb2, reports_pb2
from pb.privacy.v1.case_file_pb2_grpc import CaseFileServiceStub

from casework.door.forward import ForwardState
from services.intake import privacy
from services.kit import looks
from services.kit.storage.models import Model
from tests import world_notices
from tests.case_people import Act, new_case, refused
from tests.conftest import COUNTY, Clients, request_id
from tests.dossiers import text_of
from tests.erasing import erased, requested
from tests.mediated import ALL_YES, Mediated
from tests.outside import Desk, Invitee, Reporter
from tests.people_of_case import Stubs, execute
from tests.test_filing import picture
from tests.test_of_record import bound
from tests.test_privacy import found_in
from tests.test_report_erasure import stub
from tests.world import new_report
from tests.world_people import alert, invited, screening
from tests.world_sessions import PDF, new_evidence, new_session

M = TypeVar("M", bound=Message)
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


class Marks:
    """Words that stand nowhere else, put into every free text of a message; all of an owner share a stem."""

    def __init__(self) -> None:
        self._numbers = itertools.count(101)
        self.put: dict[str, list[str]] = {}

    def on(self, message: M, owner: str) -> M:
        """Return the message with a word of the owner in every field that takes free text, nested ones as well."""
        for field in message.DESCRIPTOR.fields:
            if field.message_type is not None:
                if not field.is_repeated and field.message_type.full_name.startswith("accord."):
                    self.on(getattr(message, field.name), owner)
            elif field.type == FieldDescriptor.TYPE_STRING and _is_free(field):
                word = f"{owner}{next(self._numbers)}"
                self.put.setdefault(owner, []).append(word)
                setattr(message, field.name, word)
        return message


def _is_free(field: FieldDescriptor) -> bool:
    options: Any = field.GetOptions()
    said = field_behavior_pb2.OUTPUT_ONLY not in options.Extensions[field_behavior_pb2.field_behavior]
    patterned = bool(options.Extensions[validate_pb2.field].string.pattern)
    return said and not (field.is_repeated or field.name == "name" or patterned)


OWN, COMMON, OTHERS, SEALED = "己饕餮", "共麒麟", "彼貔貅", "密螭吻"
"""Stems: of the party, of what both signed, of the other party, of what nobody takes out."""


@pytest.fixture(scope="module")
async def lived(clients: Clients) -> tuple[Act, Marks]:
    """Return a case in which each side and the mediator told something in every kind of sealed field."""
    act, marks, mediator = Act(clients, (await new_case(clients)).name), Marks(), clients.as_("mediator")
    for side, owner in ((1, OWN), (2, OTHERS)):
        details = marks.on(people_pb2.PartyDetails(phone="13900001111"), owner)
        asked = people_pb2.Party(side=side, kind=1, details=details)
        request = people_pb2.CreatePartyRequest(parent=act.case, party=asked, request_id=request_id())
        await clients.people.CreateParty(request, **act.clerk)
        await act.say(side)
    await execute(
        clients.stack,
        "UPDATE mediation.mediations SET state = 3, phase = 4, mediator = $2, mediator_unit = $3 WHERE number = $1",
        act.case.split("/")[1], f"demo-mediator-{COUNTY}", COUNTY,
    )  # fmt: skip
    stubs, case = Stubs(clients), Mediated(clients, act.case)
    for side, owner in ((1, OWN), (2, OTHERS)):
        label = marks.on(new_evidence(act.case, party=act.of(side)), owner)
        file = evidence_pb2.CreateEvidenceRequest(
            parent=act.case, evidence=label, content=PDF + owner.encode(), request_id=request_id()
        )
        await stubs.evidence.CreateEvidence(file, **mediator)
        parent = f"{act.case}/caucuses/{('applicant', 'respondent')[side - 1]}"
        note = marks.on(caucus_pb2.CaucusNote(), SEALED)
        write = caucus_pb2.WriteCaucusNoteRequest(parent=parent, note=note, request_id=request_id())
        await stubs.caucus.WriteCaucusNote(write, **mediator)
        asked_alone = marks.on(screening(hide_address=side == 2, wants_joint_session=True), SEALED)
        screen = safeguards_pb2.ScreenPartyRequest(name=act.of(side), screening=asked_alone, request_id=request_id())
        await clients.safeguards.ScreenParty(screen, **act.clerk)
    seen = marks.on(evidence_pb2.InvestigationContent(), SEALED)
    found = evidence_pb2.CreateInvestigationRequest(parent=act.case, content=seen, request_id=request_id())
    await stubs.evidence.CreateInvestigation(found, **mediator)
    danger = safeguards_pb2.CreateAlertRequest(
        parent=act.case, alert=marks.on(alert(), SEALED), request_id=request_id()
    )
    await clients.safeguards.CreateAlert(danger, **act.clerk)
    session = marks.on(new_session(), SEALED)
    plan = sessions_pb2.ScheduleSessionRequest(parent=act.case, session=session, request_id=request_id())
    await stubs.sessions.ScheduleSession(plan, **mediator)
    start = sessions_pb2.StartSessionRequest(name=f"{act.case}/sessions/1", request_id=request_id())
    await stubs.sessions.StartSession(start, **mediator)
    came = [sessions_pb2.Attendance(role=1, party=act.of(side), presence=1) for side in (1, 2)]
    attend = sessions_pb2.RecordAttendanceRequest(name=start.name, attendances=came, request_id=request_id())
    await stubs.sessions.RecordAttendance(attend, **mediator)
    agreement = agreement_pb2.Agreement(
        extent=1, form=1, clauses=[case.clause(content=f"{COMMON}还钱")],
        statement=marks.on(agreement_pb2.AgreementStatement(), COMMON),
    )  # fmt: skip
    drafted = await case.do("DraftAgreement", agreement=agreement)
    await case.do("AnswerChecklist", drafted.name, answers=ALL_YES)
    await case.do("AnswerThirdParties", drafted.name, settled=False)
    await case.sign(drafted, 1)
    await case.sign(drafted, 2)
    await beside(clients, act, start.name)
    return act, marks


async def beside(clients: Clients, act: Act, session: str) -> None:
    """Give each party an agent; let one agree to an assessor and refuse to sign the record, with a reason."""
    mediator, stubs = clients.as_("mediator"), Stubs(clients)
    panel = PanelServiceStub(clients.channels["mediation"])
    for party in (1, 2):
        agent = people_pb2.Companion(
            role=people_pb2.COMPANION_ROLE_AGENT, parties=[act.of(party)], scopes=[people_pb2.SCOPE_SPEAK],
            details=people_pb2.PartyDetails(display_name="令狐律师"), user=f"demo-agent-{party}",
        )  # fmt: skip
        await act.accompany(agent)
    asked = panel_pb2.PanelMember(
        role=panel_pb2.PANEL_ROLE_ASSESSOR, display_name="钟离工程师", capacity="房屋鉴定"
    )  # fmt: skip
    add = panel_pb2.AddPanelMemberRequest(parent=act.case, member=asked, request_id=request_id())
    name = (await panel.AddPanelMember(add, **mediator)).name
    agree = panel_pb2.AgreePanelMemberRequest(name=name, party=act.of(1), agreed=True, request_id=request_id())
    await panel.AgreePanelMember(agree, **mediator)
    content = sessions_pb2.RecordContent(statements="双方各自陈述")
    write = sessions_pb2.WriteSessionRecordRequest(name=session, content=content, request_id=request_id())
    await stubs.sessions.WriteSessionRecord(write, **mediator)
    refuse = sessions_pb2.RefuseSessionRecordRequest(
        name=f"{session}/record", party=act.of(1), reason="与我说的不符。", request_id=request_id()
    )
    await stubs.sessions.RefuseSessionRecord(refuse, **mediator)


ALONE = "what was said in confidence or alone about safety has no way out (0012)"
NO_DATA = "nothing of the person: a code, a count, what somebody may do, what the rules fix"
OF_CASE = "of the case and not of one party; read by its own call"
SHOWN_OF_PARTY = {
    "parties": "details side", "consents": "consents", "evidence": "evidence", "signatures": "agreements",
    "rights_notices": "notices", "notices": "sent_notices", "attendances": "sessions", "clauses": "dates agreements",
    "companions": "companions", "panel": "panel", "choices": "acts", "time_wishes": "acts",
    "record_signatures": "acts", "record_refusals": "acts", "service_asked": "acts", "closing_views": "acts",
    "visit_answers": "acts", "grants": "acts", "invitations": NO_DATA, "screenings": ALONE, "joint_wishes": ALONE,
    "fact_signatures": ALONE, "sessions": "sessions", "case_standings": NO_DATA, "identity_checks": "acts",
}  # fmt: skip
"""Where a party's file shows what each table holds of one party, or why it does not."""
SHOWN_OF_REPORT = {
    "reports": "report told", "additions": "told", "ratings": "told", "photos": "photos", "decline_reviews": "review",
    "grid_reports": "report", "forwards": "forwards", "links": "report", "access_log": "access_log",
    "erasures": OF_CASE, "holds": OF_CASE, "erasure_reach": OF_CASE, "events": OF_CASE, "clocks": OF_CASE,
    "clock_rungs": OF_CASE, "case_standings": NO_DATA, "counted_texts": NO_DATA, "likenesses": NO_DATA,
    "receipt_tries": NO_DATA, "search_signs": NO_DATA, "partner_items": NO_DATA, "partner_changes": NO_DATA,
    "partner_replies": OF_CASE, "partner_photos": NO_DATA, "subscriptions": NO_DATA, "undelivered": NO_DATA,
    "attachments": OF_CASE, "predecessors": OF_CASE, "predecessor_parts": OF_CASE,
}  # fmt: skip
"""The same of a report."""


def tables(package: str, *columns: str) -> set[str]:
    """Return the tables of a service that have one of these columns."""
    for each in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if "migrations" not in each.name:
            importlib.import_module(each.name)
    models, found = [Model], set[str]()
    while models:
        model = models.pop()
        models += model.__subclasses__()
        if hasattr(model, "__table__") and model.__module__.startswith((package, "services.kit")):
            found |= {model.__tablename__} if set(columns) & {each.name for each in model.__table__.columns} else set()
    return found


@pytest.mark.parametrize(
    ("package", "columns", "shown", "file"),
    [
        ("services.mediation", ("party", "parties", "agreed", "performer"), SHOWN_OF_PARTY, case_file_pb2.CaseFile),
        ("services.intake", ("number",), SHOWN_OF_REPORT, reports_pb2.ReportFile),
    ],
)
def test_a_file_shows_what_every_table_holds_of_the_person(
    package: str, columns: tuple[str, ...], shown: dict[str, str], file: type[Message]
) -> None:
    assert tables(package, *columns) == set(shown), "a new table: does the person's own file show it?"
    for table, where in shown.items():
        if where not in (ALONE, NO_DATA, OF_CASE):
            assert set(where.split()) <= set(file.DESCRIPTOR.fields_by_name), table


def export(clients: Clients, name: str, **access: Any) -> Any:
    """Ask for a party's file."""
    request = case_file_pb2.ExportCaseFileRequest(name=f"{name}/file")
    return CaseFileServiceStub(clients.channels["mediation"]).ExportCaseFile(request, **access)


def words(marks: Marks, *owners: str) -> Iterator[str]:
    """Yield the words of these owners."""
    for owner in owners:
        yield from marks.put[owner]


def test_whatever_became_of_a_forward_has_words() -> None:
    assert set(ForwardState) == set(map(ForwardState, privacy.FORWARDED))


async def test_a_file_holds_everything_of_the_party_and_no_word_of_anybody_else(
    clients: Clients, lived: tuple[Act, Marks]
) -> None:
    act, marks = lived
    access = await bound(clients, Mediated(clients, act.case), 1, "mediator")
    for language in ("zh", "en"):
        file = await export(clients, act.of(1), **{**access, "metadata": (
            access["metadata"][0], ("accept-language", language))})  # fmt: skip
        whole = file.SerializeToString() + text_of(file.content).encode()
        assert not found_in(whole, {OTHERS: OTHERS, SEALED: SEALED, "account": "demo-"})
        for form in (file.SerializeToString(), text_of(file.content).encode()):
            assert [word for word in words(marks, OWN, COMMON) if word.encode() not in form] == []
        assert (len(file.consents), len(file.sessions), len(file.agreements), len(file.evidence)) == (1, 1, 1, 1)
        (agent,), (member,), (did,) = file.companions, file.panel, file.acts
        assert (agent.role, list(agent.parties)) == (people_pb2.COMPANION_ROLE_AGENT, [act.of(1)])
        assert (member.display_name, member.capacity, member.agreed) == ("钟离工程师", "房屋鉴定", True)
        assert did.text == "与我说的不符。"
        paper = text_of(file.content)
        assert all(said in paper for said in (agent.masked_name, member.display_name, did.what, did.text))
        (agent,), (member,), (act_,) = file.companions, file.panel, file.acts
        assert (agent.role, list(agent.parties), agent.user) == (people_pb2.COMPANION_ROLE_AGENT, [act.of(1)], "")
        assert (member.display_name, member.capacity, member.agreed) == ("钟离工程师", "房屋鉴定", True)
        assert act_.text == "与我说的不符。"
        for said in (member.display_name, act_.what, act_.text):
            assert said in text_of(file.content)
        assert file.access_log[0].kind == looks.EXPORTED
    await refused(export(clients, act.of(2), **access), "PERMISSION_DENIED")
    stranger = clients.as_("citizen", "620102001", "a-stranger")
    await refused(export(clients, act.of(1), **stranger), "PERMISSION_DENIED")


async def test_at_a_counter_it_is_handed_out_without_a_hidden_address(
    clients: Clients, rest: httpx.AsyncClient, lived: tuple[Act, Marks]
) -> None:
    act, _ = lived
    other = await export(clients, act.of(2), **clients.as_("clerk"))
    assert other.details.display_name
    assert (other.details.address, other.details.phone) == ("", "")
    await refused(export(clients, act.of(1), **clients.as_("clerk", "620103")), "PERMISSION_DENIED")
    headers = {"Authorization": f"Bearer {clients.stack.token('clerk', COUNTY)}"}
    json = await rest.get(f"/v1/{act.of(1)}/file", headers={**headers, "Accept": "application/json"})
    assert json.json()["details"]["phone"] == "13900001111"
    paper = await rest.get(f"/v1/{act.of(1)}/file", headers={**headers, "Accept": DOCX})
    assert paper.headers["content-type"] == DOCX
    assert OWN in text_of(paper.content)


async def test_what_is_erased_is_not_exported(clients: Clients) -> None:
    act = Act(clients, (await new_case(clients)).name)
    await act.add(1)
    await clients.finish(act.case)
    await requested(clients, act.case)
    await erased(clients, act.case)
    await refused(export(clients, act.of(1), **clients.as_("clerk")), "DATA_ERASED")


async def test_whoever_reported_takes_out_the_report(clients: Clients) -> None:
    citizen = clients.as_("citizen", "620102001001", "a-reporter")
    body = new_report(
        text="路灯坏了三个月，晚上看不见路。", channel=report_pb2.CHANNEL_APP,
        reporter=report_pb2.Reporter(display_name="端木试灯", phone="13955558888"),
    )  # fmt: skip
    request = intake_pb2.CreateReportRequest(report=body, request_id=request_id())
    report = await clients.intake.CreateReport(request, **citizen)
    ask = reports_pb2.ExportReportRequest(name=f"{report.name}/file")
    file = await stub(clients).ExportReport(ask, **citizen)
    assert (file.told.text, file.told.reporter, file.report.name) == (body.text, body.reporter, report.name)
    paper = text_of(file.content)
    assert all(word in paper for word in (body.text, body.reporter.display_name, "exported the reporter's own file"))
    other = clients.as_("citizen", "620102001001", "somebody-else")
    await refused(stub(clients).ExportReport(ask, **other), "PERMISSION_DENIED")


def unpacked(answer: httpx.Response) -> dict[str, bytes]:
    """Return the files of a ZIP file, after its manifest was checked against each."""
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip"), answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    listed = json.loads(files.pop("manifest.json"))["files"]
    assert {each["file"]: (each["size"], each["sha256"]) for each in listed} == {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in files.items()
    }
    return files


async def noticed(clients: Clients, case: str, kind: str) -> None:
    """Let an event call for a notice."""
    events = [world_notices.heard(case, kind, sequence=800)]
    request = notices_pb2.RecordNoticesRequest(events=events)
    await NoticeServiceStub(clients.channels["mediation"]).RecordNotices(request, **clients.as_service())


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_party_takes_out_its_evidence_and_its_notices_and_never_the_other_sides(
    clients: Clients, rest: httpx.AsyncClient, lived: tuple[Act, Marks], language: str
) -> None:
    act, _ = lived
    await noticed(clients, act.case, "AgreementDrafted")
    async with Invitee(clients.stack, language) as me:
        code = await invited(clients, act.of(1))
        await me.comes({"code": code.code, "words": code.words})
        files = unpacked(await me.looks(f"{act.of(1)}/file:download"))
        (evidence,) = (content for name, content in files.items() if name.startswith("evidence/"))
        assert evidence == PDF + OWN.encode()
        whole = b"".join([*files.values(), *(name.encode() for name in files)])
        assert not found_in(whole, {OTHERS: OTHERS, SEALED: SEALED, "account": "demo-"})
        paper = next(text_of(content) for name, content in files.items() if name.endswith(".docx"))
        heading = "Notices you were sent" if language == "en" else "收到的通知及送达证明"
        assert heading in paper
        sent = json.loads(files["data.json"])["sentNotices"]
        asked = (await me.reads(f"{act.of(1)}/notices"))["notices"]
        assert [each["name"] for each in asked] == [each["name"] for each in sent] != []
        assert all(each["text"] and "{" not in each["text"] for each in asked)
        for what in ("file:download", "notices"):
            assert (await me.looks(f"{act.of(2)}/{what}")).status_code == 403


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_reporter_takes_out_photos_additions_and_notices_with_the_second_factor(
    clients: Clients, language: str
) -> None:
    async with Reporter(clients.stack, language, "127.0.1.21") as me, Desk(clients.stack, "clerk") as clerk:
        me.takes(await clerk.file("井盖松动。", reporter={"displayName": "端木试灯", "phone": "13955558888"}))
        view = (await me.receipt())["accessToken"]
        assert (await me.sign_in("8888")).status_code == 200
        photo = await me.adds("photos", content=base64.b64encode(picture()).decode())
        assert photo.status_code == 200, photo.text
        assert (await me.does("add", text="又松了饕餮。")).status_code == 200
        await clerk.does(me.report, "forward", unit="units/620103", reason="不在我区饕餮。")
        await noticed(clients, me.report.replace("reports/", "cases/"), "CaseReopened")
        files = unpacked(await me.get(f"/v1/{me.report}/file:download"))
        kept = await me.get(f"/v1/{me.report}/photos/1:download")
        assert files["photos/1.jpg"] == kept.content
        told = json.loads(files["data.json"])
        assert [each["text"] for each in told["told"]["additions"]] == ["又松了饕餮。"]
        assert [each["askedUnit"] for each in told["forwards"]] == ["units/620103"]
        papers = [text_of(content) for name, content in files.items() if name.endswith(".docx")]
        assert "不在我区饕餮。" not in papers[0], "what units write to each other"
        assert ("not answered yet" if language == "en" else "待答复") in papers[0]
        assert len(papers) == 2, "the report and the notices"
        assert "又松了饕餮。" in papers[0]
        sent = (await me.get(f"/v1/{me.report}/notices")).json()["notices"]
        subject = "Taken up again: " if language == "en" else "重新办理："
        (again,) = (each for each in sent if each["subject"] == subject + me.report.removeprefix("reports/"))
        assert again["text"].splitlines()[1] in papers[1]
        handed_out = unpacked(await clerk.gets(f"/v1/{me.report}/file:download"))
        assert handed_out["photos/1.jpg"] == files["photos/1.jpg"]
        # The code alone is not enough for what was told, and another report's token for nothing.
        own, me.token = me.token, view
        assert (await me.get(f"/v1/{me.report}/file:download")).status_code == 403
        me.token = own
        other = await clerk.file("别的事。")
        for what in ("file:download", "notices"):
            assert (await me.get(f"/v1/{other['name']}/{what}")).status_code == 403
        async with Desk(clients.stack, "clerk", "620103") as elsewhere:
            assert (await elsewhere.gets(f"/v1/{me.report}/file:download")).status_code == 403
