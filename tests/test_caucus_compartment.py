"""What a side tells the mediator alone: read by the mediator of record and that side, found nowhere else at all."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import httpx
import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pool import Default
from pb.feed.v1 import feed_pb2
from pb.mediation.v1 import caucus_pb2 as pb

from accord.embedded.keys import CLIENT_ROLES, ROLES, client_token
from accord.embedded.stack import Stack
from casework.case import Side
from casework.mediation.caucus import is_released, may_read
from services.gateway.settings import SERVED_BY
from tests.conftest import COUNTY, Clients, request_id
from tests.patience import CALL
from tests.people_of_case import MEDIATOR, Stubs, execute, give_people
from tests.rpcs import Answer, Rpc, all_rpcs, call
from tests.test_privacy import SAMPLED, TRACE, found_in
from tests.traced import written
from tests.world import REQUESTS, World, new_world
from tests.world_sessions import furnish

ROOT = Path(__file__).resolve().parent.parent
CANARIES = {
    "note of the applicant": "金丝雀甲方最低只要七成",
    "offer of the applicant": "金丝雀甲方愿退一步海阔",
    "note of the respondent": "金丝雀乙方其实手头有钱",
    "offer of the respondent": "Kanarienvogelqx",
    "facts before all signed": "金丝雀双方均认墙面渗漏",
    "amount": "73190466128",
}
SPEAKS = {"ListCaucusNotes", "ListCaucusOffers", "GetFactSheet"}
"""The RPCs that answer with words of the compartment, to whom they may."""
OTHER_SIDE = "demo-citizen-620102001"
"""Who signs in for the respondent; the applicant's is the demo citizen of the county."""


def test_the_mediator_of_record_and_that_side_read_and_nobody_else() -> None:
    assert may_read("m", "m", Side.APPLICANT, ())
    assert may_read("a", "m", Side.APPLICANT, {Side.APPLICANT})
    assert not may_read("a", "m", Side.RESPONDENT, {Side.APPLICANT})
    assert not may_read("a", "m", Side.APPLICANT, {Side.APPLICANT, Side.RESPONDENT})
    assert not may_read("x", "m", Side.APPLICANT, ())
    assert not may_read("", "", Side.APPLICANT, ())


def test_a_sheet_leaves_when_every_party_signed() -> None:
    assert is_released({1, 2}, {1, 2})
    for parties, signed in (({1, 2}, {1}), ({1, 2}, set()), (set(), set()), ({1, 2, 3}, {1, 2})):
        assert not is_released(parties, signed)


def messages_of(descriptor: Descriptor, seen: set[str]) -> set[str]:
    """Return the names of all messages that can lie inside a message, itself included."""
    if descriptor.full_name not in seen:
        seen.add(descriptor.full_name)
        for field in descriptor.fields:
            if field.message_type is not None:
                messages_of(field.message_type, seen)
    return seen


def test_no_answer_of_any_other_service_can_hold_an_entry() -> None:
    kept = {f"accord.mediation.v1.{name}" for name in ("CaucusNote", "CaucusOffer", "CaucusRead", "FactSheet")}
    for service in SERVED_BY:
        for method in Default().FindServiceByName(service).methods:
            holds = messages_of(method.output_type, set()) & kept
            assert not holds or service == "accord.mediation.v1.CaucusService", f"{method.full_name}: {holds}"


def test_no_other_code_reads_the_tables_or_the_package_of_the_compartment() -> None:
    own, root = "services/mediation/caucus/", "services/mediation/main.py"
    for path in ROOT.rglob("*.py"):
        name = str(path.relative_to(ROOT))
        if name.startswith(("tests/", "gen/", ".", own)) or "migrations" in name:
            continue
        text = path.read_text("utf-8")
        assert not re.search(r"caucus_(notes|offers|reads)|fact_(sheets|signatures)", text), name
        assert "mediation.caucus" not in text or name == root, name


@dataclass(frozen=True)
class Kept:
    """A case with canaries in its compartment."""

    world: World
    case: str
    stubs: Stubs

    @property
    def number(self) -> str:
        """The case's number."""
        return self.case.split("/")[1]


