"""What an authority handed over to mediation: its system is told letters and term, in order, in all three ways."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pb.mediation.v1 import docking_pb2 as pb

from accord.embedded.stack import Stack
from accord.partners.door import PartnerDoor
from accord.partners.simulator import Faults, Simulator
from accord.partners.telling import ChangeFiles
from accord.rules_place import SHIPPED
from casework.mediation.docking import Change
from services.mediation.docking.informing import gathered
from services.mediation.docking.store import Happened
from tests import scenario
from tests.conftest import CALL, COUNTY, request_id
from tests.outside import Desk
from tests.patience import PATIENCE
from tests.scenario import Matter
from tests.still import shipped_rules
from tests.test_partner_files import ended, started
from tests.test_partner_pull import NETWORK, System, system
from tests.test_partners import HOTLINE, partner

__all__ = ["system"]
COURT = f"{COUNTY}-court"
SIGNED = ["HANDED_OVER", "CONSENTED", "SIGNED"]
Changes = list[dict[str, Any]]
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture
async def open_() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def centre(stack: Stack) -> AsyncIterator[scenario.Desk]:
    """Return the desks of the county's centre."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield scenario.Desk(rest, stack)


async def told(desk: Desk, unit: str, letter: str, fits: Callable[[Changes], Any]) -> Changes:
    """Return what an authority's system was told of a letter, once it fits; asked for after each place."""
    found: Changes = []
    after = 0
    async with asyncio.timeout(PATIENCE):
        while not fits(found):
            page = (await desk.reads(f"/v1/units/{unit}/dockings:changes?after={after}&maxResults=2")).get(
                "changes", []
            )
            for each in page:
                assert int(each["sequence"]) > after
                after = int(each["sequence"])
                found += [each] if each["docking"]["handOverLetter"] == letter else []
            await asyncio.sleep(0 if page else 0.3)
    return found


def kinds(changes: Changes) -> list[str]:
    """Return what changed, each once, in order."""
    return list(
        dict.fromkeys(kind.removeprefix("DOCKING_CHANGE_KIND_") for each in changes for kind in each["kinds"])
    )  # fmt: skip


def letters(change: dict[str, Any]) -> list[str]:
    """Return the kinds of the letters, in order."""
    return [each["kind"].removeprefix("LETTER_KIND_") for each in change["docking"]["letters"]]


async def signed_for(centre: scenario.Desk, report: str, *people: str) -> Matter:
    """Let the centre accept a report that was handed over, ask both sides and sign for it."""
    accepted = await centre.post(f"{report}:accept", "duty_officer")
    case = Matter(centre, accepted["case"], "双方各执一词。")
    async with asyncio.timeout(PATIENCE):
        while not (await _dockings(case)):
            await asyncio.sleep(0.2)
    await case.two_sides(*people)
    await case.everybody_says_yes()
    await case.tell("dockings/1:confirmConsent")
    await case.tell("dockings/1:sign")
    return case


async def _dockings(case: Matter) -> list[Any]:
    """Return the dockings of a case; none before it is open."""
    try:
        return list((await case.ask("dockings", "handler"))["dockings"])
    except scenario.RefusedError as error:
        if error.problem["status"] not in (403, 404):
            raise
        return []


async def test_a_courts_system_is_told_letters_and_term_in_order_and_no_other_unit_is(
    stack: Stack, open_: AsyncExitStack, centre: scenario.Desk
) -> None:
    court = await partner(stack, open_, unit=COURT)
    letter = f"（2026）甘0102委派{court.mark}号"
    terms = {"letter": letter, "procedure": "COURT_PROCEDURE_ORDINARY"}
    (taken,) = await court.sends(court.item(1, area=COUNTY, category="categories/contract/sale", handOver=terms))
    case = await signed_for(centre, taken["report"], "闻人卖货", "百里买货")
    changes = await told(court.desk, COURT, letter, lambda found: "SIGNED" in kinds(found))
    assert kinds(changes) == SIGNED
    docking = changes[-1]["docking"]
    assert (docking["name"], docking["state"], docking["authority"]) == (
        f"{case.name}/dockings/1", "DOCKING_STATE_SIGNED", f"units/{COURT}")  # fmt: skip
    assert letters(changes[-1]) == ["HAND_OVER", "RECEIPT"]
    assert docking["letters"][1]["reference"]
    term = datetime.fromisoformat(docking["dueTime"])
    assert term > datetime.now(UTC) + timedelta(days=14)

    await case.find_mediator()
    await case.everybody_says_yes("EXTENSION")
    await case.tell("dockings/1:extend", evidence="同意书一号")
    (longer,) = (await told(court.desk, COURT, letter, lambda found: "TERM_MOVED" in kinds(found)))[-1:]
    assert datetime.fromisoformat(longer["docking"]["dueTime"]) >= term + timedelta(days=30)
    assert (longer["docking"]["extended"], letters(longer)[-1]) == (True, "EXTENSION")

    await case.tell("dockings/1:return")
    last = (await told(court.desk, COURT, letter, lambda found: "RETURNED" in kinds(found)))[-1]
    assert (last["result"], letters(last)[-1]) == ("DOCKING_RESULT_NO_AGREEMENT", "RETURN")
    # Of the mediation it has nothing: neither who took part nor what was said.
    assert not any(word in json.dumps(last, ensure_ascii=False) for word in ("闻人", "百里", "mediator", "parties"))

    path = f"/v1/units/{COURT}/dockings:changes"
    officer = await open_.enter_async_context(Desk(stack, "clerk", COURT))
    assert letter in (await officer.gets(f"{path}?after={int(last['sequence']) - 1}")).text
    for role, unit in (
        ("integrator", COUNTY), ("integrator", f"{COUNTY}-police"), ("integrator", "620103-court"),
        ("clerk", COUNTY), ("unit_head", COUNTY[:4]), ("citizen", COUNTY),
    ):  # fmt: skip
        other = await open_.enter_async_context(Desk(stack, role, unit))
        assert (await other.gets(path)).status_code == 403, (role, unit)
    area = await open_.enter_async_context(Desk(stack, "integrator", COUNTY))
    assert letter not in (await area.gets(f"/v1/units/{COUNTY}/dockings:changes?maxResults=500")).text


