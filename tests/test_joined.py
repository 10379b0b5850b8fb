"""The parts of mediation together: one case from its people to its dossier, without any private data in it."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from pb.mediation.v1 import caucus_pb2, documents_pb2, evidence_pb2, sessions_pb2

from casework.clocks.calendar import LOCAL
from tests.conftest import Clients, request_id
from tests.dossiers import text_of
from tests.mediated import SECRET, Mediated, mediated
from tests.people_of_case import Stubs
from tests.world_sessions import new_session

CANARY = "只对调解员说的话金丝雀"
SAID, FOUND = "双方各自陈述了漏水的经过", "楼长说水是从三楼来的"


async def sat(case: Mediated) -> None:
    """Let the sides sit together, with a record that is read back; one of them speaks to the mediator alone."""
    stubs, mediator, pb = Stubs(case.clients), case.clients.as_("mediator"), sessions_pb2
    key = {"request_id": request_id()}
    session = await stubs.sessions.ScheduleSession(
        pb.ScheduleSessionRequest(parent=case.name, session=new_session(place="居委会二楼"), **key), **mediator
    )

    async def do(verb: str, name: str = session.name, **fields: Any) -> Any:
        request = getattr(pb, f"{verb}Request")(name=name, request_id=request_id(), **fields)
        return await getattr(stubs.sessions, verb)(request, **mediator)

    await do("StartSession")
    came = [pb.Attendance(role=1, party=case.party(party), presence=1) for party in (1, 2)]
    await do("RecordAttendance", attendances=came)
    record = await do("WriteSessionRecord", content=pb.RecordContent(statements=SAID, result="同意修缮"))
    for party in (1, 2):
        await do("ConfirmReadBack", record.name, party=case.party(party), language="zh")
    await do("EndSession")
    note = caucus_pb2.WriteCaucusNoteRequest(
        parent=f"{case.name}/caucuses/applicant", note=caucus_pb2.CaucusNote(text=CANARY), request_id=request_id()
    )
    await stubs.caucus.WriteCaucusNote(note, **mediator)
    await stubs.evidence.CreateInvestigation(
        evidence_pb2.CreateInvestigationRequest(
            parent=case.name, content=evidence_pb2.InvestigationContent(text=FOUND), request_id=request_id()
        ),
        **mediator,
    )


async def written(case: Mediated, form: str, subject: str = "") -> str:
    """Return the text of a document, filled now."""
    request = documents_pb2.GenerateDocumentRequest(
        parent=case.name, form=documents_pb2.DocumentForm.Value(f"DOCUMENT_FORM_{form}"), request_id=request_id(),
        subject=f"{case.name}/{subject}" if subject else "",
    )  # fmt: skip
    mediator = case.clients.as_("mediator")
    filed = await case.clients.documents.GenerateDocument(request, **mediator)
    read = documents_pb2.GetDocumentRequest(name=filed.name)
    return text_of((await case.clients.documents.GetDocument(read, **mediator)).content)


async def test_a_case_goes_from_its_people_to_its_dossier_and_the_compartment_stays_shut(clients: Clients) -> None:
    case = await mediated(clients)
    await sat(case)
    clause = case.clause(300_00, instalments=case.instalments((100_00, 5), (200_00, 9)))
    bound = await case.agreed(clause)
    ended = await case.do("GetEnding", f"{case.name}/ending")
    assert ended.ground == 1
    assert not ended.notices, "all is settled: nobody is sent elsewhere"
    for part in await case.parts():
        await case.perform(part, part.amount_fen)
    running = await case.running()
    assert {"visit-7", "visit-30", "visit-90", "confirmation-1"} <= set(running)
    assert running["visit-7"].due_time.ToDatetime(tzinfo=LOCAL).second == 59
    await case.finish_tasks()
    await case.views()
    await case.close()
    assert {"visit-7", "visit-30", "visit-90", "confirmation-1"} <= set(await case.running()), "they outlive closing"
    texts = {
        "agreement": await written(case, "AGREEMENT"),
        "record": await written(case, "RECORD", "sessions/1"),
        "inquiry": await written(case, "INQUIRY", "investigations/1"),
        "performance": await written(case, "PERFORMANCE"),
        "closing": await written(case, "CLOSING_REPORT"),
    }
    assert SECRET in texts["agreement"]
    assert bound.document_number in texts["agreement"]
    assert "分2期" in texts["agreement"]
    assert SAID in texts["record"]
    assert "居委会二楼" in texts["record"]
    assert FOUND in texts["inquiry"]
    assert "slip-1" in texts["performance"]
    assert "调解成功" in texts["closing"]
    dossier = await clients.documents.GetDossier(
        documents_pb2.GetDossierRequest(name=f"{case.name}/dossier"), **clients.as_("mediator")
    )
    assert dossier.document_number == bound.document_number
    with zipfile.ZipFile(io.BytesIO(dossier.content)) as archive:
        pages = [text_of(archive.read(name)) for name in archive.namelist() if name.endswith(".docx")]
    assert len(pages) >= len(texts) + 2
    assert not any(CANARY in page for page in (*pages, *texts.values()))


async def test_reopened_a_case_lives_on_with_a_clock_of_its_own(clients: Clients) -> None:
    case = await mediated(clients)
    await case.withdraw(1)
    await case.do("ServeNotice", f"{case.name}/notices/2", medium=1)
    await case.do("RecordView", f"{case.name}/closing", party=case.party(2), view=1)
    await case.close(3)
    await case.do("ReopenCase", role="duty_officer", reason=1, evidence="doc-9")
    (event,) = [each for each in await case.history() if each.type == "CaseReopened"]
    assert event.wakes
    assert event.payload["next_at"]
    assert "close-2" in await case.running()
