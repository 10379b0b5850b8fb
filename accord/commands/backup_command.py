"""`accord backup` and `accord restore`: the database, the evidence, and what they need; never a key."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accord.embedded.folder import StackError, StateFolder

if TYPE_CHECKING:
    from accord.backups.making import Place
    from accord.backups.manifest import Manifest

State = Annotated[Path, typer.Option("--state", envvar="ACCORD_STATE", help="Folder that holds the stack's data.")]
KeysOption = Annotated[
    Path | None, typer.Option("--keys", help="Folder of the keys; by default the one in the state folder.")
]
VERIFY = "verify"


def backup(
    folder: Annotated[Path, typer.Argument(metavar="[verify] DIR", help="Where it is made; not there yet.")],
    checked: Annotated[Path | None, typer.Argument(hidden=True)] = None,
    state: State = Path(".accord"),
    keys: KeysOption = None,
) -> None:
    """Back up a running installation: the database at one moment, and the evidence. Never a key.

    `accord backup verify DIR` checks every byte of a backup. ACCORD_DATABASE_URL, ACCORD_FILES and
    ACCORD_ERASURES_FILE say where an installation without a state folder has what it has.
    """
    from accord.backups.making import make
    from accord.backups.manifest import check

    if checked is not None:
        if str(folder) != VERIFY:
            raise StackError(f"one folder is backed up to, or `accord backup {VERIFY} DIR`")
        _tell(check(checked.resolve()), f"{checked} is as it was made")
        return
    from accord.commands.history_command import database_url
    from accord.embedded.engines.database import admin_url

    at = StateFolder.at(state)
    _tell(make(_place(at, admin_url(database_url(at)), keys), folder.resolve()), f"backed up to {folder}")


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The backup.")],
    state: State = Path(".accord"),
    keys: KeysOption = None,
    erasures: Annotated[
        list[Path] | None, typer.Option("--erasures", help="A further list of erasures; repeat it for several.")
    ] = None,
    erasures_lost: Annotated[
        bool, typer.Option("--erasures-lost", help="The list beside the keys is lost: erase what is known.")
    ] = False,
) -> None:
    """Restore a backup into an empty place. The keys must be there already: a backup has none.

    Into a new state folder, or into the empty database of ACCORD_DATABASE_URL. What was erased since is erased again
    before anything serves; workflows are started again from the facts.
    """
    from accord.backups import restoring
    from accord.backups.manifest import check

    source, at = folder.resolve(), StateFolder.at(state)
    manifest = check(source)
    url = os.environ.get("ACCORD_DATABASE_URL", "")
    place = _place(at, url, keys)
    others = restoring.must_fit(manifest, place.keys)
    restoring.must_be_empty(place)
    erased = restoring.erasures(source, place, erasures or [], lost=erasures_lost)
    if url:
        _into_given(url, source, manifest)
    else:
        _into_embedded(at, source, manifest)
    restoring.restore_files(source, place, erased)
    if at.root.exists():
        at.rebuild_due.touch()  # the next start finds an empty Temporal, and starts what is open again
    for name in others:
        typer.echo(f"note: {name} is another key than at the backup")
    _tell(manifest, f"restored from {folder}; {len(erased)} erasures are applied at the start")


def _place(at: StateFolder, url: str, keys: Path | None) -> Place:
    from accord.backups.making import Place

    folder = (keys or at.keys).resolve()
    files = Path(os.environ.get("ACCORD_FILES", str(at.files)))
    return Place(url, folder, files, Path(os.environ.get("ACCORD_ERASURES_FILE", str(folder / "erasures"))))


def _into_given(url: str, source: Path, manifest: Manifest) -> None:
    from accord.backups.restoring import restore_database
    from accord.embedded.engines.database import admin_url, ensure_database
    from accord.embedded.secret import role_passwords

    given = admin_url(url)
    ensure_database(given)
    restore_database(source, manifest, given, role_passwords())


def _into_embedded(at: StateFolder, source: Path, manifest: Manifest) -> None:
    """Restore into a PostgreSQL that is made for it; if that fails, nothing of it is left."""
    from accord.backups.restoring import restore_database
    from accord.embedded.stack import Stack

    if at.postgres.exists() or at.temporal.exists():
        raise StackError(f"{at.root} has a stack already: a backup is restored into an empty place")

    def fill(url: str, passwords: Mapping[str, str]) -> None:
        restore_database(source, manifest, url, passwords)

    try:
        with Stack(at.root, 0, roster=lambda _: [], migrate=fill):
            pass
    except BaseException:
        shutil.rmtree(at.postgres, ignore_errors=True)
        for path in at.root.glob(f"{at.temporal.name}*"):
            path.unlink()
        raise
    # The ports were for this only.
    at.ports.unlink(missing_ok=True)


def _tell(manifest: Manifest, first: str) -> None:
    rows = sum(sum(each.rows.values()) for each in manifest.services.values())
    typer.echo(first)
    typer.echo(f"made {manifest.made_at} by Accord {manifest.accord} on PostgreSQL {manifest.postgresql}; {rows} rows")
    for name, each in manifest.services.items():
        typer.echo(f"{name:<12} revision {each.revision}, feed at {each.feed}, key {each.key or 'none yet'}")
    typer.echo(f"{len(manifest.evidence)} files of evidence, {manifest.erasures} erasures")
    if manifest.missing:
        typer.echo(f"accord: {manifest.missing} files of evidence are missing or damaged where they were", err=True)
