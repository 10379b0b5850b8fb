"""Another master key: old rows stay readable, new ones are wrapped by it, and the old key goes when nothing uses it."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from accord.backups import rekeying
from accord.embedded.stack import Stack
from casework.erasure import SERVICES
from services.kit.storage.database import Database
from services.kit.storage.sealing import HeldKey, Sealer, SealError
from services.kit.storage.start_checks import WrongKeyError, check_key
from tests.conftest import Clients
from tests.runbooks import follow
from tests.scratch import Scratch
from tests.test_backups import accord, refusal
from tests.test_erasure import TEXT, content, explanation, told
from tests.test_faults import running


def test_a_new_key_wraps_and_the_old_one_opens_until_it_is_taken_out() -> None:
    first = HeldKey(os.urandom(32))
    old = first.wrap(b"data key", b"620102-2026-000001")
    both = HeldKey.from_text(first.followed_by(os.urandom(32)).text())
    assert both.unwrap(old, b"620102-2026-000001") == b"data key"
    assert first.opens() == both.opens()[1:]
    new = both.rewrapped(old, b"620102-2026-000001")
    assert new is not None
    assert both.rewrapped(new, b"620102-2026-000001") is None, "it is by the new key already"
    alone = HeldKey.from_text(both.alone().text())
    assert alone.unwrap(new, b"620102-2026-000001") == b"data key"
    for keys, wrapped in ((alone, old), (first, new)):
        with pytest.raises(SealError):
            keys.unwrap(wrapped, b"620102-2026-000001")
    third = HeldKey.from_text(alone.followed_by(os.urandom(32)).alone().text())
    assert {each.derive("receipt") for each in (first, both, alone, third)} == {first.derive("receipt")}, "indexes stay"


@pytest.mark.parametrize("text", ["", "AAAA", "{}\nnew {}", "{}\nold AAAA", "{}\nindex", "{}\n{}"])
def test_a_file_of_keys_that_is_none_is_refused(text: str) -> None:
    key = HeldKey(os.urandom(32)).text().strip()
    with pytest.raises(SealError, match="must be 32 bytes"):
        HeldKey.from_text(text.replace("{}", key))


async def restarted(stack: Stack) -> None:
    """Have the three services read their keys again."""
    for service in SERVICES:
        pid = stack.kill(service, signal.SIGTERM)
        await asyncio.to_thread(stack.await_restart, service, pid)


async def readable(clients: Clients, *cases: str) -> None:
    """Check that what was told of these cases is read, at intake and at supervision."""
    for case in cases:
        assert (await content(clients, case)).text == TEXT
        assert (await explanation(clients, case)).explanation


async def test_the_key_is_changed_while_everything_runs(tmp_path: Path) -> None:
    async with running(tmp_path) as (stack, clients):
        at, first = ("--state", str(tmp_path)), rekeying.held(stack.keys.master)
        old = await told(clients)
        await begun(stack, at, first)
        await restarted(stack)
        new = await told(clients)
        await readable(clients, old, new)
        before = await accord("rekey", "status", *at)
        assert before.exit_code == 1
        assert "intake       2 of 4 by" in before.output
        assert "run first" in await refusal("rekey", "retire", *at)
        for _ in range(2):  # it may be repeated
            done = await accord("rekey", "run", *at)
            assert done.exit_code == 0, done.output
            assert "intake       4 of 4 by" in done.output
        await follow("Change the master key", 1, STATE=tmp_path)
        assert rekeying.held(stack.keys.master).retired() == []
        await restarted(stack)
        await readable(clients, old, new)
        connection = await Scratch.main(stack).connect()
        try:
            for service in SERVICES:
                count = await rekeying.walk(connection, service, first, wrap=False)
                assert (count.new, count.old) == (0, 0), "the old key opens nothing any more"
                assert count.lost
        finally:
            await connection.close()
        (kept,) = stack.keys.folder.glob("master.key.retired-*")
        assert first.opens()[0] in kept.name
        assert kept.stat().st_mode & 0o777 == 0o600
        assert rekeying.held(kept).opens()[1] == first.opens()[0], "it opens a backup from before"


async def begun(stack: Stack, at: tuple[str, ...], first: HeldKey) -> None:
    """Begin a change; from then on a service that has the old key alone does not start."""
    await follow("Change the master key", 0, STATE=stack.folder.root)
    assert "has an old key already" in await refusal("rekey", "begin", *at)
    database = Database(Scratch.main(stack).role("mediation"), 1)
    try:
        await check_key(database, "mediation", Sealer.from_file(stack.keys.master))
        with pytest.raises(WrongKeyError, match="that key is not here"):
            await check_key(database, "mediation", Sealer(first))
    finally:
        await database.close()
