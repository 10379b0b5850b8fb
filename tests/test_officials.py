"""Papers name officials by the list of who they were that day, and never by their account."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from accord.embedded.stack import Stack
from casework.officials import Official, nearest
from services.kit.rules.officials import COLUMNS, OfficialsFile, read_officials
from tests.conftest import request_id
from tests.papers import RULES
from tests.patience import CALL
from tests.scenario import Desk, day
from tests.still import shipped_rules
from tests.test_hall import BOTH, Person
from tests.world import picture

UNITS = shipped_rules(RULES).units
HEAD = ",".join(COLUMNS)


def listed(*rows: str) -> bytes:
    return "\n".join((HEAD, *rows)).encode()


def at(*day: int) -> datetime:
    return datetime(*day, 4, tzinfo=UTC)  # type: ignore[arg-type,misc]


def test_an_account_is_called_as_whoever_had_it_that_day_was_called() -> None:
    found = read_officials(
        listed("clerk-7,赵一,窗口人员,620102,2026-01-01,2026-06-30", "clerk-7,钱二,窗口人员,620102,2026-07-01,"), UNITS
    )
    names = [found.find("clerk-7", day) for day in (date(2026, 6, 30), date(2026, 7, 1), date(2025, 12, 31))]
    assert [each and each.display_name for each in names] == ["赵一", "钱二", None]
    assert found.find("clerk-8", date(2026, 7, 1)) is None


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (("a,甲,主任,999999,2026-01-01,",), "line 2: unit"),
        (("a,甲,主任,620102,January,",), "line 2: since"),
        (("a,甲,主任,620102,2026-02-01,2026-01-01",), "line 2: until"),
        (("a,甲,主任,620102,2026-01-01",), "line 2: needs 6 cells"),
        ((",甲,主任,620102,2026-01-01,",), "line 2: an account"),
        (("a,甲,主任,620102,2026-01-01,", "a,乙,主任,620102,2026-03-01,"), "two posts"),
    ],
)
def test_a_wrong_list_is_refused_with_its_line_and_without_a_name(rows: tuple[str, ...], fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as error:
        read_officials(listed(*rows), UNITS)
    assert "甲" not in str(error.value)


def test_a_changed_list_is_read_again_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "officials.csv"
    file.write_bytes(listed("a,甲,主任,620102,2026-01-01,"))
    officials = OfficialsFile(file, UNITS)
    assert officials.name("a", at(2026, 5, 1)) == "甲"
    for content, name in ((listed("a,乙,主任,620102,2026-01-01,"), "乙"), (b"rubbish", "乙")):
        file.write_bytes(content)
        os.utime(file, (1, file.stat().st_mtime + 5))
        assert officials.name("a", at(2026, 5, 1)) == name
    assert officials.name("", at(2026, 5, 1)) == ""
    assert officials.name("a", None) == ""


def test_without_a_list_a_paper_leaves_the_place_empty() -> None:
    assert OfficialsFile().name("user-clerk", at(2026, 5, 1)) == ""


def test_a_list_that_is_wrong_at_the_start_ends_the_process(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="ACCORD_OFFICIALS_FILE"):
        OfficialsFile(tmp_path / "missing.csv", UNITS)


def test_a_listed_account_holds_its_post_in_its_unit_on_its_days_and_of_others_the_list_says_nothing(
    tmp_path: Path,
) -> None:
    file = tmp_path / "officials.csv"
    file.write_bytes(listed("clerk-7,赵一,窗口人员,620102,2026-01-01,2026-06-30"))
    found = OfficialsFile(file, UNITS)
    asked = [("620102", at(2026, 6, 30)), ("620102", at(2026, 7, 1)), ("620103", at(2026, 6, 30))]
    assert [found.holds("clerk-7", *each) for each in asked] == [True, False, False]
    assert found.holds("clerk-8", "620102", at(2026, 7, 1))
    assert OfficialsFile().holds("clerk-7", "620102", at(2026, 7, 1))


# --- the list that the head keeps -------------------------------------------------------------------------------------

HERE, BESIDE = "620111", "620105"
"""A county in which nobody else enters anybody, and one beside it."""
SPRING = date(2026, 3, 1)


def in_post(unit: str, name: str, since: date = SPRING, until: date | None = None) -> Official:
    return Official("clerk-7", name, "窗口人员", unit, since, until)


@pytest.mark.parametrize(
    ("units", "named"),
    [
        ((HERE,), HERE), (("6201",), "6201"), ((HERE, "6201"), HERE), ((f"{HERE}-labour", "6201"), f"{HERE}-labour"),
        ((BESIDE,), None), ((BESIDE, "6201"), "6201"), ((), None),
    ],
)  # fmt: skip
def test_of_several_posts_the_nearest_counts_and_one_beside_never(units: tuple[str, ...], named: str | None) -> None:
    found = nearest([in_post(unit, unit) for unit in units], HERE, SPRING)
    assert (found and found.unit) == named


def test_outside_its_term_an_entry_names_nobody() -> None:
    entry = in_post(HERE, "赵一", SPRING, date(2026, 3, 31))
    days = [date(2026, 2, 28), SPRING, date(2026, 3, 31), date(2026, 4, 1)]
    assert [nearest([entry], HERE, each) is not None for each in days] == [False, True, True, False]


@dataclass
class Office:
    """The people of a county's centre, each with an account of their own, over REST."""

    rest: httpx.AsyncClient
    stack: Stack
    run: str

    def account(self, role: str) -> str:
        return f"{role}-{self.run}"

    def person(self, role: str, unit: str = HERE, language: str = "zh") -> Person:
        return Person(self.rest, self.stack.token(role, unit, self.account(role)), language)

    async def enters(self, role: str, name: str, post: str, **fields: Any) -> dict[str, Any]:
        entry = {"unit": f"units/{HERE}", "account": self.account(role), "firstDate": day(-30), **fields}
        return await self.person("unit_head").does("officials", person={"displayName": name, "post": post}, **entry)

    async def corrects(self, entry: str, **fields: Any) -> httpx.Response:
        head = {"Idempotency-Key": request_id(), "Authorization": f"Bearer {self.person('unit_head').token}"}
        return await self.rest.patch(f"/v1/{entry}", json=fields, headers=head)


