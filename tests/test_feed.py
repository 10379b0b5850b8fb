"""The feed: positions in commit order without gaps, durable consumers, history nobody can change."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from pb.feed.v1 import feed_pb2

from accord.embedded.stack import Stack
from services.kit.catalogue import Catalogue
from services.kit.storage import feed_store
from services.kit.storage.database import Connection, Database, text
from services.kit.storage.events import EventLog, FeedSealer, NewEvent
from services.kit.storage.feed import FeedPulse, Said
from services.kit.storage.migration import SERVICES
from tests.conftest import Clients
from tests.patience import PATIENCE
from tests.scratch import Scratch, dropped, execute, migrated

LOG = EventLog("escalation", "files")


class RolledBackError(Exception):
    """Ends a transaction that must leave nothing behind."""


@pytest.fixture(scope="module")
async def scratch(stack: Stack) -> AsyncIterator[Scratch]:
    """Return a database with the real tables, in which nobody but this test writes."""
    made = await migrated(stack, "feed_test")
    yield made
    await dropped(made)


@pytest.fixture
async def database(scratch: Scratch) -> AsyncIterator[Database]:
    """Return a pool of escalation's role, large enough for transactions that stay open."""
    found = Database(scratch.role("escalation"), 60)
    yield found
    await found.close()


