"""Documents of a real case, over gRPC and REST: filed, numbered, opened again, sealed at rest."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
import zipfile
from typing import Any

import asyncpg
import grpc
import httpx
import pytest
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import report_pb2
from pb.mediation.v1 import consent_pb2, people_pb2, safeguards_pb2
from pb.mediation.v1 import documents_pb2 as pb

from tests import world_people
from tests.case_people import Act
from tests.conftest import COUNTY, Clients, request_id
from tests.dossiers import text_of
from tests.patience import CALL
from tests.world_documents import PDF

NAMES = ("欧阳文书一", "司徒文书二")
TEXT = "文书测试：楼上漏水把存折泡了"


@pytest.fixture
async def case(clients: Clients) -> str:
    """Return a case of the county whose parties were named at the door."""
    parties = [report_pb2.Party(role=role, display_name=name) for role, name in enumerate(NAMES, start=1)]
    return (await clients.accept(await clients.file_report(TEXT, parties=parties))).name


async def generate(clients: Clients, case: str, form: int, **fields: Any) -> pb.Document:
    """Fill a form of the case as the unit that handles it."""
    request = pb.GenerateDocumentRequest(parent=case, form=form, **{"request_id": request_id(), **fields})
    document: pb.Document = await clients.documents.GenerateDocument(request, **clients.as_("handler"))
    return document


async def opened(clients: Clients, name: str, version: int = 0) -> pb.Document:
    """Return a document with its content."""
    request = pb.GetDocumentRequest(name=name, version=version)
    document: pb.Document = await clients.documents.GetDocument(request, **clients.as_("handler"))
    return document


async def refused(call: Any, reason: str) -> None:
    """Check that a call is refused for this reason."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    assert reason in str(error.value.details())


async def test_a_form_is_filled_from_what_was_told_and_read_back(clients: Clients, case: str) -> None:
    filed = await generate(clients, case, pb.DOCUMENT_FORM_REGISTER)
    assert (filed.name, filed.etag, filed.content) == (f"{case}/documents/1", "1", b"")
    assert re.fullmatch(r"\(\d{4}\)城关区人调字第\d+号", filed.document_number)
    found = await opened(clients, filed.name)
    text = text_of(found.content)
    assert found.sha256 == hashlib.sha256(found.content).hexdigest()
    for expected in (*NAMES, TEXT, filed.document_number, "城关区人民调解委员会", "不收取任何费用"):
        assert expected in text


async def test_registered_parties_stand_in_their_documents_masked_and_hidden_as_they_must(clients: Clients) -> None:
    # Nobody is named in the report: whoever is would be a party of the case already.
    case = (await clients.accept(await clients.file_report(TEXT))).name
    clerk, details = (
        clients.as_("clerk"),
        {"id_number": "620102198001013614", "address": "乌有巷九号", "language": "en"},
    )
    for side, name in enumerate(NAMES, start=1):
        told = world_people.party(side, name, details={**details, "ethnic_group": "保安族" if side == 1 else ""})
        add = people_pb2.CreatePartyRequest(parent=case, party=told, request_id=request_id())
        await clients.people.CreateParty(add, **clerk)
    beside = world_people.companion(case, people_pb2.COMPANION_ROLE_GUARDIAN, (2,))
    add_beside = people_pb2.CreateCompanionRequest(parent=case, companion=beside, request_id=request_id())
    await clients.people.CreateCompanion(add_beside, **clerk)
    screening = safeguards_pb2.Screening(concern=True, hide_address=True, wants_joint_session=False, in_private=True)
    ask = safeguards_pb2.ScreenPartyRequest(name=f"{case}/parties/2", screening=screening, request_id=request_id())
    await clients.safeguards.ScreenParty(ask, **clients.as_("mediator"))

    register = await generate(clients, case, pb.DOCUMENT_FORM_REGISTER)
    assert register.companion_language == "en"
    text = text_of((await opened(clients, register.name)).content)
    assert (text.count("乌有巷九号"), text.count("依法保密"), text.count("保安族")) == (2, 2, 2)
    assert "法定代理人（监护人）：陈伴行" in text
    check = await generate(clients, case, pb.DOCUMENT_FORM_IDENTITY_CHECK)
    both = text + text_of((await opened(clients, check.name)).content)
    assert "**************3614" in both
    assert "19800101" not in both