@pytest.fixture
async def office(stack: Stack) -> AsyncIterator[Office]:
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Office(rest, stack, request_id()[-12:])


@BOTH
async def test_a_head_enters_corrects_and_ends_a_person_and_what_was_said_before_stays(
    office: Office, language: str
) -> None:
    head, name = office.person("unit_head", language=language), "司马登记"
    made = await office.enters("clerk", name, "窗口人员", signs=True, lastDate=day(300))
    assert not made.get("person"), "a stored response has no name"
    again = {"unit": f"units/{HERE}", "account": office.account("clerk"), "firstDate": day(1), "lastDate": day(2)}
    await head.refused("officials", "INVALID_FIELD", "lastDate", person={"displayName": name, "post": "主任"},
                       **{**again, "lastDate": day(0)})  # fmt: skip
    await head.refused("officials", "ALREADY_EXISTS", "firstDate",
                       person={"displayName": name, "post": "主任"}, **again)  # fmt: skip
    corrected = await office.corrects(made["name"], person={"displayName": "司马登计"}, etag=made["etag"])
    assert corrected.status_code == 200, corrected.text
    stale = await office.corrects(made["name"], signs=False, etag=made["etag"])
    assert stale.json()["code"] == "ETAG_MISMATCH"
    await head.refused(f"{made['name']}:end", "INVALID_FIELD", "lastDate", lastDate=day(-32))
    await head.refused(f"{made['name']}:end", "INVALID_FIELD", "lastDate", lastDate=day(301))
    mistake = await office.enters("handler", "误登", "经办人")
    await head.does(f"{mistake['name']}:end", lastDate=day(-31))  # it never held: another one may take its days
    await office.enters("handler", "东方经办", "经办人")
    ended = await head.does(f"{made['name']}:end", lastDate=day(-1))
    assert (ended["serving"], ended["lastDate"]) == (False, day(-1))
    found = await head.reads(made["name"])
    assert found["person"] == {"displayName": "司马登计", "post": "窗口人员"}
    assert [each["displayName"] for each in found["earlier"]] == ["司马登计", name]
    assert {each["createdBy"] for each in found["earlier"]} == {office.account("unit_head")}
    listed = [each["name"] for each in (await head.reads("officials?pageSize=1000")).get("officials", [])]
    assert made["name"] not in listed
    listed = [each["name"] for each in (await head.reads("officials?pageSize=1000&includeEnded=true"))["officials"]]
    assert made["name"] in listed
    await office.person("clerk").reads(f"reports?unit=units/{HERE}")  # the token says what one may, not the list


@BOTH
async def test_a_head_imports_the_file_that_the_operator_kept_all_of_it_or_nothing(
    office: Office, language: str
) -> None:
    head = office.person("unit_head", language=language)

    async def sends(*rows: str) -> httpx.Response:
        return await head.sends("officials:import", content=base64.b64encode(listed(*rows)).decode())

    one, two = f"one-{office.run},甲,主任,{HERE},2026-01-01,", f"two-{office.run},乙,副主任,{HERE},2026-01-01,"
    wrong = (await sends(one, f"two-{office.run},乙,副主任,{HERE},January,")).json()
    assert (wrong["code"], wrong["errors"][0]["field"]) == ("INVALID_FIELD", "content")
    assert "line 3" in wrong["errors"][0]["message"]
    assert (await sends(one, f"x-{office.run},丙,主任,{BESIDE},2026-01-01,")).json()["code"] == "PERMISSION_DENIED"
    assert (await sends(one)).json() == {"entered": 1, "repeatedCount": 0}, "nothing of a refused file was entered"
    assert (await sends(one, two)).json() == {"entered": 1, "repeatedCount": 1}
    found = (await head.reads("officials?pageSize=1000"))["officials"]
    assert {"甲", "乙"} <= {each["person"]["displayName"] for each in found}


