"""Upgrade and roll back: a program refuses a database it cannot serve, in one line that names both revisions."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from accord.embedded.stack import Stack, StackError
from services.kit.storage.database import Database
from services.kit.storage.migration import (
    SERVICES,
    MigrationError,
    Revision,
    known_revisions,
    migrate,
    misfit,
    revisions,
    works_since,
)
from services.kit.storage.sealing import Sealer
from services.kit.storage.start_checks import WrongSchemaError, await_right_key, check_schema
from tests.scratch import Scratch, dropped, execute, migrated


def chain(*flags: str) -> list[Revision]:
    """Return migrations 1, 2, …: `o` works with the program before it, `w` is not needed by this program."""
    return [Revision(str(at), "o" in each, "w" in each) for at, each in enumerate(flags, 1)]


@pytest.mark.parametrize(
    ("flags", "since"), [(["", "", ""], "3"), (["", "", "o"], "2"), (["", "o", "o"], "1"), (["o", "", "o"], "2")]
)
def test_a_schema_names_the_oldest_program_that_works_on_it(flags: list[str], since: str) -> None:
    assert works_since("intake", chain(*flags)) == since


@pytest.mark.parametrize(
    ("flags", "there", "since", "told"),
    [
        (["", ""], "2", "", ""),
        (["", ""], "1", "", "at revision 1, and this program needs 2: run `accord migrate`"),
        (["", "w"], "1", "", ""),
        (["", "w", ""], "1", "", "needs 3"),
        (["", ""], "3", "", "at revision 3, and this program knows"),
        (["", ""], "3", "programs since 3", "at revision 3"),
        (["", ""], "3", "programs since 2", ""),
        (["", ""], "3", "programs since 1", ""),
    ],
)
def test_a_program_serves_what_it_knows_and_what_says_so(flags: list[str], there: str, since: str, told: str) -> None:
    why = misfit("intake", there, since, chain(*flags))
    assert told in why
    assert bool(told) == bool(why)
    assert "\n" not in why


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_are_one_line_and_each_knows_the_one_before(service: str) -> None:
    assert revisions(service) == sorted(revisions(service))
    assert known_revisions(service)[-1].name == works_since(service) or known_revisions(service)[-1].older_program_works


async def test_an_older_program_refuses_a_newer_database_in_one_line(stack: Stack) -> None:
    scratch, own = await migrated(stack, "newer"), revisions("mediation")[-1]
    database = Database(scratch.role("mediation"), 1)
    try:
        await check_schema(database, "mediation")
        await ahead(scratch, "mediation")
        told = f"mediation's database is at revision 9999, and this program knows {own}: "
        with pytest.raises(WrongSchemaError, match=re.escape(told)):
            await check_schema(database, "mediation")
        with pytest.raises(SystemExit, match=r"^ACCORD_DATABASE_URL: mediation's database .*\Z"):
            await await_right_key(database, "mediation", Sealer.from_file(stack.keys.master))
        with pytest.raises(MigrationError, match=re.escape(told)):
            await asyncio.to_thread(migrate, scratch.url, {})
        # The newer program says that this one still works: it serves, and leaves the schema as it is.
        await execute(scratch, f"COMMENT ON TABLE mediation.alembic_version IS 'programs since {own}'")
        await check_schema(database, "mediation")
        await asyncio.to_thread(migrate, scratch.url, {})
        assert await version(scratch) == "9999"
    finally:
        await database.close()
        await dropped(scratch)


async def test_a_newer_program_refuses_an_older_database_in_one_line(stack: Stack) -> None:
    scratch, own = await migrated(stack, "older"), revisions("mediation")[-1]
    database = Database(scratch.role("mediation"), 1)
    try:
        await execute(scratch, "UPDATE mediation.alembic_version SET version_num = '0001'")
        with pytest.raises(
            WrongSchemaError, match=rf"revision 0001, and this program needs {own}: run `accord migrate`"
        ):
            await check_schema(database, "mediation")
    finally:
        await database.close()
        await dropped(scratch)


async def ahead(scratch: Scratch, service: str) -> None:
    """Leave a service's schema as a newer program would, with which no older one works."""
    await execute(
        scratch,
        f"UPDATE {service}.alembic_version SET version_num = '9999'",
        f"COMMENT ON TABLE {service}.alembic_version IS 'programs since 9999'",
    )


async def version(scratch: Scratch) -> str:
    """Return the revision of mediation's schema."""
    connection = await scratch.connect()
    try:
        return str(await connection.fetchval("SELECT version_num FROM mediation.alembic_version"))
    finally:
        await connection.close()


async def test_a_stack_of_an_older_version_does_not_start(tmp_path: Path) -> None:
    def by_a_newer_one(url: str, passwords: object) -> None:
        migrate(url, {})
        asyncio.run(ahead(Scratch(url, {}), "intake"))

    with Stack(tmp_path, 0, roster=lambda _: [], migrate=by_a_newer_one):
        pass
    with pytest.raises(StackError, match=r"^intake's database is at revision 9999, and this program knows \d{4}: .*\Z"):
        await asyncio.to_thread(Stack(tmp_path, 0).start)
