"""Erasure: asked for by one, done by another, in every service; kept, held, listed; and done again after a restore."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pb.escalation.v1 import escalation_pb2
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import intake_pb2
from pb.mediation.v1 import erasure_pb2 as pb
from pb.mediation.v1 import evidence_pb2
from pb.mediation.v1.evidence_pb2_grpc import EvidenceServiceStub

from accord.embedded.rebuild import client_settings
from casework import erasure as rules_of
from casework.erasure import Ground, Obstacle
from casework.mediation.closing import YEARS, Retention
from services.escalation import erasing as of_supervision
from services.intake import erasing as of_reports
from services.kit.serving.businesstime import BusinessTime
from services.kit.storage.database import Database, text
from services.kit.storage.erasures import ACTOR, ErasureList, erase_again
from services.kit.storage.verification import verify
from services.mediation.erasure import store as of_cases
from tests.case_people import Act, refused
from tests.conftest import COUNTY, Clients, request_id
from tests.dossiers import text_of
from tests.erasing import erased, head, requested, stub, until
from tests.scratch import Scratch
from tests.test_privacy import found_in
from tests.world_sessions import PDF, new_evidence
from workflows.backends import Backends
from workflows.cases.activities import Activities
from workflows.messages import CaseStep

NOW = datetime(2026, 11, 28, tzinfo=UTC)
TEXT = "楼上漏水，把我家天花板泡坏了，对方电话打不通。"


@given(
    st.sampled_from(list(Ground)), st.booleans(), st.sampled_from([None, *Retention]), st.integers(-40, 40),
    st.booleans(), st.integers(0, 2),
)  # fmt: skip
def test_nothing_is_erased_while_it_is_kept_held_or_under_way(
    ground: Ground, closed: bool, retention: Retention | None, years: int, held: bool, open_parts: int
) -> None:
    closed_at = NOW - timedelta(days=366 * years)
    until_ = rules_of.keep_until(YEARS.get(retention) if retention else None, closed_at)
    found = rules_of.obstacles(
        ground, closed=closed, permanent=retention is Retention.PERMANENT, until=until_, held=held,
        open_parts=open_parts, now=NOW,
    )  # fmt: skip
    assert (Obstacle.HELD in found) is held
    assert (Obstacle.NOT_CLOSED in found) is not closed
    if ground is Ground.ORDER:
        assert set(found) <= {Obstacle.HELD, Obstacle.NOT_CLOSED}
    elif not found:
        assert retention is not Retention.PERMANENT
        assert until_ is None or until_ <= NOW
        assert not open_parts


async def told(clients: Clients) -> str:
    """Return a closed case of which something was told in every service, with another report merged into it."""
    report = await clients.file_report(TEXT)
    other = await clients.file_report(TEXT)
    merge = intake_pb2.MergeReportRequest(
        name=other.name, target=report.name, reason="same-place", request_id=request_id()
    )
    await clients.intake.MergeReport(merge, **clients.as_("duty_officer"))
    case = (await clients.accept(report)).name
    act = Act(clients, case)
    await act.add(1)
    await act.add(2)
    raised = escalation_pb2.Escalation(mode=1, from_unit="units/620102", reason="stuck", explanation="住户多次来访。")
    request = escalation_pb2.CreateEscalationRequest(parent=case, escalation=raised, request_id=request_id())
    await clients.escalation.CreateEscalation(request, **clients.as_("handler"))
    kept = evidence_pb2.CreateEvidenceRequest(
        parent=case, evidence=new_evidence(case), content=PDF + case.encode(), request_id=request_id()
    )
    await EvidenceServiceStub(clients.channels["mediation"]).CreateEvidence(kept, **clients.as_("mediator"))
    await clients.finish(case)
    return case


async def stored(clients: Clients, case: str) -> Path:
    """Return where the one evidence file of a case lies, encrypted."""
    connection = await Scratch.main(clients.stack).connect("mediation")
    try:
        digest = await connection.fetchval(
            "SELECT stored_hash FROM evidence WHERE number = $1", case.removeprefix("cases/")
        )
    finally:
        await connection.close()
    return clients.stack.folder.root / "files" / digest.hex()[:2] / digest.hex()


async def certificate(clients: Clients, case: str, **access: Any) -> pb.ErasureCertificate:
    """Ask for the certificate of an erasure."""
    request = pb.GetErasureCertificateRequest(name=f"{case}/erasure/certificate")
    found: pb.ErasureCertificate = await stub(clients).GetErasureCertificate(request, **access)
    return found


def content(clients: Clients, case: str) -> Any:
    """Ask what was told in the report."""
    request = intake_pb2.GetReportContentRequest(name=f"{case.replace('cases/', 'reports/')}/content")
    return clients.intake.GetReportContent(request, **clients.as_("duty_officer"))


def explanation(clients: Clients, case: str) -> Any:
    """Ask what was told of the escalation."""
    request = escalation_pb2.ReadEscalationTextRequest(name=f"{case}/escalations/1/text")
    return clients.escalation.ReadEscalationText(request, **clients.as_("unit_head", "6201"))


@pytest.mark.fault("D7")
async def test_an_erasure_takes_two_people_and_reaches_every_service(clients: Clients) -> None:
    case = await told(clients)
    assert (await content(clients, case)).text == TEXT
    assert (await explanation(clients, case)).explanation
    # A dry run writes nothing.
    dry = await requested(clients, case, validate_only=True)
    assert (dry.state, dict(dry.reach[0].counts)["parties"]) == (pb.ERASURE_STATE_UNSPECIFIED, 2)
    await refused(erased(clients, case), "WRONG_STATE")
    # Its file is kept: neither the calendar nor a party's wish erases it before that is over.
    for ground in (1, 2):
        await refused(requested(clients, case, ground), "ERASURE_BARRED")
    await requested(clients, case)
    seen = await until(clients, case, lambda found: len(found.reach) == 3)
    assert {each.service: each.erased for each in seen.reach} == dict.fromkeys(rules_of.SERVICES, False)
    foreseen = {each.service: dict(each.counts) for each in seen.reach}
    assert foreseen["intake"] == {"reports": 2, "search_forms": 2}
    assert (foreseen["mediation"]["evidence"], foreseen["escalation"]) == (1, {"cases": 1})
    assert dry.reach[0].counts == foreseen["mediation"]
    file = await stored(clients, case)
    assert file.exists()
    assert (await content(clients, case)).text == TEXT
    await refused(erased(clients, case, "head-one"), "SAME_PERSON")
    assert (await erased(clients, case)).state == pb.ERASURE_STATE_ERASED
    done = await until(clients, case, lambda found: found.complete)
    assert {each.service: dict(each.counts) for each in done.reach} == foreseen, "what goes is what a dry run says"
    assert not file.exists()
    await refused(content(clients, case), "DATA_ERASED")
    await refused(explanation(clients, case), "DATA_ERASED")
    await refused(requested(clients, case), "ALREADY_EXISTS")
    # Nothing is found alike with what is gone, and every chain is whole.
    request = intake_pb2.FindDuplicatesRequest(text=TEXT, unit="units/620102", category="categories/neighbour")
    alike = await clients.intake.FindDuplicates(request, **clients.as_("duty_officer"))
    assert not [each for each in alike.duplicates if each.report == case.replace("cases/", "reports/")]
    for service in rules_of.SERVICES:
        assert (await verify(Scratch.main(clients.stack).url, service)).broken == ""
    connection = await Scratch.main(clients.stack).connect("intake")
    try:
        rows = await connection.fetch(
            "SELECT sealed, sealed_key, latitude, signs FROM reports JOIN likenesses USING (number)"
            " WHERE number = $1 OR merged_into = $1",
            case.removeprefix("cases/"),
        )
    finally:
        await connection.close()
    assert [tuple(row) for row in rows] == [(b"", b"", None, [])] * 2
    # Asked to open it once more, by a rumour for instance, the machine finds nothing to hand on, and asks its clocks.
    backends = Backends.of(client_settings(clients.stack.folder, "worker"))
    try:
        again = await Activities(backends, BusinessTime()).open_case(CaseStep(case.removeprefix("cases/")))
    finally:
        await backends.close()
    assert (again.overdue, again.ended) == (0, True)


@pytest.mark.fault("D7")
async def test_a_certificate_says_what_was_erased_where_and_by_which_posts_and_nothing_of_it(clients: Clients) -> None:
    case, auditor = await told(clients), clients.as_("auditor", COUNTY)
    await refused(certificate(clients, case, **auditor), "WRONG_STATE")
    await requested(clients, case)
    await erased(clients, case)
    done = await until(clients, case, lambda found: found.complete)
    posts = {"zh": "兰州市城关区单位负责人", "en": "head of the unit, 兰州市城关区"}
    for language, post in posts.items():
        found = await certificate(clients, case, **clients.as_("auditor", COUNTY, language=language))
        assert (found.requested_by, found.decided_by) == (post, post)
        assert (found.ground, found.evidence, found.erase_time) == (done.ground, "order-1", done.erase_time)
        assert {each.service: dict(each.counts) for each in found.reach} == {
            each.service: dict(each.counts) for each in done.reach
        }
        assert all(each.erase_time.seconds for each in found.reach)
        paper = text_of(found.content)
        assert all(word in paper for word in (found.number, post, found.chain_head, "order-1"))
        erased_words = {"text": TEXT[:6], "who": "head-one", "file": "房产证"}
        assert not found_in(found.SerializeToString() + paper.encode(), erased_words)
    request = feed_pb2.ListEventsRequest(service="mediation", case=case, page_size=1000)
    events = (await clients.feeds["mediation"].ListEvents(request, **auditor)).events
    last = events[found.chain_length - 1]
    assert (last.sequence, last.type, last.hash) == (found.chain_length, "ErasureReached", found.chain_head)
    await refused(certificate(clients, case, **clients.as_("clerk")), "PERMISSION_DENIED")


@pytest.mark.fault("D7")
async def test_files_are_removed_whatever_happens_between(clients: Clients) -> None:
    case = await told(clients)
    file, relay = await stored(clients, case), clients.as_service()
    remove = pb.EraseCaseFilesRequest(name=case, request_id=request_id())
    await refused(stub(clients).EraseCaseFiles(remove, **relay), "WRONG_STATE")
    assert file.exists(), "its key is there"
    await requested(clients, case)
    await erased(clients, case)
    await until(clients, case, lambda found: found.complete)
    # Gone, and put back as by a restored folder: removed again, and once more where there is nothing.
    file.write_bytes(b"cipher")
    for _ in range(2):
        remove.request_id = request_id()
        assert (await stub(clients).EraseCaseFiles(remove, **relay)).complete
        assert not file.exists()


@pytest.mark.fault("D7")
async def test_what_is_held_is_not_erased_on_any_ground(clients: Clients) -> None:
    case = await told(clients)
    hold = pb.HoldCaseDataRequest(name=case, evidence="suit-1", request_id=request_id())
    answer = await stub(clients).HoldCaseData(hold, **head(clients, "head-one"))
    assert pb.ERASURE_OBSTACLE_HELD in answer.obstacles
    await refused(requested(clients, case), "ERASURE_BARRED")
    lift = pb.ReleaseCaseDataRequest(name=case, evidence="suit-1", request_id=request_id())
    await refused(stub(clients).ReleaseCaseData(lift, **head(clients, "head-one")), "SAME_PERSON")
    await stub(clients).ReleaseCaseData(lift, **head(clients, "head-two"))
    await requested(clients, case)
    # Held after it was asked for: what stands against it is asked again.
    hold.request_id = request_id()
    await stub(clients).HoldCaseData(hold, **head(clients, "head-one"))
    await refused(erased(clients, case), "ERASURE_BARRED")
    refuse = pb.RefuseErasureRequest(name=case, request_id=request_id())
    over = await stub(clients).RefuseErasure(refuse, **head(clients, "head-two"))
    assert over.state == pb.ERASURE_STATE_REFUSED
    assert (await content(clients, case)).text == TEXT


@pytest.mark.fault("D7")
async def test_what_is_due_is_listed_with_its_day(clients: Clients) -> None:
    case = await told(clients)

    async def due() -> dict[str, pb.CaseErasure]:
        request = pb.ListDueErasuresRequest(page_size=1000)
        found = await stub(clients).ListDueErasures(request, **head(clients, "head-one"))
        return {each.case: each for each in found.erasures}

    assert case not in await due()
    connection = await Scratch.main(clients.stack).connect("mediation")
    try:
        await connection.execute(
            "UPDATE closings SET retention = 1, closed_at = closed_at - interval '11 years' WHERE number = $1",
            case.removeprefix("cases/"),
        )
    finally:
        await connection.close()
    listed = (await due())[case]
    assert listed.keep_until_time.ToDatetime(UTC) < datetime.now(UTC)
    assert (await requested(clients, case, 1)).state == pb.ERASURE_STATE_REQUESTED


@pytest.mark.fault("D7")
async def test_what_a_backup_brings_back_is_erased_again_before_it_serves(clients: Clients, tmp_path: Path) -> None:
    case = await told(clients)
    number, listed = case.removeprefix("cases/"), tmp_path / "erasures"
    # Mediation last: what it erases again is carried on to the others, who would have nothing left to do.
    parts = {
        "intake": ("reports", of_reports.erase), "escalation": ("files", of_supervision.erase),
        "mediation": ("cases", of_cases.erase),
    }  # fmt: skip
    for service in parts:
        ErasureList(listed, service).add(number, NOW)
        ErasureList(listed, service).add("620102-2001-000001", NOW)  # of which this database knows nothing
    assert ErasureList(listed, "intake").numbers() == [number, "620102-2001-000001"]
    # This database holds what the list says is erased, as a restored one does.
    for service, (heads, erase) in parts.items():
        database = Database(Scratch.main(clients.stack).role(service), 2)
        try:
            now = datetime.now(UTC)
            assert await erase_again(database, heads, ErasureList(listed, service), erase, now) == 1
            assert await erase_again(database, heads, ErasureList(listed, service), erase, now) == 0
            async with database.begin() as connection:
                query = text("SELECT actor FROM events WHERE number = :number AND kind = 'CaseDataErased'")
                actors = [row.actor for row in await connection.execute(query, {"number": number})]
            assert actors == [ACTOR]
        finally:
            await database.close()
    await refused(content(clients, case), "DATA_ERASED")
    await refused(explanation(clients, case), "DATA_ERASED")
    await refused(Act(clients, case).unmask(1), "DATA_ERASED")
    for service in parts:
        assert (await verify(Scratch.main(clients.stack).url, service)).broken == ""


@pytest.mark.fault("D7")
async def test_what_is_erased_is_on_the_list_beside_the_key(clients: Clients) -> None:
    case = await told(clients)
    await requested(clients, case)
    await erased(clients, case)
    await until(clients, case, lambda found: found.complete)
    path = clients.stack.keys.folder / "erasures"
    for service in rules_of.SERVICES:
        assert case.removeprefix("cases/") in ErasureList(path, service).numbers()


def test_the_numbers_of_the_field_are_those_of_the_contract() -> None:
    for kind, contract, prefix in (
        (rules_of.ErasureState, pb.ErasureState, "ERASURE_STATE"), (Ground, pb.ErasureGround, "ERASURE_GROUND"),
        (Obstacle, pb.ErasureObstacle, "ERASURE_OBSTACLE"),
    ):  # fmt: skip
        assert {f"{prefix}_{each.name}": int(each) for each in kind} == dict(contract.items()[1:])
