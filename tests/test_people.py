"""People: sealed, masked, on record; in mediation only who said yes, and out of it whoever says no."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from pb.feed.v1 import feed_pb2
from pb.mediation.v1 import case_pb2, consent_pb2, mediation_pb2, people_pb2, safeguards_pb2

from services.kit.storage.sealing import HeldKey, Sealed, Sealer, SealError
from services.kit.storage.verification import verify
from tests.case_people import Act, enter, new_case, refused
from tests.conftest import COUNTY, Clients, request_id
from tests.erasing import erased, requested
from tests.scratch import Scratch
from tests.test_privacy import found_in
from tests.world_people import alert, companion, consent, screening

State = consent_pb2.MediationState
NAME, PHONE, ID, STREET = "上官试墨", "13877776666", "620102199001011234", "乌有街八十八号"
PERSON = {"name": NAME, "phone": PHONE, "details": {"id_number": ID, "address": STREET}}
GUARDIAN, SUPPORT, REPRESENTATIVE, AGENT, INTERPRETER = 1, 2, 3, 4, 5


@pytest.fixture
async def act(clients: Clients) -> Act:
    """Return somebody who acts in a new case."""
    return Act(clients, (await new_case(clients)).name)


@pytest.fixture
async def database(clients: Clients) -> AsyncIterator[asyncpg.Connection]:
    """Return the administrator's connection to the services' database."""
    connection = await Scratch.main(clients.stack).connect()
    yield connection
    await connection.close()


async def history(act: Act) -> list[feed_pb2.Event]:
    """Return what happened to the case, in mediation."""
    request = feed_pb2.ListEventsRequest(service="mediation", case=act.case)
    feeds = act.clients.feeds["mediation"]
    return list((await feeds.ListEvents(request, **act.clients.as_("auditor", "62"))).events)


async def close(act: Act) -> None:
    """Close the case, withdrawn."""
    request = mediation_pb2.RequestClosingRequest(
        name=act.case, outcome=case_pb2.OUTCOME_WITHDRAWN, request_id=request_id()
    )
    await act.clients.mediation.RequestClosing(request, **act.clients.as_("handler"))
    end = mediation_pb2.CloseCaseRequest(name=act.case, approved=True, request_id=request_id())
    await act.clients.mediation.CloseCase(end, **act.clients.as_("reviewer"))


# Sealed, masked, on record.


async def test_a_party_is_masked_in_every_answer_but_the_one_that_unmasks(act: Act) -> None:
    added = await act.add(1, **PERSON)
    assert (added.masked_name, added.masked_phone, added.HasField("details")) == ("", "", False), "it is remembered"
    people = act.clients.people
    got = await people.GetParty(people_pb2.GetPartyRequest(name=added.name), **act.clerk)
    assert (got.masked_name, got.masked_phone, got.has_address) == ("上*", "138****6666", True)
    listed = await people.ListParties(people_pb2.ListPartiesRequest(parent=act.case), **act.clerk)
    assert list(listed.parties) == [got]
    for answer in (added, got, listed):
        assert not found_in(answer.SerializeToString(), {"name": NAME, "phone": PHONE, "id": ID, "street": STREET})
    clear = await act.unmask(1)
    assert (clear.display_name, clear.phone, clear.id_number, clear.address) == (NAME, PHONE, ID, STREET)


async def test_a_look_is_on_record_with_who_when_and_for_what(act: Act) -> None:
    await act.add(1, **PERSON)
    assert await act.log() == []
    await act.unmask(1, people_pb2.PURPOSE_DOCUMENT)
    (entry,) = await act.log()
    assert (entry.action, entry.subject, entry.purpose) == ("parties.unmask", act.of(1), people_pb2.PURPOSE_DOCUMENT)
    assert entry.actor == f"demo-clerk-{COUNTY}"
    assert entry.unit == f"units/{COUNTY}"
    assert entry.HasField("time")
    await act.clients.people.ListParties(people_pb2.ListPartiesRequest(parent=act.case), **act.clerk)
    assert [entry.action for entry in await act.log()] == ["parties.list", "parties.unmask"]


async def test_only_some_may_unmask_and_nobody_without_a_purpose(act: Act) -> None:
    await act.add(1, **PERSON)
    for role in ("handler", "duty_officer", "unit_head", "supervisor", "auditor", "reviewer"):
        request = people_pb2.UnmaskPartyRequest(name=act.of(1), purpose=1)
        await refused(act.clients.people.UnmaskParty(request, **act.clients.as_(role)), "PERMISSION_DENIED")
    unsaid = act.clients.people.UnmaskParty(people_pb2.UnmaskPartyRequest(name=act.of(1)), **act.clerk)
    await refused(unsaid, "INVALID_FIELD", "purpose")
    assert await act.log() == []


@pytest.mark.parametrize("table", ["access_log", "consents"])
async def test_what_is_on_record_is_never_changed(table: str, act: Act, database: asyncpg.Connection) -> None:
    await act.two_sides()
    await act.unmask(1)
    for statement in (f"UPDATE mediation.{table} SET number = ''", f"DELETE FROM mediation.{table}"):
        with pytest.raises(asyncpg.PostgresError, match="never changed"):
            await database.execute(statement)


@pytest.mark.fault("C11")
async def test_an_open_case_is_found_by_the_whole_number_within_the_unit_and_on_record(act: Act) -> None:
    phone = "139" + act.case[-6:].rjust(8, "7")
    await act.add(1, name=NAME, phone=phone)

    async def found(phone: str, unit: str = COUNTY, name: str = NAME) -> list[str]:
        request = people_pb2.FindCasesByPhoneRequest(phone=phone, purpose=people_pb2.PURPOSE_CONTACT, display_name=name)
        answer = await act.clients.people.FindCasesByPhone(request, **act.clients.as_("clerk", unit))
        return list(answer.cases)

    assert await found(phone) == await found(f"+86{phone}") == [act.case]
    assert await found(phone[:-1]) == await found(phone, name="别人") == []
    for above in ("6201", "62", "cn"):
        assert await found(phone, above) == [], "nobody looks a person up across counters"
    assert await found(phone, "620103") == await found(phone, f"{COUNTY}-labour") == []
    assert [entry.action for entry in await act.log()] == ["cases.findByPhone", "cases.findByPhone"]
    await close(act)
    assert await found(phone) == [], "what somebody had to do with before is nobody's to look up"


async def test_nothing_of_a_person_lies_open_in_a_table_an_event_or_a_remembered_answer(
    act: Act, database: asyncpg.Connection
) -> None:
    await act.add(1, **PERSON)
    other = people_pb2.PartyDetails(display_name="令狐试雪", phone="13866665555")
    await act.accompany(companion(act.case, AGENT, details=other, scopes=[1]))
    await act.say(1)
    await act.screen(1, concern=True, note="他打过我两次")
    danger = safeguards_pb2.CreateAlertRequest(parent=act.case, alert=alert(), request_id=request_id())
    await act.clients.safeguards.CreateAlert(danger, **act.clerk)
    await act.unmask(1)
    secrets = {
        "name": NAME, "phone": PHONE, "id": ID, "street": STREET, "other": "令狐试雪", "their phone": "13866665555",
        "told": "他打过我两次", "danger": "有人持刀在三号楼",
    }  # fmt: skip
    for (table,) in await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'mediation'"):
        rows = await database.fetch(f"SELECT t::text FROM mediation.{table} t")
        assert not found_in("\n".join(row[0] for row in rows).encode(), secrets), table
    told = json.dumps([str(event) for event in await history(act)], ensure_ascii=False)
    assert not found_in(told.encode(), secrets)


async def test_a_party_is_changed_in_what_is_given_and_only_in_its_present_version(act: Act) -> None:
    added = await act.add(1, **PERSON)
    before = await act.unmask(1)
    new = people_pb2.PartyDetails(display_name="上官试砚")
    asked = people_pb2.Party(name=added.name, side=1, kind=1, details=new, etag=added.etag)
    request = people_pb2.UpdatePartyRequest(party=asked, request_id=request_id())
    await act.clients.people.UpdateParty(request, **act.clerk)
    before.display_name = new.display_name
    assert (await act.unmask(1)) == before
    request.request_id = request_id()
    await refused(act.clients.people.UpdateParty(request, **act.clerk), "ETAG_MISMATCH")
    request.party.etag = ""
    request.update_mask.paths.append("side")
    await refused(act.clients.people.UpdateParty(request, **act.clerk), "INVALID_FIELD", "update_mask")


async def test_the_people_of_a_case_are_worked_with_over_rest(act: Act, rest: httpx.AsyncClient) -> None:
    def key() -> dict[str, str]:
        return {"Idempotency-Key": request_id()}

    body = {"side": "SIDE_APPLICANT", "kind": "PARTY_KIND_NATURAL", "details": {"displayName": NAME, "phone": PHONE}}
    made = await rest.post(f"/v1/{act.case}/parties", json=body, headers=key())
    assert made.status_code == 200, made.text
    name = made.json()["name"]
    changed = await rest.patch(
        f"/v1/{name}?updateMask=needsSupport", json={"side": body["side"], "kind": body["kind"], "needsSupport": True},
        headers={**key(), "If-Match": made.headers["etag"]},
    )  # fmt: skip
    assert changed.status_code == 200, changed.text
    assert changed.json()["needsSupport"] is True
    assert NAME not in made.text + changed.text
    (shown,) = (await rest.get(f"/v1/{act.case}/parties")).json()["parties"]
    assert (shown["maskedName"], shown["maskedPhone"], shown.get("details")) == ("上*", "138****6666", None)
    clear = await rest.post(f"/v1/{name}:unmask", json={"purpose": "PURPOSE_CONTACT"})
    assert clear.json()["displayName"] == NAME
    found = await rest.post(
        "/v1/cases:findByPhone", json={"phone": PHONE, "purpose": "PURPOSE_CONTACT", "displayName": NAME}
    )
    assert act.case in found.json()["cases"]
    left = await rest.post(f"/v1/{name}:withdraw", json={}, headers=key())
    assert (left.status_code, left.json()["mediationState"]) == (200, "MEDIATION_STATE_WITHDRAWN")
    log = (await rest.get(f"/v1/{act.case}/accessLog")).json()["entries"]
    assert [entry["action"] for entry in log] == [
        "cases.findByPhone", "parties.unmask", "parties.list", "reports.readContent",
    ], "the last when the case was opened from its report"  # fmt: skip


# Erased.


async def test_erasing_a_closed_case_destroys_what_was_told_and_the_history_stays_whole(
    act: Act, database: asyncpg.Connection
) -> None:
    await act.add(1)
    await act.add(2)
    await refused(requested(act.clients, act.case), "ERASURE_BARRED")
    await close(act)
    number = act.case.split("/")[1]
    before = await database.fetchrow("SELECT sealed, sealed_key FROM mediation.cases WHERE number = $1", number)
    assert before["sealed"]
    assert before["sealed_key"]
    await requested(act.clients, act.case)
    await erased(act.clients, act.case)
    row = await database.fetchrow(
        "SELECT c.sealed, c.sealed_key, p.sealed AS person, p.phone_index FROM mediation.cases c"
        " JOIN mediation.parties p USING (number) WHERE number = $1", number)  # fmt: skip
    assert list(row) == [None] * 4
    await refused(act.unmask(1), "DATA_ERASED")
    got = await act.clients.people.GetParty(people_pb2.GetPartyRequest(name=act.of(1)), **act.clerk)
    assert (got.side, got.masked_name) == (1, "")
    await refused(act.add(1), "WRONG_STATE")
    assert (await act.withdraw(1)).routes, "leaving works even now"
    verdict = await verify(Scratch.main(act.clients.stack).url, "mediation")
    assert verdict.broken == ""
    assert "CaseDataErased" in [event.type for event in await history(act)]


def test_a_case_is_sealed_under_one_key_and_only_under_its_own() -> None:
    sealer, number = Sealer(HeldKey(bytes(range(32)))), "620102-2026-000001"
    key = sealer.new_key(number)
    one, two = sealer.under(number, key).seal(b"told"), sealer.under(number, key).seal(b"told")
    assert one != two
    assert sealer.under(number, key).open(one) == sealer.under(number, key).open(two) == b"told"
    before = sealer.seal(number, b"content")
    assert sealer.under(number, before.key).open(before.data) == sealer.open(number, before) == b"content"
    for wrong in (lambda: sealer.under("620102-2026-000002", key), lambda: sealer.under(number, key[:-1] + b"x"),
                  lambda: Sealer(HeldKey(bytes(32))).under(number, key),
                  lambda: sealer.under(number, sealer.new_key(number)).open(one),
                  lambda: sealer.open(number, Sealed(key, b""))):  # fmt: skip
        with pytest.raises(SealError):
            wrong()
    with pytest.raises(SealError, match="32 bytes"):
        HeldKey.from_text("c2hvcnQ=")


# Consent.


async def test_nobody_is_in_mediation_before_everybody_said_yes(act: Act) -> None:
    await act.add(1)
    await act.say(1)
    assert (await act.mediation()).state == State.MEDIATION_STATE_PROPOSED, "there is no other side"
    await act.add(2)
    await act.add(3)
    waiting = await act.mediation()
    assert list(waiting.missing_consents) == [act.of(2), act.of(3)]
    await act.say(2)
    assert (await act.mediation()).state == State.MEDIATION_STATE_PROPOSED
    await act.say(3)
    there = await act.mediation()
    assert (there.state, list(there.missing_consents)) == (State.MEDIATION_STATE_CONSENTED, [])
    assert there.HasField("consent_time")


async def test_a_consent_keeps_who_when_how_in_which_language_and_whether_it_was_read_back(act: Act) -> None:
    await act.add(1)
    interpreter = await act.accompany(companion(act.case, INTERPRETER))
    at = Timestamp(seconds=int(time.time()))
    kept = await act.say(1, medium=consent_pb2.MEDIUM_VIDEO, language="bo", interpreter=interpreter.name, give_time=at)
    listed = await act.clients.consents.ListConsents(
        consent_pb2.ListConsentsRequest(parent=act.case), **act.clients.as_("auditor", "62")
    )
    assert list(listed.consents) == [kept]
    assert (kept.medium, kept.language, kept.read_back, kept.interpreter, kept.give_time) == (
        consent_pb2.MEDIUM_VIDEO, "bo", True, interpreter.name, at)  # fmt: skip
    assert kept.recorder == f"demo-clerk-{COUNTY}"
    await refused(act.say(1, give_time=Timestamp(seconds=7_000_000_000)), "INVALID_FIELD", "consent.give_time")
    await refused(act.say(1, interpreter=f"{act.case}/companions/9"), "NOT_FOUND", "consent.interpreter")
    await refused(act.say(1, assisted_by=interpreter.name), "INVALID_FIELD", "consent.assisted_by")


async def test_somebody_new_who_said_nothing_takes_the_mediation_back_to_asking(act: Act) -> None:
    await act.two_sides()
    await act.add(2)
    assert (await act.mediation()).state == State.MEDIATION_STATE_PROPOSED
    await act.say(3)
    assert (await act.mediation()).state == State.MEDIATION_STATE_CONSENTED


async def test_a_no_to_mediation_is_the_same_as_leaving(act: Act) -> None:
    await act.two_sides()
    await act.say(2, given=False)
    ended = await act.mediation()
    assert ended.state == State.MEDIATION_STATE_WITHDRAWN
    assert ended.HasField("end_time")
    await refused(act.say(2), "WRONG_STATE")
    request = consent_pb2.ProposeMediationRequest(name=act.mediation_name, request_id=request_id())
    anew = await act.clients.consents.ProposeMediation(request, **act.clerk)
    assert (anew.round, len(anew.missing_consents)) == (2, 2), "what was said before counts no more"
    await act.say(1)
    await act.say(2)
    assert (await act.mediation()).state == State.MEDIATION_STATE_CONSENTED


async def in_state(act: Act, state: str) -> None:
    """Bring a case into a state."""
    if state in ("nothing said", "close review", "closed"):
        # A closing that finds a mediation going on is refused: it must be ended first, with its notices.
        await act.add(1)
        await act.add(2)
    else:
        await act.two_sides()
    if state == "withdrawn":
        await act.withdraw(1)
    if state in ("asked", "mediating"):
        mediator = await enter(act.clients, f"units/{COUNTY}")
        await act.choose(1, mediator)
        await act.choose(2, mediator)
        if state == "mediating":
            await act.accept(mediator)
    if state in ("close review", "closed"):
        request = mediation_pb2.RequestClosingRequest(
            name=act.case, outcome=case_pb2.OUTCOME_REFERRED, request_id=request_id()
        )
        await act.clients.mediation.RequestClosing(request, **act.clients.as_("handler"))
    if state == "closed":
        end = mediation_pb2.CloseCaseRequest(name=act.case, approved=True, request_id=request_id())
        await act.clients.mediation.CloseCase(end, **act.clients.as_("reviewer"))


STATES = ("nothing said", "consented", "asked", "mediating", "withdrawn", "close review", "closed", "agreed")


@pytest.mark.parametrize("state", STATES)
async def test_leaving_works_in_every_state_without_a_reason(
    state: str, act: Act, database: asyncpg.Connection
) -> None:
    await in_state(act, state)
    if state == "agreed":
        number = act.case.split("/")[1]
        await database.execute("UPDATE mediation.mediations SET state = 4 WHERE number = $1", number)
    over = state in ("closed", "agreed", "withdrawn")
    before = await history(act)
    told = await act.withdraw(2)
    assert [route.route for route in told.routes]== [
        "court", "arbitration", "police", "legal_aid", "negotiation", "mediation"
    ]  # fmt: skip
    assert all(route.zh and route.en for route in told.routes)
    after = (await history(act))[len(before) :]
    if over:
        assert after == [], "there is nothing left to leave, and nothing is written down"
        return
    assert told.mediation_state == (await act.mediation()).state == State.MEDIATION_STATE_WITHDRAWN
    (event,) = [event for event in after if event.type == "PartyWithdrew"]
    assert event.wakes
    # Only while another clock of the case runs on is there a next instant.
    assert event.payload.keys() - {"next_at"} == {"mediation", "stage", "party", "ground"}
    assert (event.payload["mediation"], event.payload["party"]) == ("MEDIATION_STATE_WITHDRAWN", 2)
    assert not {rule for rule in await running(act) if rule.startswith("mediator")}
    again = await act.withdraw(2)
    assert again.withdraw_time == told.withdraw_time
    assert len(await history(act)) == len(before) + len(after)


def test_leaving_has_no_field_for_a_reason_a_flag_or_a_version() -> None:
    fields = consent_pb2.WithdrawPartyRequest.DESCRIPTOR.fields_by_name
    assert set(fields) == {"name", "request_id"}


async def test_leaving_leaves_nothing_behind_but_the_fact_in_that_case(
    act: Act, clients: Clients, database: asyncpg.Connection
) -> None:
    await act.two_sides()
    await act.withdraw(1)
    again = Act(clients, (await new_case(clients)).name)
    await again.two_sides()
    assert (await again.mediation()).state == State.MEDIATION_STATE_CONSENTED
    columns = await database.fetch(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'mediation' AND column_name ~ 'withdr|refus|flag|score|black|watch'")  # fmt: skip
    # A clock's withdrawal is that of a breach reported of the office; it names a clock and no person.
    clocks = ("clock_withdrawals", "withdrawn_at")
    # That a party did not sign stands with the record of that session; leaving is not told from it.
    unsigned = ("record_refusals", "refused_at")
    assert {tuple(row) for row in columns} == {("parties", "withdrawn_at"), clocks, unsigned}
    of_clocks = await database.fetch(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = 'mediation' AND table_name = 'clock_withdrawals'")  # fmt: skip
    assert {row["column_name"] for row in of_clocks} == {"clock", "rung", "seq", "withdrawn_at"}


# Groups, support, violence, danger.


async def test_a_group_elects_at_most_five_representatives(act: Act) -> None:
    for _ in range(6):
        await act.add(1, member=True)
    await act.add(2)
    for each in range(1, 6):
        await act.accompany(companion(act.case, REPRESENTATIVE, (each, 6), scopes=[1, 3]))
    sixth = companion(act.case, REPRESENTATIVE, (6,), scopes=[1])
    await refused(act.accompany(sixth), "TOO_MANY_REPRESENTATIVES")
    end = people_pb2.EndCompanionRequest(name=f"{act.case}/companions/1", request_id=request_id())
    await act.clients.people.EndCompanion(end, **act.clerk)
    await act.accompany(sixth)
    await refused(act.accompany(companion(act.case, REPRESENTATIVE, (7,), scopes=[1])), "INVALID_FIELD")
    await refused(act.accompany(companion(act.case, REPRESENTATIVE, (99,))), "NOT_FOUND", "companion.parties[0]")


async def test_a_member_leaves_alone_and_the_last_one_ends_it(act: Act) -> None:
    for _ in range(3):
        await act.add(1, member=True)
    await act.add(2)
    for party in (1, 2, 4):
        await act.say(party)
    assert (await act.mediation()).state == State.MEDIATION_STATE_PROPOSED
    left = await act.withdraw(3)
    assert left.mediation_state == State.MEDIATION_STATE_CONSENTED, "those who said yes go on without"
    assert left.routes
    assert (await act.withdraw(1)).mediation_state == State.MEDIATION_STATE_CONSENTED
    assert (await act.withdraw(2)).mediation_state == State.MEDIATION_STATE_WITHDRAWN


@pytest.mark.parametrize("role", [GUARDIAN, AGENT])
async def test_nobody_decides_for_both_sides(role: int, act: Act) -> None:
    for side in (1, 2, 1):
        await act.add(side)
    scopes = [1] if role == AGENT else []
    both = companion(act.case, role, (1, 2), scopes=scopes)
    await refused(act.accompany(both), "INVALID_FIELD", "companion.parties")
    await act.accompany(companion(act.case, role, (1, 3), scopes=scopes))
    await act.accompany(companion(act.case, INTERPRETER, (1, 2)))


async def test_a_settlement_takes_each_principals_own_consent(act: Act) -> None:
    await act.add(1, member=True)
    await act.add(1, member=True)
    elected = await act.accompany(companion(act.case, REPRESENTATIVE, (1, 2), scopes=[1, 2, 3, 4]))
    assert (await act.say(2, consent_pb2.STEP_EXTENSION, given_by=elected.name)).given
    for step in (consent_pb2.STEP_SETTLEMENT, consent_pb2.STEP_MEDIATION, consent_pb2.STEP_JUDICIAL_CONFIRMATION):
        await refused(act.say(2, step, given_by=elected.name), "OWN_CONSENT_NEEDED")
    speaker = await act.accompany(companion(act.case, REPRESENTATIVE, (1, 2), scopes=[1]))
    await refused(act.say(2, consent_pb2.STEP_EXTENSION, given_by=speaker.name), "OWN_CONSENT_NEEDED")


@pytest.mark.parametrize("role", [GUARDIAN, SUPPORT])
async def test_the_consent_of_who_needs_support_counts_only_beside_somebody(role: int, act: Act) -> None:
    await act.add(1, needs_support=True)
    await act.add(2)
    await act.say(2)
    await refused(act.say(1), "SUPPORT_NEEDED")
    others = await act.accompany(companion(act.case, role, (2,)))
    await refused(act.say(1, assisted_by=others.name), "INVALID_FIELD", "consent.assisted_by")
    beside = await act.accompany(companion(act.case, role, (1,)))
    await act.say(1, assisted_by=beside.name)
    assert (await act.mediation()).state == State.MEDIATION_STATE_CONSENTED


async def test_who_turns_out_to_need_support_has_said_nothing_that_counts(act: Act) -> None:
    await act.two_sides()
    asked = people_pb2.Party(name=act.of(1), side=1, kind=1, needs_support=True)
    request = people_pb2.UpdatePartyRequest(
        party=asked, update_mask=FieldMask(paths=["needs_support"]), request_id=request_id()
    )
    await act.clients.people.UpdateParty(request, **act.clerk)
    there = await act.mediation()
    assert (there.state, list(there.missing_consents)) == (State.MEDIATION_STATE_PROPOSED, [act.of(1)])
    assert (await act.withdraw(1)).routes, "saying no needs nobody"


async def test_violence_told_in_private_bars_joint_sessions_and_hides_the_address(act: Act) -> None:
    await act.add(1, **PERSON)
    await act.add(2)
    assert (await act.mediation()).joint_sessions
    done = await act.screen(1, concern=True, hide_address=True, note="怕他知道我住哪")
    assert {field.name for field, _ in done.ListFields()} == {"party", "screen_time"}
    assert not (await act.mediation()).joint_sessions
    assert (await act.unmask(1)).address == ""
    assert (await act.unmask(1, people_pb2.PURPOSE_SAFETY)).address == STREET
    event = (await history(act))[-1]
    assert (event.type, dict(event.payload.items())) == ("PartyScreened", {"party": 1})
    read = safeguards_pb2.ReadScreeningRequest(name=act.of(1), purpose=1)
    await refused(act.clients.safeguards.ReadScreening(read, **act.clerk), "PERMISSION_DENIED")
    await refused(act.clients.safeguards.ReadScreening(read, **act.clients.as_("mediator")), "PERMISSION_DENIED")
    for party in (1, 2):
        await act.say(party)
    name = await enter(act.clients, f"units/{COUNTY}")
    for party in (1, 2):
        await act.choose(party, name)
    await act.accept(name)
    of_record = act.clients.as_("mediator", sub=name.rpartition("/")[2])
    told = await act.clients.safeguards.ReadScreening(read, **of_record)
    assert told.note == "怕他知道我住哪"
    assert (await act.log())[0].action == "safeguards.readScreening"
    await act.screen(2)
    assert not (await act.mediation()).joint_sessions, "the other side's word lifts nothing"
    await act.screen(1, concern=True, wants_joint_session=True)
    assert (await act.mediation()).joint_sessions, "it is the party's own to lift"


async def test_violence_is_asked_about_in_private_or_not_at_all(act: Act) -> None:
    await act.add(1)
    request = safeguards_pb2.ScreenPartyRequest(
        name=act.of(1), screening=screening(concern=True, in_private=False), request_id=request_id()
    )
    await refused(
        act.clients.safeguards.ScreenParty(request, **act.clients.as_("mediator")),
        "INVALID_FIELD",
        "screening.in_private",
    )


async def test_an_alert_takes_a_second_person_and_is_reviewed_by_a_third(act: Act) -> None:
    safe, clients = act.clients.safeguards, act.clients
    await act.add(1)
    asked = await safe.CreateAlert(
        safeguards_pb2.CreateAlertRequest(parent=act.case, alert=alert(), request_id=request_id()),
        **clients.as_("clerk", sub="one"),
    )
    assert (asked.state, asked.HasField("facts")) == (safeguards_pb2.ALERT_STATE_REQUESTED, False)

    async def approve(sub: str) -> Any:
        request = safeguards_pb2.ApproveAlertRequest(name=asked.name, approved=True, request_id=request_id())
        return await safe.ApproveAlert(request, **clients.as_("unit_head", sub=sub))

    async def review(sub: str) -> Any:
        request = safeguards_pb2.ReviewAlertRequest(name=asked.name, justified=True, request_id=request_id())
        return await safe.ReviewAlert(request, **clients.as_("supervisor", "62", sub=sub))

    await refused(review("three"), "WRONG_STATE")
    await refused(approve("one"), "SAME_PERSON")
    assert (await approve("two")).state == safeguards_pb2.ALERT_STATE_APPROVED
    assert await running(act) >= {"alert_review"}, "it must be reviewed"
    for sub in ("one", "two"):
        await refused(review(sub), "SAME_PERSON")
    assert (await review("three")).state == safeguards_pb2.ALERT_STATE_JUSTIFIED
    assert not await running(act) & {"alert_review", "alert_decision"}
    read = safeguards_pb2.ReadAlertRequest(name=asked.name, purpose=people_pb2.PURPOSE_SAFETY)
    assert (await safe.ReadAlert(read, **clients.as_("unit_head"))).facts == "有人持刀在三号楼。"
    assert (await act.log())[0].action == "alerts.read"


async def running(act: Act) -> set[str]:
    """Return the rules of the clocks that run in the case."""
    connection = await Scratch.main(act.clients.stack).connect()
    try:
        query = "SELECT rule FROM mediation.clocks WHERE number = $1 AND state = 1"
        return {row["rule"] for row in await connection.fetch(query, act.case.split("/")[1])}
    finally:
        await connection.close()


async def test_the_last_word_counts_whatever_the_order(act: Act) -> None:
    await act.add(1)
    await act.add(2)
    step = consent_pb2.STEP_PUBLICATION
    for given in itertools.islice(itertools.cycle([True, False]), 4):
        await act.say(1, step, given)
    request = consent_pb2.RecordConsentRequest(parent=act.of(1), consent=consent(step, True), request_id=request_id())
    first = await act.clients.consents.RecordConsent(request, **act.clerk)
    assert await act.clients.consents.RecordConsent(request, **act.clerk) == first, "a repeat is the first answer"
