"""A consumer reads a part of its feed again: shown first, then done, and nothing that was lost stays lost."""

from __future__ import annotations

import asyncio

from accord.embedded.stack import Stack
from casework.names import number_of
from tests.conftest import Clients
from tests.patience import PATIENCE
from tests.runbooks import follow
from tests.scratch import Scratch
from tests.test_backups import accord, refusal

STANDING = "SELECT unit FROM escalation.case_standings WHERE number = $1"
POSITION = "SELECT position FROM mediation.consumers WHERE name = 'standings'"


async def test_a_consumer_reads_again_what_is_shown_before(stack: Stack, clients: Clients) -> None:
    number = number_of((await clients.accept(await clients.file_report())).name)
    at = ("--state", str(stack.folder.root))
    listed = await accord("consumers", "list", *at)
    assert listed.exit_code == 0, (listed.output, listed.exception)
    assert "mediation    standings" in listed.output
    for words, told in (
        (("nobody", "--feed", "mediation", "--from", "0"), "no consumer 'nobody'"),
        (("standings", "--feed", "gateway", "--from", "0"), "there is no feed 'gateway'"),
        (("standings", "--feed", "mediation", "--from", "999999999"), "would leave out"),
    ):
        assert told in await refusal("consumers", "replay", *words, *at)
    connection = await Scratch.main(stack).connect()
    try:
        before = await connection.fetchval(POSITION)
        await connection.execute("DELETE FROM escalation.case_standings WHERE number = $1", number)
        words = ("consumers", "replay", "standings", "--feed", "mediation", "--from", "0", *at)
        shown = await accord(*words)
        assert shown.exit_code == 0, (shown.output, shown.exception)
        assert "CaseOpened" in shown.output
        assert await connection.fetchval(POSITION) >= before, "it was shown, not done"
        assert await connection.fetchval(STANDING, number) is None

        done = await follow("Replay a consumer", STATE=stack.folder.root)
        assert "standings goes on after 0" in done
        async with asyncio.timeout(PATIENCE):
            while await connection.fetchval(STANDING, number) is None or await connection.fetchval(POSITION) < before:
                await asyncio.sleep(0.1)
        await asyncio.to_thread(stack.await_ready, "relay")
    finally:
        await connection.close()
