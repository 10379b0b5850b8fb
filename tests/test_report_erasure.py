"""Reports that never became a case: kept for a term that is data, then erased by two people, everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pb.escalation.v1 import escalation_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import erasure_pb2
from pb.privacy.v1 import reports_pb2 as pb
from pb.privacy.v1.reports_pb2_grpc import ReportPrivacyServiceStub

from casework.door.report import ReportState
from casework.erasure import SERVICES
from services.intake import erasing
from services.kit.storage.database import Database
from services.kit.storage.erasures import ErasureList, erase_again
from services.kit.storage.verification import verify
from tests.case_people import refused
from tests.conftest import COUNTY, Clients, request_id
from tests.dossiers import text_of
from tests.erasing import head
from tests.rpcs import POLICIES
from tests.scratch import Scratch
from tests.still import shipped_rules
from tests.test_privacy import found_in

TEXT = "邻居在楼顶养了三十只鸽子，鸽粪落满我家阳台。"
REPORTER = report_pb2.Reporter(display_name="闻人试鸽", phone="13955550123")


def stub(clients: Clients) -> ReportPrivacyServiceStub:
    """Return the stub of what the law gives reporters."""
    return ReportPrivacyServiceStub(clients.channels["intake"])


async def declined(clients: Clients) -> report_pb2.Report:
    """Return a declined report with another merged into it, of which supervision was told something as well."""
    report = await clients.file_report(TEXT, reporter=REPORTER)
    other = await clients.file_report(TEXT, reporter=REPORTER)
    merge = intake_pb2.MergeReportRequest(name=other.name, target=report.name, reason="same", request_id=request_id())
    await clients.intake.MergeReport(merge, **clients.as_("duty_officer"))
    for each in (report, other):
        case = await clients.tell_of(each.name.replace("reports/", "cases/"))
        raised = escalation_pb2.Escalation(mode=1, from_unit=f"units/{COUNTY}", reason="stuck", explanation=TEXT)
        request = escalation_pb2.CreateEscalationRequest(parent=case, escalation=raised, request_id=request_id())
        await clients.escalation.CreateEscalation(request, **clients.as_("handler"))
    return await decline(clients, report)


async def decline(clients: Clients, report: report_pb2.Report) -> report_pb2.Report:
    """Decline a report."""
    request = intake_pb2.DeclineReportRequest(
        name=report.name, reason="outside-scope", route=1, request_id=request_id()
    )
    found: report_pb2.Report = await clients.intake.DeclineReport(request, **clients.as_("duty_officer"))
    return found


async def asked(clients: Clients, name: str, ground: int = 3, **fields: Any) -> erasure_pb2.CaseErasure:
    """Ask for an erasure, on an order unless told otherwise."""
    request = pb.RequestReportErasureRequest(
        name=name, ground=ground, evidence="order-7", request_id=request_id(), **fields
    )  # type: ignore[arg-type]  # fmt: skip
    found: erasure_pb2.CaseErasure = await stub(clients).RequestReportErasure(request, **head(clients, "head-one"))
    return found


async def erased(clients: Clients, name: str, sub: str = "head-two") -> erasure_pb2.CaseErasure:
    """Erase what was asked for."""
    request = pb.EraseReportRequest(name=name, request_id=request_id())
    found: erasure_pb2.CaseErasure = await stub(clients).EraseReport(request, **head(clients, sub))
    return found


async def until(
    clients: Clients, name: str, holds: Callable[[erasure_pb2.CaseErasure], bool]
) -> erasure_pb2.CaseErasure:
    """Return how an erasure stands once that is so: the other services follow."""
    async with asyncio.timeout(120):
        while True:
            request = pb.GetReportErasureRequest(name=f"{name}/erasure")
            found: erasure_pb2.CaseErasure = await stub(clients).GetReportErasure(request, **head(clients, "head-one"))
            if holds(found):
                return found
            await asyncio.sleep(0.2)


def reach(found: erasure_pb2.CaseErasure) -> dict[str, dict[str, int]]:
    """Return what an erasure reaches, by service."""
    return {each.service: dict(each.counts) for each in found.reach}


async def age(clients: Clients, name: str, years: int) -> None:
    """Let the decision on a report be so many years older."""
    connection = await Scratch.main(clients.stack).connect("intake")
    try:
        await connection.execute(
            "UPDATE reports SET decided_at = decided_at - make_interval($1) WHERE number = $2",
            years, name.removeprefix("reports/"),
        )  # fmt: skip
    finally:
        await connection.close()


async def test_a_declined_report_is_erased_by_two_people_in_every_service(clients: Clients) -> None:
    report = await declined(clients)
    content = intake_pb2.GetReportContentRequest(name=f"{report.name}/content")
    dry = await asked(clients, report.name, validate_only=True)
    assert (dry.retention_class, reach(dry)) == ("declined", {"intake": {"reports": 2, "search_forms": 2}})
    for ground in (1, 2):
        await refused(asked(clients, report.name, ground), "ERASURE_BARRED")
    await asked(clients, report.name)
    foreseen = reach(await until(clients, report.name, lambda found: len(found.reach) == 3))
    assert foreseen == {**reach(dry), "mediation": {}, "escalation": {"cases": 2}}
    await refused(erased(clients, report.name, "head-one"), "SAME_PERSON")
    assert (await clients.intake.GetReportContent(content, **clients.as_("duty_officer"))).text == TEXT
    await erased(clients, report.name)
    done = await until(clients, report.name, lambda found: found.complete)
    assert reach(done) == foreseen, "what goes is what a dry run says"
    await refused(clients.intake.GetReportContent(content, **clients.as_("duty_officer")), "DATA_ERASED")
    told = escalation_pb2.ReadEscalationTextRequest(name=f"{report.case}/escalations/1/text")
    await refused(clients.escalation.ReadEscalationText(told, **clients.as_("unit_head", "6201")), "DATA_ERASED")
    find = intake_pb2.FindDuplicatesRequest(text=TEXT, unit=f"units/{COUNTY}", category="categories/neighbour")
    alike = await clients.intake.FindDuplicates(find, **clients.as_("duty_officer"))
    assert report.name not in {each.report for each in alike.duplicates}
    for service in SERVICES:
        assert (await verify(Scratch.main(clients.stack).url, service)).broken == ""
    ask = pb.GetReportErasureCertificateRequest(name=f"{report.name}/erasure/certificate")
    paper = await stub(clients).GetReportErasureCertificate(ask, **clients.as_("auditor", language="zh"))
    assert paper.decided_by == "兰州市城关区单位负责人"
    assert reach(paper) == foreseen
    told_in_it = paper.SerializeToString() + text_of(paper.content).encode()
    assert not found_in(told_in_it, {"text": TEXT[:8], "name": REPORTER.display_name, "who": "head-two"})


async def test_what_waits_became_a_case_or_is_held_is_not_erased(clients: Clients) -> None:
    waiting = await clients.file_report(TEXT)
    await refused(asked(clients, waiting.name), "ERASURE_BARRED")
    await clients.accept(waiting)
    await refused(asked(clients, waiting.name), "WRONG_STATE")
    report = await decline(clients, await clients.file_report(TEXT))
    hold = pb.HoldReportDataRequest(name=report.name, evidence="suit-7", request_id=request_id())
    held = await stub(clients).HoldReportData(hold, **head(clients, "head-one"))
    assert erasure_pb2.ERASURE_OBSTACLE_HELD in held.obstacles
    await refused(asked(clients, report.name), "ERASURE_BARRED")
    release = pb.ReleaseReportDataRequest(name=report.name, evidence="suit-7", request_id=request_id())
    await refused(stub(clients).ReleaseReportData(release, **head(clients, "head-one")), "SAME_PERSON")
    await stub(clients).ReleaseReportData(release, **head(clients, "head-two"))
    await asked(clients, report.name)
    refuse = pb.RefuseReportErasureRequest(name=report.name, request_id=request_id())
    over = await stub(clients).RefuseReportErasure(refuse, **head(clients, "head-two"))
    assert over.state == erasure_pb2.ERASURE_STATE_REFUSED


async def test_a_report_is_due_when_the_term_of_its_class_is_over(clients: Clients) -> None:
    report = await decline(clients, await clients.file_report(TEXT))
    years = shipped_rules(POLICIES.parent).retention[ReportState.DECLINED].years

    async def due() -> dict[str, erasure_pb2.CaseErasure]:
        request = pb.ListDueReportErasuresRequest(page_size=1000)
        found = await stub(clients).ListDueReportErasures(request, **head(clients, "head-one"))
        return {each.case: each for each in found.erasures}

    await age(clients, report.name, years - 1)
    assert report.name not in await due()
    await age(clients, report.name, 1)
    listed = (await due())[report.name]
    assert listed.retention_class == "declined"
    assert listed.keep_until_time.ToDatetime(UTC) <= datetime.now(UTC)
    assert (await asked(clients, report.name, 1)).state == erasure_pb2.ERASURE_STATE_REQUESTED


async def test_a_report_that_a_backup_brings_back_is_erased_again(clients: Clients, tmp_path: Path) -> None:
    report = await decline(clients, await clients.file_report(TEXT))
    await asked(clients, report.name)
    await erased(clients, report.name)
    kept = ErasureList(clients.stack.keys.folder / "erasures", "intake")
    assert report.name.removeprefix("reports/") in kept.numbers()
    # Another one stands for what a restored database holds again.
    again, listed = await decline(clients, await clients.file_report(TEXT)), ErasureList(tmp_path / "list", "intake")
    listed.add(again.name.removeprefix("reports/"), datetime.now(UTC))
    database = Database(Scratch.main(clients.stack).role("intake"), 2)
    try:
        assert await erase_again(database, "reports", listed, erasing.erase, datetime.now(UTC)) == 1
    finally:
        await database.close()
    content = intake_pb2.GetReportContentRequest(name=f"{again.name}/content")
    await refused(clients.intake.GetReportContent(content, **clients.as_("duty_officer")), "DATA_ERASED")
