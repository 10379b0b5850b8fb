"""Commands of the ledger: repeated, they are done once; invalid ones are refused naming the field or the state."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import grpc
import pytest
from pb.escalation.v1 import ledger_pb2 as pb

from casework.names import number_of
from tests.conftest import COUNTY, Clients, request_id
from tests.matters import CO, FACTS, HOUSING, LABOUR, LAND, RESPONSIBLE, Ledger, as_date, part
from tests.rpcs import check, send
from tests.scratch import Scratch

pytestmark = pytest.mark.usefixtures("no_unforeseen_fault")
DUE = date.today() + timedelta(days=40)
LATER = as_date(DUE + timedelta(days=5))


@pytest.fixture
def ledger(clients: Clients) -> Ledger:
    """Return the ledger of the session's stack."""
    return Ledger(clients.channels["escalation"], clients.as_)


async def refused(call: Any, reason: str) -> None:
    """Check that a call is refused for this reason."""
    with pytest.raises(grpc.aio.AioRpcError, match=reason):
        await call


async def rows_of(clients: Clients, name: str) -> dict[str, int]:
    """Return how many rows there are of a matter in each table that grows with it."""
    connection = await Scratch.main(clients.stack).connect()
    tables = ("events", "clocks", "matter_versions", "matter_gradings", "matter_assignments", "matter_progress",
              "matter_evidence", "matter_look_backs", "holdings")  # fmt: skip
    try:
        return {
            table: await connection.fetchval(
                f"SELECT count(*) FROM escalation.{table} WHERE number = $1", number_of(name)
            )
            for table in tables
        }
    finally:
        await connection.close()


async def test_every_command_said_again_gets_its_first_answer_and_changes_nothing(
    clients: Clients, ledger: Ledger
) -> None:
    said: list[tuple[str, str, dict[str, Any], Any]] = []

    async def do(method: str, role: str, **fields: Any) -> Any:
        given = {**fields, "request_id": request_id()}
        answer = await ledger.do(method, role, COUNTY, **given)
        said.append((method, role, given, answer))
        return answer

    matter = pb.Matter(level=1, place=f"units/{COUNTY}", category="categories/land")  # type: ignore[arg-type]
    name = (await do("RegisterMatter", "supervisor", matter=matter, content=pb.MatterContent(title="征地补偿"))).name
    one, two = f"{name}/assignments/1", f"{name}/assignments/2"
    await do("GradeMatter", "supervisor", name=name, facts=FACTS)
    parts = [part(RESPONSIBLE, HOUSING, DUE), part(CO, LABOUR, DUE)]
    await do("AssignMatter", "supervisor", name=name, assignments=parts)
    await do("ReassignAssignment", "supervisor", name=two, unit=f"units/{LAND}", reason="not-theirs")
    await do("ExtendAssignment", "unit_head", name=one, due_date=LATER, reason="expert-opinion")
    await do("NameOfficial", "unit_head", name=one, official="official-1")
    await do("ReportProgress", "handler", name=one, text="已核实。")
    await do("FinishAssignment", "handler", name=two, text="已办。")
    evidence = await do("AddMatterEvidence", "handler", parent=name, evidence=pb.MatterEvidence(reference="doc-1"))
    await do("RequestStrikeOff", "handler", name=name, evidence=[evidence.name], text="已办结。")
    await do("VerifyStrikeOff", "reviewer", name=name, verdict=2, reason="not-shown")
    await do("ReportProgress", "handler", name=one, text="已补正。")
    await do("RequestStrikeOff", "handler", name=name, evidence=[evidence.name], text="已办结。")
    await do("VerifyStrikeOff", "reviewer", name=name, verdict=1)
    await do("RecordLookBack", "reviewer", name=f"{name}/lookBacks/90", result=2)
    await do("MoveLevel", "supervisor", name=name, level=2, reason="too-big")

    before = await rows_of(clients, name)
    for method, role, given, answer in said:
        assert await ledger.do(method, role, COUNTY, **given) == answer, method
        await refused(ledger.do(method, role, COUNTY, **{**given, **_other(given)}), "IDEMPOTENCY_KEY_REUSED")
    assert await rows_of(clients, name) == before


def _other(given: dict[str, Any]) -> dict[str, Any]:
    """Return fields that give a request another meaning."""
    if "evidence" in given and "parent" in given:
        return {"evidence": pb.MatterEvidence(reference="doc-9")}
    return {"content": pb.MatterContent(title="另一件事")} if "content" in given else {"etag": "99"}


