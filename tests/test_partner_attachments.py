"""Files that partners attach to their items: there once, with the report, and in the evidence of the case."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from pb.intake.v1 import report_pb2

from accord.embedded.stack import Stack
from accord.partners.attached import read
from accord.partners.door import Attached, DoorError, PartnerDoor
from accord.partners.files import FileDoor
from casework.door.programs.partner import FileRule
from tests.conftest import CALL, COUNTY, PARTNER_SECRETS, SIGNING, Clients
from tests.outside import Desk
from tests.patience import PATIENCE
from tests.scratch import Scratch
from tests.test_partner_files import Folder
from tests.test_partners import HOTLINE, Partner, partner
from tests.test_report_erasure import asked, decline, erased, until

COURT = f"{COUNTY}-court"
PDF = b"%PDF-1.7\n" + b"%a scan of many pages\n" * 200_000
SOUND = b"ID3\x04" + b"\0" * 60
LETTER = Attached("函-1", "application/pdf", PDF, "委派函.pdf", "委派函")
CALLED = Attached("录音", "audio/mpeg", SOUND, "来电录音.mp3")


@pytest.fixture
async def open_() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def door(stack: Stack, open_: AsyncExitStack, unit: str, language: str = "zh", secret: str = "") -> PartnerDoor:
    token = stack.token("integrator", unit)
    return await open_.enter_async_context(
        PartnerDoor(stack.urls["api"], lambda: token, unit, language, secret=secret)
    )  # fmt: skip


async def taken(who: Partner, number: int) -> tuple[str, str]:
    """Hand an item on; return its number there and its report."""
    (result,) = await who.sends(who.item(number, area=COUNTY))
    return result["number"], result["report"]


async def evidence(desk: Desk, report: str, count: int) -> list[dict[str, Any]]:
    """Return the evidence of the case of a report, once there is so much."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await desk.gets(f"/v1/{report.replace('reports/', 'cases/')}/evidence")
            found: list[dict[str, Any]] = answer.json().get("evidence", []) if answer.status_code == 200 else []
            if len(found) >= count:
                return found
            await asyncio.sleep(0.3)


async def test_what_is_attached_is_there_once_and_goes_with_the_report_to_those_who_handle_it_and_nobody_else(
    stack: Stack, open_: AsyncExitStack
) -> None:
    court, hotline = await partner(stack, open_, unit=COURT), await partner(stack, open_)
    duty, handler = [await open_.enter_async_context(Desk(stack, role)) for role in ("duty_officer", "handler")]
    at_court, at_hotline = await door(stack, open_, COURT), await door(stack, open_, HOTLINE)
    number, report = await taken(court, 1)
    other, merged = await taken(hotline, 1)
    first = await at_court.attach(number, LETTER)
    assert first | {"createTime": ""} == {
        "name": f"{report}/attachments/1", "partner": f"units/{COURT}", "mediaType": "application/pdf",
        "size": str(len(PDF)), "createTime": "",
    }  # fmt: skip
    assert await at_court.attach(number, LETTER) == first
    assert (await at_hotline.attach(other, CALLED))["name"] == f"{merged}/attachments/1"

    file = await duty.gets(f"/v1/{first['name']}:download")
    assert (file.content, file.headers["content-type"]) == (PDF, "application/pdf")
    assert "%E5%A7%94%E6%B4%BE%E5%87%BD.pdf" in file.headers["content-disposition"]
    elsewhere = await open_.enter_async_context(Desk(stack, "duty_officer", "620103"))
    judge = await open_.enter_async_context(Desk(stack, "clerk", COURT))
    for nobody in (elsewhere, judge, court.desk, hotline.desk):
        for path in (f"{report}/attachments", f"{first['name']}:download"):
            assert (await nobody.gets(f"/v1/{path}")).status_code == 403

    await duty.does(merged, "merge", target=report, reason="same-place")
    await duty.does(report, "accept")
    assert sorted(each["type"] for each in await evidence(handler, report, 2)) == ["FILE_TYPE_MP3", "FILE_TYPE_PDF"]
    later = Attached("图-2", "image/png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, title="现场图")
    assert "name" in await at_court.attach(number, later)
    kept = await evidence(handler, report, 3)
    assert [each["type"] for each in kept][2:] == ["FILE_TYPE_PNG"], "each is there once"
    letter = next(each for each in kept if each["type"] == "FILE_TYPE_PDF")
    shown = await handler.gets(f"/v1/{letter['name']}:download")
    assert (shown.content, "%E5%A7%94%E6%B4%BE%E5%87%BD.pdf" in shown.headers["content-disposition"]) == (PDF, True)
    assert (await elsewhere.gets(f"/v1/{letter['name']}:download")).status_code == 403
    listed = (await handler.reads(f"/v1/{report}/attachments"))["attachments"]
    assert {each["name"] for each in listed} == {first["name"], f"{report}/attachments/2", f"{merged}/attachments/1"}


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_what_is_no_such_file_or_of_no_item_is_refused_in_the_partners_language(
    language: str, stack: Stack, open_: AsyncExitStack
) -> None:
    court, at_court = await partner(stack, open_, language, COURT), await door(stack, open_, COURT, language)
    number, report = await taken(court, 1)
    await at_court.attach(number, LETTER)
    wrong = [
        (number, Attached("a", "application/pdf", b"MZ\x90\0\3"), "FILE_REFUSED", "mediaType"),
        (number, Attached("a", "application/zip", b"PK\3\4"), "FILE_REFUSED", "mediaType"),
        (number, Attached("a", "application/pdf", b""), "INVALID_FIELD", "chunk"),
        (number, Attached("a", "text/plain", b"a" * (20 * 1024**2 + 1)), "INVALID_FIELD", "chunk"),
        (number, Attached(LETTER.id, "audio/mpeg", SOUND), "IDEMPOTENCY_KEY_REUSED", "attachmentId"),
        (number, Attached("", "audio/mpeg", SOUND), "INVALID_FIELD", "attachmentId"),
        (f"{number}-9", LETTER, "NOT_FOUND", "number"),
    ]  # fmt: skip
    for to, file, reason, field in wrong:
        refused = await at_court.attach(to, file)
        assert (refused["reason"], refused["field"]) == (reason, field), refused
        assert refused["message"].isascii() == (language == "en"), refused
    duty = await open_.enter_async_context(Desk(stack, "duty_officer"))
    assert len((await duty.reads(f"/v1/{report}/attachments"))["attachments"]) == 1
    for place in range(8):
        assert "name" in await at_court.attach(number, Attached(f"{place}", "audio/mpeg", SOUND))
    assert (await at_court.attach(number, CALLED))["reason"] == "TOO_MANY"
    await duty.does(report, "decline", reason="elsewhere", route="ROUTE_COURT")
    assert (await at_court.attach(number, CALLED))["reason"] == "WRONG_STATE"


async def test_a_file_is_sent_as_a_form_too_and_signed_as_lines_by_whom_must_sign(
    stack: Stack, open_: AsyncExitStack
) -> None:
    court = await partner(stack, open_, unit=COURT)
    number, _ = await taken(court, 1)
    form = {"parent": f"units/{COURT}", "number": number, "attachmentId": "1", "mediaType": "application/pdf"}
    headers = {"Authorization": f"Bearer {stack.token('integrator', COURT)}"}
    async with httpx.AsyncClient(base_url=stack.urls["api"], headers=headers, timeout=CALL) as client:
        answer = await client.post("/v1/attachments:upload", data=form, files={"chunk": ("函.pdf", PDF)})
        assert (answer.status_code, answer.json()["size"]) == (200, str(len(PDF)))
        form["parent"] = f"units/{SIGNING}"
        answer = await client.post("/v1/attachments:upload", data=form, files={"chunk": ("函.pdf", PDF)})
        assert answer.status_code == 403, "nobody attaches in another's name"

    signing = await door(stack, open_, SIGNING, secret=PARTNER_SECRETS[0])
    (item,) = await signing.submit([{"number": court.mark, "category": "物业", "text": "电梯停了三天。"}])
    assert (await signing.attach(court.mark, LETTER))["name"] == f"{item['report']}/attachments/1"
    for secret in ("", "whsec_" + "A" * 32):
        unsigned = await door(stack, open_, SIGNING, secret=secret)
        with pytest.raises(DoorError, match="403"):
            await unsigned.attach(court.mark, CALLED)


async def test_files_beside_a_list_go_with_its_rows_and_are_answered_each_by_name(
    stack: Stack, open_: AsyncExitStack, tmp_path: Path
) -> None:
    folder = Folder(tmp_path, stack)
    beside = tmp_path / "attachments"
    beside.mkdir()
    beside.joinpath("函.pdf").write_bytes(PDF)
    beside.joinpath("假.pdf").write_bytes(b"MZ\x90\0\3")
    rows = [
        {"工单编号": f"{folder.mark}-1", "诉求类别": "物业", "诉求内容": "电梯停。",
         "附件": ["函.pdf", "假.pdf", "缺.pdf", "../一.jsonl", "函.exe"]},
        {"工单编号": f"{folder.mark}-2", "诉求类别": "", "诉求内容": "没有类别。", "附件": "函.pdf"},
    ]  # fmt: skip
    for name in ("一.jsonl", "2-一.jsonl"):
        tmp_path.joinpath("一.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in rows), "utf-8")
        status, told = await folder.runs()
        assert status == 0, told
        answers = folder.answers(name)
        said = [
            (each["row"], each["result"].removesuffix("（重复）"), each["column"], each["code"]) for each in answers
        ]
        assert said == [
            ("1", "已接收", "", ""), ("1", "附件已接收 函.pdf", "", ""),
            ("1", "附件未接收 假.pdf", "附件", "FILE_REFUSED"), ("1", "附件未接收 缺.pdf", "附件", "NOT_FOUND"),
            ("1", "附件未接收 ../一.jsonl", "附件", "FILE_REFUSED"), ("1", "附件未接收 函.exe", "附件", "FILE_REFUSED"),
            ("2", "未接收", "诉求类别", "MISSING_VALUE"),
        ]  # fmt: skip
    duty = await open_.enter_async_context(Desk(stack, "duty_officer", COUNTY[:4]))
    listed = await duty.reads(f"/v1/reports/{answers[0]['report']}/attachments")
    assert [each["size"] for each in listed["attachments"]] == [str(len(PDF))]


def test_no_link_and_no_other_folder_is_read(tmp_path: Path) -> None:
    inside, outside = tmp_path / "attachments", tmp_path / "secret.pdf"
    inside.mkdir()
    outside.write_bytes(PDF)
    inside.joinpath("link.pdf").symlink_to(outside)
    inside.joinpath(".hidden.pdf").write_bytes(PDF)
    for name in ("link.pdf", "../secret.pdf", str(outside), ".hidden.pdf", "a\0.pdf"):
        assert not isinstance(read(tmp_path, name), Attached), name


async def test_an_attachment_is_erased_with_its_report(clients: Clients, open_: AsyncExitStack) -> None:
    stack = clients.stack
    court, at_court = await partner(stack, open_, unit=COURT), await door(stack, open_, COURT)
    number, name = await taken(court, 1)
    await at_court.attach(number, CALLED)
    await decline(clients, report_pb2.Report(name=name))
    await asked(clients, name)
    await until(clients, name, lambda found: len(found.reach) == 3)
    await erased(clients, name)
    connection = await Scratch.main(stack).connect("intake")
    try:
        rows = await connection.fetch("SELECT named, sealed FROM attachments WHERE number = $1", name[8:])
    finally:
        await connection.close()
    assert [tuple(row) for row in rows] == [(b"", b"")]
    duty = await open_.enter_async_context(Desk(stack, "duty_officer"))
    for path in ("", "/1:download"):
        assert (await duty.gets(f"/v1/{name}/attachments{path}")).json()["code"] == "DATA_ERASED"


class Away(PartnerDoor):
    """A door that takes items in and is away when a file comes."""

    async def submit(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"number": each["number"], "report": "reports/620102-2026-000001"} for each in items]

    async def attach(self, number: str, file: Attached) -> dict[str, Any]:
        raise DoorError("away")


async def test_a_list_stays_until_its_files_are_answered_too(tmp_path: Path) -> None:
    tmp_path.joinpath("attachments").mkdir()
    tmp_path.joinpath("attachments", "a.txt").write_text("说明", "utf-8")
    tmp_path.joinpath("a.csv").write_text("number,category,text,attachments\n1,物业,电梯停。,a.txt\n", "utf-8")
    with pytest.raises(DoorError):
        await FileDoor(tmp_path, FileRule(), Away("http://nowhere", str, HOTLINE), 0).look()
    assert tmp_path.joinpath("a.csv").exists()
