"""Backups: what is restored is what there was; what was erased since is erased again; every clock that ran, runs."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from pb.intake.v1 import intake_pb2
from temporalio.client import Client, WorkflowExecutionStatus
from typer.testing import CliRunner

from accord.backups import ledger
from accord.backups.making import Place, make
from accord.backups.manifest import DUMP, NAME, Manifest, check, sum_of
from accord.backups.tools import tool
from accord.cli import app
from accord.embedded.folder import StackError, StateFolder
from accord.embedded.pace import pace_settings
from casework.erasure import SERVICES
from services.kit.storage.erasures import ErasureList
from services.kit.storage.verification import verify
from tests.case_people import refused
from tests.conftest import Clients
from tests.erasing import erased, requested, until
from tests.patience import PATIENCE
from tests.runbooks import follow
from tests.scratch import Scratch
from tests.test_erasure import TEXT, content, explanation, stored, told
from tests.test_faults import running

DAYS_A_SECOND = 2 * 86_400.0
FIRED = """SELECT split_part(payload->>'clock', '/', 3) AS clock FROM {}.events
    WHERE kind LIKE 'Clock%' AND payload->>'rung' = 'overdue' AND number = $1"""


async def accord(*words: str, **environment: str) -> Result:
    """Run a command in a thread of its own: it runs an event loop where the test has one."""
    return await asyncio.to_thread(CliRunner().invoke, app, list(words), env=environment)


async def refusal(*words: str, **environment: str) -> str:
    """Return the one line with which a command refuses."""
    ran = await accord(*words, **environment)
    assert isinstance(ran.exception, StackError), (ran.output, ran.exception)
    assert "\n" not in str(ran.exception)
    return str(ran.exception)


def a_backup(folder: Path, **files: bytes) -> Manifest:
    """Write a backup of these files."""
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    sums = {name: sum_of(folder / name) for name in files}
    Manifest("2026-12-01T00:00:00+00:00", "0.1.0", 18, {}, {}, 0, 0, sums).write(folder)
    return check(folder)


@pytest.mark.parametrize(
    ("harm", "told_of"),
    [
        (lambda folder: (folder / "dump").write_bytes(b"daTa"), "dump was changed"),
        (lambda folder: (folder / "dump").unlink(), "dump is missing"),
        (lambda folder: (folder / "more").write_bytes(b""), "more does not belong to it"),
        (lambda folder: (folder / NAME).write_text((folder / NAME).read_text() + " "), "was changed after"),
        (lambda folder: (folder / NAME).unlink(), "is no backup"),
    ],
)
def test_a_byte_that_changed_is_found(tmp_path: Path, harm: Any, told_of: str) -> None:
    a_backup(tmp_path / "backup", dump=b"data")
    harm(tmp_path / "backup")
    with pytest.raises(StackError, match=told_of):
        check(tmp_path / "backup")


def test_a_program_of_postgresql_that_is_nowhere_is_named() -> None:
    assert tool("pg_dump").exists()
    with pytest.raises(StackError, match="pg_nothing is missing"):
        tool("pg_nothing")


def test_lists_of_erasures_are_joined_and_no_line_is_lost(tmp_path: Path) -> None:
    old, new = ["intake 1 2026-01-01", "intake 2 2026-02-02"], ["mediation 3 2026-01-15"]
    assert ledger.joined([old, new, old]) == [old[0], new[0], old[1]]
    path = tmp_path / "erasures"
    ledger.keep(path, old)
    with path.open("a") as file:
        file.write("mediation 4")  # cut short
    ledger.keep(path, new)
    assert ledger.lines_of(path) == [old[0], new[0], old[1]]
    assert path.stat().st_mode & 0o777 == 0o600


@dataclass(frozen=True)
class Past:
    """An installation that is gone, and what there was in it."""

    backup: Path
    keys: Path
    """Its keys, with the list of erasures as it was at the end."""
    waiting: str
    open: str
    closed: str
    gone: str
    later: str
    evidence: bytes


@pytest.fixture(scope="module")
async def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    """Return what is left of an installation: a backup that was made while it ran, and its keys."""
    folder = tmp_path_factory.mktemp("past")
    state, backup = folder / "old", folder / "backups" / "monday"
    async with running(state) as (stack, clients):
        waiting = (await clients.file_report(TEXT)).name
        opened = (await clients.accept(await clients.file_report(TEXT))).name
        closed, gone, before = await told(clients), await told(clients), await told(clients)
        for case in (before, gone):
            await requested(clients, case)
        await erased(clients, before)
        await until(clients, before, lambda found: found.complete)
        assert "is as it was made" in await follow("Back up", STATE=state, BACKUPS=backup.parent)
        await erased(clients, gone)
        await until(clients, gone, lambda found: found.complete)
        later = (await clients.file_report(TEXT)).name
        evidence = (await stored(clients, closed)).read_bytes()
        keys = Path(shutil.copytree(stack.keys.folder, folder / "keys"))
    return Past(backup, keys, waiting, opened, closed, gone, later, evidence)


def empty(past: Past, state: Path) -> Path:
    """Return a new state folder with the keys in it."""
    shutil.copytree(past.keys, state / "keys")
    return state


async def test_a_backup_has_no_key_and_says_what_is_in_it(past: Past) -> None:
    said = await accord("backup", "verify", str(past.backup))
    assert said.exit_code == 0, said.output
    assert "2 files of evidence" in said.output
    manifest = check(past.backup)
    assert set(manifest.services) == set(SERVICES)
    assert manifest.services["intake"].feed >= manifest.services["intake"].consumers["relay"] > 0
    assert manifest.services["mediation"].rows["cases"] == 4
    master = (past.keys / "master.key").read_bytes().strip()
    dump = await asyncio.to_thread(
        subprocess.run, [str(tool("pg_restore")), "--file=-", str(past.backup / DUMP)], capture_output=True, check=True
    )
    assert b"CREATE TABLE intake.reports" in dump.stdout
    # Texts are sealed in it as in the database; bytes are written as hexadecimal digits.
    secrets = [base64.b64decode(master), master, b"PRIVATE KEY", TEXT.encode()]
    for held in (dump.stdout, *(path.read_bytes() for path in past.backup.rglob("*") if path.is_file())):
        assert not [each for each in secrets if each in held or each.hex().encode() in held]


async def test_what_would_not_be_the_system_is_refused_in_one_line(past: Past, tmp_path: Path) -> None:
    source, state = str(past.backup), empty(past, tmp_path / "state")
    to = ("restore", source, "--state", str(state))
    (state / "keys" / "master.key").write_text(base64.b64encode(os.urandom(32)).decode())
    assert "was sealed with" in await refusal(*to)
    (state / "keys" / "master.key").unlink()
    assert "is missing" in await refusal(*to)
    shutil.copy(past.keys / "master.key", state / "keys")
    (state / "keys" / "erasures").unlink()
    assert "is not the latest list" in await refusal(*to)
    shutil.copy(past.keys / "erasures", state / "keys")
    (state / "files").mkdir()
    (state / "files" / "mine").touch()
    assert "is not empty" in await refusal(*to)
    shutil.rmtree(state / "files")
    (state / "postgres").mkdir()
    assert "has a stack already" in await refusal(*to)
    assert "there already" in await refusal(
        "backup", source, "--state", str(state), ACCORD_DATABASE_URL="postgresql://h/a"
    )

    changed = Path(shutil.copytree(past.backup, tmp_path / "changed"))
    with (changed / DUMP).open("r+b") as file:
        file.seek(1000)
        byte = file.read(1)
        file.seek(1000)
        file.write(bytes([byte[0] ^ 1]))
    assert f"{DUMP} was changed" in await refusal("restore", str(changed), "--state", str(state))
    newer = Path(shutil.copytree(past.backup, tmp_path / "newer"))
    manifest = Manifest.read(newer)
    ahead = {**manifest.services, "intake": replace(manifest.services["intake"], revision="9999")}
    replace(manifest, services=ahead).write(newer)
    told_of = await refusal("restore", str(newer), "--state", str(state))
    assert "revision 9999" in told_of
    assert f"knows {manifest.services['intake'].revision}" in told_of
    assert sorted(path.name for path in state.iterdir()) == ["keys", "postgres"], "nothing was made"


async def test_a_restored_system_is_what_it_was_forgets_again_and_keeps_every_clock(past: Past, tmp_path: Path) -> None:
    state = tmp_path / "state"
    said = await follow("Restore", STATE=state, BACKUPS=past.backup.parent, KEYS=past.keys)
    assert "erasures are applied at the start" in said
    file = state / "files" / hashlib.sha256(past.evidence).hexdigest()[:2] / hashlib.sha256(past.evidence).hexdigest()
    assert file.read_bytes() == past.evidence
    listed = ErasureList(state / "keys" / "erasures", "mediation")
    assert past.gone.removeprefix("cases/") in listed.numbers()

    async with running(state, pace_settings(StateFolder.at(state), DAYS_A_SECOND)) as (stack, clients):
        for case in (past.open, past.closed):
            assert (await content(clients, case)).text == TEXT
        missing = intake_pb2.GetReportRequest(name=past.later)
        await refused(clients.intake.GetReport(missing, **clients.as_("duty_officer")), "NOT_FOUND")
        await refused(content(clients, past.gone), "DATA_ERASED")
        await refused(explanation(clients, past.gone), "DATA_ERASED")
        lost = await stored(clients, past.gone)
        async with asyncio.timeout(PATIENCE):
            while lost.exists():
                await asyncio.sleep(0.2)
        await fires(clients, "intake", past.waiting)
        await fires(clients, "mediation", past.open)
        await sound(state)
        for service in SERVICES:
            assert (await verify(stack.database_url, service)).broken == ""


async def sound(state: Path) -> None:
    """Wait until the runbook finds every chain whole and no matter without its workflow: time runs on in between."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(AssertionError):
                await follow("Restore", 1, STATE=state)
                return