@pytest.fixture(autouse=True)
def _types_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let events be called here as the stories want: this is about the feed."""
    monkeypatch.setattr("services.kit.storage.events.catalogue", lambda service: Catalogue(service, strict=False))


async def append(connection: Connection, case: int, kind: str = "MinutesWritten") -> None:
    """Append an event to a case, as a service does."""
    number = f"620102-2026-{case:06d}"
    await connection.execute(text("INSERT INTO files (number) VALUES (:n) ON CONFLICT DO NOTHING"), {"n": number})
    await LOG.append(connection, [NewEvent(number, kind, "620102")], at=datetime.now(UTC), actor="test", trace="")


async def places(database: Database) -> list[tuple[int, str, str]]:
    """Return position, case and kind of everything in the feed, in its order."""
    query = """SELECT feed.position, events.number, events.kind FROM feed JOIN events ON events.id = feed.event_id
        ORDER BY feed.position"""
    async with database.begin() as connection:
        return [(row.position, row.number, row.kind) for row in (await connection.execute(text(query))).all()]


@asynccontextmanager
async def held_open(database: Database, case: int, kind: str) -> AsyncIterator[None]:
    """Hold a transaction that has appended an event; it commits when the context ends."""
    async with database.begin() as connection:
        await append(connection, case, kind)
        yield


async def test_positions_follow_commit_order_however_long_a_transaction_stays_open(database: Database) -> None:
    sealer, order = FeedSealer(database), random.Random(7).sample(range(12), 12)
    transactions = [held_open(database, 1000 + index, f"Slow{index}") for index in range(12)]
    for transaction in transactions:
        await transaction.__aenter__()  # written in this order, and with ids in this order

    committed = []
    for index in order:
        await transactions[index].__aexit__(None, None, None)
        async with database.begin() as connection:
            await append(connection, 2000 + index, f"Quick{index}")
        committed += [f"Slow{index}", f"Quick{index}"]
        await sealer.seal()

    found = await places(database)
    assert [kind for _, _, kind in found] == committed
    assert [position for position, _, _ in found] == list(range(1, len(committed) + 1))


async def test_no_event_is_skipped_and_no_position_left_out_by_writers_and_sealers_at_once(database: Database) -> None:
    before, expected, done = len(await places(database)), set(), asyncio.Event()

    async def write(case: int) -> None:
        chance = random.Random(case)
        for turn in range(4):
            kind, fails = f"Turn{turn}", chance.random() < 0.25
            try:
                async with database.begin() as connection:
                    await append(connection, case, kind)
                    await asyncio.sleep(chance.choice((0, 0, 0.02, 0.2)))
                    if fails:
                        raise RolledBackError
            except RolledBackError:
                continue
            expected.add((f"620102-2026-{case:06d}", kind))

    async def seal() -> None:
        sealer = FeedSealer(database)
        while not done.is_set():
            await sealer.seal()
            await asyncio.sleep(0.002)

    async def consume() -> list[tuple[str, str]]:
        """Read on from the last position, as a consumer does, and never look back."""
        seen, position = [], before
        while True:
            last_look = done.is_set()
            new = [place for place in await places(database) if place[0] > position]
            seen += [(number, kind) for _, number, kind in new]
            position = new[-1][0] if new else position
            if last_look:
                return seen
            await asyncio.sleep(0.005)

    sealing = [asyncio.create_task(seal()) for _ in range(4)]
    consuming = asyncio.create_task(consume())
    try:
        await asyncio.gather(*(write(3000 + index) for index in range(40)))
        while len(await places(database)) < before + len(expected):
            await asyncio.sleep(0.002)
    finally:
        done.set()
        await asyncio.gather(*sealing)

    seen = await consuming
    assert len(seen) == len(set(seen)), "an event was handed out twice"
    assert set(seen) == expected, "an event got a position behind the consumer's back, or none"
    assert [position for position, _, _ in await places(database)] == list(range(1, before + len(seen) + 1))


async def test_a_feed_restored_into_another_cluster_goes_on_where_it_ended(
    scratch: Scratch, database: Database
) -> None:
    async with database.begin() as connection:
        await append(connection, 5000, "BeforeTheDump")
    await FeedSealer(database).seal()
    before = await places(database)
    async with database.begin() as connection:
        await append(connection, 5001, "AbsenceEnded")
    # What another cluster's dump brings: its transaction numbers, far beyond those of this one, and its name.
    await execute(
        scratch,
        "SET session_replication_role = replica",
        "UPDATE escalation.events SET xid = '900000000'::xid8",
        "UPDATE escalation.feed_head SET cluster = 'another', snapshot = '900000100:900000100:'",
    )
    sealer = FeedSealer(database)
    async with held_open(database, 5002, "MeetingClosed"):
        await sealer.seal()
    async with database.begin() as connection:
        await append(connection, 5003, "HandoverCancelled")
    await sealer.seal()
    await FeedSealer(database).seal()

    found = await places(database)
    assert found[: len(before)] == before
    assert [kind for _, _, kind in found[len(before) :]] == ["AbsenceEnded", "MeetingClosed", "HandoverCancelled"]


async def test_the_newest_events_are_held_once_for_all_who_follow_the_feed(database: Database) -> None:
    sealer, end = FeedSealer(database), len(await places(database))
    tail, draw = feed_store.Tail(database, lambda: end, size=6), random.Random(11)

    async def holds() -> None:
        for position in range(max(end - 9, 0), end + 1):
            held = await tail.since(position)
            async with database.read() as connection:
                there = await feed_store.stretch(connection, "%", position, end)
            if len(there) > 6:
                assert held is None
            else:
                assert held == (there, end)

    for turn in range(12):
        async with database.begin() as connection:
            for case in range(draw.choice((1, 2, 9))):
                await append(connection, 7000 + case, f"Held{turn}")
        await sealer.seal()
        end = len(await places(database))
        await asyncio.gather(*(holds() for _ in range(3)))
    end -= 4  # a restored feed ends earlier
    await holds()


def test_where_nothing_is_for_a_watch_it_is_told_the_position_now_and_then() -> None:
    said = Said(4, patient=True)
    assert not said.is_due(4)
    assert said.within(4) is None
    assert said.is_due(5), "the first time at once"
    said.say(5)
    assert not said.is_due(6)
    assert 0 < (said.within(6) or 0) <= 2
    assert 0 < said.pause(10) <= 10
    assert said.pause(0) == 0
    assert Said(4, patient=False).is_due(5)


async def test_a_watch_of_some_types_has_no_others_and_learns_how_far_the_feed_is(clients: Clients) -> None:
    filed = await clients.file_report()
    accepted = await clients.accept(filed)
    feed, service = clients.feeds["intake"], clients.as_service()
    request = feed_pb2.WatchEventsRequest(service="intake", types=["ReportAccepted"], until_caught_up=True)
    everything = feed_pb2.WatchEventsRequest(service="intake", until_caught_up=True)
    async with asyncio.timeout(PATIENCE):
        while True:
            told = [batch async for batch in feed.WatchEvents(request, **service)]
            if accepted.name in {event.case for batch in told for event in batch.events}:
                break
            await asyncio.sleep(0.05)
    assert {event.type for batch in told for event in batch.events} == {"ReportAccepted"}
    whole = [event async for batch in feed.WatchEvents(everything, **service) for event in batch.events]
    theirs = {event.position for event in whole if event.type == "ReportAccepted"}
    assert {event.position for batch in told for event in batch.events} <= theirs
    request = feed_pb2.WatchEventsRequest(service="intake", types=["PhotoAdded"], after_position=told[-1].position - 1)
    async with asyncio.timeout(PATIENCE):
        async for batch in feed.WatchEvents(request, **service):
            assert not batch.events
            assert batch.position >= told[-1].position
            break


@pytest.mark.parametrize(("types", "names_only"), [(["ReportAccepted"], True), (["CaseOpened"], False)])
async def test_types_of_another_service_or_beside_names_are_refused_by_field(
    clients: Clients, types: list[str], *, names_only: bool
) -> None:
    request = feed_pb2.WatchEventsRequest(service="intake", types=types, names_only=names_only, until_caught_up=True)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await clients.feeds["intake"].WatchEvents(request, **clients.as_service()).read()
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = rpc_status.from_call(refused.value)
    fields = error_details_pb2.BadRequest()
    assert any(detail.Unpack(fields) for detail in status.details)
    assert fields.field_violations[0].field == "types"


async def test_a_durable_consumer_goes_on_where_it_acknowledged_and_never_backwards(clients: Clients) -> None:
    for _ in range(3):
        await clients.file_report()
    feed, service = clients.feeds["intake"], clients.as_service()

    async def read(after: int = 0) -> list[int]:
        request = feed_pb2.WatchEventsRequest(
            service="intake", consumer="feed-test", after_position=after, until_caught_up=True, batch_size=1
        )
        return [event.position async for batch in feed.WatchEvents(request, **service) for event in batch.events]

    async def acknowledge(position: int) -> int:
        request = feed_pb2.AcknowledgeEventsRequest(service="intake", consumer="feed-test", position=position)
        return int((await feed.AcknowledgeEvents(request, **service)).position)

    async with asyncio.timeout(PATIENCE):
        while len(everything := await read()) < 3:
            await asyncio.sleep(0.05)
    assert everything == list(range(1, len(everything) + 1))

    middle = everything[-2]
    assert await acknowledge(middle) == middle
    assert await acknowledge(1) == middle, "an acknowledgement that was overtaken changes nothing"
    assert (await read(after=1))[0] == middle + 1, "it is the acknowledged position that counts"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await acknowledge(everything[-1] + 1_000_000)
    assert refused.value.code() is grpc.StatusCode.OUT_OF_RANGE


async def test_who_leaves_in_the_middle_of_a_stream_leaves_no_fault_behind(clients: Clients) -> None:
    """A caller that goes away while something is being sent to it is no fault of the service."""
    await clients.file_report()
    log = clients.stack.folder.logs / "intake.log"
    before = log.stat().st_size
    request = feed_pb2.WatchEventsRequest(service="intake", batch_size=1)

    async def leave(after: int) -> None:
        watch = clients.feeds["intake"].WatchEvents(request, **clients.as_service())
        for _ in range(after):
            await watch.read()
        watch.cancel()

    for _ in range(10):
        await asyncio.gather(*(leave(after) for after in (0, 1, 2, 3)))
    await clients.file_report()
    assert b"Traceback" not in log.read_bytes()[before:]


async def test_a_service_that_restarts_knows_at_once_where_its_feed_ends(clients: Clients) -> None:
    """Right after a restart a consumer must not be told that it has caught up with an empty feed."""
    await clients.file_report()
    stack, feed = clients.stack, clients.feeds["intake"]
    await asyncio.to_thread(stack.await_restart, "intake", stack.kill("intake"))
    request = feed_pb2.GetConsumerRequest(service="intake", consumer="feed-test")
    found = await feed.GetConsumer(request, **clients.as_service(), wait_for_ready=True)
    assert found.head_position >= found.position > 0


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("table", ["events", "feed", "seals"])
async def test_history_is_never_changed_not_even_by_its_owner(scratch: Scratch, service: str, table: str) -> None:
    column = {"events": "kind = 'Other'", "feed": "position = position + 1", "seals": "count = 0"}[table]
    owner = await scratch.connect()
    try:
        for statement in (
            f"UPDATE {service}.{table} SET {column}",
            f"DELETE FROM {service}.{table}",
            f"TRUNCATE {service}.{table} CASCADE",
        ):
            with pytest.raises(asyncpg.PostgresError, match="history is never changed"):
                await owner.execute(statement)
    finally:
        await owner.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_has_no_right_on_anothers_tables_and_none_to_change_its_own_history(
    scratch: Scratch, service: str
) -> None:
    role = await scratch.connect(service)
    owner = await scratch.connect()
    try:
        tables = await owner.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY($1::text[])", list(SERVICES)
        )
        assert len(tables) > 20
        for schema, table in tables:
            denied = []
            if schema != service:
                denied = ["SELECT 1 FROM {}", "INSERT INTO {} DEFAULT VALUES", "DELETE FROM {}", "TRUNCATE {}"]
            elif table in ("events", "feed", "seals"):
                denied = ["UPDATE {} SET hash = hash", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}"]
                denied[0] = denied[0] if table != "feed" else "UPDATE {} SET position = position"
            for statement in denied:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await role.execute(statement.format(f"{schema}.{table}"))
        for schema in SERVICES:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await role.execute(f"CREATE TABLE {schema}.mine (one int)")
        assert await role.fetchval("SELECT count(*) FROM events") >= 0
    finally:
        await role.close()
        await owner.close()


@pytest.mark.fault("D5")
async def test_a_place_the_feed_does_not_have_is_refused_and_the_way_back_delivers_what_came(clients: Clients) -> None:
    feed, caller = clients.feeds["intake"], clients.as_service()
    await clients.file_report()
    head = await feed.GetConsumer(feed_pb2.GetConsumerRequest(service="intake", consumer="relay"), **caller)
    ahead = head.head_position + 1000
    for request in (
        feed_pb2.WatchEventsRequest(service="intake", after_position=ahead),
        feed_pb2.WatchEventsRequest(service="intake", after_position=ahead, until_caught_up=True),
        feed_pb2.WatchEventsRequest(service="intake", after_position=ahead, names_only=True),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await feed.WatchEvents(request, **caller).read()
        assert refused.value.code() is grpc.StatusCode.OUT_OF_RANGE
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await feed.AcknowledgeEvents(
            feed_pb2.AcknowledgeEventsRequest(service="intake", consumer="restored", position=ahead), **caller
        )
    assert refused.value.code() is grpc.StatusCode.OUT_OF_RANGE
    # The way back: behind the end that the refusal names.
    status = rpc_status.from_call(refused.value)
    info = error_details_pb2.ErrorInfo.FromString(status.details[0].value)
    assert info.reason == "BEYOND_THE_FEED"
    named = int(info.metadata["head_position"])
    assert head.head_position <= named < ahead
    report = await clients.file_report()
    request = feed_pb2.WatchEventsRequest(service="intake", after_position=named)
    async for batch in feed.WatchEvents(request, **caller):
        if any(event.case == report.case for event in batch.events):
            break


@pytest.mark.fault("D5")
async def test_a_consumer_that_knows_another_event_at_its_place_is_told_so(clients: Clients) -> None:
    feed, caller = clients.feeds["intake"], clients.as_service()
    await clients.file_report()
    request = feed_pb2.WatchEventsRequest(service="intake", until_caught_up=True)
    last = [event async for batch in feed.WatchEvents(request, **caller) for event in batch.events][-1]
    again = feed_pb2.WatchEventsRequest(
        service="intake", after_position=last.position, after_hash=last.hash, until_caught_up=True
    )
    await feed.WatchEvents(again, **caller).read()  # the end, or what came meanwhile: not refused
    again.after_hash = "ab" * 32
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await feed.WatchEvents(again, **caller).read()
    assert refused.value.code() is grpc.StatusCode.OUT_OF_RANGE


@pytest.mark.fault("D5")
async def test_who_watches_while_the_feed_is_restored_to_an_earlier_end_is_told_so() -> None:
    pulse = FeedPulse()
    await pulse.grow(9)
    waiting = asyncio.create_task(pulse.beyond(9))
    await asyncio.sleep(0)
    await pulse.grow(4)
    await asyncio.wait_for(waiting, 10)
    assert pulse.position == 4
