"""Filing without an account, over REST and without a token: in Chinese and in English, in any script, for others."""

from __future__ import annotations

import base64
import io
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from PIL import ExifTags, Image

from accord.embedded.stack import Stack
from casework.clocks.calendar import LOCAL
from services.intake import store
from services.kit.storage.database import Connection
from services.kit.storage.database import Row as DatabaseRow
from tests.conftest import COUNTY, request_id
from tests.outside import Desk, Reporter
from tests.world import picture

TIBETAN = "ཁྱིམ་མཚེས་ཀྱི་ཁང་པ་ནས་ཆུ་ཟགས་ཏེ་ང་ཚོའི་ཁང་པ་རློན་སོང་།"
UYGHUR = "قوشنامنىڭ ئۆيىدىن سۇ ئېقىپ، تېمىمىز نەملىشىپ كەتتى."
ELSEWHERE = "620321"
"""A county where the reporter is, and does not live."""


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_report_is_filed_without_an_account_and_followed_by_its_receipt(stack: Stack, language: str) -> None:
    async with Reporter(stack, language, "127.0.1.1") as me, Desk(stack, "clerk") as clerk:
        filed = await me.file(
            reporter={"displayName": "来访人"}, wish="修好屋顶", happened="每天夜里", happenTime="2026-01-02T03:04:05Z",
            place={"area": "620102001", "address": "桥头第二家", "location": {"latitude": 36.06, "longitude": 103.83}},
        )  # fmt: skip
        assert filed.status_code == 200, filed.text
        assert filed.json()["report"]["callNow"] == []
        shown = await me.receipt()
        assert (shown["report"], shown["unit"]) == (me.report, f"units/{COUNTY}")
        assert (await me.does("add", text="今天又漏了。")).status_code == 200
        content = await clerk.reads(f"/v1/{me.report}/content")
        assert (content["wish"], content["happened"], content["address"]) == ("修好屋顶", "每天夜里", "桥头第二家")
        assert content["happenTime"].startswith("2026-01-02T")


async def test_such_a_report_is_nobody_s_bulk_and_waits_behind_no_import(stack: Stack) -> None:
    async with Reporter(stack, address="127.0.1.2") as me:
        await me.file()
        number = me.report.removeprefix("reports/")
    raw = await asyncpg.connect(stack.database_url)
    try:
        rows = await raw.fetch("SELECT kind, actor, bulk FROM intake.events WHERE number = $1", number)
        assert [tuple(row) for row in rows] == [("ReportReceived", "accord-gateway", False)]
        # Nothing by which to reach them: no notice is written to the gateway's own account.
        assert await raw.fetchval("SELECT reachable FROM intake.reports WHERE number = $1", number) is False
    finally:
        await raw.close()


async def test_whoever_wants_to_be_known_to_nobody_is_not_even_with_an_account(stack: Stack) -> None:
    async with Reporter(stack, address="127.0.1.3") as me, Desk(stack, "clerk") as clerk:
        named = await me.file(anonymity="ANONYMITY_ALL", reporter={"displayName": "来访人"})
        assert (named.status_code, named.json()["errors"][0]["field"]) == (400, "reporter")
        async with Desk(stack, "citizen", sub="li-si") as account:
            filed = await account.tries("reports", "file", **_report(anonymity="ANONYMITY_ALL"))
            assert filed.status_code == 200, filed.text
            hidden = await account.tries("reports", "file", **_report(anonymity="ANONYMITY_OTHER_SIDE"))
        for answer, actor in ((filed, "accord-gateway"), (hidden, "li-si")):
            event = await _first_event(clerk, answer.json()["report"]["case"])
            assert event["actor"] == actor


@pytest.mark.parametrize("text", [TIBETAN, UYGHUR])
async def test_a_report_is_told_in_any_script_and_for_somebody_else(stack: Stack, text: str) -> None:
    async with Reporter(stack, address="127.0.1.4") as me, Desk(stack, "clerk") as clerk:
        filed = await me.file(
            text,
            onBehalf={"relation": "RELATION_PROFESSIONAL", "personKnows": False, "displayName": "扎西"},
            minor={"ageBand": "AGE_BAND_8_TO_13", "guardianIsOtherSide": True},
        )
        assert filed.json()["report"]["forMinor"] is True
        content = await clerk.reads(f"/v1/{me.report}/content")
        assert content["text"] == text
        assert content["onBehalf"]["displayName"] == "扎西"
        assert content["minor"] == {
            "ageBand": "AGE_BAND_8_TO_13", "guardianDisplayName": "", "guardianPhone": "", "guardianIsOtherSide": True,
        }  # fmt: skip


