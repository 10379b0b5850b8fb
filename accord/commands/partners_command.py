"""`accord partners`: hands on the items of a partner that cannot call by itself."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from accord.partners.door import PartnerDoor
    from accord.partners.files import FileDoor, Looked
    from accord.partners.telling import ChangeFiles
    from casework.door.programs.partner import PartnerRule
    from services.kit.rules import Rules

Unit = Annotated[str, typer.Option(help="The partner, e.g. 6201-hotline.")]
Url = Annotated[str, typer.Option(help="Address of the API, instead of that of the stack in the folder.")]
State = Annotated[Path, typer.Option("--state", envvar="ACCORD_STATE", help="Folder that holds the stack's data.")]
RulesFolder = Annotated[Path | None, typer.Option("--rules", help="Rules, not ACCORD_RULES or the shipped ones.")]
Language = Annotated[str, typer.Option(help="Language of the answers: zh or en.")]
Every = Annotated[float, typer.Option(min=0, help="Look again after so many seconds; 0: once.")]

partners_app = typer.Typer(help="Hand on the items of a partner that cannot call by itself.", no_args_is_help=True)


@partners_app.callback()
def _partners() -> None:
    """Hand on the items of a partner that cannot call by itself."""


@partners_app.command("files")
def hand_on_files(
    folder: Annotated[Path, typer.Argument(help="Where the partner puts its CSV, XLSX and JSON lines.")],
    unit: Unit,
    url: Url = "",
    every: Every = 0,
    settle: Annotated[float, typer.Option(min=0, help="Seconds after which a file counts as written.")] = 2,
    language: Language = "zh",
    rules: RulesFolder = None,
    state: State = Path(".accord"),
) -> None:
    """Hand on the items in the files of a folder, write what is answered to each row, and move them to done/.

    What became of items is written into changes/, and of what was handed over to mediation into dockings/, in order.

    The token is ACCORD_TOKEN, else one of the stack in the state folder; ACCORD_PARTNER_SECRET signs what is sent.
    Killed half-way, run it again: an item is there once, by its number.
    Exit code 0: all is done; 1: a file cannot be read; 2: the door refuses or is away.
    """
    from accord.partners.files import FileDoor, alone
    from accord.partners.telling import ChangeFiles

    found = _rules(unit, rules)
    with alone(folder):
        door = _door(url, unit, language, state)
        files = FileDoor(folder, found.partners.of(unit).files, door, settle)
        looked = asyncio.run(_look(door, files, ChangeFiles(folder, door, found.words.lists), every))
    raise typer.Exit(1 if looked.left else 0)


@partners_app.command("pull")
def pull_items(
    source: Annotated[str, typer.Argument(help="Address of the partner's system that gives pages of items.")],
    unit: Unit,
    keep: Annotated[Path, typer.Option(help="Folder in which is kept how far it has come.")],
    answers: Annotated[str, typer.Option(help="Address that answers are posted to, instead of the same.")] = "",
    network: Annotated[
        str, typer.Option(envvar="ACCORD_HOOK_NETWORKS", help="Networks that may be reached beside public addresses.")
    ] = "",
    url: Url = "",
    every: Every = 0,
    language: Language = "zh",
    rules: RulesFolder = None,
    state: State = Path(".accord"),
) -> None:
    """Ask a partner's system for items, hand them on, and tell it what was answered and what became of them.

    ACCORD_PULL_TOKEN is sent there as a bearer token; ACCORD_TOKEN is that of the partner here. Killed anywhere, run it
    again: the cursor is kept once the answers were taken. Exit code 0: all is done; 2: one of the systems is away.
    """
    from accord.partners.files import alone

    rule = _rules(unit, rules).partners.of(unit)
    with alone(keep):
        asyncio.run(_pull(_door(url, unit, language, state), rule, (source, answers or source), network, keep, every))


async def _pull(
    door: PartnerDoor, rule: PartnerRule, urls: tuple[str, str], network: str, keep: Path, every: float
) -> None:  # fmt: skip
    from accord.embedded.folder import StackError
    from accord.partners.pulling import Puller, must_be_allowed
    from workflows.hooks.posting import Poster

    networks = _networks(network)
    for each in urls:
        must_be_allowed(each, networks)
    poster, wait = Poster(networks), every
    try:
        async with door:
            puller = Puller(poster, *urls, os.environ.get("ACCORD_PULL_TOKEN", ""), rule.files, door, keep)
            while True:
                try:
                    pulled = await puller.turn()
                except StackError as error:
                    if not every:
                        raise
                    typer.echo(f"accord: {error}; trying again in {wait:.0f} s", err=True)
                    await asyncio.sleep(wait)
                    wait = min(300.0, wait * 2)
                    continue
                wait = every
                if pulled.taken or pulled.refused or pulled.told or not every:
                    typer.echo(f"{pulled.taken} items taken in, {pulled.refused} refused; {pulled.told} changes told")
                if pulled.unread:
                    typer.echo(f"names that are not read: {'、'.join(sorted(pulled.unread))}", err=True)
                if not every:
                    return
                await asyncio.sleep(every)
    finally:
        await poster.close()


def _networks(said: str) -> list[IPv4Network | IPv6Network]:
    from ipaddress import ip_network

    from accord.embedded.folder import StackError

    try:
        return [ip_network(each.strip()) for each in said.split(",") if each.strip()]
    except ValueError as error:
        raise StackError(f"--network: {error}") from None


async def _look(door: PartnerDoor, files: FileDoor, changes: ChangeFiles, every: float) -> Looked:
    async with door:
        left = list[str]()
        while True:
            looked = await files.look()
            told = await changes.tell()
            if looked.files or looked.left != left or told or not every:
                typer.echo(
                    f"{looked.files} files done: {looked.taken} items taken in, {looked.refused} refused; "
                    f"{looked.waits} files wait, {len(looked.left)} cannot be read; {told} changes told"
                )
                for each in looked.left:
                    typer.echo(each, err=True)
                if looked.unread:
                    typer.echo(f"columns that are not read: {'、'.join(sorted(looked.unread))}", err=True)
            left = looked.left
            if not every:
                return looked
            await asyncio.sleep(every)


def _rules(unit: str, rules: Path | None) -> Rules:
    from accord.embedded.folder import StackError
    from accord.rules_place import every_problem_printed, rules_folder
    from services.kit.rules import load_rules

    with every_problem_printed():
        found = load_rules(rules_folder(rules))
    if unit not in found.units:
        raise StackError(f"there is no unit {unit}")
    return found


def _door(url: str, unit: str, language: str, state: Path) -> PartnerDoor:
    from datetime import timedelta

    from accord.embedded.folder import StackError, StateFolder
    from accord.embedded.keys import Keys, demo_token
    from accord.embedded.running import RunningStack
    from accord.partners.door import PartnerDoor, is_secret

    if language not in ("zh", "en"):
        raise StackError("--language is zh or en")
    secret = os.environ.get("ACCORD_PARTNER_SECRET", "")
    if secret and not is_secret(secret):
        raise StackError("ACCORD_PARTNER_SECRET is no secret of Standard Webhooks")
    folder, given = StateFolder.at(state), os.environ.get("ACCORD_TOKEN", "")
    keys = None if given else Keys(folder.keys)
    return PartnerDoor(
        url or RunningStack.of(folder).facts["urls"]["api"],
        lambda: demo_token(keys, "integrator", unit, None, timedelta(hours=1)) if keys else given,
        unit, language, secret=secret,
    )  # fmt: skip