async def test_a_case_comes_on_the_ledger_once_however_many_ask_at_once(clients: Clients, ledger: Ledger) -> None:
    case = (await clients.accept(await clients.file_report())).name
    answers = await asyncio.gather(*(ledger.register(source=case) for _ in range(6)), return_exceptions=True)
    made = [each for each in answers if not isinstance(each, BaseException)]
    assert len(made) == 1
    assert all(
        isinstance(each, grpc.aio.AioRpcError) and each.code() is grpc.StatusCode.ALREADY_EXISTS
        for each in answers if each is not made[0]
    )  # fmt: skip


async def test_two_who_check_at_once_make_one_decision(ledger: Ledger) -> None:
    matter = await ledger.assigned(DUE)
    await ledger.progressed(matter.name)
    await ledger.requested(matter.name)
    verdicts = (ledger.verified(matter.name), ledger.verified(matter.name, 2, "not-shown"))
    answers = await asyncio.gather(*verdicts, return_exceptions=True)
    assert sum(isinstance(each, grpc.aio.AioRpcError) for each in answers) == 1


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"place": "units/629999"}, "matter.place"),
        ({"place": "units/62"}, "matter.level"),
        ({"level": 9}, "matter.level"),
        ({"category": "categories/nothing-of-ours"}, "matter.category"),
        ({"source": "letters/620102-2026-000001"}, "matter.source"),
    ],
)
async def test_a_bad_matter_is_refused_naming_the_field(
    fields: dict[str, Any], at_fault: str, clients: Clients
) -> None:
    told = {"level": 1, "place": f"units/{COUNTY}", "category": "categories/land", **fields}
    content = pb.MatterContent(title="征地补偿")
    request = pb.RegisterMatterRequest(matter=pb.Matter(**told), content=content, request_id=request_id())
    answer = await send(clients, "escalation.RegisterMatter", request)
    check(answer)
    assert answer.fields == [at_fault]


async def test_evidence_of_another_matter_shows_nothing(clients: Clients, ledger: Ledger) -> None:
    one, other = await ledger.assigned(DUE), await ledger.assigned(DUE)
    added = await ledger.do("AddMatterEvidence", "handler", parent=other.name,
                            evidence=pb.MatterEvidence(reference="doc-1"))  # fmt: skip
    await ledger.progressed(one.name)
    for evidence in (added.name, f"{one.name}/evidence/1"):
        await refused(
            ledger.do("RequestStrikeOff", "handler", name=one.name, evidence=[evidence], text="好了。"), "NOT_FOUND"
        )


async def test_what_is_struck_off_stands_behind_all_others_and_no_page_loses_any(ledger: Ledger) -> None:
    gone = {(await ledger.assigned(DUE)).name for _ in range(3)}
    for name in gone:
        await ledger.progressed(name)
        await ledger.requested(name)
        await ledger.verified(name)
    page = await ledger.do("ListMatters", "auditor", page_size=1)
    found = list(page.matters)
    while page.next_page_token:
        page = await ledger.do("ListMatters", "auditor", page_size=1, page_token=page.next_page_token)
        found += page.matters
    over = [each.state == pb.MATTER_STATE_STRUCK_OFF for each in found]
    assert over == sorted(over)
    assert gone <= {each.name for each in found}
    assert len(found) == (await ledger.do("CountMatters", "auditor")).total


async def test_a_false_request_is_returned_and_counted(ledger: Ledger) -> None:
    matter = await ledger.assigned(DUE)
    await ledger.progressed(matter.name)
    await ledger.requested(matter.name)
    await refused(ledger.progressed(matter.name), "WRONG_STATE")
    returned = await ledger.verified(matter.name, 3, "nobody-was-paid")
    assert returned.returned == 1
    await refused(ledger.requested(matter.name), "WRONG_STATE")  # first something is done


async def test_who_does_a_part_is_known_inside_until_the_part_is_over(clients: Clients, ledger: Ledger) -> None:
    matter = await ledger.assigned(DUE, LABOUR)
    connection = await Scratch.main(clients.stack).connect()

    async def held() -> list[str]:
        query = "SELECT subject FROM escalation.holdings WHERE number = $1 AND until IS NULL ORDER BY subject"
        return [row["subject"] for row in await connection.fetch(query, number_of(matter.name))]

    try:
        one, two = (f"{matter.name}/assignments/{number}" for number in (1, 2))
        await ledger.do("NameOfficial", "unit_head", HOUSING, name=one, official="li")
        await ledger.do("NameOfficial", "unit_head", LABOUR, name=two, official="wang")
        assert await held() == [one, two]
        await ledger.do("ReassignAssignment", "supervisor", name=two, unit=f"units/{LAND}", reason="not-theirs")
        assert await held() == [one]
        await ledger.do("FinishAssignment", "handler", LAND, name=two, text="已办。")
        await ledger.progressed(matter.name)
        await ledger.requested(matter.name)
        await ledger.verified(matter.name)
        assert await held() == []
    finally:
        await connection.close()
