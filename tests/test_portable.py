"""A case leaves as one signed file: whole, the same each time, without what stays; anybody checks it, offline."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from pb.escalation.v1 import escalation_pb2
from pb.feed.v1 import history_pb2
from pb.feed.v1.history_pb2_grpc import HistoryServiceStub
from pb.intake.v1 import filing_pb2, intake_pb2, predecessors_pb2, report_pb2
from pb.intake.v1.predecessors_pb2_grpc import PredecessorServiceStub
from pb.mediation.v1 import consent_pb2, documents_pb2, people_pb2
from pb.mediation.v1 import portable_pb2 as pb
from pb.mediation.v1.portable_pb2_grpc import PortableCaseServiceStub
from typer.testing import CliRunner

from accord.cli import app
from casework.chain import GENESIS, chain_hash, content_hash
from casework.papers.portable import writing
from casework.papers.portable.checking import Checked, check
from casework.papers.portable.container import Container
from casework.papers.portable.writing import HISTORY, Link, Writer, ending, history, history_of, statement
from services.kit import looks
from services.kit.signatures import SigningKey, judge, public_keys
from services.mediation.portable.left_out import EVENTS, LEFT_OUT
from tests.case_people import Act, new_case, refused
from tests.conftest import COUNTY, Clients, request_id
from tests.mediated import Mediated
from tests.patience import PATIENCE
from tests.people_of_case import execute
from tests.test_exclusions import excluded
from tests.test_of_record import bound
from tests.test_own_file import OTHERS, OWN, SEALED, Marks, lived
from tests.test_privacy import found_in
from tests.world import new_report
from tests.world_people import consent

__all__ = ["lived"]
NUMBER = "620102-2026-000117"
REASON = "当事人迁居外地，移交当地调解中心"
Files = dict[str, bytes]


def new_key(folder: Path) -> SigningKey:
    """Return a new key of an installation."""
    file = folder / "portable.pem"
    file.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return SigningKey(file)


def links() -> list[Link]:
    """Return a history of five events, of which the third does not leave."""
    before, found = GENESIS, list[Link]()
    for seq in range(1, 6):
        at = datetime(2026, 3, seq, 1, 30, tzinfo=UTC)
        content = content_hash(NUMBER, "TaskSigned", COUNTY, at, "demo", {"task": seq})
        before = chain_hash(before, seq, content)
        found.append(
            Link(NUMBER, seq, "TaskSigned", COUNTY, at, "demo", {"task": seq}, content, before, shown=seq != 3)
        )
    return found


def whole(
    key: SigningKey, told: list[Link] | None = None, others: dict[str, list[Link]] | None = None, **about: Any
) -> bytes:
    """Return a portable case file of some files and histories."""
    writer, told = Writer(NUMBER), links() if told is None else told
    ends = {"events": len(told), "head": told[-1].hash.hex()}
    pieces = [*writer.add("data/case.json", b"{}\n"), *writer.add("data/evidence/1.pdf", b"%PDF-1.7"),
              *writer.add(HISTORY, history(told))]  # fmt: skip
    for service, its in (others or {}).items():
        pieces += writer.add(history_of(service), history(its))
    pieces += writer.end({"case": f"cases/{NUMBER}", "history": ends, **about}, key.sign)
    return b"".join(pieces)


def said(file: bytes, *keys: SigningKey) -> Checked:
    """Return what a check by these keys finds."""
    known = public_keys(json.dumps(dict(key.public)) for key in keys)
    return check(io.BytesIO(file), judge(known))


def unpacked(file: bytes) -> Files:
    """Return the files in it by any program's way."""
    with zipfile.ZipFile(io.BytesIO(file)) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name) for name in packed.namelist()}


def packed(files: Files) -> bytes:
    """Return files packed as a portable case file is, whatever they are."""
    container, pieces = Container(), list[bytes]()
    for name, content in files.items():
        pieces += [container.begin(name, zlib.crc32(content), len(content)), content]
    return b"".join([*pieces, container.end()])


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return new_key(tmp_path_factory.mktemp("key"))


def test_the_same_files_give_the_same_bytes_and_hold(key: SigningKey) -> None:
    file = whole(key)
    assert file == whole(key)
    found = said(file, key)
    assert found.sound, found.findings
    assert (found.key, found.events, found.closed) == (key.id, 5, 1)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_flipped_byte_and_any_cut_is_found(key: SigningKey, data: st.DataObject) -> None:
    file = bytearray(whole(key))
    at, bits = data.draw(st.integers(0, len(file) - 1)), data.draw(st.integers(1, 255))
    assert not said(bytes(file[:at]), key).sound
    file[at] ^= bits
    assert not said(bytes(file), key).sound


def test_any_program_opens_the_bag_and_finds_its_files_by_their_hashes(key: SigningKey) -> None:
    files = {name.partition("/")[2]: content for name, content in unpacked(whole(key)).items()}
    assert files["bagit.txt"].startswith(b"BagIt-Version: 1.0\n")
    for manifest in (writing.MANIFEST, writing.TAGS):
        for line in files[manifest].decode().splitlines():
            digest, name = line.split("  ")
            assert hashlib.sha256(files[name]).hexdigest() == digest
    listed = {line.split("  ")[1] for line in files[writing.MANIFEST].decode().splitlines()}
    assert listed == {name for name in files if name.startswith("data/")}


def renamed(files: Files, old: str, new: str) -> Files:
    """Return the files with one under another name, in the same order."""
    return {name.replace(old, new): content for name, content in files.items()}


def with_file(name: str, content: bytes = b"x") -> Callable[[Files], Files]:
    """Return what adds a file, or puts another content in its place."""
    return lambda files: {**files, name: content}


FAR = f"{NUMBER}/data"
TAMPERED: dict[str, tuple[Callable[[Files], Files], str]] = {
    "changed": (with_file(f"{FAR}/evidence/1.pdf", b"%PDF-1.8"), "changed: data/evidence/1.pdf"),
    "added": (with_file(f"{FAR}/evidence/2.pdf"), "not listed: data/evidence/2.pdf"),
    "missing": (
        lambda files: {name: each for name, each in files.items() if not name.endswith("1.pdf")},
        "missing: data/evidence/1.pdf",
    ),
    "renamed": (lambda files: renamed(files, "1.pdf", "3.pdf"), "missing: data/evidence/1.pdf; not listed"),
    "beside the bag": (with_file(f"{NUMBER}/readme.txt"), "not listed: readme.txt"),
    "out of the folder": (with_file("../../etc/passwd"), "no name"),
    "absolute": (with_file("/etc/passwd"), "no name"),
    "in another folder": (with_file("620102-2026-000118/data/case.json"), "no name"),
    "for windows": (with_file(f"{NUMBER}\\data\\case.json"), "no name"),
    "with control characters": (with_file(f"{FAR}/\x1b[2J.pdf"), "no name"),
    "another list": (with_file(f"{NUMBER}/{writing.MANIFEST}", b""), "changed: manifest-sha256.txt"),
    "another signature": (with_file(f"{NUMBER}/{writing.SIGNATURE}", b"e30..AA"), "not given"),
    "no signature": (
        lambda files: {name: each for name, each in files.items() if not name.endswith(writing.SIGNATURE)},
        "signature.jws is missing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", TAMPERED)
def test_whoever_packs_it_anew_is_found_out(key: SigningKey, how: str) -> None:
    tamper, words = TAMPERED[how]
    found = said(packed(tamper(unpacked(whole(key)))), key)
    assert not found.sound
    assert words in found.findings[-1].en


def test_a_file_that_is_in_it_twice_is_found(key: SigningKey) -> None:
    container, pieces = Container(), list[bytes]()
    for name, content in [*unpacked(whole(key)).items(), (f"{FAR}/case.json", b"{}\n")]:
        pieces += [container.begin(name, zlib.crc32(content), len(content)), content]
    assert "twice" in said(b"".join([*pieces, container.end()]), key).findings[-1].en


def test_what_another_program_packed_is_refused_before_anything_grows(key: SigningKey) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr(f"{FAR}/case.json", bytes(50_000_000))
    found = said(bomb.getvalue(), key)
    assert len(bomb.getvalue()) < 100_000
    assert not found.sound
    assert len(found.findings) == 1


@pytest.mark.parametrize("ending", [b"", b"PK\5\6" + bytes(18)])
def test_more_files_than_it_can_list_are_no_portable_case_file(key: SigningKey, ending: bytes) -> None:
    container = Container()
    heads = b"".join(container.begin(f"{FAR}/{number}", 0, 0) for number in range(0x10000))
    found = said(heads + ending, key)
    assert "no whole portable case file" in found.findings[-1].en


@pytest.mark.parametrize("name", [writing.TAGS, writing.SIGNATURE])
def test_what_is_read_before_the_signature_is_short(key: SigningKey, name: str) -> None:
    file = packed(with_file(f"{NUMBER}/{name}", b"A" * 70_000)(unpacked(whole(key))))
    assert f"{name} cannot be read" in said(file, key).findings[-1].en


def test_a_time_that_no_calendar_has_is_a_change(key: SigningKey) -> None:
    told = json.loads(writing.history(links()[:1])) | {"time": "0001-01-01T00:00:00+14:00"}
    writer, pieces = writing.Writer(NUMBER), list[bytes]()
    pieces += writer.add(writing.HISTORY, json.dumps(told).encode() + b"\n")
    pieces += writer.end({"case": f"cases/{NUMBER}"}, key.sign)
    assert said(b"".join(pieces), key).findings[-1].en == "Event 1 was changed."


def test_a_key_that_was_not_given_is_named_and_a_forged_signature_is_not_taken(key: SigningKey, tmp_path: Path) -> None:
    other = new_key(tmp_path)
    assert key.id in said(whole(key), other).findings[-1].en
    files = unpacked(whole(key))
    mark = f"{NUMBER}/{writing.SIGNATURE}"
    head = files[mark].partition(b"..")[0]
    files[mark] = head + b".." + unpacked(whole(other))[mark].partition(b"..")[2]
    found = said(packed(files), key, other)
    assert "forged" in found.findings[-1].en


def changed(told: list[Link]) -> list[Link]:
    first, second, *rest = told
    return [
        first,
        Link(NUMBER, 2, "TaskSigned", COUNTY, second.at, "demo", {"task": 9}, second.content, second.hash),
        *rest,
    ]


@pytest.mark.parametrize(
    "tamper",
    [changed, lambda told: [*told[:3], told[4]], lambda told: [told[1], told[0], *told[2:]], lambda told: told[:4]],
    ids=["changed", "removed", "out of order", "cut off"],
)
def test_a_history_that_was_tampered_with_before_it_was_signed_is_found(
    key: SigningKey, tamper: Callable[[list[Link]], list[Link]]
) -> None:
    ends = {"events": 5, "head": links()[-1].hash.hex()}
    found = said(whole(key, tamper(links()), history=ends), key)
    assert [each.holds for each in found.findings] == [True, True, True, True, False]


def test_the_command_says_in_both_languages_what_holds_and_exits_by_it(key: SigningKey, tmp_path: Path) -> None:
    file, public = tmp_path / "case.zip", tmp_path / "keys.json"
    file.write_bytes(whole(key))
    public.write_text(json.dumps({"keys": [{**key.public, "kid": key.id, "use": "sig"}]}))
    words = ["case-file", "verify", str(file), "--key", str(public)]
    fine = CliRunner().invoke(app, words)
    assert fine.exit_code == 0, fine.output
    assert "签名有效" in fine.output
    assert "The signature holds" in fine.output
    file.write_bytes(whole(key)[:-1])
    broken = CliRunner().invoke(app, [*words, "--json"])
    assert broken.exit_code == 1
    assert json.loads(broken.output)["sound"] is False


def both(told: list[Link]) -> dict[str, Any]:
    """Return the ends of a history of intake, and of none in escalation."""
    return {"intake": {"events": len(told), "head": told[-1].hash.hex()}, "escalation": ending(b"")}


def test_histories_of_other_services_hold_and_what_is_not_there_is_said(key: SigningKey) -> None:
    found = said(whole(key, others={"intake": links(), "escalation": []}, histories=both(links())), key)
    assert found.sound, found.findings
    assert (found.events, found.closed) == (10, 2)
    assert [each.en for each in said(whole(key), key).findings[-2:]] == [
        "The history of its report is not in it.", "The history of its escalations is not in it.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("others", "histories"),
    [
        ({"intake": changed(links()), "escalation": []}, both(links())),
        ({"intake": links()[:4], "escalation": []}, both(links())),
        ({"intake": links()}, both(links())),
        ({"intake": links(), "escalation": []}, {"intake": both(links())["intake"]}),
        ({"intake": links(), "escalation": []}, "none"),
        ({"intake": links(), "escalation": []}, {**both(links()), "escalation": None}),
    ],
    ids=["changed", "cut off", "missing", "not named", "rubbish", "without an end"],
)
def test_a_history_of_another_service_that_was_tampered_with_is_found(
    key: SigningKey, others: dict[str, list[Link]], histories: object
) -> None:
    found = said(whole(key, others=others, histories=histories), key)
    assert not found.sound
    assert found.findings[-1].en.startswith(("Event 2 was changed", "The histor"))


class Proxy(BaseHTTPRequestHandler):
    """Something between that answers in place of the API."""

    def do_POST(self) -> None:
        while self.rfile.readline() not in (b"0\r\n", b""):
            pass
        self.send_response(502)
        self.end_headers()
        self.wfile.write(b"<html>Bad Gateway</html>")


def test_the_command_says_in_a_line_that_something_else_answered(key: SigningKey, tmp_path: Path) -> None:
    file, public = tmp_path / "case.zip", tmp_path / "keys.json"
    file.write_bytes(whole(key))
    public.write_text(json.dumps(dict(key.public)))
    with HTTPServer(("127.0.0.1", 0), Proxy) as server:
        Thread(target=server.handle_request, daemon=True).start()
        where = f"http://127.0.0.1:{server.server_port}"
        words = ["case-file", "import", str(file), "--key", str(public), "--unit", "620103", "--category", "neighbour",
                 "--server", where, "--token", "t"]  # fmt: skip
        told = CliRunner().invoke(app, words)
    assert str(told.exception) == f"{where}: HTTP 502, no answer of this API"


# --- taken out of a running stack -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Office:
    """People of a county who take a case out over REST, each by the own token."""

    rest: httpx.AsyncClient
    clients: Clients
    case: str

    async def takes_out(self, role: str = "unit_head", unit: str = COUNTY, ground: str = "CONSENT") -> httpx.Response:
        """Take the case out and return whatever comes."""
        body = {"ground": f"TAKE_OUT_GROUND_{ground}", "reason": REASON}
        token = self.clients.stack.token(role, unit)
        return await self.rest.post(
            f"/v1/{self.case}:takeOut", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=60
        )

    async def checked(self, file: bytes) -> Checked:
        """Return what a check by the published keys finds; they are for everybody."""
        async with httpx.AsyncClient(base_url=self.clients.stack.urls["api"]) as nobody:
            published = await nobody.get("/v1/portableCaseKeys")
        return check(io.BytesIO(file), judge(public_keys([published.text])))


@pytest.fixture
async def office(rest: httpx.AsyncClient, clients: Clients, lived: tuple[Act, Marks]) -> Office:
    """Return a case in which each side said something in every kind of field, and agreed that it is passed on."""
    act, _ = lived
    for party in (1, 2):
        await act.say(party, step=7)
    return Office(rest, clients, act.case)


async def test_a_case_is_taken_out_whole_and_checked_by_the_published_key(
    office: Office, clients: Clients, lived: tuple[Act, Marks]
) -> None:
    act, _ = lived
    scan = documents_pb2.AddScannedDocumentRequest(
        parent=act.case, form=documents_pb2.DOCUMENT_FORM_EVIDENCE, content=b"%PDF-1.7\n%scan\n", pages=1,
        request_id=request_id(),
    )  # fmt: skip
    await clients.documents.AddScannedDocument(scan, **clients.as_("clerk"))
    answer = await office.takes_out()
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    number = act.case.removeprefix("cases/")
    assert f'filename="{number}-portable.zip"' in answer.headers["content-disposition"]
    found = await office.checked(answer.content)
    assert found.sound, found.findings
    files = unpacked(answer.content)
    data = {name.partition("/data/")[2]: content for name, content in files.items() if "/data/" in name}
    assert {name.partition("/")[0] for name in data} == {
        "case.json", "report.json", "plan.json", "people.json", "mediation.json", "sessions.json", "agreements.json",
        "closing.json", "documents.json", "evidence.json", "documents", "evidence", "history.jsonl",
        "history-intake.jsonl", "history-escalation.jsonl",
    }  # fmt: skip
    assert {data["evidence/1.pdf"][-4:], data["evidence/2.pdf"][-4:]} == {OWN.encode()[-4:], OTHERS.encode()[-4:]}
    assert json.loads(data["case.json"])["name"] == act.case
    assert len(json.loads(data["people.json"])["parties"]) == 2
    assert [each["what"] for each in found.about["left_out"]] == [each.what for each in LEFT_OUT]


async def test_the_same_state_gives_the_same_bytes(office: Office) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:  # a notice may be sent between the two, which is another state
            one, two = [(await office.takes_out()).content for _ in range(2)]
            told = [(await office.checked(each)).about for each in (one, two)]
            ends = [(each["history"], each["histories"]) for each in told]
            if ends[0] == ends[1]:
                break
    assert one == two


async def test_nothing_leaves_that_stays_closed(office: Office, lived: tuple[Act, Marks], clients: Clients) -> None:
    act, _ = lived
    await excluded(clients, act.case, "demo-somebody-excluded")
    content = (await office.takes_out()).content
    assert not found_in(content, {"excluded": "demo-somebody-excluded", "receipt": "receiptCode"})
    data = {name.partition("/data/")[2]: each for name, each in unpacked(content).items()}
    notes = json.loads(data["evidence.json"])["investigations"]
    assert SEALED in str(notes), "what was found out belongs to the case"
    told = b"".join(each for name, each in data.items() if name != "evidence.json")
    assert not found_in(told, {"in confidence, or alone about safety": SEALED})
    one, two = (each["details"] for each in json.loads(data["people.json"])["parties"])
    assert OWN in one["address"]
    assert OTHERS in two["displayName"]
    assert not {"ethnicGroup", "idNumber"} & (set(one) | set(two))
    assert not {"address", "serviceAddress", "phone"} & set(two), "the address of who asked for it is hidden"
    kinds = {json.loads(line).get("kind") for line in data["history.jsonl"].splitlines()}
    assert not kinds & EVENTS
    assert {"PartyAdded", None} <= kinds


async def test_whose_account_signs_in_for_a_party_is_nowhere_in_it(office: Office, clients: Clients) -> None:
    me = await bound(clients, Mediated(clients, office.case), 1, "mediator")
    account = (await clients.consents.RecordConsent(
        consent_pb2.RecordConsentRequest(
            parent=f"{office.case}/parties/1", request_id=request_id(),
            consent=consent(consent_pb2.STEP_DATA_TRANSFER, medium=consent_pb2.MEDIUM_ONLINE),
        ),
        **me,
    )).recorder  # fmt: skip
    assert account.startswith("party-")
    answer = await office.takes_out()
    assert not found_in(answer.content, {"account": account})
    found = await office.checked(answer.content)
    assert found.sound
    assert found.closed


async def test_who_reported_in_confidence_is_nowhere_in_it(rest: httpx.AsyncClient, clients: Clients) -> None:
    reporter = report_pb2.Reporter(display_name="钦原秘报", phone="13955550123", postal_address="静宁路饕餮号")
    report = await clients.file_report(reporter=reporter, anonymity=filing_pb2.ANONYMITY_OTHER_SIDE)
    office = Office(rest, clients, (await clients.accept(report)).name)
    answer = await office.takes_out(ground="DEMAND")
    assert (await office.checked(answer.content)).sound
    secrets = {"name": "钦原秘报", "phone": "13955550123", "address": "静宁路饕餮号", "code": report.receipt_code}
    assert not found_in(answer.content, secrets)


def told_of(answer: httpx.Response, service: str) -> dict[int, str]:
    """Return the events of a history in a file, by number; nothing for what is closed."""
    files = {name.partition("/")[2]: each for name, each in unpacked(answer.content).items()}
    lines = map(json.loads, files[history_of(service)].splitlines())
    return {each["seq"]: each.get("kind", "") for each in lines}


async def test_the_past_of_the_report_and_of_its_escalations_goes_with_it_but_not_who_reported(
    rest: httpx.AsyncClient, clients: Clients
) -> None:
    report = await clients.file_report()
    content = intake_pb2.GetReportContentRequest(name=f"{report.name}/content")
    await clients.intake.GetReportContent(content, **clients.as_("clerk"))
    office = Office(rest, clients, (await clients.accept(report)).name)
    raised = escalation_pb2.CreateEscalationRequest(
        parent=office.case, request_id=request_id(),
        escalation=escalation_pb2.Escalation(mode=1, from_unit=f"units/{COUNTY}", reason="stuck"),
    )  # fmt: skip
    await clients.escalation.CreateEscalation(raised, **clients.as_("unit_head"))
    answer = await office.takes_out(ground="DEMAND")
    found = await office.checked(answer.content)
    assert found.sound, found.findings
    kinds = told_of(answer, "intake")
    assert kinds[1] == "ReportReceived"
    assert {"ReportAccepted", ""} <= set(kinds.values()), "who read the report is closed"
    assert "EscalationRaised" in told_of(answer, "escalation").values()
    assert {name: each["events"] for name, each in found.about["histories"].items()} == {
        name: len(told_of(answer, name)) for name in writing.OTHERS
    }


async def test_who_reported_in_the_app_is_in_no_history(rest: httpx.AsyncClient, clients: Clients) -> None:
    me = clients.as_("citizen", COUNTY, "demo-citizen-who-moved")
    body = new_report(channel=report_pb2.CHANNEL_APP)
    report = await clients.intake.CreateReport(
        intake_pb2.CreateReportRequest(report=body, request_id=request_id()), **me
    )
    office = Office(rest, clients, (await clients.accept(report)).name)
    answer = await office.takes_out(ground="DEMAND")
    assert (await office.checked(answer.content)).sound
    assert told_of(answer, "intake")[1] == ""
    assert not found_in(answer.content, {"account": "demo-citizen-who-moved"})


async def test_over_grpc_only_a_history_is_taken_that_was_signed_for_this_case_a_moment_ago(
    office: Office, clients: Clients
) -> None:
    other = (await new_case(clients)).name
    head: Any = clients.as_("unit_head")
    stubs = {name: HistoryServiceStub(clients.channels[name]) for name in writing.OTHERS}

    async def of(service: str, case: str) -> history_pb2.SignedHistory:
        request = history_pb2.GetSignedHistoryRequest(service=service, case=case)
        found: history_pb2.SignedHistory = await stubs[service].GetSignedHistory(request, **head)
        return found

    async def takes(*histories: history_pb2.SignedHistory) -> bytes:
        request = pb.TakeOutCaseRequest(
            name=office.case, ground=pb.TAKE_OUT_GROUND_DEMAND, reason=REASON, histories=histories
        )
        parts = PortableCaseServiceStub(clients.channels["mediation"]).TakeOutCase(request, **head)
        return b"".join([part.chunk async for part in parts])

    its = await of("intake", office.case)
    assert set((await office.checked(await takes(its))).about["histories"]) == {"intake"}
    assert (await office.checked(await takes())).findings[-1].en.endswith("is not in it.")
    longer = history_pb2.SignedHistory(statement=its.statement, content=its.content + b"{}\n", signature=its.signature)
    key = SigningKey(clients.stack.folder.keys / "portable.pem")
    old = statement("intake", NUMBER, its.content, datetime.now(UTC) - timedelta(hours=1))
    own = statement("intake", office.case.removeprefix("cases/"), its.content, datetime.now(UTC) - timedelta(hours=1))
    for wrong in (await of("intake", other), longer, signed(its.content, old, key), signed(its.content, own, key)):
        await refused(takes(wrong), "INVALID_FIELD", "histories[0]")
    await refused(takes(its, its), "INVALID_FIELD", "histories[1]")
    request = history_pb2.GetSignedHistoryRequest(service="intake", case=office.case)
    await refused(stubs["intake"].GetSignedHistory(request, **clients.as_("clerk")), "PERMISSION_DENIED")
    await refused(stubs["escalation"].GetSignedHistory(request, **head), "INVALID_FIELD", "service")


def signed(content: bytes, told: bytes, key: SigningKey) -> history_pb2.SignedHistory:
    """Return a history with a statement about it, signed."""
    return history_pb2.SignedHistory(statement=told, content=content, signature=key.sign(told))


async def test_a_complaint_about_a_unit_is_not_taken_out(rest: httpx.AsyncClient, clients: Clients) -> None:
    town = f"units/{COUNTY}001"
    report = await clients.file_report("办事拖了半年没有回音。", unit=town, about_unit=town)
    answer = await Office(rest, clients, (await clients.accept(report)).name).takes_out(ground="DEMAND")
    assert (answer.status_code, answer.json()["code"]) == (409, "COMPLAINT_STAYS")


async def test_a_party_reads_who_took_the_case_out_and_why_and_whoever_leaves_halfway_is_on_record(
    clients: Clients, lived: tuple[Act, Marks], office: Office
) -> None:
    act, _ = lived
    request = pb.TakeOutCaseRequest(name=act.case, ground=pb.TAKE_OUT_GROUND_DEMAND, reason=f"{REASON}，法院调取")
    call: Any = PortableCaseServiceStub(clients.channels["mediation"]).TakeOutCase(request, **clients.as_("unit_head"))
    part = await call.read()
    assert part.file_name
    call.cancel()
    me = await bound(clients, Mediated(clients, act.case), 1, "mediator")
    entries = (await clients.people.ListAccessLog(people_pb2.ListAccessLogRequest(parent=act.case), **me)).entries
    taken = [each for each in entries if each.action == "cases.takeOut"]
    assert taken[0].kind == looks.EXPORTED
    assert taken[0].sentence.endswith(f"took the whole case out as a portable case file ({REASON}，法院调取).")
    assert taken[0].actor == ""


async def test_only_the_head_of_the_unit_that_answers_for_it_takes_it_out(office: Office) -> None:
    for role, unit in (
        ("clerk", COUNTY), ("handler", COUNTY), ("auditor", COUNTY), ("mediator", COUNTY), ("unit_head", "620103"),
        ("unit_head", "6201"), ("supervisor", "6201"), ("citizen", COUNTY),
    ):  # fmt: skip
        answer = await office.takes_out(role, unit)
        assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED"), (role, unit)


async def test_without_every_partys_consent_it_takes_a_law_or_an_order(
    rest: httpx.AsyncClient, clients: Clients
) -> None:
    act = Act(clients, (await new_case(clients)).name)
    office = Office(rest, clients, act.case)
    await act.two_sides()
    await act.say(1, step=7)
    answer = await office.takes_out()
    assert (answer.status_code, answer.json()["code"]) == (409, "CONSENT_MISSING")
    assert act.of(2) in answer.json()["detail"]
    assert (await office.takes_out(ground="DEMAND")).status_code == 200


# --- taken in elsewhere -----------------------------------------------------------------------------------------------

ELSEWHERE = "620103"


async def brings(
    clients: Clients, file: bytes, role: str = "clerk", unit: str = ELSEWHERE
) -> predecessors_pb2.Predecessor:
    """Bring a portable case file to another county, in parts of 100 KB."""
    header = predecessors_pb2.PortableCaseHeader(unit=f"units/{ELSEWHERE}", category="categories/neighbour")
    parts = [predecessors_pb2.ImportPortableCaseRequest(header=header)]
    parts += [
        predecessors_pb2.ImportPortableCaseRequest(chunk=file[at : at + 100_000]) for at in range(0, len(file), 100_000)
    ]
    brought = PredecessorServiceStub(clients.channels["intake"]).ImportPortableCase
    found: predecessors_pb2.Predecessor = await brought(iter(parts), **clients.as_(role, unit))
    return found


async def test_another_county_takes_it_in_once_as_a_report_with_its_past_attached(
    office: Office, clients: Clients, rest: httpx.AsyncClient
) -> None:
    file = (await office.takes_out()).content
    came = await brings(clients, file)
    again = await brings(clients, file, "duty_officer")
    assert came == again
    assert (came.origin_number, came.key_owner) == (office.case.removeprefix("cases/"), "accord")
    report = await clients.intake.GetReport(
        intake_pb2.GetReportRequest(name=came.report), **clients.as_("clerk", ELSEWHERE)
    )
    assert report.state == report_pb2.REPORT_STATE_RECEIVED, "who receives it decides"
    assert (report.unit, report.source_id) == (f"units/{ELSEWHERE}", came.digest)
    assert report.due_time.ToDatetime() > came.import_time.ToDatetime(), "its time begins now"
    content = await clients.intake.GetReportContent(
        intake_pb2.GetReportContentRequest(name=f"{came.report}/content"), **clients.as_("clerk", ELSEWHERE)
    )
    assert [each.display_name[:3] for each in content.parties] == [OWN, OTHERS]
    clerk = {"Authorization": f"Bearer {clients.stack.token('clerk', ELSEWHERE)}"}
    kept = await rest.get(f"/v1/{came.name}:download", headers=clerk)
    assert kept.content == file
    told = {"unit": f"units/{ELSEWHERE}", "category": "categories/neighbour"}
    form = await rest.post("/v1/reports:importPortableCase", data=told, files={"file": file}, headers=clerk)
    assert (form.status_code, form.json().get("name")) == (200, came.name), "as a form it is the same"
    assert (await rest.get(f"/v1/{came.name}:download")).status_code == 403


async def test_what_does_not_hold_or_comes_with_an_unknown_key_is_not_taken_in(
    office: Office, clients: Clients, key: SigningKey
) -> None:
    file = (await office.takes_out()).content
    await refused(brings(clients, file[:-1]), "PORTABLE_CASE_BROKEN", "chunk")
    await refused(brings(clients, b"%PDF-1.7"), "PORTABLE_CASE_BROKEN", "chunk")
    await refused(brings(clients, whole(key)), "PORTABLE_KEY_UNKNOWN")
    await refused(brings(clients, file, "clerk", COUNTY), "PERMISSION_DENIED")
    await refused(brings(clients, file, "auditor"), "PERMISSION_DENIED")


async def test_whoever_leaves_halfway_has_brought_nothing(office: Office, clients: Clients) -> None:
    file = (await office.takes_out()).content
    header = predecessors_pb2.PortableCaseHeader(unit=f"units/{ELSEWHERE}", category="categories/neighbour")
    call: Any = PredecessorServiceStub(clients.channels["intake"]).ImportPortableCase(**clients.as_("clerk", ELSEWHERE))
    await call.write(predecessors_pb2.ImportPortableCaseRequest(header=header, chunk=file[: len(file) // 2]))
    call.cancel()
    digest = hashlib.sha256(unpacked(file)[f"{office.case.removeprefix('cases/')}/{writing.TAGS}"]).hexdigest()
    assert await execute(clients.stack, "SELECT 1 FROM intake.reports WHERE source_id = $1", digest) == []
    assert (await brings(clients, file)).digest == digest


async def test_that_a_minor_is_concerned_travels_and_who_the_guardian_is_does_not(
    rest: httpx.AsyncClient, clients: Clients
) -> None:
    minor = filing_pb2.Minor(
        age_band=filing_pb2.AGE_BAND_8_TO_13, guardian_display_name="狰兽护", guardian_is_other_side=True
    )
    taken = Office(rest, clients, (await clients.accept(await clients.file_report(minor=minor))).name)
    file = (await taken.takes_out(ground="DEMAND")).content
    assert not found_in(file, {"guardian": "狰兽护"})
    came = await brings(clients, file)
    told = await clients.intake.GetReportContent(
        intake_pb2.GetReportContentRequest(name=f"{came.report}/content"), **clients.as_("clerk", ELSEWHERE)
    )
    assert told.minor == filing_pb2.Minor(age_band=minor.age_band, guardian_is_other_side=True)


@pytest.mark.parametrize(
    "people",
    [
        [],
        {"parties": ["x"]},
        {"parties": [{"details": {}, "party": "x"}]},
        {"parties": [{"details": [], "party": {"side": "SIDE_APPLICANT"}}]},
    ],
)
async def test_a_trusted_office_that_writes_rubbish_is_told_where(clients: Clients, people: object) -> None:
    writer, pieces = Writer(NUMBER), list[bytes]()
    for name, content in (("report", {}), ("people", people)):
        pieces += writer.add(f"data/{name}.json", json.dumps(content).encode())
    pieces += writer.add(HISTORY, b"")
    about = {"case": f"cases/{NUMBER}", "history": {"events": 0, "head": GENESIS.hex()}}
    pieces += writer.end(about, SigningKey(clients.stack.folder.keys / "portable.pem").sign)
    await refused(brings(clients, b"".join(pieces)), "PORTABLE_CASE_BROKEN", "chunk")


async def test_a_slow_sender_keeps_nobody_from_a_turn(office: Office, clients: Clients) -> None:
    file, slow = (await office.takes_out()).content, []
    header = predecessors_pb2.PortableCaseHeader(unit=f"units/{ELSEWHERE}", category="categories/neighbour")
    for _ in range(3):
        call: Any = PredecessorServiceStub(clients.channels["intake"]).ImportPortableCase(
            **clients.as_("clerk", ELSEWHERE)
        )
        await call.write(predecessors_pb2.ImportPortableCaseRequest(header=header, chunk=file[:1000]))
        slow.append(call)
    try:
        assert (await brings(clients, file)).digest
        assert not any(call.done() for call in slow), "it was waited for until it was cut off"
    finally:
        for call in slow:
            call.cancel()


async def test_the_command_brings_it_with_a_persons_token(office: Office, clients: Clients, tmp_path: Path) -> None:
    file, public = tmp_path / "case.zip", tmp_path / "keys.json"
    file.write_bytes((await office.takes_out()).content)
    async with httpx.AsyncClient(base_url=clients.stack.urls["api"]) as nobody:
        public.write_text((await nobody.get("/v1/portableCaseKeys")).text)
    words = ["case-file", "import", str(file), "--key", str(public), "--unit", ELSEWHERE, "--category", "neighbour",
             "--server", clients.stack.urls["api"]]  # fmt: skip
    told = await asyncio.to_thread(
        CliRunner().invoke, app, words, env={"ACCORD_TOKEN": clients.stack.token("clerk", ELSEWHERE)}
    )
    assert told.exit_code == 0, told.output
    assert f"from {office.case.removeprefix('cases/')}" in told.output