async def test_a_head_keeps_the_own_unit_and_those_below_and_nobody_else_keeps_any(office: Office) -> None:
    entry = {"unit": f"units/{HERE}", "account": office.account("handler"), "firstDate": day(0),
             "person": {"displayName": "东郭经办", "post": "经办人"}}  # fmt: skip
    made = await office.person("unit_head", "6201").does("officials", **entry)
    for role, unit in (("unit_head", BESIDE), ("unit_head", f"{HERE}-labour"), ("clerk", HERE), ("handler", HERE),
                       ("supervisor", HERE), ("operator", "cn")):  # fmt: skip
        refused = await office.person(role, unit).sends("officials", **entry)
        assert refused.status_code == 403, (role, unit, refused.text)
        assert (await office.person(role, unit).sends(f"{made['name']}:end", lastDate=day(0))).status_code == 403
    # Whoever does not keep the list sees the own entries, and nobody else's.
    own = (await office.person("handler").reads("officials"))["officials"]
    assert [(each["name"], each["person"]["displayName"]) for each in own] == [(made["name"], "东郭经办")]
    assert not (await office.person("clerk").reads("officials")).get("officials")
    assert (await office.person("clerk").gets(made["name"])).status_code == 403
    assert (await office.person("supervisor", "6201").gets(made["name"])).status_code == 200


async def test_papers_say_who_registered_checked_and_mediates_and_what_proves_it(office: Office, stack: Stack) -> None:
    desk = Desk(office.rest, stack, HERE)
    for role, name in (("duty_officer", "南宫登记"), ("clerk", "西门核验"), ("handler", "北堂经办")):
        await office.enters(role, name, "工作人员")

    async def does(path: str, role: str, **body: Any) -> Any:
        return await desk.post(path, role, office.account(role), **body)

    report = {"channel": "CHANNEL_COUNTER", "unit": f"units/{HERE}", "category": "categories/neighbour",
              "text": "楼上漏水，天花板泡坏。", "wish": "修好防水，赔偿八百元。"}  # fmt: skip
    filed = await does("reports", "clerk", **report)
    await does(f"{filed['name']}:accept", "duty_officer")
    case = filed["case"]
    await desk.opened(case)
    details = {"display_name": "令狐住户", "id_number": "620102198001013614"}
    party = (await does(f"{case}/parties", "clerk", side="SIDE_APPLICANT", kind="PARTY_KIND_NATURAL",
                        details=details))["name"]  # fmt: skip
    refused = await office.person("clerk").sends(f"{party}:checkIdentity", document="IDENTITY_DOCUMENT_ID_CARD")
    assert refused.json()["errors"][0]["field"] == "matches", "whether it was the person is said, never guessed"
    await does(f"{party}:checkIdentity", "clerk", document="IDENTITY_DOCUMENT_ID_CARD", matches=True)
    picture_of = {"type": "FILE_TYPE_JPEG", "party": party, "title": "天花板照片"}
    await does(f"{case}/evidence", "clerk", evidence=picture_of, content=base64.b64encode(picture()).decode())

    async def paper(form: str) -> tuple[str, str]:
        made = await does(f"{case}/documents:generate", "handler", form=f"DOCUMENT_FORM_{form}",
                          companion_language="en")  # fmt: skip
        return made["name"], await desk.paper(made["name"], office.account("handler"))

    register, text = await paper("REGISTER")
    for said in (
        "登记人：南宫登记",
        "Registrar: 南宫登记",
        "修好防水，赔偿八百元。",
        "1．天花板照片（图片，令狐住户提交）",
    ):
        assert said in text
    _, text = await paper("IDENTITY_CHECK")
    for said in ("居民身份证", "核验一致", "matches", "西门核验", "**************3614"):
        assert said in text
    changed = {"details": {"idNumber": "620102198001013630"}}
    head = {"Authorization": f"Bearer {office.person('clerk').token}", "Idempotency-Key": request_id()}
    assert (await office.rest.patch(f"/v1/{party}", json=changed, headers=head)).status_code == 200
    assert "核验一致" not in (await paper("IDENTITY_CHECK"))[1], "another number has to be checked anew"
    # Another one has the post from today; what was done before keeps its name, and so does the paper that was made.
    listed = (await office.person("unit_head").reads("officials?pageSize=1000"))["officials"]
    entry = next(each for each in listed if each["account"] == office.account("duty_officer"))
    await office.corrects(entry["name"], person={"displayName": "南宫登计"})
    assert "登记人：南宫登计" in (await paper("REGISTER"))[1]
    assert "登记人：南宫登记" in await desk.paper(register, office.account("handler"), version=1)
    assert office.run not in text