async def fires(clients: Clients, service: str, name: str) -> None:
    """Wait until a matter's clock is overdue; the workflow that woke for it runs in a Temporal that knew nothing."""
    number = name.partition("/")[2]
    temporal = await Client.connect(f"127.0.0.1:{clients.stack.ports['temporal']}")
    connection = await Scratch.main(clients.stack).connect(service)
    try:
        async with asyncio.timeout(PATIENCE):
            while not (rows := await connection.fetch(FIRED.format(service), number)):
                await asyncio.sleep(0.2)
        assert {row["clock"].partition(".")[0] for row in rows} == {number}
    finally:
        await connection.close()
    found = await temporal.get_workflow_handle(f"cases/{number}").describe()
    assert found.status is WorkflowExecutionStatus.RUNNING


async def test_a_given_database_is_restored_into_if_it_is_empty(past: Past, tmp_path: Path, stack: Any) -> None:
    there = Scratch.main(stack).beside("restored")
    given = {"ACCORD_DATABASE_URL": there.url, "ACCORD_FILES": str(tmp_path / "files")}
    given |= {f"ACCORD_ROLE_PASSWORD_{name.upper()}": there.passwords[name] for name in SERVICES}
    to = ("restore", str(past.backup), "--state", str(tmp_path / "none"), "--keys", str(past.keys))
    done = await accord(*to, **given)
    try:
        assert done.exit_code == 0, (done.output, done.exception)
        assert (await verify(there.role("intake"), "intake")).broken == ""
        (tmp_path / "other").mkdir()
        again = await refusal(*to, **given | {"ACCORD_FILES": str(tmp_path / "other")})
        assert "has intake already" in again
    finally:
        connection = await there.beside("postgres").connect()
        await connection.execute("DROP DATABASE restored WITH (FORCE)")
        await connection.close()


def test_a_backup_that_was_cut_off_has_no_name(tmp_path: Path) -> None:
    nowhere = Place("postgresql://nobody@127.0.0.1:1/accord", tmp_path, tmp_path, tmp_path / "erasures")
    with pytest.raises(StackError, match="cannot use PostgreSQL"):
        make(nowhere, tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []
