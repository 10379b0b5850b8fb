"""Making a backup: the dump of one snapshot, then the evidence it refers to, then the manifest; whole or not at all."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from accord.backups import ledger, tools
from accord.backups.fingerprints import MASTER, fingerprints
from accord.backups.manifest import DUMP, ERASURES, EVIDENCE, FileState, Manifest, sum_of
from accord.backups.snapshot import Seen, seen
from accord.embedded.folder import StackError


@dataclass(frozen=True)
class Place:
    """Where an installation keeps what is backed up or restored."""

    url: str
    """The administrator's URL of the database."""
    keys: Path
    files: Path
    """The folder of evidence."""
    erasures: Path
    """The list of erasures, beside the keys."""


def make(place: Place, target: Path) -> Manifest:
    """Make a backup in a folder that is not there yet, while everything runs. Raises StackError.

    Everything comes into a folder beside it, which gets its name at the end: a backup that was cut off has none.
    """
    if target.exists():
        raise StackError(f"{target} is there already: a backup gets a folder of its own")
    draft = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(mode=0o700, parents=True)
        manifest = asyncio.run(_fill(place, draft))
        manifest.write(draft)
        # One list beside all backups: one that is older than an erasure is erased again by it.
        ledger.keep(target.parent / ERASURES, ledger.lines_of(place.erasures))
        draft.rename(target)
    except OSError as error:
        raise StackError(f"{error.filename or target}: {error.strerror}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


async def _fill(place: Place, draft: Path) -> Manifest:
    async with seen(place.url) as now:
        keys = fingerprints(place.keys)
        _must_be_its_key(now, keys.get(MASTER, ""), place.keys)
        schemas = [f"--schema={name}" for name in now.services]
        await asyncio.to_thread(
            tools.run, "pg_dump", place.url, "--format=custom", f"--file={draft / DUMP}",
            f"--snapshot={now.snapshot}", "--no-owner", *schemas,
        )  # fmt: skip
    files = {DUMP: sum_of(draft / DUMP)}
    # After the database: a file that is newer than it harms nothing, one that is missing is lost.
    evidence = await asyncio.to_thread(_evidence, place.files, draft / EVIDENCE)
    files |= {f"{EVIDENCE}/{name[:2]}/{name}": state for name, state in evidence.items()}
    erased = ledger.lines_of(place.erasures)
    (draft / ERASURES).write_text("".join(f"{line}\n" for line in erased), "ascii")
    files[ERASURES] = sum_of(draft / ERASURES)
    return Manifest(
        datetime.now(UTC).isoformat(timespec="seconds"), _own_version(), now.postgresql, now.services, keys,
        len(now.evidence - evidence.keys()), len(erased), files,
    )  # fmt: skip


def _must_be_its_key(now: Seen, own: str, folder: Path) -> None:
    """Refuse a folder of keys that does not belong to the database: the backup would name the wrong key."""
    for name, state in now.services.items():
        if state.key and own and state.key != own:
            raise StackError(f"{folder / MASTER} is {own}, and {name}'s database was sealed with {state.key}")


def _evidence(source: Path, target: Path) -> dict[str, FileState]:
    """Copy every whole file of evidence; return them by name. One that is not what its name says is left out."""
    copied: dict[str, FileState] = {}
    for path in sorted(source.glob("??/[0-9a-f]*")):
        if len(path.name) != 64:
            continue
        copy = target / path.name[:2] / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, copy)
        except FileNotFoundError:
            continue  # erased, or cleaned up, a moment ago
        state = sum_of(copy)
        if state.sha256 == path.name:
            copied[path.name] = state
        else:
            copy.unlink()
    return copied


def _own_version() -> str:
    try:
        return version("accord")
    except PackageNotFoundError:
        return "unknown"
