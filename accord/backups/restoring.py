"""Restoring a backup into an empty place: refused in one line wherever it would not be what was backed up."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from accord.backups import ledger, tools
from accord.backups.fingerprints import MASTER, fingerprints, master_of
from accord.backups.making import Place
from accord.backups.manifest import DUMP, ERASURES, EVIDENCE, Manifest
from accord.backups.rekeying import held
from accord.backups.snapshot import occupied, states
from accord.embedded.folder import StackError
from services.kit.storage.migration import MigrationError, migrate, prepare, revisions


def must_fit(manifest: Manifest, keys: Path) -> list[str]:
    """Refuse a backup that this program or these keys cannot serve; return which keys differ and may.

    Raises StackError for a newer schema and for another master key. Keys that sign may have been changed since.
    """
    for service, state in manifest.services.items():
        if state.revision not in revisions(service):
            raise StackError(
                f"{service} was backed up at revision {state.revision} by Accord {manifest.accord}, and this program "
                f"knows {revisions(service)[-1]}: restore it with that version or a newer one"
            )
    master, needed = keys / MASTER, {state.key for state in manifest.services.values() if state.key}
    if needed and not master.exists():
        raise StackError(f"{master} is missing: put the key {needed.pop()} there; a backup has none")
    for service, state in manifest.services.items():
        if not state.key:
            continue
        if state.key != master_of(master):
            raise StackError(
                f"{master} is {master_of(master)}, and {service} was sealed with {state.key}: put that key there"
            )
        missing = set(state.wrapping or [state.key]) - {"", *held(master).opens()}
        if missing:
            raise StackError(f"{service} has data keys that {missing.pop()} wraps, and {master} lacks it: put that in")
    own = fingerprints(keys)
    return [name for name, known in manifest.keys.items() if name in own and own[name] != known]


def must_be_empty(place: Place) -> None:
    """Refuse a place that has evidence already. Raises StackError."""
    if place.files.exists() and any(place.files.iterdir()):
        raise StackError(f"{place.files} is not empty: a backup is restored into an empty place")


def erasures(source: Path, place: Place, others: Iterable[Path], *, lost: bool) -> list[str]:
    """Return everything that was erased, from all lists there are. Raises StackError for a list that is out of date.

    `lost`: the list beside the keys is lost, and whoever restores knows it.
    """
    known, own = ledger.lines_of(source / ERASURES), ledger.lines_of(place.erasures)
    given = [line for path in others for line in ledger.lines_of(path)]
    missing = set(known) - {*own, *given}
    if missing and not lost:
        raise StackError(
            f"{place.erasures} lacks {len(missing)} erasures from before this backup, so it is not the latest list: "
            "put that there, or say --erasures-lost"
        )
    return ledger.joined([known, own, given, ledger.lines_of(source.parent / ERASURES)])


def restore_database(source: Path, manifest: Manifest, url: str, passwords: Mapping[str, str]) -> None:
    """Restore the dump into a database without any of our tables, and bring it up to date; all of it or nothing.

    Raises StackError.
    """
    there, server = occupied(url)
    if there:
        raise StackError(f"the database has {there[0]} already: a backup is restored into an empty one")
    if server < manifest.postgresql:
        raise StackError(f"the backup is of PostgreSQL {manifest.postgresql}, and this server is {server}")
    try:
        prepare(url, passwords)
        tools.run(
            "pg_restore", url, "--exit-on-error", "--single-transaction", "--no-owner", str(source / DUMP)
        )  # fmt: skip
        now = states(url)
        for service, state in manifest.services.items():
            if now[service] != state:
                raise StackError(f"{service} is not what was backed up: drop the database, and restore again")
        migrate(url, passwords)
    except MigrationError as error:
        raise StackError(str(error)) from None


def restore_files(source: Path, place: Place, erased: Iterable[str]) -> None:
    """Copy the evidence, and put the joined list of erasures beside the keys. Raises StackError."""
    try:
        ledger.keep(place.erasures, erased)
        if (source / EVIDENCE).exists():
            shutil.copytree(source / EVIDENCE, place.files, dirs_exist_ok=True)
        place.files.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in [place.files, *place.files.rglob("*")]:
            path.chmod(0o700 if path.is_dir() else 0o600)
    except OSError as error:
        raise StackError(f"{error.filename or place.files}: {error.strerror}") from None
