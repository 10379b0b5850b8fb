"""Verification: a sound history is sound; whatever was changed in it, the first broken link is named."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pb.intake.v1 import intake_pb2, report_pb2

from accord.embedded.stack import Stack
from casework.chain import GENESIS, canonical, chain_hash, content_hash
from services.kit.storage.verification import HEADS, verify
from tests.conftest import Clients, request_id
from tests.patience import PATIENCE
from tests.scratch import Scratch, dropped, fill, migrated


@dataclass(frozen=True)
class History:
    """A copy of intake's history, and the number of a case in it with three events."""

    scratch: Scratch
    number: str


@pytest.fixture(scope="module")
async def empty(stack: Stack) -> AsyncIterator[Scratch]:
    """Return a database to copy a history into."""
    made = await migrated(stack, "verify_test")
    yield made
    await dropped(made)


@pytest.fixture(scope="module")
async def number(clients: Clients) -> str:
    """Return the number of a report that was checked and then declined."""
    report = await clients.file_report()
    await clients.intake.VerifyReport(
        intake_pb2.VerifyReportRequest(name=report.name, founded=False, request_id=request_id()),
        **clients.as_("clerk", "62"),
    )
    decline = intake_pb2.DeclineReportRequest(
        name=report.name, reason="not-so", route=report_pb2.ROUTE_COURT, request_id=request_id()
    )
    await clients.intake.DeclineReport(decline, **clients.as_("duty_officer", "62"))
    await clients.file_report()  # something follows it in the feed
    return report.name.removeprefix("reports/")


@pytest.fixture
async def history(stack: Stack, empty: Scratch, number: str) -> History:
    """Return a fresh copy of what happened in this session so far."""
    await _sealed(Scratch.main(stack))
    await fill(empty, Scratch.main(stack), "intake")
    return History(empty, number)


async def _sealed(main: Scratch) -> None:
    """Wait until every event has its place in the feed."""
    connection = await main.connect()
    query = "SELECT (SELECT count(*) FROM intake.events) = (SELECT position FROM intake.feed_head)"
    try:
        async with asyncio.timeout(PATIENCE):
            while not await connection.fetchval(query):
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


def accord_verify(**environment: str) -> tuple[int, str]:
    """Return exit code and output of `accord verify --json` as an operator calls it."""
    command = [sys.executable, "-m", "accord.cli", "verify", "--json"]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout


async def test_the_history_of_a_running_stack_is_sound(stack: Stack, clients: Clients) -> None:
    await clients.finish((await clients.accept(await clients.file_report())).name)
    code, output = await asyncio.to_thread(accord_verify, ACCORD_STATE=str(stack.folder.root))
    verdicts = {verdict["service"]: verdict for verdict in map(json.loads, output.splitlines())}
    assert code == 0, output
    assert set(verdicts) == set(HEADS)
    assert all(not verdict["broken"] for verdict in verdicts.values())
    assert verdicts["intake"]["events"] > 0 < verdicts["mediation"]["seals"]


async def test_a_copy_of_a_sound_history_is_sound(history: History) -> None:
    verdict = await verify(history.scratch.role("intake"), "intake")
    assert not verdict.broken
    assert verdict.cases >= 2
    assert verdict.events > 3


