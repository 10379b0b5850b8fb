"""Evidence: what a file is by its content, encrypted where it lies, whole or not there, read by permission, logged."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import os
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from pb.feed.v1 import feed_pb2
from pb.mediation.v1 import evidence_pb2 as pb

from casework.errors import CaseError
from casework.papers.file_type import LARGEST, FileType, check_file, type_of
from services.kit.storage.database import Database
from services.kit.storage.feed import FeedPulse
from services.kit.storage.sealing import Sealer, SealError
from services.mediation.evidence.files import Files
from services.mediation.evidence.service import EvidenceServicer
from tests.conftest import COUNTY, Clients, request_id
from tests.people_of_case import Stubs, execute, give_people
from tests.scratch import Scratch
from tests.world_sessions import PDF, new_evidence


def office(*names: str) -> bytes:
    """Return a ZIP with these entries."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    return data.getvalue()


GOOD: list[tuple[bytes, FileType]] = [
    (PDF, FileType.PDF),
    (b"\xff\xd8\xff\xe0\0\x10JFIF", FileType.JPEG),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", FileType.PNG),
    (office("[Content_Types].xml", "word/document.xml"), FileType.DOCX),
    (office("[Content_Types].xml", "xl/workbook.xml"), FileType.XLSX),
    ("今收到张某现金叁仟元整。\r\n".encode(), FileType.TEXT),
    ("今收到张某现金叁仟元整。".encode("gb18030"), FileType.TEXT),
    (b"ID3\x04\0\0", FileType.MP3),
    (b"\xff\xfb\x90\x64\0\0", FileType.MP3),
    (b"\0\0\0\x18ftypmp42", FileType.MP4),
    (b"\0\0\0\x18ftypM4A \0\0\x02\0isomiso2", FileType.M4A),
]
BAD = [
    b"MZ\x90\0\x03\0\0\0",
    b"\x7fELF\x02\x01\x01\0",
    b"xx%PDF-1.7",
    b"GIF89a\x01\0",
    b"PK\x03\x04 cut short",
    office("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
    office("a.txt"),
    b"text\0with nul",
    b"\x1b[2Jtext",
    b"\xff\xff\xff\xff\xff",
    b" <!DOCTYPE html><script>alert(1)</script>",
]


@pytest.mark.parametrize(("content", "kind"), GOOD)
def test_a_file_is_what_its_content_says(content: bytes, kind: FileType) -> None:
    assert type_of(content) is kind
    check_file(kind, content)
    for other in set(FileType) - {kind}:
        with pytest.raises(CaseError, match="FILE_REFUSED"):
            check_file(other, content)


@pytest.mark.fault("D13")
@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf", "HEIF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0heicmp42", "HEIC"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "QuickTime"),
        (b"\0\0\0\x18ftypM4A \0\0\x02\0isomiso2", "M4A"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WEBP"),
        (b"GIF89a\x01\0", "GIF"),
        (PDF, "PDF"),
    ],
)
def test_a_file_that_is_refused_is_named_for_what_it_is(content: bytes, name: str) -> None:
    for declared in (FileType.JPEG, FileType.MP4):
        with pytest.raises(CaseError, match=rf"FILE_REFUSED: {name}$") as caught:
            check_file(declared, content)
        assert caught.value.message("zh").endswith(f"({name})")


@pytest.mark.parametrize("content", BAD)
def test_a_file_of_no_type_that_is_taken_is_refused(content: bytes) -> None:
    assert type_of(content) is None


def test_a_file_of_more_than_twenty_megabytes_is_refused() -> None:
    check_file(FileType.PDF, b"%PDF-1.7" + b"x" * (LARGEST - 8))
    for content in (b"%PDF-1.7" + b"x" * (LARGEST - 7), b""):
        with pytest.raises(CaseError, match="INVALID_FIELD"):
            check_file(FileType.PDF, content)


def test_a_stored_file_is_whole_private_and_told_when_it_was_touched(tmp_path: Path) -> None:
    files = Files(tmp_path)
    stored = files.put(b"encrypted")
    assert files.put(b"encrypted") == stored == hashlib.sha256(b"encrypted").digest()
    assert files.get(stored) == b"encrypted"
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"tampered")
    with pytest.raises(CaseError, match="FILE_DAMAGED"):
        files.get(stored)
    path.unlink()
    with pytest.raises(CaseError, match="FILE_DAMAGED"):
        files.get(stored)


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        Files(tmp_path).put(b"encrypted")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def a_sealer(folder: Path) -> Sealer:
    """Return a sealer with a master key of its own."""
    key = folder / "master.key"
    key.write_text(base64.b64encode(os.urandom(32)).decode())
    return Sealer.from_file(key)


def test_a_case_key_opens_its_own_and_nothing_else(tmp_path: Path) -> None:
    sealer = a_sealer(tmp_path)
    one, two = sealer.new_key("a"), sealer.new_key("a")
    sealed = sealer.under("a", one).seal(b"x")
    assert sealer.under("a", one).open(sealed) == b"x"
    for call in (lambda: sealer.under("a", two).open(sealed), lambda: sealer.under("b", one)):
        with pytest.raises(SealError):
            call()
    # What was sealed when the case was opened lies under the same key.
    whole = sealer.seal("a", b"told")
    assert sealer.under("a", whole.key).open(whole.data) == b"told"


@pytest.fixture
def stubs(clients: Clients) -> Stubs:
    return Stubs(clients)


@pytest.fixture
async def case(clients: Clients) -> str:
    """Return an opened case whose parties sign in as `one` and `two`."""
    opened = await clients.accept(await clients.file_report())
    await give_people(clients.stack, opened.name, subjects={1: "one", 2: "two"})
    return opened.name


def pdf(size: int = 0) -> bytes:
    """Return a PDF no other test has, of at least this size."""
    return PDF + os.urandom(16).hex().encode() + b"0" * max(0, size - len(PDF) - 32)


async def create(stubs: Stubs, case: str, content: bytes, caller: dict[str, Any] | None = None, **fields: Any) -> Any:
    request = pb.CreateEvidenceRequest(
        parent=case, evidence=new_evidence(case, **fields), content=content, request_id=request_id()
    )
    return await stubs.evidence.CreateEvidence(request, **(caller or stubs.clients.as_("mediator")))


async def upload(stubs: Stubs, case: str, content: bytes, part: int = 512 * 1024, key: str = "", **fields: Any) -> Any:
    header = pb.EvidenceHeader(parent=case, evidence=new_evidence(case, **fields), request_id=key or request_id())
    parts = [pb.UploadEvidenceRequest(header=header)]
    parts += [pb.UploadEvidenceRequest(chunk=content[at : at + part]) for at in range(0, len(content), part)]
    return await stubs.evidence.UploadEvidence(iter(parts), **stubs.clients.as_("mediator"))


async def download(stubs: Stubs, name: str, caller: dict[str, Any] | None = None) -> tuple[pb.Evidence, bytes]:
    request, content, evidence = pb.DownloadEvidenceRequest(name=name), b"", pb.Evidence()
    async for part in stubs.evidence.DownloadEvidence(request, **(caller or stubs.clients.as_("mediator"))):
        content += part.chunk
        evidence.MergeFrom(part.evidence)
    return evidence, content


async def refused(call: Any, reason: str) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError, match=reason) as error:
        await call
    return error.value


def stored(clients: Clients) -> list[Path]:
    return [path for path in clients.stack.folder.files.rglob("*") if path.is_file()]


