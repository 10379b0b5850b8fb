"""The mediator: chosen by both sides or appointed, free of conflicts, replaced without an answer or on request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import given
from hypothesis import strategies as st
from pb.clock.v1 import clock_pb2
from pb.feed.v1 import feed_pb2
from pb.mediation.v1 import caucus_pb2, consent_pb2, mediation_pb2, mediators_pb2, people_pb2
from pb.mediation.v1.caucus_pb2_grpc import CaucusServiceStub

from casework.case import Side
from casework.mediation.choosing import Against, Candidate, Conflict, both_chose, conflict_of, ranked
from casework.mediation.course import PeopleStanding, Person
from tests.case_people import Act, enter, new_case, refused
from tests.conftest import COUNTY, Clients, request_id
from tests.mediated import Mediated
from tests.scratch import Scratch
from tests.world_people import companion, mediator

State, Phase = consent_pb2.MediationState, consent_pb2.ChoicePhase
TOWN = f"units/{COUNTY}001"
ORGANISATION = people_pb2.PARTY_KIND_ORGANISATION
FAR = "units/11"


@pytest.fixture
async def act(clients: Clients) -> Act:
    """Return somebody who acts in a case whose two sides consented; nobody else of the register takes its cases."""
    connection = await Scratch.main(clients.stack).connect()
    await connection.execute("UPDATE mediation.mediators SET active = false")
    await connection.close()
    act = Act(clients, (await new_case(clients)).name)
    await act.two_sides()
    return act


async def run_out(act: Act, rule: str) -> None:
    """Let the running clock of a rule run out and the case's clocks be fired."""
    connection = await Scratch.main(act.clients.stack).connect("mediation")
    try:
        # Every rung of it lies a minute in the past.
        query = """
            UPDATE mediation.clocks SET due_at = $1, next_at = $1, rungs = (
                SELECT jsonb_agg(jsonb_set(rung, '{1}', to_jsonb($2::text))) FROM jsonb_array_elements(rungs) rung)
            WHERE number = $3 AND rule = $4 AND state = 1
        """
        past = datetime.now(UTC) - timedelta(minutes=1)
        number = act.case.split("/")[1]
        assert await connection.execute(query, past, past.isoformat(), number, rule) == "UPDATE 1"
    finally:
        await connection.close()
    fire = clock_pb2.FireClocksRequest(service="mediation", case=act.case)
    await act.clients.clocks["mediation"].FireClocks(fire, **act.clients.as_service("worker"))


async def kinds(act: Act) -> list[str]:
    """Return the kinds of what happened."""
    request = feed_pb2.ListEventsRequest(service="mediation", case=act.case)
    feed = await act.clients.feeds["mediation"].ListEvents(request, **act.clients.as_("auditor", "62"))
    return [event.type for event in feed.events]


async def test_both_sides_choose_the_same_and_mediation_begins_when_it_is_accepted(act: Act) -> None:
    first, second = await enter(act.clients, TOWN), await enter(act.clients, TOWN)
    there = await act.mediation()
    assert (there.state, there.phase) == (State.MEDIATION_STATE_CONSENTED, Phase.CHOICE_PHASE_PARTIES)
    assert (await act.choose(1, first)).phase == Phase.CHOICE_PHASE_PARTIES
    assert (await act.choose(2, second)).phase == Phase.CHOICE_PHASE_UNIT, "they differ: the unit may appoint"
    asked = await act.choose(2, first)
    assert (asked.phase, asked.mediator) == (Phase.CHOICE_PHASE_ASKED, first)
    await refused(act.accept(second), "NOT_THE_MEDIATOR")
    begun = await act.accept(first)
    assert (begun.state, begun.phase) == (State.MEDIATION_STATE_MEDIATING, Phase.CHOICE_PHASE_FIXED)
    assert (await kinds(act))[-2:] == ["MediatorChosen", "MediationStarted"]


async def test_the_unit_appoints_only_after_the_parties_had_their_days_or_disagreed(act: Act) -> None:
    first, second = await enter(act.clients, TOWN), await enter(act.clients, TOWN)
    await refused(act.appoint(first), "WRONG_STATE")
    await run_out(act, "mediator_choice")
    assert (await act.mediation()).phase == Phase.CHOICE_PHASE_UNIT
    asked = await act.appoint(second)
    assert (asked.phase, asked.mediator) == (Phase.CHOICE_PHASE_ASKED, second)

    other = Act(act.clients, (await new_case(act.clients)).name)
    await other.two_sides()
    await other.choose(1, first)
    await other.choose(2, second)
    assert (await other.appoint(first)).mediator == first


async def test_silence_moves_on_to_the_next_and_nobody_is_asked_twice(act: Act) -> None:
    first, second = sorted([await enter(act.clients, TOWN, areas=[f"units/{COUNTY}"]) for _ in range(2)])
    await act.choose(1, first)
    await act.choose(2, first)
    await run_out(act, "mediator_answer")
    next_ = await act.mediation()
    assert (next_.phase, next_.mediator) == (Phase.CHOICE_PHASE_ASKED, second)
    await refused(act.accept(first), "NOT_THE_MEDIATOR")
    await run_out(act, "mediator_answer")
    none = await act.mediation()
    assert (none.phase, none.mediator) == (Phase.CHOICE_PHASE_UNIT, ""), "there is none left: the unit appoints"
    await refused(act.appoint(first), "CONFLICT_OF_INTEREST")
    told = [kind for kind in await kinds(act) if kind.startswith(("Mediator", "Appointment"))]
    assert told[-5:] == ["MediatorChosen", "MediatorSilent", "MediatorAsked", "MediatorSilent", "AppointmentDue"]


async def test_who_declines_gives_no_reason_and_the_next_is_asked(act: Act) -> None:
    first, second = sorted([await enter(act.clients, TOWN, areas=[f"units/{COUNTY}"]) for _ in range(2)])
    await act.choose(1, second)
    await act.choose(2, second)
    assert (await act.decline(second)).mediator == first
    fields = mediators_pb2.DeclineMediationRequest.DESCRIPTOR.fields_by_name
    assert set(fields) == {"name", "etag", "request_id"}


async def test_who_discloses_kin_gives_way(act: Act) -> None:
    first, second = sorted([await enter(act.clients, TOWN, areas=[f"units/{COUNTY}"]) for _ in range(2)])
    await act.choose(1, first)
    await act.choose(2, first)
    after = await act.accept(first, kin=True)
    assert (after.state, after.mediator) == (State.MEDIATION_STATE_CONSENTED, second)
    await refused(act.choose(1, first), "CONFLICT_OF_INTEREST")


async def test_a_mediator_of_the_unit_that_is_a_party_is_out_of_the_question(act: Act) -> None:
    labour = f"units/{COUNTY}-labour"
    theirs, free = await enter(act.clients, labour), await enter(act.clients, TOWN, areas=[f"units/{COUNTY}"])
    await act.add(2, name="某区人社局", kind=ORGANISATION, details={"unit": labour})
    await act.say(3)
    await refused(act.choose(1, theirs), "CONFLICT_OF_INTEREST")
    request = mediators_pb2.ListCandidatesRequest(parent=act.case)
    found = (await act.clients.mediators.ListCandidates(request, **act.clerk)).candidates
    assert [(each.mediator, each.conflict) for each in found] == [
        (free, mediators_pb2.CONFLICT_UNSPECIFIED),
        (theirs, mediators_pb2.CONFLICT_SAME_UNIT),
    ]


async def test_a_mediator_has_no_other_role_in_the_matter_before_or_later(act: Act) -> None:
    agent, other = await enter(act.clients, TOWN), await enter(act.clients, TOWN)
    beside = companion(act.case, 4, (1,), scopes=[1], user=agent.rpartition("/")[2])
    await act.accompany(beside)
    await refused(act.choose(1, agent), "CONFLICT_OF_INTEREST")
    await act.choose(1, other)
    await act.choose(2, other)
    await act.accept(other)
    await act.replace(1)
    later = companion(act.case, 5, (2,), user=other.rpartition("/")[2])
    await refused(act.accompany(later), "ROLE_BARRED")


@pytest.mark.parametrize("role", [1, 2, 3, 4, 5])
async def test_who_stands_beside_a_party_in_any_role_is_not_its_mediator(role: int, act: Act) -> None:
    beside, other = await enter(act.clients, TOWN), await enter(act.clients, TOWN)
    await act.add(1, member=True)
    await act.say(3)
    scopes = [1] if role in (3, 4) else []
    await act.accompany(companion(act.case, role, (3,), scopes=scopes, user=beside.rpartition("/")[2]))
    await refused(act.choose(1, beside), "CONFLICT_OF_INTEREST")
    for party in (1, 2, 3):
        await act.choose(party, other)
    await act.accept(other)
    await act.replace(1)
    later = companion(act.case, role, (3,), scopes=scopes, user=other.rpartition("/")[2])
    await refused(act.accompany(later), "ROLE_BARRED")