async def test_filled_again_it_is_a_new_version_with_the_same_number_and_the_old_one_stays(
    clients: Clients, case: str
) -> None:
    first = await generate(clients, case, pb.DOCUMENT_FORM_RIGHTS_NOTICE)
    again = await generate(clients, case, pb.DOCUMENT_FORM_RIGHTS_NOTICE, companion_language="en")
    assert (again.name, again.etag, again.document_number) == (first.name, "2", first.document_number)
    assert again.companion_language == "en"
    old, new = await opened(clients, first.name, 1), await opened(clients, first.name)
    assert (old.etag, new.etag) == ("1", "2")
    assert "Notice of rights" not in text_of(old.content)
    zh, en = text_of(new.content).index("权利义务告知书"), text_of(new.content).index("Notice of rights")
    assert zh < en


async def test_a_repeated_call_files_nothing_twice(clients: Clients, case: str) -> None:
    key = request_id()
    first = await generate(clients, case, pb.DOCUMENT_FORM_REGISTER, request_id=key)
    assert await generate(clients, case, pb.DOCUMENT_FORM_REGISTER, request_id=key) == first


async def test_what_is_not_recorded_or_not_made_so_is_refused(clients: Clients, case: str) -> None:
    await refused(generate(clients, case, pb.DOCUMENT_FORM_AGREEMENT), "FACTS_MISSING")
    await refused(generate(clients, case, pb.DOCUMENT_FORM_RECORD, subject=f"{case}/sessions/1"), "NOT_FOUND")
    await refused(generate(clients, case, pb.DOCUMENT_FORM_RECORD), "INVALID_FIELD")
    other = "cases/620102-2026-999999/sessions/1"
    await refused(generate(clients, case, pb.DOCUMENT_FORM_RECORD, subject=other), "NOT_FOUND")
    await refused(generate(clients, case, pb.DOCUMENT_FORM_INDEX), "FORM_NOT_MADE_SO")
    await refused(generate(clients, case, pb.DOCUMENT_FORM_EVIDENCE), "FORM_NOT_MADE_SO")
    await refused(generate(clients, case, pb.DOCUMENT_FORM_REGISTER, companion_language="bo"), "UNKNOWN_LANGUAGE")


@pytest.mark.parametrize(
    ("form", "content", "reason"),
    [
        (pb.DOCUMENT_FORM_IDENTITY_CHECK, PDF, "FORM_NOT_MADE_SO"),
        (pb.DOCUMENT_FORM_COVER, PDF, "FORM_NOT_MADE_SO"),
        (pb.DOCUMENT_FORM_EVIDENCE, b"MZ\x90\0", "UNKNOWN_FILE_TYPE"),
        (pb.DOCUMENT_FORM_EVIDENCE, b"PK\x03\x04", "UNKNOWN_FILE_TYPE"),
    ],
)
async def test_no_scan_of_an_identity_and_no_other_file_is_taken(
    form: int, content: bytes, reason: str, clients: Clients, case: str
) -> None:
    request = pb.AddScannedDocumentRequest(parent=case, form=form, content=content, request_id=request_id())
    await refused(clients.documents.AddScannedDocument(request, **clients.as_("clerk")), reason)


async def test_a_clerk_files_but_does_not_read(clients: Clients, case: str) -> None:
    request = pb.AddScannedDocumentRequest(
        parent=case, form=pb.DOCUMENT_FORM_EVIDENCE, content=PDF, pages=2, request_id=request_id()
    )
    scan = await clients.documents.AddScannedDocument(request, **clients.as_("clerk", COUNTY, "who-scans"))
    assert (scan.scanned, scan.pages, scan.document_number) == (True, 2, "")
    await refused(
        clients.documents.GetDocument(pb.GetDocumentRequest(name=scan.name), **clients.as_("clerk")),
        "PERMISSION_DENIED",
    )
    assert (await opened(clients, scan.name)).content == PDF


async def test_numbers_given_at_once_have_no_gap_and_none_is_given_twice(clients: Clients) -> None:
    parties = [report_pb2.Party(role=role, display_name=name) for role, name in enumerate(NAMES, start=1)]
    unit = "units/620104"
    reports = [await clients.file_report(TEXT, unit=unit, parties=parties) for _ in range(8)]
    cases = [(await clients.accept(report)).name for report in reports]

    async def one(case: str, wrong: bool) -> pb.Document | None:
        # Refused calls in between must not use up a number.
        form = pb.DOCUMENT_FORM_AGREEMENT if wrong else pb.DOCUMENT_FORM_REGISTER
        request = pb.GenerateDocumentRequest(parent=case, form=form, request_id=request_id())
        try:
            filed: pb.Document = await clients.documents.GenerateDocument(request, **clients.as_("handler", "620104"))
        except grpc.aio.AioRpcError:
            return None
        return filed

    given = await asyncio.gather(*(one(case, wrong) for case in cases for wrong in (True, False)))
    filed = [document for document in given if document]
    serials = sorted(int(re.findall(r"第(\d+)号", document.document_number)[0]) for document in filed)
    assert serials == list(range(1, 9))
    for document in filed:
        # Each was rendered with the number that was next at that moment; what is filed bears the number it was given.
        call = clients.documents.GetDocument(
            pb.GetDocumentRequest(name=document.name), **clients.as_("handler", "620104")
        )
        assert document.document_number in text_of((await call).content)