async def test_who_stops_reading_a_file_and_leaves_is_no_fault_of_the_service(
    clients: Clients, stubs: Stubs, case: str
) -> None:
    made = await upload(stubs, case, pdf(20 * 1024 * 1024))
    log = clients.stack.folder.logs / "mediation.log"
    before = log.stat().st_size
    for _ in range(5):
        reading = stubs.evidence.DownloadEvidence(
            pb.DownloadEvidenceRequest(name=made.name), **stubs.clients.as_("mediator")
        )
        await reading.read()
        await asyncio.sleep(0.3)  # what is not read fills the connection; sooner it only tries less
        reading.cancel()
    assert (await download(stubs, made.name))[0].name == made.name
    assert b"Traceback" not in log.read_bytes()[before:]


async def test_a_file_comes_back_as_it_was_given_and_lies_encrypted(clients: Clients, stubs: Stubs, case: str) -> None:
    content = pdf(2 * 1024 * 1024)
    made = await create(stubs, case, content, title="赵钱孙的借条", file_name="借条.pdf")
    assert (made.size, made.type, made.title, made.file_name) == (len(content), pb.FILE_TYPE_PDF, "", "")
    (path,) = [path for path in stored(clients) if path.name == made.stored_hash]
    lying = path.read_bytes()
    assert hashlib.sha256(lying).hexdigest() == made.stored_hash
    assert PDF not in lying
    assert hashlib.sha256(content).hexdigest() not in {made.stored_hash, made.content_hash}
    evidence, back = await download(stubs, made.name)
    assert back == content
    assert (evidence.title, evidence.file_name) == ("赵钱孙的借条", "借条.pdf")
    request = feed_pb2.ListEventsRequest(service="mediation", case=case, page_size=200)
    events = (await clients.feeds["mediation"].ListEvents(request, **clients.as_("auditor"))).events
    (read,) = [event for event in events if event.type == "ContentRead"]
    assert read.payload["subject"] == made.name


async def test_a_large_file_comes_in_parts(stubs: Stubs, case: str) -> None:
    content = pdf(20 * 1024 * 1024)
    key = request_id()
    made = await upload(stubs, case, content, key=key)
    assert made.size == len(content)
    assert (await download(stubs, made.name))[1] == content
    # A repeat has the same answer, another file under the key is refused.
    assert await upload(stubs, case, content, part=1024 * 1024, key=key) == made
    await refused(upload(stubs, case, pdf(), key=key), "IDEMPOTENCY_KEY_REUSED")
    await refused(upload(stubs, case, content + b"0"), "20 MiB")


async def test_an_upload_says_first_what_comes(stubs: Stubs, case: str) -> None:
    mediator = stubs.clients.as_("mediator")
    header = pb.EvidenceHeader(parent=case, evidence=new_evidence(case), request_id=request_id())
    for parts in ([], [pb.UploadEvidenceRequest(chunk=PDF)], [pb.UploadEvidenceRequest(header=header)] * 2,
                  [pb.UploadEvidenceRequest(header=header)]):  # fmt: skip
        await refused(stubs.evidence.UploadEvidence(iter(parts), **mediator), "INVALID_FIELD")
    foreign = stubs.clients.as_("mediator", "620103")
    parts = [pb.UploadEvidenceRequest(header=header, chunk=PDF)]
    await refused(stubs.evidence.UploadEvidence(iter(parts), **foreign), "PERMISSION_DENIED")


async def test_what_is_not_what_it_says_is_refused_and_leaves_nothing(
    clients: Clients, stubs: Stubs, case: str
) -> None:
    before = stored(clients)
    await refused(create(stubs, case, b"MZ\x90\0\x03\0\0\0"), "FILE_REFUSED")
    await refused(create(stubs, case, pdf(), type=2), "FILE_REFUSED")
    await refused(create(stubs, case, pdf(), party=f"{case}/parties/9"), "NOT_FOUND")
    assert stored(clients) == before


async def test_the_same_file_is_kept_once_in_a_case(stubs: Stubs, case: str) -> None:
    content = pdf()
    made = await create(stubs, case, content)
    error = await refused(create(stubs, case, content), "ALREADY_EXISTS")
    assert made.name in str(error.details())


async def test_a_party_gives_and_sees_its_own_files(clients: Clients, stubs: Stubs, case: str) -> None:
    one, two = (clients.as_("citizen", COUNTY, sub) for sub in ("one", "two"))
    made = await create(stubs, case, pdf(), one)
    await refused(create(stubs, case, pdf(), two), "the party you sign in for")
    assert (await download(stubs, made.name, one))[1]
    await refused(download(stubs, made.name, two), "NOT_FOUND")
    listed = [await stubs.evidence.ListEvidence(pb.ListEvidenceRequest(parent=case), **who) for who in (one, two)]
    assert [len(answer.evidence) for answer in listed] == [1, 0]


async def test_who_may_see_that_a_file_is_there_may_not_read_it(clients: Clients, stubs: Stubs, case: str) -> None:
    made = await create(stubs, case, pdf())
    for role in ("clerk", "unit_head", "auditor"):
        found = await stubs.evidence.GetEvidence(pb.GetEvidenceRequest(name=made.name), **clients.as_(role))
        assert found == made
        await refused(download(stubs, made.name, clients.as_(role)), "PERMISSION_DENIED")


async def test_a_file_that_was_touched_is_not_handed_out(clients: Clients, stubs: Stubs, case: str) -> None:
    made = await create(stubs, case, pdf())
    (path,) = [path for path in stored(clients) if path.name == made.stored_hash]
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    await refused(download(stubs, made.name), "FILE_DAMAGED")


async def test_files_nobody_refers_to_are_cleaned_away_when_they_are_old(
    clients: Clients, stubs: Stubs, case: str, tmp_path: Path
) -> None:
    made = await create(stubs, case, pdf())
    folder = clients.stack.folder.files
    files = Files(folder)
    orphan, young = files.put(os.urandom(40)), files.put(os.urandom(40))
    draft = folder / made.stored_hash[:2] / ".draft.1.ab"
    draft.write_bytes(b"half")
    hour_ago = time.time() - 4000
    for path in (folder / made.stored_hash[:2] / made.stored_hash, folder / orphan.hex()[:2] / orphan.hex(), draft):
        os.utime(path, (hour_ago, hour_ago))
    database = Database(Scratch.main(clients.stack).role("mediation"), 2)
    try:
        parts = SimpleNamespace(
            settings=SimpleNamespace(files=folder), database=database, time=None, pulse=FeedPulse(), clockwork=None,
            rules=None, consequences={}, sealer=a_sealer(tmp_path),
        )  # fmt: skip
        assert await EvidenceServicer(parts).clean() == 2  # type: ignore[arg-type]
    finally:
        await database.close()
    names = {path.name for path in stored(clients)}
    assert made.stored_hash in names
    assert young.hex() in names
    assert not names & {orphan.hex(), draft.name}


async def test_what_was_given_is_gone_with_the_key_of_the_case(clients: Clients, stubs: Stubs, case: str) -> None:
    made = await create(stubs, case, pdf())
    assert (await download(stubs, made.name))[1]
    query = "UPDATE mediation.cases SET sealed_key = NULL WHERE number = $1"
    await execute(clients.stack, query, case.split("/")[1])
    await refused(download(stubs, made.name), "DATA_ERASED")


async def test_an_investigation_is_sealed_and_its_reading_recorded(clients: Clients, stubs: Stubs, case: str) -> None:
    content = pb.InvestigationContent(place="三单元楼道", informant="李四邻居", text="水从阳台漏下")
    request = pb.CreateInvestigationRequest(parent=case, content=content, read_back=True, request_id=request_id())
    made = await stubs.evidence.CreateInvestigation(request, **clients.as_("handler"))
    assert not made.HasField("content")
    listed = await stubs.evidence.ListInvestigations(
        pb.ListInvestigationsRequest(parent=case), **clients.as_("reviewer")
    )
    assert [note.name for note in listed.investigations] == [made.name]
    assert not listed.investigations[0].HasField("content")
    get = pb.GetInvestigationRequest(name=made.name)
    assert (await stubs.evidence.GetInvestigation(get, **clients.as_("mediator"))).content == content
    await refused(stubs.evidence.GetInvestigation(get, **clients.as_("reviewer")), "PERMISSION_DENIED")
    row = await execute(
        clients.stack, "SELECT sealed FROM mediation.investigations WHERE number = $1", case.split("/")[1]
    )
    assert "漏下".encode() not in row[0]["sealed"]