async def test_what_an_officer_handed_over_and_what_was_merged_is_told_to_the_system_as_well(
    stack: Stack, open_: AsyncExitStack, centre: scenario.Desk
) -> None:
    petition, hotline = await partner(stack, open_, unit=f"{COUNTY}-petition"), await partner(stack, open_)
    accepted = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    by_item, by_paper = f"信访移〔2026〕{petition.mark}号", f"信访转〔2026〕{petition.mark}号"
    terms = {"letter": by_item, "subject": "PETITION_SUBJECT_CIVIL", "petitionAcceptTime": accepted}
    (one,), (two,) = (
        await hotline.sends(hotline.item(1)), await petition.sends(petition.item(1, category="物业", handOver=terms)),
    )  # fmt: skip
    await centre.post(f"{two['report']}:merge", "duty_officer", target=one["report"], reason="same-place")
    await centre.post(f"{one['report']}:accept", "duty_officer")
    (merged, *_) = await told(petition.desk, petition.unit, by_item, len)
    assert merged["docking"]["name"].startswith(one["report"].replace("reports/", "cases/"))

    case = await centre.open("neighbour", "墙面渗水，找到信访窗口。")
    await case.dock(
        "PETITION", nature="PETITION_NATURE_CIVIL", petition_accept_time=accepted, hand_over_letter=by_paper
    )
    (paper, *_) = await told(petition.desk, petition.unit, by_paper, len)
    assert (kinds([paper]), paper["docking"].get("dueTime")) == (["HANDED_OVER"], None)
    nothing = await hotline.desk.reads(f"/v1/units/{HOTLINE}/dockings:changes")
    assert nothing.get("changes", []) == []


async def test_a_folder_and_a_system_that_is_asked_get_letters_and_term_too(
    stack: Stack, open_: AsyncExitStack, centre: scenario.Desk, system: System, tmp_path: Path
) -> None:
    unit = f"{COUNTY}-police"
    police = await partner(stack, open_, unit=unit)
    letter = f"城公移〔2026〕{police.mark}号"
    (taken,) = await police.sends(
        police.item(1, area=COUNTY, category="邻里", handOver={"letter": letter, "decided": False})
    )
    await signed_for(centre, taken["report"], "太叔推人", "令狐摔伤")
    await told(police.desk, unit, letter, lambda found: "SIGNED" in kinds(found))

    folder, kept = tmp_path / "folder", tmp_path / "kept"
    folder.mkdir()
    kept.mkdir()
    status, said = await ended(await started(stack, unit, "files", str(folder), "--settle", "0"))
    assert status == 0, said
    rows = [
        row
        for file in sorted((folder / "dockings").iterdir())
        for row in csv.DictReader(io.StringIO(file.read_text("utf-8-sig")))
    ]
    places = [int(row["序号"]) for row in rows]
    assert places == sorted(set(places))
    last = [row for row in rows if row["移交函"] == letter][-1]
    assert (last["状态"], last["受理编号"], bool(last["期限"])) == (
        "已签收", taken["report"].removeprefix("reports/"), True)  # fmt: skip
    assert [each.split()[0] for each in last["文书"].splitlines()] == ["委托函、移送函", "接收回执"]

    status, said = await ended(await started(stack, unit, "pull", system.url, "--keep", str(kept), **NETWORK))
    assert status == 0, said
    posted = [each for body in system.told for each in body.get("dockings", [])]
    assert [int(each["sequence"]) for each in posted] == places
    assert letters(next(each for each in reversed(posted) if each["docking"]["handOverLetter"] == letter)) == [
        "HAND_OVER", "RECEIPT"]  # fmt: skip
    system.told.clear()
    status, said = await ended(await started(stack, unit, "pull", system.url, "--keep", str(kept), **NETWORK))
    assert (status, [body for body in system.told if "dockings" in body]) == (0, []), said