async def test_a_party_does_not_mediate_and_who_mediated_signs_in_for_no_party(act: Act) -> None:
    first, second = await enter(act.clients, TOWN), await enter(act.clients, TOWN)
    caucus = CaucusServiceStub(act.clients.channels["mediation"])

    async def bind(subject: str, by: str) -> None:
        request = caucus_pb2.BindPartyRequest(
            name=act.of(2), subject=subject.rpartition("/")[2], request_id=request_id()
        )
        await caucus.BindParty(request, **act.clients.as_("mediator", sub=by.rpartition("/")[2]))

    for party in (1, 2):
        await act.choose(party, first)
    await act.accept(first)
    await bind("bert", first)
    await act.replace(1)
    third = await enter(act.clients, TOWN)
    for party in (1, 2):
        await act.choose(party, second)
    await act.accept(second)
    await refused(bind(first, second), "ROLE_BARRED")
    await bind(third, second)
    await act.replace(2)
    await refused(act.choose(1, third), "CONFLICT_OF_INTEREST")


async def test_who_mediated_does_not_close_the_case_and_who_closed_it_does_not_mediate(act: Act) -> None:
    name = await enter(act.clients, TOWN)
    for party in (1, 2):
        await act.choose(party, name)
    await act.accept(name)
    await act.withdraw(1)
    case = Mediated(act.clients, act.case)
    # Another mediator of the unit has no part in it: the clerk at the counter serves it.
    await refused(case.do("ServeNotice", f"{act.case}/notices/2", medium=1), "PERMISSION_DENIED")
    await case.do("ServeNotice", f"{act.case}/notices/2", role="clerk", medium=1)
    for party in (1, 2):
        await case.do("RecordView", f"{act.case}/closing", role="clerk", party=case.party(party), view=1)
    ask = mediation_pb2.RequestClosingRequest(name=act.case, outcome=3, request_id=request_id())
    await act.clients.mediation.RequestClosing(ask, **act.clients.as_("handler"))

    async def close(sub: str) -> None:
        request = mediation_pb2.CloseCaseRequest(name=act.case, approved=True, request_id=request_id())
        await act.clients.mediation.CloseCase(request, **act.clients.as_("reviewer", sub=sub))

    await refused(close(name.rpartition("/")[2]), "ROLE_BARRED")
    reviewer = await enter(act.clients, TOWN)
    await close(reviewer.rpartition("/")[2])
    await case.do("ReopenCase", role="duty_officer", reason=1, evidence="doc-1")
    again = consent_pb2.ProposeMediationRequest(name=act.mediation_name, request_id=request_id())
    await act.clients.consents.ProposeMediation(again, **act.clerk)
    for party in (1, 2):
        await act.say(party)
    await refused(act.choose(1, reviewer), "CONFLICT_OF_INTEREST")


async def test_who_left_has_no_say_in_who_mediates(act: Act) -> None:
    name = await enter(act.clients, TOWN)
    for _ in range(2):
        await act.add(1, member=True)
    for party in (3, 4):
        await act.say(party)
    await act.withdraw(4)
    await refused(act.choose(4, name), "WRONG_STATE")


async def test_one_partys_word_replaces_the_mediator_and_nobody_is_told_whose(act: Act) -> None:
    first, second = await enter(act.clients, TOWN), await enter(act.clients, TOWN)
    await act.choose(1, first)
    await act.choose(2, first)
    await act.accept(first)
    after = await act.replace(2)
    assert (after.state, after.phase, after.mediator) == (
        State.MEDIATION_STATE_CONSENTED, Phase.CHOICE_PHASE_PARTIES, "")  # fmt: skip
    await refused(act.choose(1, first), "CONFLICT_OF_INTEREST")
    await act.choose(1, second)
    await act.choose(2, second)
    assert (await act.accept(second)).state == State.MEDIATION_STATE_MEDIATING
    await act.replace(1)
    assert set(mediators_pb2.ReplaceMediatorRequest.DESCRIPTOR.fields_by_name) == {"name", "request_id"}
    request = feed_pb2.ListEventsRequest(service="mediation", case=act.case)
    feed = await act.clients.feeds["mediation"].ListEvents(request, **act.clients.as_("auditor", "62"))
    for event in feed.events:
        if event.type == "MediatorReplaced":
            assert "party" not in dict(event.payload.items())