async def test_over_rest_a_small_file_is_given_and_read(clients: Clients, case: str, rest: Any) -> None:
    headers = {"Authorization": f"Bearer {clients.stack.token('mediator', COUNTY)}", "Idempotency-Key": request_id()}
    content = pdf(3 * 1024 * 1024)
    body = {"evidence": {"type": "FILE_TYPE_PDF", "title": "合同"}, "content": base64.b64encode(content).decode()}
    made = await rest.post(f"/v1/{case}/evidence", json=body, headers=headers)
    assert made.status_code == 200, made.text
    name = made.json()["name"]
    answer = await rest.get(f"/v1/{name}:download", headers={**headers, "Accept": "application/x-ndjson"})
    assert answer.status_code == 200, answer.text
    lines = [json.loads(line) for line in answer.text.splitlines() if line]
    assert lines[0]["evidence"]["title"] == "合同"
    assert b"".join(base64.b64decode(line["chunk"]) for line in lines) == content
    key = {**headers, "Content-Type": "application/x-ndjson"}
    header = {"header": {"parent": case, "evidence": body["evidence"], "requestId": request_id()}}
    large = pdf(4_000_000)
    parts = [header, *({"chunk": base64.b64encode(large[at : at + 900_000]).decode()}
                       for at in range(0, len(large), 900_000))]  # fmt: skip
    lines_in = "\n".join(json.dumps(part) for part in parts)
    uploaded = await rest.post("/v1/evidence:upload", content=lines_in, headers=key)
    assert uploaded.status_code == 200, uploaded.text
    assert uploaded.json()["size"] == str(len(large))


async def test_five_uploads_at_once_all_arrive(stubs: Stubs, case: str) -> None:
    contents = [pdf(1_500_000) for _ in range(5)]
    made = await asyncio.gather(*(upload(stubs, case, content) for content in contents))
    assert sorted(int(each.name.rpartition("/")[2]) for each in made) == [1, 2, 3, 4, 5]


def form(content: bytes, name: str = "合同（扫描）.pdf", **fields: str) -> dict[str, Any]:
    """Return a form with a file, as a browser sends it: the fields first."""
    return {
        "files": [*((field, (None, text)) for field, text in fields.items()), ("file", (name, content))],
        "headers": {"Idempotency-Key": request_id()},
    }


TOLD = {"evidence.type": "FILE_TYPE_PDF", "evidence.title": "合同"}


async def test_a_file_comes_as_a_form_and_goes_under_its_name(clients: Clients, case: str, rest: Any) -> None:
    rest.headers["Authorization"] = f"Bearer {clients.stack.token('mediator', COUNTY)}"
    small, large = pdf(200_000), pdf(7_000_000)
    made = [
        await rest.post(f"/v1/{case}/evidence", **form(small, **TOLD)),
        await rest.post("/v1/evidence:upload", **form(large, parent=case, **TOLD)),
    ]
    for answer, content in zip(made, (small, large), strict=True):
        assert answer.status_code == 200, answer.text
        file = await rest.get(f"/v1/{answer.json()['name']}:download")
        assert file.content == content
        assert "UTF-8''%E5%90%88%E5%90%8C" in file.headers["content-disposition"]
        assert file.headers["content-type"] == "application/pdf"
        assert int(file.headers["content-length"]) == len(content)
    again = form(pdf(300_000), **TOLD)
    first, second = [await rest.post(f"/v1/{case}/evidence", **again) for _ in range(2)]
    assert first.json() == second.json()


