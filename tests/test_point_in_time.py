"""Back to a moment with PostgreSQL's own tools: what was before it is there, what came after it is not."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from pb.intake.v1 import intake_pb2

from accord.embedded.engines.postgres import EmbeddedPostgres
from accord.embedded.folder import StateFolder
from casework.erasure import SERVICES
from services.kit.storage.verification import verify
from tests.case_people import refused
from tests.conftest import Clients
from tests.patience import PATIENCE
from tests.runbooks import follow
from tests.scratch import Scratch
from tests.test_faults import running


def initialised(state: Path) -> None:
    """Make the data directory of a stack that has not started yet, as its first start does."""
    folder = StateFolder.at(state)
    folder.create()
    from accord.embedded.secret import ADMIN, database_passwords

    EmbeddedPostgres(folder, 1, database_passwords(folder)[ADMIN]).prepare()


async def test_a_stack_goes_back_to_a_moment(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    places = {"STATE": old, "NEW": new, "ARCHIVE": tmp_path / "archive", "BASE": tmp_path / "base"}
    initialised(old)
    places["ARCHIVE"].mkdir()
    owner = (old / "postgres").stat()
    shutil.chown(places["ARCHIVE"], owner.st_uid, owner.st_gid)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/") and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o001)
    await follow("A point in time", 0, **places)

    async with running(old) as (stack, clients):
        before = (await clients.file_report("那一刻之前的事。")).name
        await follow("A point in time", 1, URL=stack.database_url, **places)
        between = (await clients.accept(await clients.file_report("那一刻之前受理的事。"))).name
        moment = await now(clients)
        after = (await clients.file_report("那一刻之后的事。")).name
        await archived(clients, places["ARCHIVE"])
    await follow("A point in time", 2, MOMENT=moment, **places)

    async with running(new) as (stack, clients):
        for name in (before, between.replace("cases/", "reports/")):
            request = intake_pb2.GetReportContentRequest(name=f"{name}/content")
            assert (await clients.intake.GetReportContent(request, **clients.as_("duty_officer"))).text.startswith(
                "那一刻之前"
            )
        assert (await clients.case(between)).name == between
        missing = intake_pb2.GetReportRequest(name=after)
        await refused(clients.intake.GetReport(missing, **clients.as_("duty_officer")), "NOT_FOUND")
        for service in SERVICES:
            assert (await verify(stack.database_url, service)).broken == ""
        again = await clients.file_report("恢复之后的事。")
        assert (await clients.accept(again)).unit, "work goes on, on a new time line"


async def now(clients: Clients) -> str:
    """Return the moment, and let it pass."""
    connection = await Scratch.main(clients.stack).connect()
    try:
        moment = str(await connection.fetchval("SELECT clock_timestamp()::text"))
        while not await connection.fetchval(
            "SELECT clock_timestamp() > $1::text::timestamptz + interval '10 ms'", moment
        ):
            pass
        return moment
    finally:
        await connection.close()


async def archived(clients: Clients, archive: Path) -> None:
    """Wait until the log up to now is in the archive."""
    connection = await Scratch.main(clients.stack).connect()
    try:
        last = await connection.fetchval("SELECT pg_walfile_name(pg_switch_wal())")
        async with asyncio.timeout(PATIENCE):
            while not (archive / last).exists():
                await asyncio.sleep(0.1)
    finally:
        await connection.close()
