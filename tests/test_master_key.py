"""The master key: a service serves no database that another key sealed, and nobody makes a new key for it."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
from pathlib import Path

import pytest
from pb.intake.v1 import intake_pb2

from accord.embedded.stack import Stack, StackError
from services.kit.storage.database import Database
from services.kit.storage.sealing import HeldKey, Sealer
from services.kit.storage.start_checks import WrongKeyError, await_right_key, check_key
from tests.conftest import Clients
from tests.scratch import Scratch, dropped, execute, fill, migrated
from tests.test_faults import running


def a_key() -> Sealer:
    """Return a sealer under a key of its own."""
    return Sealer(HeldKey(os.urandom(32)))


@pytest.mark.fault("E1")
async def test_a_database_keeps_to_the_first_key_it_was_served_with(stack: Stack) -> None:
    scratch = await migrated(stack, "keys_first")
    right, wrong = a_key(), a_key()
    try:
        for service in ("intake", "mediation", "escalation"):
            database = Database(scratch.role(service), 1)
            await check_key(database, service, right)
            await check_key(database, service, right)
            with pytest.raises(WrongKeyError, match=right.fingerprint()):
                await check_key(database, service, wrong)
            with pytest.raises(SystemExit, match="ACCORD_MASTER_KEY"):
                await await_right_key(database, service, wrong)
            await database.close()
    finally:
        await dropped(scratch)


@pytest.mark.fault("E1")
async def test_a_database_older_than_the_fingerprint_is_asked_to_open_what_it_has(
    stack: Stack, clients: Clients
) -> None:
    await clients.file_report()
    main, scratch = Scratch.main(stack), await migrated(stack, "keys_older")
    database = Database(scratch.role("intake"), 1)
    try:
        await fill(scratch, main, "intake")
        await execute(scratch, "DELETE FROM intake.master_key")
        with pytest.raises(WrongKeyError):
            await check_key(database, "intake", a_key())
        await check_key(database, "intake", Sealer.from_file(stack.keys.master))
    finally:
        await database.close()
        await dropped(scratch)


@pytest.mark.fault("E1")
async def test_a_stack_starts_neither_with_another_key_nor_without_the_one_it_had(tmp_path: Path) -> None:
    async with running(tmp_path) as (stack, clients):
        name = (await clients.file_report("门口的井盖没了")).name
    kept = tmp_path / "kept.key"
    shutil.copy(stack.keys.master, kept)

    stack.keys.master.write_text(base64.b64encode(os.urandom(32)).decode())
    with pytest.raises(StackError, match="ACCORD_MASTER_KEY_FILE"):
        await asyncio.to_thread(Stack(tmp_path, 0).start)

    stack.keys.master.unlink()
    with pytest.raises(StackError, match=r"master\.key is missing, and the database was sealed with it"):
        await asyncio.to_thread(Stack(tmp_path, 0).start)
    assert not stack.keys.master.exists()

    shutil.copy(kept, stack.keys.master)
    async with running(tmp_path) as (_, clients):
        request = intake_pb2.GetReportContentRequest(name=f"{name}/content")
        content = await clients.intake.GetReportContent(request, **clients.as_("clerk", "62"))
        assert content.text == "门口的井盖没了"