async def test_a_download_goes_on_where_it_was_cut_off(clients: Clients, case: str, rest: Any) -> None:
    rest.headers["Authorization"] = f"Bearer {clients.stack.token('mediator', COUNTY)}"
    content = pdf(700_000)
    made = await rest.post("/v1/evidence:upload", **form(content, parent=case, **TOLD))
    path = f"/v1/{made.json()['name']}:download"

    async def part(asked: str, **more: str) -> Any:
        return await rest.get(path, headers={"Range": asked, **more})

    for asked, start, stop in (("bytes=0-9", 0, 10), ("bytes=262000-263000", 262_000, 263_001),
                               ("bytes=600000-", 600_000, 700_000), ("bytes=-5", 699_995, 700_000),
                               ("bytes=699999-9999999", 699_999, 700_000)):  # fmt: skip
        answer = await part(asked)
        assert (answer.status_code, answer.content) == (206, content[start:stop]), asked
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(content)}"
    for whole in ("bytes=0-1,5-6", "lines=1-2", "bytes=9-3"):
        answer = await part(whole)
        assert (answer.status_code, answer.content) == (200, content), whole
    assert (await part("bytes=0-9", **{"If-Range": '"x"'})).status_code == 200
    behind = await part("bytes=700000-")
    assert (behind.status_code, behind.json()["code"]) == (416, "RANGE_NOT_SATISFIABLE")
    assert behind.headers["content-range"] == "bytes */700000"
    head = await rest.head(path)
    assert (head.headers["accept-ranges"], head.headers["content-length"]) == ("bytes", "700000")


async def test_a_form_that_is_not_whole_or_names_what_is_not_there_is_refused_by_field(
    clients: Clients, case: str, rest: Any
) -> None:
    rest.headers["Authorization"] = f"Bearer {clients.stack.token('mediator', COUNTY)}"
    before = (await rest.get(f"/v1/{case}/evidence")).json()["evidence"]
    good = form(pdf(1000), parent=case, **TOLD)
    wrong = {
        "colour": {**good, "files": [("colour", (None, "red")), *good["files"]]},
        "body": {**good, "files": [*good["files"], ("evidence.title", (None, "late"))]},
        "evidence.type": form(pdf(1000), parent=case, **{**TOLD, "evidence.type": "FILE_TYPE_EXE"}),
        "file": {**good, "files": [each for each in good["files"] if each[0] != "file"]},
        "Idempotency-Key": {**good, "headers": {}},
    }
    for field, sent in wrong.items():
        answer = await rest.post("/v1/evidence:upload", **sent)
        assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (400, [field]), answer.text
    kind = {"Content-Type": "multipart/form-data; boundary=x", "Idempotency-Key": request_id()}
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
    for cut in (b"", b"--x", b"--y--", head, head + PDF, head + PDF + b"\r\n--x", head + PDF + b"\r\n--x??"):
        for path in ("/v1/evidence:upload", f"/v1/{case}/evidence"):
            answer = await rest.post(path, content=cut, headers=kind)
            assert answer.status_code == 400, (cut, answer.text)
    # A character set for the name is none of a form's business: Python would look it up. Nothing comes after the form.
    for name in ("filename*=undefined''a", "filename*=unicode_escape''%5Cud800", f"filename*{'9' * 5000}=a"):
        named = head.replace(b'filename="a.pdf"', name.encode()) + PDF + b"\r\n--x--\r\n"
        answer = await rest.post(f"/v1/{case}/evidence", content=named, headers=kind)
        assert [each["field"] for each in answer.json()["errors"]] == ["body"], name
    after = await rest.post(f"/v1/{case}/evidence", content=head + PDF + b"\r\n--x--more", headers=kind)
    assert [each["field"] for each in after.json()["errors"]] == ["body"]
    without = await rest.post(
        f"/v1/{case}/evidence", content=b"", headers={**kind, "Content-Type": "multipart/form-data"}
    )
    assert [each["field"] for each in without.json()["errors"]] == ["Content-Type"]
    assert (await rest.get(f"/v1/{case}/evidence")).json()["evidence"] == before
