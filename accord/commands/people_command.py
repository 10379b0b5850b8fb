"""`accord people`: posts and absences of a unit from a file, as whoever is signed in."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from accord.embedded.folder import StackError, StateFolder, read_json
from accord.people.applying import Lists, Step
from accord.people.entries import Absence, read_entries
from accord.sign_in.login import stored
from accord.sign_in.provider import safe

_TOKEN = "ACCORD_TOKEN"


def people(
    file: Annotated[Path, typer.Argument(help="CSV or JSON: kind, account, display_name, post, unit, since, until, …")],
    preview: Annotated[bool, typer.Option("--preview", help="Show what would be done, and exit.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Continue after the preview without asking.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print results as JSON, for programs.")] = False,
    server: Annotated[str, typer.Option(help="URL of the gateway, with ACCORD_TOKEN; else that of the login.")] = "",
    state: Annotated[
        Path, typer.Option("--state", envvar="ACCORD_STATE", help="Folder that holds the stack's data.")
    ] = Path(".accord"),
) -> None:
    """Enter posts and absences from a file, as the head of the unit: preview, ask, apply. Applying it twice is once.

    What differs from the lists is not overwritten. Exit code 1 if a row was refused or differs.
    """
    entries = read_entries(file)
    lists = Lists(*_who(server, state))
    try:
        steps = lists.compare(entries)
        _show(steps, as_json and preview)
        due = [step for step in steps if step.what in ("new", "ends")]
        refused: list[tuple[Step, str]] = []
        if due and not preview:
            if not yes and not typer.confirm("Apply this?", err=True):
                raise typer.Exit(1)
            refused = [(step, words) for step in due if (words := lists.apply(step))]
    finally:
        lists.close()
    if not preview:
        _tell(len(due) - len(refused), refused, as_json)
    if refused or any(step.what == "differs" for step in steps):
        raise typer.Exit(1)


def _who(server: str, state: Path) -> tuple[str, str]:
    """Return the server and the token: those of the environment, or of the login."""
    if token := os.environ.get(_TOKEN):
        known = server or read_json(StateFolder.at(state).stack).get("urls", {}).get("api", "")
        if not known:
            raise StackError("name the gateway with --server")
        return safe(str(known).rstrip("/")), token
    login = stored()
    if login is None:
        raise StackError("nobody is signed in: accord login")
    if server and server.rstrip("/") != login.server:
        raise StackError(f"the login is for {login.server}: accord login --server {server}")
    return login.server, login.token


def _show(steps: list[Step], as_json: bool) -> None:
    told = [
        {"row": step.number, "kind": "absence" if isinstance(step.entry, Absence) else "post", "what": step.what,
         "unit": step.entry.unit, "account": step.entry.account, "name": step.name}
        for step in steps
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(told))
        return
    for each in told:
        if each["what"] not in ("same", "over"):
            typer.echo(f"{each['row']}: {each['what']}  {each['kind']}  {each['unit']}  {each['account']}", err=True)
    counts = Counter(step.what for step in steps)
    typer.echo(", ".join(f"{counts[what]} {what}" for what in ("new", "ends", "same", "over", "differs")), err=True)


def _tell(done: int, refused: list[tuple[Step, str]], as_json: bool) -> None:
    if as_json:
        told = [{"row": step.number, "reason": words} for step, words in refused]
        typer.echo(json.dumps({"applied": done, "refused": told}, ensure_ascii=False))
        return
    for step, words in refused:
        typer.echo(f"{step.number}: refused  {words}", err=True)
    typer.echo(f"{done} applied, {len(refused)} refused")
