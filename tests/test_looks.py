"""The access log in plain words: who, in which post, did what, when and why; only officials see account names."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime

import grpc
import httpx
import pytest
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import documents_pb2, grants_pb2, people_pb2
from pb.mediation.v1.grants_pb2_grpc import GrantServiceStub
from pb.privacy.v1 import reports_pb2 as pb

from accord.embedded.keys import ROLES
from services.kit import looks
from services.kit.serving import posts
from tests.case_people import Act, refused
from tests.conftest import COUNTY, Clients, request_id
from tests.mediated import mediated
from tests.outside import Invitee, Reporter
from tests.rpcs import all_rpcs
from tests.test_of_record import bound
from tests.test_report_erasure import stub
from tests.world import new_report
from tests.world_people import invited

REASON = "代替生病的同事接待来访"


def test_every_act_and_every_role_has_words() -> None:
    assert set(looks.ACTS) <= {rpc.permission for rpc in all_rpcs()}
    assert set(ROLES) <= set(posts.WORDS)
    assert set(people_pb2.Purpose.values()) - {0} == set(looks.PURPOSES)


async def test_whoever_reports_sees_in_plain_words_who_read_and_found_the_report(clients: Clients) -> None:
    citizen = clients.as_("citizen", "620102001001", "a-reporter", language="zh")
    body = new_report(text="井盖松动，半夜咣当响，老人不敢出门。", channel=report_pb2.CHANNEL_APP)
    request = intake_pb2.CreateReportRequest(report=body, request_id=request_id())
    report = await clients.intake.CreateReport(request, **citizen)
    read = intake_pb2.GetReportContentRequest(name=f"{report.name}/content")
    await clients.intake.GetReportContent(read, **clients.as_("duty_officer"))
    find = intake_pb2.FindDuplicatesRequest(text=body.text, unit=body.unit, category=body.category)
    await clients.intake.FindDuplicates(find, **clients.as_("clerk"))
    ask = pb.ListReportAccessRequest(parent=report.name)
    found, readers = (await stub(clients).ListReportAccess(ask, **citizen)).entries
    assert found.sentence.endswith("，兰州市城关区窗口人员查重时检索到本报告，有权阅读的可见其开头。")
    assert readers.sentence.endswith("，兰州市城关区值班员查看了报告的全部内容。")
    assert [each.kind for each in (found, readers)] == [looks.SEARCHED, looks.READ]
    assert {each.actor for each in (found, readers)} == {""}
    (english, _) = (await stub(clients).ListReportAccess(ask, **clients.as_("auditor"))).entries
    assert english.sentence.endswith(
        ": counter clerk, 兰州市城关区 searched for similar reports and found this one, with its beginning for those "
        "who may read it."
    )
    assert english.actor == f"demo-clerk-{COUNTY}"
    other = clients.as_("citizen", "620102001001", "somebody-else")
    await refused(stub(clients).ListReportAccess(ask, **other), "PERMISSION_DENIED")


async def test_a_party_sees_who_read_printed_and_acted_by_a_grant_and_why(clients: Clients) -> None:
    case = await mediated(clients)
    one = await bound(clients, case, 1, "mediator")
    await Act(clients, case.name).unmask(1)
    print_it = documents_pb2.GenerateDocumentRequest(
        parent=case.name, form=documents_pb2.DOCUMENT_FORM_REGISTER, request_id=request_id()
    )
    await clients.documents.GenerateDocument(print_it, **clients.as_("handler"))
    take = grants_pb2.BreakGlassRequest(parent=case.name, reason=REASON, request_id=request_id())
    outsider = clients.as_("handler", "620102001", "an-outsider")
    await GrantServiceStub(clients.channels["mediation"]).BreakGlass(take, **outsider)
    await clients.documents.ListDocuments(documents_pb2.ListDocumentsRequest(parent=case.name), **outsider)
    entries = (await clients.people.ListAccessLog(people_pb2.ListAccessLogRequest(parent=case.name), **one)).entries
    told = {each.action: each for each in entries}
    assert {"parties.unmask", "documents.generate", "documents.list", "grants.breakGlass"} <= set(told)
    assert told["parties.unmask"].sentence.endswith(
        ": counter clerk, 兰州市城关区 read a party's details in full (to reach the party)."
    )
    assert told["documents.generate"].kind == looks.PRINTED
    assert told["documents.list"].sentence.endswith(f"looked at the list of documents (by a special grant: {REASON}).")
    assert {told[each].reason for each in ("documents.list", "grants.breakGlass")} == {REASON}
    for each in entries:
        assert each.sentence
        assert "demo-" not in each.sentence
        assert "acted in this matter" not in each.sentence, each.action
        assert each.actor == ""


async def test_a_party_sees_the_log_of_the_report_as_well(clients: Clients) -> None:
    case = await mediated(clients)
    one = await bound(clients, case, 1, "mediator")
    report = case.name.replace("cases/", "reports/")
    read = intake_pb2.GetReportContentRequest(name=f"{report}/content")
    await clients.intake.GetReportContent(read, **clients.as_("duty_officer"))
    ask = pb.ListReportAccessRequest(parent=report)
    entries = None
    async with asyncio.timeout(60):
        while entries is None:  # intake is told within moments who signs in for a party
            with contextlib.suppress(grpc.aio.AioRpcError):
                entries = (await stub(clients).ListReportAccess(ask, **one)).entries
            await asyncio.sleep(0.1)
    assert any(each.kind == looks.READ and "duty officer" in each.sentence for each in entries)
    machine = [each for each in entries if each.post == "the system itself"]
    assert machine, "what the system passed on is told as well"


async def test_whoever_holds_a_receipt_sees_the_log_and_takes_out_the_report(clients: Clients) -> None:
    async with Reporter(clients.stack) as holder:
        report = await clients.file_report("楼道灯坏了。", reporter=report_pb2.Reporter(phone="13955551234"))
        holder.code = report.receipt_code
        assert (await holder.sign_in("1234")).status_code == 200
        log = await holder.get(f"/v1/{report.name}/accessLog")
        assert log.status_code == 200, log.text
        file = await holder.get(f"/v1/{report.name}/file")
        assert file.status_code == 200, file.text
        case = await clients.accept(report)
        of_case = await holder.get(f"/v1/{case.name}/accessLog")
        assert of_case.status_code == 200, of_case.text
        assert not [each for each in of_case.json().get("entries", ()) if "/parties/" in each.get("subject", "")]


async def whole(path: str, get: Callable[[str], Awaitable[httpx.Response]], size: int) -> list[dict[str, str]]:
    """Return a log, page by page."""
    found: list[dict[str, str]] = []
    token = ""
    while True:
        answer = await get(f"{path}?pageSize={size}&pageToken={token}")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["entries"]) <= size
        assert not page.get("accessToken")
        found += page["entries"]
        token = page["nextPageToken"]
        if not token:
            return found


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_who_looked_is_one_list_by_receipt_and_by_invitation(clients: Clients, language: str) -> None:
    async with Reporter(clients.stack, language) as me, Invitee(clients.stack, language) as party:
        report = await clients.file_report("楼道灯坏了。", reporter=report_pb2.Reporter(phone="13955551234"))
        me.code = report.receipt_code
        assert (await me.sign_in("1234")).status_code == 200
        case = await clients.accept(report)
        act = Act(clients, case.name)
        await act.add(1)
        await act.add(2)
        duty = clients.as_("duty_officer")
        for _ in range(3):
            await clients.intake.GetReportContent(
                intake_pb2.GetReportContentRequest(name=f"{report.name}/content"), **duty
            )
            await clients.people.ListParties(people_pb2.ListPartiesRequest(parent=case.name), **clients.as_("clerk"))
        await act.unmask(1)
        made = await invited(clients, act.of(2))
        await party.comes({"code": made.code, "words": made.words})
        paths = ((f"/v1/{report.name}/accessLog", me.get), (f"/v1/{case.name}/accessLog", me.get),
                 (f"/v1/{case.name}/accessLog", lambda path: party.looks(path.removeprefix("/v1/"))))  # fmt: skip
        for path, get in paths:
            found = await whole(path, get, 1000)
            assert {"reports.readContent", "parties.list"} <= {each["action"] for each in found}
            assert "parties.unmask" not in {each["action"] for each in found}, "who looked at the other side is theirs"
            times = [datetime.fromisoformat(each["time"]) for each in found]
            assert times == sorted(times, reverse=True)
            read = "read the report in full" if language == "en" else "查看了报告的全部内容"
            assert sum(read in each["sentence"] for each in found) >= 3
            for size in (1, 3):
                paged = await whole(path, get, size)
                assert paged[-len(found) :] == found, "a page goes on where the one before ended"
        assert (await me.get(f"/v1/{report.name}/accessLog?pageToken=abc")).json()["code"] == "INVALID_PAGE_TOKEN"
        other = await clients.file_report("别的事。")
        for get in (me.get, lambda path: party.looks(path.removeprefix("/v1/"))):
            assert (await get(f"/v1/{other.name}/accessLog")).status_code == 403