def sampled(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call that is traced."""
    return {**arguments, "metadata": (*arguments.get("metadata", ()), ("traceparent", SAMPLED))}


async def write(stubs: Stubs, case: str, side: str, note: str, offer: str, amount: int, **caller: Any) -> None:
    """Put a note and an offer into a side's compartment."""
    parent = f"{case}/caucuses/{side}"
    kept = await stubs.caucus.WriteCaucusNote(
        pb.WriteCaucusNoteRequest(parent=parent, note=pb.CaucusNote(text=note), request_id=request_id()), **caller
    )
    assert kept.text == ""
    made = pb.CaucusOffer(terms=offer, amount_fen=amount)
    made = await stubs.caucus.MakeCaucusOffer(
        pb.MakeCaucusOfferRequest(parent=parent, offer=made, request_id=request_id()), **caller
    )
    assert (made.terms, made.amount_fen) == ("", 0)


@pytest.fixture(scope="module")
async def kept(clients: Clients) -> Kept:
    """Return a case in whose compartment every canary lies, some put there by the sides, some by the mediator."""
    world, stubs = await new_world(clients), Stubs(clients)
    # Here everything is done to the one case: to its people too.
    await furnish(clients, world.case)
    world = replace(world, sitting=world.case)
    mediator, case = sampled(clients.as_("mediator")), world.case
    bind = pb.BindPartyRequest(name=f"{case}/parties/2", subject=OTHER_SIDE, request_id=request_id())
    await stubs.caucus.BindParty(bind, **mediator)
    words = list(CANARIES.values())
    amount = int(CANARIES["amount"])
    await write(stubs, case, "applicant", words[0], words[1], amount, **sampled(clients.as_("citizen")))
    await write(stubs, case, "respondent", words[2], words[3], amount, **mediator)
    draft = pb.DraftFactSheetRequest(parent=case, facts=words[4], request_id=request_id())
    await stubs.caucus.DraftFactSheet(draft, **mediator)
    return Kept(world, case, stubs)


def callers(clients: Clients, *units: str, closest: bool = False) -> dict[str, dict[str, Any]]:
    """Return every role at these units, machine clients, and who comes close; of each role only who comes closest."""
    found = {}
    for role in set(ROLES) - {"service"}:
        if closest and role not in ("mediator", "citizen"):
            found[f"{role}, who is the mediator of record"] = clients.as_(role, COUNTY, sub=MEDIATOR)
            continue
        for unit in units:
            found[f"{role} of {unit}"] = clients.as_(role, unit)
        # Another role of the one who is the mediator of record, or of a party, gives nothing.
        found[f"{role}, mediator elsewhere"] = clients.as_(role, COUNTY, sub="other-mediator")
        if role not in ("mediator", "citizen"):
            found[f"{role}, who is the mediator of record"] = clients.as_(role, COUNTY, sub=MEDIATOR)
    for name in CLIENT_ROLES:
        token = client_token(clients.stack.keys, name)
        found[f"machine {name}"] = {"metadata": (("authorization", f"Bearer {token}"),), "timeout": CALL}
    return found


def may_hear(rpc: Rpc, caller: str, side: str) -> bool:
    """Return whether a caller may be answered with words of a side; of a sheet, where side is empty."""
    if rpc.method.name not in SPEAKS:
        return False
    inside = {f"mediator of {COUNTY}"}
    inside |= {f"citizen of {COUNTY}"} if side in ("applicant", "") else set()
    inside |= {"citizen of 620102001"} if side in ("respondent", "") else set()
    return caller in inside


def variants(rpc: Rpc, world: World) -> list[tuple[str, bytes]]:
    """Return good requests of an RPC about the case: for each side where it takes one."""
    request: Any = REQUESTS[rpc.method.name](world, rpc.server)
    parent = getattr(request, "parent", "")
    if "/caucuses/" in parent:
        found = []
        for side in ("applicant", "respondent", "third"):
            request.parent = f"{world.case}/caucuses/{side}"
            if "request_id" in request.DESCRIPTOR.fields_by_name:
                request.request_id = request_id()
            found.append((side, request.SerializeToString()))
        return found
    if rpc.method.name == "GetFactSheet":
        # The world's first sheet and the one with the canary.
        return [("", type(request)(name=f"{world.case}/factSheets/{n}").SerializeToString()) for n in (1, 2)]
    if rpc.method.name == "BindParty":
        # Who may bind has to be the mediator; binding over the fixture's parties is not what is looked for here.
        return [("", type(request)(name=f"{world.case}/parties/9", subject="x", request_id=request_id())
                 .SerializeToString())]  # fmt: skip
    if rpc.method.name == "SignFactSheet":
        return []  # its answers are looked at below; signing here would let the sheet out
    return [("", request.SerializeToString())]


def whole(answer: Answer) -> bytes:
    """Return everything an answer says."""
    return b"".join(answer.messages) + answer.text.encode() + str(answer.details).encode()


# Those that speak come first: others, in the right hands, replace the mediator or erase the case.
WALK = sorted(all_rpcs(), key=lambda rpc: rpc.method.name not in SPEAKS)


@pytest.mark.parametrize("rpc", WALK, ids=str)
async def test_no_answer_of_any_rpc_to_any_role_holds_a_word_of_it(rpc: Rpc, clients: Clients, kept: Kept) -> None:
    channel = clients.channels[rpc.server]
    heard: set[str] = set()
    # Where words could be, from every unit that has to do with the case; elsewhere as those who come closest.
    near = rpc.method.name in SPEAKS or "caucus" in rpc.path.casefold()
    everyone = callers(clients, *(("cn", COUNTY, "620102001") if near else (COUNTY,)), closest=not near)
    for side, payload in variants(rpc, kept.world):
        answers = await asyncio.gather(
            *(call(channel, rpc.path, payload, **arguments) for arguments in everyone.values())
        )
        for caller, answer in zip(everyone, answers, strict=True):
            found = found_in(whole(answer), CANARIES)
            if may_hear(rpc, caller, side):
                heard |= found
            else:
                assert not found, f"{rpc} told {caller} ({side}): {found}"
                if (
                    "Caucus" in rpc.method.name
                    and caller != f"mediator of {COUNTY}"
                    and not caller.startswith("citizen")
                ):
                    assert answer.code is grpc.StatusCode.PERMISSION_DENIED, f"{rpc}, {caller}: {answer}"
    # It is looked for where it would be found.
    expected = {"ListCaucusNotes": "note of the respondent", "ListCaucusOffers": "offer of the applicant",
                "GetFactSheet": "facts before all signed"}.get(rpc.method.name)  # fmt: skip
    assert expected is None or expected in heard


async def test_no_refusal_repeats_a_word_of_it(clients: Clients, kept: Kept) -> None:
    word, parent = CANARIES["note of the applicant"], f"{kept.case}/caucuses/applicant"
    mediator, caucus = sampled(clients.as_("mediator")), kept.stubs.caucus
    wrong: list[Callable[[], Awaitable[Any]]] = [
        lambda: caucus.WriteCaucusNote(
            pb.WriteCaucusNoteRequest(parent=parent, note=pb.CaucusNote(text=word * 2000), request_id=request_id()),
            **mediator),
        lambda: caucus.WriteCaucusNote(
            pb.WriteCaucusNoteRequest(parent=parent, note=pb.CaucusNote(text=word + "\0"), request_id=request_id()),
            **mediator),
        lambda: caucus.WriteCaucusNote(
            pb.WriteCaucusNoteRequest(parent=parent, note=pb.CaucusNote(text=word), request_id=request_id()),
            **clients.as_("unit_head")),
        lambda: caucus.MakeCaucusOffer(
            pb.MakeCaucusOfferRequest(parent=parent, offer=pb.CaucusOffer(terms=word, amount_fen=-1),
                                      request_id=request_id()), **mediator),
    ]  # fmt: skip
    for attempt in wrong:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await attempt()
        assert not found_in(str(error.value).encode(), CANARIES)


async def test_events_say_how_many_entries_there_are_and_nothing_else(clients: Clients, kept: Kept) -> None:
    for service, feed in clients.feeds.items():
        request, events = feed_pb2.ListEventsRequest(service=service, case=kept.case, page_size=200), []
        while True:
            page = await feed.ListEvents(request, **clients.as_("auditor", "cn"))
            events += page.events
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        watch = feed_pb2.WatchEventsRequest(service=service, case=kept.case, until_caught_up=True)
        watched = [answer async for answer in feed.WatchEvents(watch, **clients.as_("auditor", "cn"))]
        for told in (events, watched):
            assert not found_in(b"".join(each.SerializeToString() for each in told), CANARIES)
        if service == "mediation":
            mine = [event for event in events if event.type == "CaucusKept"]
            assert len(mine) >= 4
            for event in mine:
                assert set(event.payload) == {"entries"}
                assert event.actor == "caucus"


async def test_no_table_holds_a_word_of_it(stack: Stack, kept: Kept) -> None:
    connection = await asyncpg.connect(stack.database_url)
    try:
        tables = await connection.fetch(
            "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        assert {"mediation.caucus_notes", "mediation.caucus_offers", "mediation.fact_sheets"} <= {t[0] for t in tables}
        for (table,) in tables:
            rows = "\n".join(row[0] for row in await connection.fetch(f"SELECT t::text FROM {table} t"))
            assert not found_in(rows.encode(), CANARIES), table
    finally:
        await connection.close()


async def test_not_even_the_database_lets_an_entry_be_changed_or_taken_out(stack: Stack, kept: Kept) -> None:
    for table in ("caucus_notes", "caucus_offers", "caucus_reads", "fact_signatures", "session_records"):
        for query in (f"UPDATE mediation.{table} SET number = number", f"DELETE FROM mediation.{table}"):
            with pytest.raises(asyncpg.PostgresError, match="never changed"):
                await execute(stack, query)


async def test_an_offer_cannot_be_guessed_from_what_is_remembered_of_the_request(
    clients: Clients, fresh: tuple[str, Stubs]
) -> None:
    case, stubs = fresh
    offer = pb.CaucusOffer(terms="五千", amount_fen=500000)
    request = pb.MakeCaucusOfferRequest(parent=f"{case}/caucuses/applicant", offer=offer, request_id=request_id())
    await stubs.caucus.MakeCaucusOffer(request, **clients.as_("mediator"))
    body = request.DESCRIPTOR.full_name.encode() + b"\0" + request.SerializeToString(deterministic=True)
    query = "SELECT body_hash FROM mediation.requests WHERE request_id = $1"
    (row,) = await execute(clients.stack, query, request.request_id)
    assert row["body_hash"] != hashlib.sha256(body).digest()


async def test_no_file_log_trace_or_metric_holds_a_word_of_it(stack: Stack, clients: Clients, kept: Kept) -> None:
    await written(clients)
    for path in stack.folder.root.rglob("*"):
        if not path.is_file() or path.is_relative_to(stack.folder.keys):
            continue
        try:
            data = path.read_bytes()
        except OSError:
            continue  # PostgreSQL recycles its files
        assert not found_in(data, CANARIES), path
    spans = (stack.folder.root / "spans.jsonl").read_text("utf-8")
    assert TRACE in spans
    assert "CaucusService/WriteCaucusNote" in spans
    pages = [port for name, port in stack.ports.items() if name.endswith("_metrics")] + [stack.ports["gateway"]]
    async with httpx.AsyncClient(timeout=CALL) as client:
        for port in pages:
            assert not found_in((await client.get(f"http://127.0.0.1:{port}/metrics")).content, CANARIES)


async def denied(call_: Any, reason: str = "PERMISSION_DENIED") -> None:
    with pytest.raises(grpc.aio.AioRpcError, match=reason):
        await call_


@pytest.fixture
async def fresh(clients: Clients) -> tuple[str, Stubs]:
    """Return an opened case whose parties sign in as `anna` and `bert`."""
    opened = await clients.accept(await clients.file_report())
    await give_people(clients.stack, opened.name, subjects={1: "anna", 2: "bert"})
    return opened.name, Stubs(clients)


def notes_of(case: str, side: str) -> pb.ListCaucusNotesRequest:
    return pb.ListCaucusNotesRequest(parent=f"{case}/caucuses/{side}")


async def test_a_mediator_who_was_replaced_reads_no_more(clients: Clients, fresh: tuple[str, Stubs]) -> None:
    case, stubs = fresh
    await write(stubs, case, "applicant", "甲", "乙", 1, **clients.as_("citizen", COUNTY, "anna"))
    assert len((await stubs.caucus.ListCaucusNotes(notes_of(case, "applicant"), **clients.as_("mediator"))).notes) == 1
    query = "UPDATE mediation.mediations SET mediator = 'the-next' WHERE number = $1"
    await execute(clients.stack, query, case.split("/")[1])
    await denied(stubs.caucus.ListCaucusNotes(notes_of(case, "applicant"), **clients.as_("mediator")))
    found = await stubs.caucus.ListCaucusNotes(
        notes_of(case, "applicant"), **clients.as_("mediator", "11", sub="the-next")
    )
    # Nor does the next one, until the side hands its words over: `tests/test_sides.py`.
    assert (list(found.notes), found.withheld) == ([], 1)


async def test_a_side_sees_who_has_read_its_words(clients: Clients, fresh: tuple[str, Stubs]) -> None:
    case, stubs = fresh
    anna, bert = (clients.as_("citizen", COUNTY, sub) for sub in ("anna", "bert"))
    await write(stubs, case, "applicant", "甲", "乙", 1, **anna)
    await stubs.caucus.ListCaucusNotes(notes_of(case, "applicant"), **clients.as_("mediator"))
    await denied(stubs.caucus.ListCaucusNotes(notes_of(case, "applicant"), **bert))
    request = pb.ListCaucusReadsRequest(parent=f"{case}/caucuses/applicant")
    reads = await stubs.caucus.ListCaucusReads(request, **anna)
    assert [read.reader for read in reads.reads] == [MEDIATOR]
    await denied(stubs.caucus.ListCaucusReads(request, **bert))


async def test_only_the_mediator_of_record_binds_a_party_and_nobody_to_two_sides(
    clients: Clients, fresh: tuple[str, Stubs]
) -> None:
    case, stubs = fresh

    def bind(subject: str) -> pb.BindPartyRequest:
        return pb.BindPartyRequest(name=f"{case}/parties/2", subject=subject, request_id=request_id())

    await denied(stubs.caucus.BindParty(bind("mole"), **clients.as_("mediator", COUNTY, "another-mediator")))
    await denied(stubs.caucus.BindParty(bind("mole"), **clients.as_("unit_head")))
    await denied(stubs.caucus.BindParty(bind("anna"), **clients.as_("mediator")), "another side")
    await denied(stubs.caucus.BindParty(bind(MEDIATOR), **clients.as_("mediator")), "another side")
    assert (await stubs.caucus.BindParty(bind("cora"), **clients.as_("mediator"))).bound
    await denied(stubs.caucus.ListCaucusNotes(notes_of(case, "respondent"), **clients.as_("citizen", COUNTY, "bert")))
    cora = clients.as_("citizen", COUNTY, "cora")
    assert not (await stubs.caucus.ListCaucusNotes(notes_of(case, "respondent"), **cora)).notes


async def test_nothing_is_kept_of_a_mediation_that_ended(clients: Clients, fresh: tuple[str, Stubs]) -> None:
    case, stubs = fresh
    query = "UPDATE mediation.mediations SET state = 6, ended_at = now() WHERE number = $1"
    await execute(clients.stack, query, case.split("/")[1])
    await denied(write(stubs, case, "applicant", "甲", "乙", 1, **clients.as_("mediator")), "WRONG_STATE")


async def test_a_sheet_of_undisputed_facts_leaves_with_the_last_signature(
    clients: Clients, fresh: tuple[str, Stubs]
) -> None:
    case, stubs = fresh
    mediator, handler = clients.as_("mediator"), clients.as_("handler")
    anna, bert = (clients.as_("citizen", COUNTY, sub) for sub in ("anna", "bert"))
    draft = pb.DraftFactSheetRequest(parent=case, facts="双方均认可三月二日漏水", request_id=request_id())
    await denied(stubs.caucus.DraftFactSheet(draft, **clients.as_("mediator", COUNTY, "another-mediator")))
    sheet = await stubs.caucus.DraftFactSheet(draft, **mediator)
    assert (sheet.facts, sheet.released) == ("", False)
    get = pb.GetFactSheetRequest(name=sheet.name)

    def sign(party: str = "", manner: int = 4) -> pb.SignFactSheetRequest:
        name = f"{case}/parties/{party}" if party else ""
        return pb.SignFactSheetRequest(name=sheet.name, party=name, manner=manner, request_id=request_id())

    await denied(stubs.caucus.GetFactSheet(get, **handler), "NOT_RELEASED")
    assert (await stubs.caucus.GetFactSheet(get, **bert)).facts
    await denied(stubs.caucus.SignFactSheet(sign("2"), **anna))
    await denied(stubs.caucus.SignFactSheet(sign(manner=1), **anna), "electronically")
    await denied(stubs.caucus.SignFactSheet(sign("1"), **clients.as_("citizen", COUNTY, "nobody")))
    signed = await stubs.caucus.SignFactSheet(sign(), **anna)
    assert (len(signed.signatures), signed.released, signed.facts) == (1, False, "")
    await denied(stubs.caucus.SignFactSheet(sign(), **anna), "ALREADY_EXISTS")
    await denied(stubs.caucus.GetFactSheet(get, **handler), "NOT_RELEASED")
    signed = await stubs.caucus.SignFactSheet(sign("2", manner=3), **mediator)
    assert signed.released
    assert [(each.manner, each.by_mediator) for each in signed.signatures] == [(4, False), (3, True)]
    assert (await stubs.caucus.GetFactSheet(get, **handler)).facts == draft.facts
    request = feed_pb2.ListEventsRequest(service="mediation", case=case, page_size=200)
    events = (await clients.feeds["mediation"].ListEvents(request, **clients.as_("auditor"))).events
    read = [event for event in events if event.type == "ContentRead"]
    assert [(event.payload["subject"], event.actor) for event in read] == [(sheet.name, f"demo-handler-{COUNTY}")]