SECOND = "WHERE number = $1 AND seq = 2"
PLACE = "(SELECT position FROM feed JOIN events ON id = event_id WHERE number = $1 AND seq = 2)"
COVERING = f"(SELECT min(last_position) FROM seals WHERE last_position >= {PLACE})"
TAMPERED = {
    "a payload changed": (
        [f"""UPDATE events SET payload = jsonb_set(payload, '{{state}}', '"VERIFIED"') {SECOND}"""],
        "cases/{number} event 2 (ReportVerified): what it says was changed",
    ),
    "an actor exchanged": (
        [f"UPDATE events SET actor = 'somebody-else' {SECOND}"],
        "cases/{number} event 2 (ReportVerified): what it says was changed",
    ),
    "an event given to another unit": (
        [f"UPDATE events SET unit = '110101' {SECOND}"],
        "cases/{number} event 2 (ReportVerified): what it says was changed",
    ),
    "an event dated back": (
        [f"UPDATE events SET occurred_at = occurred_at - interval '1 day' {SECOND}"],
        "cases/{number} event 2 (ReportVerified): what it says was changed",
    ),
    "an event removed in the middle": (
        [f"DELETE FROM events {SECOND}"],
        "cases/{number} event 3 (ReportDeclined): event 2 is missing before it",
    ),
    "the last event removed": (
        ["DELETE FROM events WHERE number = $1 AND seq = 3"],
        "cases/{number}: the chain ends at event 2, its head says otherwise",
    ),
    "all events of a case removed": (
        ["DELETE FROM events WHERE number = $1"],
        "cases/{number}: all 3 events are gone",
    ),
    "a case removed with its report": (
        ["DELETE FROM events WHERE number = $1", "DELETE FROM reports WHERE number = $1"],
        "feed position {first}: missing",
    ),
    "two events swapped": (
        [
            "UPDATE events SET seq = -seq WHERE number = $1 AND seq IN (2, 3)",
            "UPDATE events SET seq = 5 + seq WHERE number = $1 AND seq IN (-2, -3)",
        ],
        "cases/{number} event 2 (ReportDeclined): its hash does not follow from the event before it",
    ),
    "a hash rewritten": (
        [f"UPDATE events SET hash = sha256(hash) {SECOND}"],
        "cases/{number} event 2 (ReportVerified): its hash does not follow from the event before it",
    ),
    "an event added": (
        [
            """INSERT INTO events (number, seq, kind, occurred_at, actor, unit, payload, content, hash, wakes)
            SELECT number, 4, kind, occurred_at, actor, unit, payload, content, hash, wakes FROM events
            WHERE number = $1 AND seq = 3"""
        ],
        "cases/{number} event 4 (ReportDeclined): its hash does not follow from the event before it",
    ),
    "a seal changed": (
        [f"UPDATE seals SET hash = sha256(hash) WHERE last_position = {COVERING}"],
        "seal at feed position {seal}: does not match the events it covers",
    ),
    "the last seal removed": (
        ["DELETE FROM seals WHERE last_position = (SELECT max(last_position) FROM seals) AND $1 <> ''"],
        "the feed ends at position {before_last}, its head says {last}",
    ),
    "a feed position removed": ([f"DELETE FROM feed WHERE position = {PLACE}"], "feed position {place}: missing"),
    "two feed positions swapped": (
        [
            f"UPDATE feed SET position = -position WHERE position IN ({PLACE}, {PLACE} + 1)",
            "UPDATE feed SET position = (SELECT -sum(position) FROM feed WHERE position < 0) + position "
            "WHERE position < 0 AND $1 <> ''",
        ],
        "seal at feed position {seal}: does not match the events it covers",
    ),
}


@pytest.mark.parametrize("tampering", TAMPERED)
async def test_the_first_broken_link_is_named(history: History, tampering: str) -> None:
    statements, expected = TAMPERED[tampering]
    names = await _tamper(history, statements)
    verdict = await verify(history.scratch.url, "intake")
    assert verdict.broken == expected.format(number=history.number, **names)


async def test_a_chain_forged_anew_from_end_to_end_does_not_match_its_seal(history: History) -> None:
    """Whoever rewrites a case with all its hashes and its head would have to rewrite every seal since as well."""
    names = await _tamper(history, [])
    connection = await history.scratch.connect()
    await connection.execute("SET session_replication_role = replica; SET search_path = intake")
    await _forge(connection, history.number)
    await connection.close()

    code, output = await asyncio.to_thread(accord_verify, ACCORD_DATABASE_URL=history.scratch.url)
    broken = [verdict["broken"] for verdict in map(json.loads, output.splitlines()) if verdict["broken"]]
    assert code == 1
    assert broken == ["seal at feed position {first_seal}: does not match the events it covers".format(**names)]


async def _tamper(history: History, statements: Sequence[str]) -> dict[str, int]:
    """Change the copy as somebody could who has the whole server; return the positions the messages speak of."""
    connection = await history.scratch.connect()
    try:
        await connection.execute("SET session_replication_role = replica; SET search_path = intake")
        row = await connection.fetchrow(
            f"""SELECT min(position) AS first, {PLACE} AS place, {COVERING} AS seal,
                (SELECT min(last_position) FROM seals WHERE last_position >= min(position)) AS first_seal,
                (SELECT max(last_position) FROM seals) AS last,
                (SELECT max(last_position - count) FROM seals) AS before_last
            FROM feed JOIN events ON id = event_id WHERE number = $1""",
            history.number,
        )
        for statement in statements:
            done = await connection.execute(statement, history.number)
            assert not done.endswith(" 0"), f"nothing was changed by {statement}"
        return dict(row)
    finally:
        await connection.close()


async def _forge(connection: asyncpg.Connection, number: str) -> None:
    """Make another person the one who declined, and everything in the case that depends on it fit."""
    before = GENESIS
    for row in await connection.fetch("SELECT * FROM events WHERE number = $1 ORDER BY seq", number):
        content = content_hash(
            number, row["kind"], row["unit"], row["occurred_at"], "forged", json.loads(row["payload"])
        )
        before = chain_hash(before, row["seq"], content)
        await connection.execute(
            "UPDATE events SET actor = 'forged', content = $2, hash = $3 WHERE id = $1", row["id"], content, before
        )
    await connection.execute("UPDATE reports SET head = $2 WHERE number = $1", number, before)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=20,
)


@given(_JSON)
def test_what_is_hashed_is_what_any_encoder_of_json_writes(value: object) -> None:
    expected = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert canonical(value) == expected.encode()