async def test_somebody_new_keeps_the_mediator_unless_something_stands_against_them_now(act: Act) -> None:
    theirs = await enter(act.clients, f"units/{COUNTY}-labour")
    await act.choose(1, theirs)
    await act.choose(2, theirs)
    await act.accept(theirs)
    await act.add(2)
    asking = await act.mediation()
    assert (asking.state, asking.mediator) == (State.MEDIATION_STATE_PROPOSED, theirs)
    await act.say(3)
    assert (await act.mediation()).state == State.MEDIATION_STATE_MEDIATING
    await act.add(2, name="某区人社局", kind=ORGANISATION, details={"unit": f"units/{COUNTY}-labour"})
    await act.say(4)
    sought = await act.mediation()
    assert (sought.state, sought.phase, sought.mediator) == (
        State.MEDIATION_STATE_CONSENTED, Phase.CHOICE_PHASE_PARTIES, "")  # fmt: skip


async def test_the_register_is_kept_by_the_head_of_the_unit_and_searched_by_what_they_can(clients: Clients) -> None:
    name = await enter(clients, TOWN, languages=["zh-CN", "bo"], specialities=["categories/labour"])

    async def found(**asked: str) -> set[str]:
        request = mediators_pb2.ListMediatorsRequest(unit=TOWN, page_size=1000, **asked)
        listed = await clients.mediators.ListMediators(request, **clients.as_("clerk"))
        return {each.name for each in listed.mediators}

    assert name in await found()
    assert name in await found(language="bo")
    assert name in await found(category="categories/labour/wage-arrears")
    assert name not in await found(language="kk")
    assert name not in await found(category="categories/neighbour")
    entry = mediator("x", f"units/{COUNTY}", name=name, active=False)
    request = mediators_pb2.UpdateMediatorRequest(
        mediator=entry, update_mask=FieldMask(paths=["active"]), request_id=request_id()
    )
    changed = await clients.mediators.UpdateMediator(request, **clients.as_("unit_head"))
    assert (changed.active, changed.unit, changed.user) == (False, TOWN, name.rpartition("/")[2])
    request.request_id, request.mediator.etag = request_id(), "1"
    await refused(clients.mediators.UpdateMediator(request, **clients.as_("unit_head")), "ETAG_MISMATCH")
    request.request_id, request.mediator.unit = request_id(), FAR
    await refused(clients.mediators.UpdateMediator(request, **clients.as_("unit_head")), "PERMISSION_DENIED")
    foreign = mediators_pb2.CreateMediatorRequest(
        mediator_id="m-foreign", mediator=mediator("foreign", FAR), request_id=request_id()
    )
    await refused(clients.mediators.CreateMediator(foreign, **clients.as_("unit_head")), "PERMISSION_DENIED")


async def test_a_mediator_out_of_service_is_not_chosen(act: Act) -> None:
    away = await enter(act.clients, TOWN, active=False)
    await refused(act.choose(1, away), "INVALID_FIELD")


# The pure part.

PEOPLE = st.lists(
    st.builds(Person, st.integers(1, 99), st.sampled_from(Side), st.booleans(), st.booleans()),
    max_size=6, unique_by=lambda person: person.party,
)  # fmt: skip


@given(PEOPLE, st.dictionaries(st.integers(1, 99), st.sampled_from(["m-1", "m-2"])))
def test_a_mediator_is_chosen_only_by_both_sides_and_against_nobodys_word(
    people: list[Person], choices: dict[int, str]
) -> None:
    chosen = both_chose(PeopleStanding(tuple(people)), choices)
    if not chosen:
        return
    for side in (Side.APPLICANT, Side.RESPONDENT):
        present = [person for person in people if person.side is side and not person.withdrawn]
        assert any(choices.get(person.party) == chosen for person in present)
        assert all(choices.get(person.party, chosen) == chosen for person in present)
        assert all(person.member or person.party in choices for person in present)


def test_the_best_fit_comes_first_and_who_has_something_against_them_last() -> None:
    def one(name: str, *specialities: str) -> Candidate:
        return Candidate(name, name, f"{COUNTY}001", (COUNTY,), (), specialities)

    nobody: frozenset[str] = frozenset()
    against = Against(nobody, nobody, frozenset({"kin"}), nobody, nobody, nobody, nobody)
    order = ranked(
        [one("kin", "labour"), one("busy", "labour"), one("plain"), one("free", "labour")],
        "labour/wage-arrears", {"busy": 3}, against,
    )  # fmt: skip
    assert [each.mediator for each, _ in order] == ["free", "busy", "plain", "kin"]
    assert conflict_of("kin", "62", against) is Conflict.KIN
