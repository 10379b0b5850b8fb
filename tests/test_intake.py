"""Intake: which reports are found similar, who decides, how a matter is graded, and what its reporter learns."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money
from pb.clock.v1 import clock_pb2
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import follow_up_pb2
from pb.mediation.v1.follow_up_pb2_grpc import FollowUpServiceStub

from casework.door.triage import FACTS
from tests.conftest import COUNTY, Clients, data, request_id
from tests.patience import PATIENCE
from tests.world import new_report

ELSEWHERE, THERE = "620302", "620402"
"""Counties of cities of their own, so that what other tests file is not among the suggestions."""
KNOWN, ASKED = 3000, 60


def questions() -> list[str]:
    """Return the real questions of at least 16 characters, in an order of their own."""
    with gzip.open(data("cn_legal_consult/questions.jsonl.gz"), "rt", encoding="utf-8") as lines:
        found = [question for line in lines if len(question := json.loads(line)["question"]) >= 16]
    random.Random("questions").shuffle(found)
    return found


def retold(text: str, dice: random.Random) -> str:
    """Return a text as somebody else would tell it: other order, words left out, words put in front, mistyped."""
    parts = text.replace("，", "。").replace("？", "。").strip("。").split("。")
    dice.shuffle(parts)
    signs = list("，".join(parts))
    for _ in range(len(signs) // 12):
        at = dice.randrange(len(signs))
        if dice.random() < 0.5:
            del signs[at]
        else:
            signs[at] = dice.choice("的了在是我")
    return dice.choice(["请问，", "你好，想问一下，", ""]) + "".join(signs) + dice.choice(["，怎么办？", "！！", ""])


async def import_texts(clients: Clients, texts: list[str], unit: str) -> list[str]:
    """Return the names of reports made of these texts, closed long ago: no workflow is started for them."""
    yesterday = Timestamp(seconds=int(time.time()) - 86_400)
    past = {"receive_time": yesterday, "history": report_pb2.History(close_time=yesterday)}

    async def batches() -> AsyncIterator[intake_pb2.ImportReportsRequest]:
        for start in range(0, len(texts), 500):
            rows = [
                intake_pb2.ImportRow(
                    row=at, report=new_report(text=text, unit=f"units/{unit}", **past), request_id=request_id()
                )
                for at, text in enumerate(texts[start : start + 500], start)
            ]
            yield intake_pb2.ImportReportsRequest(rows=rows)

    names: list[str] = []
    async for answer in clients.intake.ImportReports(batches(), **clients.as_("clerk", unit)):
        names += [result.report for result in answer.results]
    assert all(names)
    return names


async def all_counted(clients: Clients) -> None:
    """Wait until it is counted how rare the signs of all texts are: an import is counted after it."""
    connection = await asyncpg.connect(clients.stack.database_url)
    try:
        async with asyncio.timeout(PATIENCE):
            while await connection.fetchval("SELECT EXISTS (SELECT FROM intake.counted_texts WHERE NOT counted)"):
                await asyncio.sleep(0.2)
    finally:
        await connection.close()


async def alike(clients: Clients, text: str, unit: str, **fields: Any) -> list[report_pb2.Duplicate]:
    """Return what is suggested for a text about to be told."""
    request = intake_pb2.FindDuplicatesRequest(text=text, unit=f"units/{unit}", **fields)
    return list((await clients.intake.FindDuplicates(request, **clients.as_("clerk", "62"))).duplicates)


async def test_a_matter_told_again_in_other_words_is_found_among_thousands(clients: Clients) -> None:
    texts, dice = questions(), random.Random("retold")
    known, strangers = texts[:KNOWN], texts[KNOWN : KNOWN + ASKED]
    names = await import_texts(clients, known, ELSEWHERE)
    await all_counted(clients)

    found = 0
    for at in range(ASKED):
        suggested = await alike(clients, retold(known[at], dice), ELSEWHERE)
        assert [each.score for each in suggested] == sorted((each.score for each in suggested), reverse=True)
        found += bool(suggested) and suggested[0].report == names[at]
    mistaken = 0
    for text in strangers:
        mistaken += len(await alike(clients, text, ELSEWHERE))
    print(f"{found} of {ASKED} retold matters stand first among {KNOWN}; {mistaken} shown for {ASKED} strangers")
    assert found >= ASKED * 0.95
    assert mistaken <= ASKED * 0.6, "questions of one line about marriages: many are nearly the same"


async def test_a_text_is_compared_by_its_characters_not_by_its_bytes(clients: Clients) -> None:
    (name,) = await import_texts(clients, ["工地老板拖欠农民工工资三个月一直不发"], THERE)
    await all_counted(clients)
    (first, *_) = await alike(clients, "拖欠工资三个月不发，工地老板", THERE)
    assert first.report == name
    assert await alike(clients, "邻居的狗半夜乱叫影响睡眠", THERE) == []


PLACE = "620111001"
TOLD = "张家的围墙砌到了巷道上，三轮车过不去，老人看病都要绕路。"
AGAIN = "巷道被张家砌的围墙占了，三轮车过不去，绕路太远，老人看病怎么办"
OTHER = "隔壁半夜装修，电钻响个不停，孩子睡不着觉，说了几次都不听。"


async def test_a_reworded_complaint_is_found_with_what_a_person_needs_to_decide(clients: Clients) -> None:
    place = report_pb2.Place(area=PLACE, address="红古路 12 号，电话 13919990000")
    told = await clients.file_report(f"{TOLD}我的电话 13919990000。", unit="units/620111", place=place)
    suggested = await alike(clients, AGAIN, "620111", place=place, category="categories/neighbour")
    (found,) = [each for each in suggested if each.report == told.name]
    assert (found.same_place, found.same_category, found.unit) == (True, True, "units/620111")
    assert 0.2 <= found.text_similarity < 1
    assert found.score == pytest.approx(0.15 + 0.85 * found.text_similarity, abs=1e-3)
    assert found.excerpt == f"{TOLD}我的电话 *****。"
    assert (found.place.area, found.place.address) == (PLACE, "红古路 12 号，电话 *****")
    assert found.area_display_name
    assert found.unit_display_name


async def test_the_same_place_and_kind_alone_are_no_likeness(clients: Clients) -> None:
    place = report_pb2.Place(area="620111003")
    told = await clients.file_report(OTHER, unit="units/620111", place=place)
    fields: dict[str, Any] = {"place": place, "category": "categories/neighbour"}
    # What other tests told there may be like either.
    assert told.name not in {each.report for each in await alike(clients, "下水道返味，厨房没法用", "620111", **fields)}
    assert (await alike(clients, OTHER, "620111", **fields))[0].excerpt == OTHER


async def test_a_city_finds_what_its_counties_were_told_and_a_county_only_its_own(clients: Clients) -> None:
    mark = "".join(random.Random(request_id()).choices("槐柳榆桐椿杨桑梓楸枫桦檀", k=6))
    text = f"{mark}小区的电梯停了两个星期，七楼的老人下不来。"
    told = await clients.file_report(text, unit="units/620121")
    request = intake_pb2.FindDuplicatesRequest(text=f"电梯停了两个星期，{mark}小区七楼的老人下不来", unit="units/6201")
    found = await clients.intake.FindDuplicates(request, **clients.as_("clerk", "6201"))
    assert [each.report for each in found.duplicates] == [told.name]
    for unit in ("620122", "6202"):
        request.unit = f"units/{unit}"
        answer = await clients.intake.FindDuplicates(request, **clients.as_("clerk", unit))
        assert told.name not in {each.report for each in answer.duplicates}, unit


async def test_how_rare_signs_are_is_counted_behind_and_forgotten_with_the_text(clients: Clients) -> None:
    mark = "".join(random.Random(request_id()).choices("鲤鲫鲢鳙鲈鳜鲳鲅鳕鲟鳗鲶", k=8))
    report = await clients.file_report(f"{mark}养殖场的水臭得厉害。", unit="units/620111")
    number = report.name.removeprefix("reports/")
    connection = await asyncpg.connect(clients.stack.database_url)
    counted = """
        SELECT counted AND size > 0 FROM intake.likenesses JOIN intake.counted_texts USING (number) WHERE number = $1
    """
    having = """
        SELECT min(c.texts), count(c.id) FROM intake.sign_counts c
        WHERE c.sign = any($1::int[])
    """
    try:
        deadline = time.monotonic() + PATIENCE
        while not await connection.fetchval(counted, number):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
        signs = await connection.fetchval("SELECT signs FROM intake.likenesses WHERE number = $1", number)
        least, every = await connection.fetchrow(having, signs)
        assert (least, every) == (1, len(signs))
        erase = intake_pb2.EraseReportDataRequest(name=report.name, request_id=request_id())
        await clients.intake.EraseReportData(erase, **clients.as_service("worker"))
        least, left = await connection.fetchrow(having, signs)
        assert left < every, "a sign that only this text had is gone"
        assert least >= 1
        assert await connection.fetchval("SELECT signs FROM intake.likenesses WHERE number = $1", number) == []
    finally:
        await connection.close()


async def test_a_report_from_before_gets_its_signs_without_a_command(clients: Clients) -> None:
    mark = "".join(random.Random(request_id()).choices("蛙蛇鼠兔狐狸獾貂鼬豺猞獐", k=8))
    text = f"{mark}山庄的烟囱整夜冒黑烟，衣服晾不出去。"
    report = await clients.file_report(text, unit="units/620111")
    number = report.name.removeprefix("reports/")
    connection = await asyncpg.connect(clients.stack.database_url)
    try:
        await connection.execute("UPDATE intake.likenesses SET signs = NULL, size = 0 WHERE number = $1", number)
        await connection.execute("UPDATE intake.counted_texts SET counted = false WHERE number = $1", number)
        assert await alike(clients, text, "620111") == []
        deadline = time.monotonic() + PATIENCE
        while not await alike(clients, text, "620111"):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.5)
    finally:
        await connection.close()
    (found,) = await alike(clients, text, "620111")
    assert (found.report, found.text_similarity) == (report.name, 1)


@pytest.mark.parametrize("text", ["12345", "路灯坏了一个月。Nobody came 来。"])
async def test_an_imported_text_has_the_signs_of_one_filed_alone(text: str, clients: Clients) -> None:
    (imported,) = await import_texts(clients, [text], "620111")
    alone = await clients.file_report(text, unit="units/620111")
    await all_counted(clients)
    connection = await asyncpg.connect(clients.stack.database_url)
    try:
        numbers = [name.removeprefix("reports/") for name in (imported, alone.name)]
        query = "SELECT signs, size FROM intake.likenesses WHERE number = any($1::text[])"
        one, other = await connection.fetch(query, numbers)
        assert one == other
        assert bool(one["signs"]) != text.isdigit()
        assert len(one["signs"]) == one["size"]
    finally:
        await connection.close()


async def two_alike(clients: Clients) -> tuple[report_pb2.Report, report_pb2.Report]:
    text = f"小区二期地下车库漏水，{request_id()}，物业一直不修。"
    return await clients.file_report(text), await clients.file_report(text)


async def suggested_for(clients: Clients, report: report_pb2.Report) -> set[str]:
    request = intake_pb2.ListDuplicatesRequest(parent=report.name, page_size=50)
    return {each.report for each in (await clients.intake.ListDuplicates(request, **clients.as_("clerk"))).duplicates}


async def link(clients: Clients, one: report_pb2.Report, other: report_pb2.Report, kind: int) -> report_pb2.Link:
    made = report_pb2.Link(target=other.name, kind=kind, reason="looked-at-both")  # type: ignore[arg-type]
    request = intake_pb2.CreateLinkRequest(parent=one.name, link=made, request_id=request_id())
    found: report_pb2.Link = await clients.intake.CreateLink(request, **clients.as_("clerk"))
    return found


async def state(clients: Clients, report: report_pb2.Report) -> report_pb2.Report:
    found: report_pb2.Report = await clients.intake.GetReport(
        intake_pb2.GetReportRequest(name=report.name), **clients.as_("clerk")
    )
    return found


async def test_nothing_is_merged_unless_somebody_says_so(clients: Clients) -> None:
    one, other = await two_alike(clients)
    assert other.name in await suggested_for(clients, one)
    assert (await link(clients, one, other, report_pb2.LINK_KIND_DUPLICATE)).name.endswith(other.name.split("/")[1])
    for report in (one, other):
        assert (await state(clients, report)).state == report_pb2.REPORT_STATE_RECEIVED

    request = intake_pb2.MergeReportRequest(
        name=one.name, target=other.name, reason="same-matter", request_id=request_id()
    )
    merged = await clients.intake.MergeReport(request, **clients.as_("duty_officer"))
    assert (merged.state, merged.merged_into, merged.case) == (report_pb2.REPORT_STATE_MERGED, other.name, other.case)
    assert (await state(clients, other)).state == report_pb2.REPORT_STATE_RECEIVED
    assert one.name not in await suggested_for(clients, other)


async def test_what_was_merged_follows_when_its_target_is_merged_on(clients: Clients) -> None:
    first, second = await two_alike(clients)
    third = await clients.file_report()
    for one, other in ((first, second), (second, third)):
        request = intake_pb2.MergeReportRequest(
            name=one.name, target=other.name, reason="same-matter", request_id=request_id()
        )
        await clients.intake.MergeReport(request, **clients.as_("duty_officer"))
    followed = await state(clients, first)
    assert (followed.merged_into, followed.case) == (third.name, third.case)


async def merge(clients: Clients, one: str, other: str) -> report_pb2.Report:
    request = intake_pb2.MergeReportRequest(name=one, target=other, reason="同一事项", request_id=request_id())
    merged: report_pb2.Report = await clients.intake.MergeReport(request, **clients.as_("duty_officer"))
    return merged


async def unmerge(clients: Clients, name: str) -> report_pb2.Report:
    request = intake_pb2.UnmergeReportRequest(name=name, reason="另一事项", request_id=request_id())
    found: report_pb2.Report = await clients.intake.UnmergeReport(request, **clients.as_("duty_officer"))
    return found


async def kinds(clients: Clients, name: str) -> list[str]:
    request = feed_pb2.ListEventsRequest(service="intake", case=name.replace("reports/", "cases/"), page_size=100)
    found = await clients.feeds["intake"].ListEvents(request, **clients.as_("operator", "cn"))
    return [each.type for each in found.events]


@pytest.mark.fault("D9")
async def test_nothing_is_merged_into_what_is_over(clients: Clients) -> None:
    row = intake_pb2.ImportRow(row=1, report=new_report(), request_id=request_id())
    row.report.source, row.report.source_id = "town", request_id()
    row.report.receive_time.FromJsonString("2026-01-05T01:00:00Z")
    row.report.history.close_time.FromJsonString("2026-02-05T01:00:00Z")

    async def rows() -> AsyncIterator[intake_pb2.ImportReportsRequest]:
        yield intake_pb2.ImportReportsRequest(rows=[row])

    (answer,) = [each async for each in clients.intake.ImportReports(rows(), **clients.as_("clerk", "62"))]
    closed = answer.results[0].report
    report = await clients.file_report()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await merge(clients, report.name, closed)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert (await state(clients, report)).state == report_pb2.REPORT_STATE_RECEIVED


@pytest.mark.fault("D9")
async def test_nothing_is_merged_into_a_report_whose_case_is_closed_until_it_is_opened_again(clients: Clients) -> None:
    over = await clients.file_report()
    case = await clients.accept(over)
    await clients.finish(case.name)
    await told_of_its_end(clients, case.name, closed=True)
    late = await clients.file_report()
    with pytest.raises(grpc.aio.AioRpcError, match="MERGE_INTO_OVER: its case is CLOSED") as caught:
        await merge(clients, late.name, over.name)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert (await state(clients, late)).state == report_pb2.REPORT_STATE_RECEIVED

    reopen = follow_up_pb2.ReopenCaseRequest(
        name=case.name, reason=follow_up_pb2.REOPEN_REASON_RECURRENCE, evidence="visit-1", request_id=request_id()
    )
    await FollowUpServiceStub(clients.channels["mediation"]).ReopenCase(reopen, **clients.as_("unit_head"))
    await told_of_its_end(clients, case.name, closed=False)
    assert (await merge(clients, late.name, over.name)).merged_into == over.name


async def told_of_its_end(clients: Clients, case: str, closed: bool) -> None:
    """Wait until intake has been told whether a case is closed."""
    database = await asyncpg.connect(clients.stack.database_url)
    try:
        async with asyncio.timeout(PATIENCE):
            query = "SELECT closed FROM intake.case_standings WHERE number = $1"
            while await database.fetchval(query, case.removeprefix("cases/")) is not closed:
                await asyncio.sleep(0.05)
    finally:
        await database.close()


@pytest.mark.fault("D9")
async def test_a_merge_is_told_on_both_sides_and_can_be_taken_back_with_its_clock(clients: Clients) -> None:
    first, one, other = [await clients.file_report() for _ in range(3)]
    await merge(clients, first.name, one.name)
    await merge(clients, one.name, other.name)
    assert (await state(clients, first)).merged_into == other.name
    assert "MergeReceived" in await kinds(clients, other.name)

    back = await unmerge(clients, one.name)
    assert (back.state, back.merged_into, back.case) == (report_pb2.REPORT_STATE_RECEIVED, "", one.case)
    assert back.due_time == one.due_time, "the limit runs as if it had not been merged"
    assert (await state(clients, first)).merged_into == one.name
    assert (await kinds(clients, one.name))[-1] == "ReportUnmerged"
    assert (await kinds(clients, other.name))[-1] == "MergeUndone"
    request = clock_pb2.ListClocksRequest(service="intake", case=one.case)
    clocks = (await clients.clocks["intake"].ListClocks(request, **clients.as_("duty_officer"))).clocks
    assert [each.state for each in clocks].count(clock_pb2.CLOCK_STATE_RUNNING) == 1
    # The case opens when it is accepted, so a workflow keeps it again.
    assert (await clients.accept(one)).name == one.case
    with pytest.raises(grpc.aio.AioRpcError, match="WRONG_STATE: ACCEPTED"):
        await unmerge(clients, one.name)


async def test_two_that_were_found_distinct_are_never_suggested_again(clients: Clients) -> None:
    one, other = await two_alike(clients)
    await link(clients, one, other, report_pb2.LINK_KIND_DISTINCT)
    assert other.name not in await suggested_for(clients, one)
    assert one.name not in await suggested_for(clients, other)


async def test_two_merges_into_each_other_leave_one_of_them_open(clients: Clients) -> None:
    async def merge(one: report_pb2.Report, other: report_pb2.Report) -> Any:
        request = intake_pb2.MergeReportRequest(
            name=one.name, target=other.name, reason="same-matter", request_id=request_id()
        )
        return await clients.intake.MergeReport(request, **clients.as_("duty_officer"))

    for _ in range(10):
        one, other = await two_alike(clients)
        answers = await asyncio.gather(merge(one, other), merge(other, one), return_exceptions=True)
        (refused,) = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
        assert refused.code() is grpc.StatusCode.FAILED_PRECONDITION
        states = sorted([(await state(clients, one)).state, (await state(clients, other)).state])
        assert states == [report_pb2.REPORT_STATE_RECEIVED, report_pb2.REPORT_STATE_MERGED]


async def test_a_grade_says_which_row_of_which_version_gave_it_on_which_facts(clients: Clients) -> None:
    report = await clients.file_report(people_affected=31, amount_fen=6_000_000, urgency=report_pb2.URGENCY_SOON)
    triage = report.triage
    assert (triage.grade, triage.rule, triage.rule_version, triage.row) == (
        report_pb2.GRADE_HIGH,
        "grade",
        "2026-11",
        3,
    )
    assert triage.inputs["people_affected"] == "31"
    assert triage.inputs["amount_fen"] == "6000000"
    assert (report.amount_fen, report.amount) == (6_000_000, Money(currency_code="CNY", units=60_000))
    assert (await clients.file_report(amount=Money(units=60_000))).amount_fen == 6_000_000
    assert triage.reason == "thirty people or more are affected"

    request = intake_pb2.TriageReportRequest(
        name=report.name, people_affected=2, amount_fen=0, urgency=report_pb2.URGENCY_ROUTINE, request_id=request_id()
    )
    again = await clients.intake.TriageReport(request, **clients.as_("duty_officer"))
    assert (again.triage.grade, again.triage.inputs["people_affected"]) == (report_pb2.GRADE_LOW, "2")
    assert again.due_time == report.due_time


async def test_who_people_are_is_no_input_of_the_grade(clients: Clients) -> None:
    person = report_pb2.Reporter(display_name="马某某", phone="13900000000")
    parties = [report_pb2.Party(role=report_pb2.PARTY_ROLE_RESPONDENT, display_name="某公司", phone="0931123")]
    for danger in (False, True):
        anonymous = await clients.file_report("说来话长。", danger=danger)
        named = await clients.file_report("马某某第五次上访，信教。", danger=danger, reporter=person, parties=parties)
        assert dict(anonymous.triage.inputs) == dict(named.triage.inputs)
        assert set(named.triage.inputs) == set(FACTS)
        assert anonymous.triage.grade == named.triage.grade


async def test_whoever_is_declined_is_told_another_route(clients: Clients) -> None:
    report = await clients.file_report()
    request = intake_pb2.DeclineReportRequest(name=report.name, reason="outside-scope", request_id=request_id())
    with pytest.raises(grpc.aio.AioRpcError, match="route"):
        await clients.intake.DeclineReport(request, **clients.as_("duty_officer"))
    request.route = report_pb2.ROUTE_ARBITRATION
    declined = await clients.intake.DeclineReport(request, **clients.as_("duty_officer"))
    assert (declined.state, declined.route) == (report_pb2.REPORT_STATE_DECLINED, report_pb2.ROUTE_ARBITRATION)
    receipt = await clients.intake.GetReceipt(
        intake_pb2.GetReceiptRequest(name=f"receipts/{report.receipt_code}"),
        **clients.as_("citizen", "620102001001", language="zh"),
    )
    assert receipt.route == report_pb2.ROUTE_ARBITRATION
    assert receipt.progress.phase_words == "不予受理"
    assert receipt.next_step == "您可以走下列其他途径，也可以请求由另一人复核。"


async def test_what_was_found_not_to_be_so_is_declined_never_accepted(clients: Clients) -> None:
    report = await clients.file_report()
    verify = intake_pb2.VerifyReportRequest(name=report.name, founded=False, request_id=request_id())
    assert (
        await clients.intake.VerifyReport(verify, **clients.as_("clerk"))
    ).state == report_pb2.REPORT_STATE_UNFOUNDED
    accept = intake_pb2.AcceptReportRequest(name=report.name, request_id=request_id())
    with pytest.raises(grpc.aio.AioRpcError, match="WRONG_STATE"):
        await clients.intake.AcceptReport(accept, **clients.as_("duty_officer"))


async def test_every_row_of_a_stream_is_answered_in_order(clients: Clients) -> None:
    good = [intake_pb2.ImportRow(row=at, report=new_report(), request_id=request_id()) for at in range(6)]
    good[1].report.unit = "units/11"
    good[2].report.category = "categories/nothing-of-ours"
    good[3].request_id = good[0].request_id
    good[4].request_id = "short"
    batches = [intake_pb2.ImportReportsRequest(rows=good[:4]), intake_pb2.ImportReportsRequest(rows=good[4:])]
    results = [
        result
        async for answer in clients.intake.ImportReports(iter(batches), **clients.as_("clerk"))
        for result in answer.results
    ]
    assert [result.row for result in results] == [0, 1, 2, 3, 4, 5]
    assert [result.reason for result in results] == [
        "",
        "PERMISSION_DENIED",
        "UNKNOWN_CATEGORY",
        "",
        "INVALID_FIELD",
        "",
    ]
    assert results[3].repeated
    assert results[3].report == results[0].report
    assert results[0].receipt_code
    assert results[0].report != results[5].report


@pytest.mark.parametrize(
    "batch", [intake_pb2.ImportReportsRequest(), intake_pb2.ImportReportsRequest(rows=[intake_pb2.ImportRow()] * 1001)]
)
async def test_a_batch_of_none_or_too_many_rows_is_refused(batch: Any, clients: Clients) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="rows") as refused:
        async for _ in clients.intake.ImportReports(iter([batch]), **clients.as_("clerk", COUNTY)):
            pass
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