async def test_one_files_where_one_is_with_or_without_an_account_unless_the_door_is_closed(stack: Stack) -> None:
    async with Reporter(stack, address="127.0.1.5") as me, Desk(stack, "citizen", "11") as visitor:
        assert (await me.file(unit=f"units/{ELSEWHERE}")).status_code == 200
        assert (await visitor.tries("reports", "file", **_report(unit=f"units/{ELSEWHERE}"))).status_code == 200
        closed = await me.file(unit="units/110101")
        assert (closed.status_code, closed.json()["code"]) == (409, "DOOR_CLOSED")
        assert "12345" in closed.json()["detail"]
        assert (await me.post("reports:file", {**_report(), "channel": "CHANNEL_COURT"})).status_code == 400


@pytest.mark.parametrize(("language", "police"), [("zh", "报警"), ("en", "Police")])
async def test_danger_is_answered_with_numbers_to_call_and_that_is_noted(
    stack: Stack, language: str, police: str
) -> None:
    async with Reporter(stack, language, "127.0.1.6") as me, Desk(stack, "clerk") as clerk:
        filed = await me.file(
            "他现在在打孩子。",
            danger=True,
            category="categories/family/violence",
            minor={"ageBand": "AGE_BAND_BELOW_8"},
        )
        lines = filed.json()["report"]["callNow"]
        numbers = [each["number"] for each in lines]
        assert numbers == ["110", "120", "119", "12355", "12338", "12348"]
        assert lines[0]["title"] == police
        event = await _first_event(clerk, filed.json()["report"]["case"])
        assert event["payload"]["numbers_shown"] == numbers
        urgent = await me.file(urgency="URGENCY_URGENT")
        assert [each["number"] for each in urgent.json()["report"]["callNow"]] == ["110", "120", "119", "12348"]


