"""`accord case-file`: checks a portable case file by a public key, without a server, and has it taken in elsewhere."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accord.embedded.folder import StackError
from casework.papers.portable.checking import Checked, check

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_PART = 1024 * 1024
case_file_app = typer.Typer(help="Check a portable case file, offline, and have it taken in.", no_args_is_help=True)


@case_file_app.callback()
def case_file() -> None:
    """Portable case files."""


@case_file_app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The portable case file.")],
    key: Annotated[list[Path], typer.Option(help="Public key of who signed it, as JSON (GET /v1/portableCaseKeys).")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say what holds and what does not, in Chinese and English. Exit code 1: something does not; 2: it cannot be read.

    Nothing is unpacked, and nothing is asked of anybody: file and key are enough.
    """
    found = checked(file, key)
    if as_json:
        typer.echo(json.dumps(_plain(found), ensure_ascii=False))
    else:
        _say(found)
    if not found.sound:
        raise typer.Exit(1)


@case_file_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="The portable case file.")],
    key: Annotated[list[Path], typer.Option(help="Public key of who signed it, as JSON.")],
    unit: Annotated[str, typer.Option(help="Unit that receives it, e.g. 620103.")],
    category: Annotated[str, typer.Option(help="What kind of matter it is there, e.g. neighbour.")],
    server: Annotated[str, typer.Option(help="Address of the REST API.")],
    token: Annotated[str, typer.Option(envvar="ACCORD_TOKEN", help="Your bearer token.")],
) -> None:
    """Check a portable case file, then have it taken in as a new report. The same file is taken in once.

    Exit code 1: it does not hold, and nothing is sent; 2: it was refused, with the reason.
    """
    import httpx

    found = checked(file, key)
    if not found.sound:
        _say(found)
        raise typer.Exit(1)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
    try:
        answer = httpx.post(
            f"{server}/v1/reports:importPortableCase", content=_lines(file, unit, category), headers=headers,
            timeout=300,
        )  # fmt: skip
    except httpx.HTTPError as error:
        raise StackError(f"{server}: {type(error).__name__}") from None
    try:
        told = answer.json()
    except ValueError:  # something between: a proxy, another program
        raise StackError(f"{server}: HTTP {answer.status_code}, no answer of this API") from None
    if answer.status_code != 200:
        raise StackError(f"{told.get('code')}: {told.get('detail')}")
    typer.echo(f"{told['report']}: from {told['originNumber']}, {told['keyOwner']} ({told['digest']})")


def _lines(file: Path, unit: str, category: str) -> Iterator[bytes]:
    """Yield a file as the lines of a call that takes it in parts."""
    yield json.dumps({"header": {"unit": f"units/{unit}", "category": f"categories/{category}"}}).encode() + b"\n"
    with file.open("rb") as opened:
        while chunk := opened.read(_PART):
            yield b'{"chunk":"' + base64.b64encode(chunk) + b'"}\n'


def checked(file: Path, keys: list[Path]) -> Checked:
    """Return what came of checking a file by these keys; StackError where one of them cannot be read."""
    from services.kit.signatures import judge

    known = _keys(keys)
    try:
        with file.open("rb") as opened:
            return check(opened, judge(known))
    except OSError as error:
        raise StackError(f"{file}: {error.strerror}") from None


def _keys(files: list[Path]) -> Mapping[str, Ed25519PublicKey]:
    from services.kit.signatures import public_keys

    try:
        return public_keys(each.read_text("utf-8") for each in files)
    except OSError as error:
        raise StackError(f"{error.filename}: {error.strerror}") from None
    except (ValueError, TypeError):
        raise StackError("a key must be a JSON Web Key of Ed25519, or a set of such: see docs/doors.md") from None


def _say(found: Checked) -> None:
    for each in found.findings:
        typer.echo(f"{'✓' if each.holds else '✗'} {each.zh}\n  {each.en}")
    if not found.sound:
        typer.echo("此案卷不可信。\nThis file is not to be trusted.")
        return
    for name in found.about.get("missing", []):
        typer.echo(f"! {name}：带出时已损坏或丢失。\n  {name}: damaged or gone where it was taken out.")
    typer.echo("未包含 / Left out:")
    for each in found.about.get("left_out", []):
        typer.echo(f"- {each['zh']}\n  {each['en']}")


def _plain(found: Checked) -> dict[str, Any]:
    about = found.about if found.sound else {}
    return {
        "sound": found.sound, "key": found.key, "case": about.get("case", ""), "files": len(found.files),
        "events": found.events, "closed": found.closed, "left_out": about.get("left_out", []),
        "missing": about.get("missing", []),
        "findings": [{"holds": each.holds, "zh": each.zh, "en": each.en} for each in found.findings],
    }  # fmt: skip