async def test_simulators_of_court_and_police_get_receipt_and_term_of_every_letter_back(
    stack: Stack, centre: scenario.Desk
) -> None:
    county, book = "620725", shipped_rules(SHIPPED).partners
    simulators = [
        Simulator(
            stack.urls["api"], stack.token("integrator", unit), unit, book, seed=place, items=8, batch=2, handed=1,
            faults=Faults(lost=0.3, unanswered=0.3, repeated=0.3, changed=0.1, wrong=0.1),
        )
        for place, unit in enumerate((f"{county}-court", f"{county}-police"))
    ]  # fmt: skip
    days = await asyncio.gather(*(each.run() for each in simulators))
    assert [day for day in days if not day.even or len(day.letters) != 1] == []
    for day in days:
        (number,) = day.letters
        await signed_for(centre.at(county), day.taken[number], f"甲方{request_id()[5:9]}", f"乙方{request_id()[5:9]}")
    await asyncio.gather(*(each.follow(PATIENCE) for each in simulators))
    assert [day.dockings for day in days if not day.docked] == []


def event(position: int, kind: str, number: str = "620102-2026-000117", **payload: Any) -> Happened:
    return Happened(position, number, kind, payload, NOW + timedelta(seconds=position))


def test_what_happened_to_a_docking_within_a_look_is_one_change_at_its_last_place() -> None:
    clock, other = "620102-2026-000117.docking-2", "620102-2026-000117.petition-2"
    found = gathered(
        [
            event(3, "DockingSigned", docking=1),
            event(4, "DockingSigned", docking=2),
            event(5, "DockingExtended", docking=2),
            event(6, "ClockExtended", clock=clock, due_before="2026-12-09", due_at="2027-01-08"),
            event(7, "ClockExtended", clock=clock, due_before="2027-01-08", due_at="2027-01-11"),
            # Neither the clock of something else nor one that ends when it did moves a term.
            event(8, "ClockMoved", clock=other, due_before="2026-12-09", due_at="2027-01-08"),
            event(9, "ClockMoved", clock=clock, due_before="2027-01-11", due_at="2027-01-11"),
        ]
    )
    assert {docking: (each.position, each.kinds) for (_, docking), each in found.items()} == {
        1: (3, [Change.SIGNED]), 2: (7, [Change.SIGNED, Change.EXTENDED, Change.TERM_MOVED]),
    }  # fmt: skip
    assert {each.at for each in found.values()} == {NOW + timedelta(seconds=3), NOW + timedelta(seconds=7)}


def test_a_change_says_no_more_than_the_authority_sees_of_its_dockings() -> None:
    said = {field.name for field in pb.DockingChange.DESCRIPTOR.fields}
    assert said == {"sequence", "change_time", "kinds", "docking", "result"}


class Told(PartnerDoor):
    """A door that tells of one letter."""

    def __init__(self, language: str) -> None:
        super().__init__("http://nowhere", str, COURT, language)

    async def changes(self, after: int, most: int = 500) -> Changes:
        return []

    async def dockings(self, after: int, most: int = 500) -> Changes:
        docking = {
            "name": "cases/620102-2026-000117/dockings/1", "handOverLetter": "一号", "state": "DOCKING_STATE_RETURNED",
            "unit": "units/620102", "dueTime": None, "extended": True,
            "letters": [{"kind": "LETTER_KIND_RETURN", "reference": "函〔2026〕9号", "letterTime": NOW.isoformat()}],
        }  # fmt: skip
        change = {
            "sequence": "7", "changeTime": "2026-12-01T01:00:00Z", "docking": docking,
            "kinds": ["DOCKING_CHANGE_KIND_EXTENDED", "DOCKING_CHANGE_KIND_RETURNED"],
            "result": "DOCKING_RESULT_NO_AGREEMENT",
        }  # fmt: skip
        return [change] if after < 7 else []


@pytest.mark.parametrize(
    ("language", "row"),
    [
        ("zh", "一号,延期、退回,已退回,620102-2026-000117,620102,,是,未达成协议,终止调解函 函〔2026〕9号 2026"),
        ("en", '一号,"extended, returned",returned,620102-2026-000117,620102,,yes,no agreement,return 函〔2026〕9号'),
    ],
)  # fmt: skip
async def test_a_row_of_the_file_says_it_in_words_once(language: str, row: str, tmp_path: Path) -> None:
    # A folder that was told of items before there were dockings goes on where it was.
    tmp_path.joinpath(".accord-told.json").write_text(json.dumps({"unit": COURT, "after": 41}), "utf-8")
    words = shipped_rules(SHIPPED).words.lists
    async with Told(language) as door:
        assert await ChangeFiles(tmp_path, door, words).tell() == 1
        assert await ChangeFiles(tmp_path, door, words).tell() == 0
    (file,) = (tmp_path / "dockings").iterdir()
    heading, line, *_ = file.read_text("utf-8-sig").splitlines()
    assert (len(heading.split(",")), line.startswith(f"7,2026-12-01T01:00:00Z,{row}")) == (11, True), line
    assert json.loads(tmp_path.joinpath(".accord-told.json").read_text()) == {
        "unit": COURT, "after": 41, "dockings": 7}  # fmt: skip