async def test_a_repeat_is_answered_only_to_whoever_holds_the_whole_key(stack: Stack) -> None:
    key = request_id()
    async with Reporter(stack, address="127.0.1.7") as me, Reporter(stack, address="127.0.1.8") as other:
        first = (await me.file(key=key)).json()["report"]
        again = (await me.file(key=key)).json()["report"]
        assert (again["name"], again["receiptCode"]) == (first["name"], first["receiptCode"])
        short = await other.file(key="00000000")
        assert (short.status_code, short.json()["errors"][0]["field"]) == (400, "Idempotency-Key")
        told = await other.file("另一件事。", key=key)
        assert (told.status_code, told.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
        assert first["receiptCode"] not in told.text


async def test_a_token_of_a_receipt_opens_no_door(stack: Stack) -> None:
    async with Reporter(stack, address="127.0.1.16") as me:
        await me.file()
        similar = {"text": "楼上漏水，对方不赔。", "unit": f"units/{COUNTY}", "category": "categories/municipal"}
        for answer in (
            await me.does("file", "reports", **_report()),
            await me.does("findSimilar", "reports", **similar),
            await me.get(f"/v1/reports:challenge?unit=units/{COUNTY}"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")


async def test_too_many_from_one_address_wait_and_others_do_not(stack: Stack) -> None:
    async with Reporter(stack, address="127.0.1.9") as me, Reporter(stack, address="127.0.1.10") as other:
        answers = [await me.file() for _ in range(21)]
        assert [answer.status_code for answer in answers] == [200] * 20 + [429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert (await other.file()).status_code == 200


async def test_likely_same_matters_are_told_by_kind_and_month_alone(stack: Stack) -> None:
    text = "小区门口的路灯坏了三个星期，晚上看不见路，老人摔倒过两次。"
    asked = {"text": text, "unit": f"units/{ELSEWHERE}", "category": "categories/municipal"}
    async with Reporter(stack, address="127.0.1.11") as me:
        assert (await me.post("reports:findSimilar", asked)).json() == {"matters": []}
        await me.file(text, unit=f"units/{ELSEWHERE}", category="categories/municipal")
        found = (await me.post("reports:findSimilar", asked)).json()
        month = datetime.now(LOCAL).strftime("%Y-%m")
        assert found == {"matters": [{"category": "categories/municipal", "month": month}]}
        other = {**asked, "text": "楼下饭店油烟太大，开不了窗。"}
        assert (await me.post("reports:findSimilar", other)).json() == {"matters": []}
        # Of private matters nothing is said, not even to whoever knows the whole text.
        private = {"unit": f"units/{ELSEWHERE}", "category": "categories/family/violence"}
        await me.file(text, **private)
        assert (await me.post("reports:findSimilar", {"text": text, **private})).json() == {"matters": []}


async def _first_event(clerk: Desk, case: str) -> dict[str, Any]:
    (event,) = (await clerk.reads(f"/v1/feeds/intake/events?case={case}"))["events"]
    found: dict[str, Any] = event
    return found


async def _first_photo(me: Reporter, content: bytes) -> dict[str, Any]:
    added = await me.adds("photos", content=base64.b64encode(content).decode())
    assert added.status_code == 200, added.text
    photo: dict[str, Any] = added.json()
    return photo


async def test_a_photo_is_kept_without_place_and_camera_and_shown_to_whoever_reads_the_content(stack: Stack) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera of somebody"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (36.0, 3.0, 41.2), 3: "E", 4: (103.0, 49.0, 48.0)})
    taken = picture(size=(4000, 3000), exif=exif, comment=b"Camera of somebody")
    assert Image.open(io.BytesIO(taken)).getexif().get_ifd(ExifTags.IFD.GPSInfo)
    async with Reporter(stack, address="127.0.1.12") as me, Desk(stack, "mediator") as mediator:
        await me.file()
        photo = await _first_photo(me, taken)
        assert (photo["name"], photo["width"], photo["height"]) == (f"{me.report}/photos/1", 2560, 1920)
        await _first_photo(me, picture("PNG"))
        await _first_photo(me, picture("WEBP"))
        assert len((await mediator.reads(f"/v1/{me.report}/photos"))["photos"]) == 3
        for path, width in ((":download", 2560), (":download?thumbnail=true", 320)):
            file = await me.get(f"/v1/{photo['name']}{path}")
            assert (file.status_code, file.headers["content-type"]) == (200, "image/jpeg")
            kept = Image.open(io.BytesIO(file.content))
            assert (kept.width, kept.format, dict(kept.getexif())) == (width, "JPEG", {})
            assert b"Exif" not in file.content
            assert b"Camera" not in file.content
        async with Desk(stack, "auditor") as auditor:
            assert (await auditor.gets(f"/v1/{photo['name']}:download")).status_code == 403


async def test_what_is_no_photo_or_one_too_many_is_refused(stack: Stack) -> None:
    async with Reporter(stack, address="127.0.1.13") as me:
        await me.file()
        for content in (b"GIF89a" + bytes(40), b"\xff\xd8\xff\xe0 half a photo", "不是照片".encode()):
            refused = await me.adds("photos", content=base64.b64encode(content).decode())
            assert (refused.status_code, refused.json()["code"]) == (400, "FILE_REFUSED"), content
        large = await me.adds("photos", content=base64.b64encode(bytes(3 * 1024 * 1024 + 1)).decode())
        assert large.status_code == 400
        for _ in range(9):
            await _first_photo(me, picture())
        tenth = await me.adds("photos", content=base64.b64encode(picture()).decode())
        assert tenth.json()["code"] == "FILE_REFUSED"
        async with Reporter(stack, address="127.0.1.14") as other:
            await other.file()
            assert (await other.get(f"/v1/{me.report}/photos")).status_code == 403


async def test_photos_go_with_the_report_when_it_is_erased(stack: Stack) -> None:
    async with Reporter(stack, address="127.0.1.15") as me:
        await me.file()
        await _first_photo(me, picture())
        number = me.report.removeprefix("reports/")
    raw = await asyncpg.connect(
        stack.database_url, record_class=DatabaseRow, server_settings={"search_path": "intake, public"}
    )
    try:
        row = await raw.fetchrow("SELECT sealed, thumbnail FROM photos WHERE number = $1", number)
        assert not any(column[:2] == b"\xff\xd8" for column in row)
        await store.erase(Connection(raw), [number], datetime.now(UTC))
        row = await raw.fetchrow("SELECT sealed, thumbnail FROM photos WHERE number = $1", number)
        assert tuple(row) == (b"", b"")
    finally:
        await raw.close()


def _report(**fields: object) -> dict[str, object]:
    return {
        "channel": "CHANNEL_APP", "unit": f"units/{COUNTY}", "category": "categories/neighbour", "text": "楼上漏水。",
        **fields,
    }  # fmt: skip