async def test_the_dossier_is_one_download_over_rest_and_its_hashes_hold(clients: Clients, case: str) -> None:
    await generate(clients, case, pb.DOCUMENT_FORM_RIGHTS_NOTICE)
    await generate(clients, case, pb.DOCUMENT_FORM_REGISTER)
    headers = {"Authorization": f"Bearer {clients.stack.token('handler', COUNTY)}"}
    async with httpx.AsyncClient(base_url=clients.stack.urls["api"], headers=headers, timeout=CALL) as rest:
        answer = (await rest.get(f"/v1/{case}/dossier")).json()
        assert [entry["form"] for entry in answer["entries"]] == [
            "DOCUMENT_FORM_REGISTER", "DOCUMENT_FORM_RIGHTS_NOTICE"]  # fmt: skip
        assert answer["missing"] == ["DOCUMENT_FORM_IDENTITY_CHECK"]
        again = (await rest.get(f"/v1/{case}/dossier")).json()
        assert again["sha256"] == answer["sha256"]
    request = pb.GetDossierRequest(name=f"{case}/dossier", max_bytes=5000)
    content = b""
    while True:
        part = await clients.documents.GetDossier(request, **clients.as_("handler"))
        content += part.content
        if not part.next_offset:
            break
        request.offset, request.sha256 = part.next_offset, part.sha256
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (answer["sha256"], int(answer["size"]))
    with zipfile.ZipFile(io.BytesIO(content)) as held:
        manifest = json.loads(held.read("manifest.json"))
        for line in manifest["files"]:
            assert hashlib.sha256(held.read(line["file"])).hexdigest() == line["sha256"]
    request.sha256 = "0" * 64
    await refused(clients.documents.GetDossier(request, **clients.as_("handler")), "ETAG_MISMATCH")


async def test_every_look_is_on_record_and_the_history_holds_what_was_stored(clients: Clients, case: str) -> None:
    filed = await generate(clients, case, pb.DOCUMENT_FORM_REGISTER)
    await opened(clients, filed.name)
    await clients.documents.GetDossier(pb.GetDossierRequest(name=f"{case}/dossier"), **clients.as_("reviewer"))
    connection = await asyncpg.connect(clients.stack.database_url)
    try:
        number = case.split("/")[1]
        looks = await connection.fetch("SELECT action, subject FROM mediation.access_log WHERE number = $1", number)
        stored = await connection.fetchval(
            "SELECT stored_hash FROM mediation.document_versions WHERE number = $1", number
        )
        plain = await connection.fetch("SELECT t::text FROM mediation.documents t WHERE number = $1", number)
    finally:
        await connection.close()
    assert {(look["action"], look["subject"]) for look in looks} == {
        ("documents.generate", filed.name), ("documents.get", filed.name), ("dossiers.get", f"{case}/dossier"),
    }  # fmt: skip
    request = feed_pb2.ListEventsRequest(service="mediation", case=case)
    events = (await clients.feeds["mediation"].ListEvents(request, **clients.as_("auditor"))).events
    (event,) = [event for event in events if event.type == "DocumentGenerated"]
    assert event.payload["stored_hash"] == bytes(stored).hex()
    assert not any(secret in row[0] for row in plain for secret in (*NAMES, TEXT))


async def test_documents_are_listed_page_by_page(clients: Clients, case: str) -> None:
    forms = [pb.DOCUMENT_FORM_REGISTER, pb.DOCUMENT_FORM_APPLICATION, pb.DOCUMENT_FORM_RIGHTS_NOTICE]
    for form in forms:
        await generate(clients, case, form)
    request, found = pb.ListDocumentsRequest(parent=case, page_size=2), []
    while True:
        page = await clients.documents.ListDocuments(request, **clients.as_("clerk"))
        found += [document.form for document in page.documents]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert found == forms


async def test_a_consent_to_a_handover_out_of_a_caucus_stands_in_no_document(clients: Clients, case: str) -> None:
    act = Act(clients, case)
    await act.add(1)
    await act.say(1, consent_pb2.STEP_CAUCUS_HANDOVER)
    filed = await generate(clients, case, pb.DOCUMENT_FORM_REGISTER)
    assert "马小川" in text_of((await opened(clients, filed.name)).content)
