"""`accord login`, `logout`, `whoami`, `account`: signing in at an issuer of OpenID Connect."""

from __future__ import annotations

import json
import os
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from accord.embedded.folder import StackError, StateFolder, read_json
from accord.embedded.keys import Keys, add_account
from accord.sign_in.login import Login, login_file, store, stored
from accord.sign_in.provider import Provider, safe

_SECONDS = 10.0
State = Annotated[Path, typer.Option("--state", envvar="ACCORD_STATE", help="Folder that holds the stack's data.")]


def login(
    issuer: Annotated[str, typer.Option(help="URL of the issuer; by default the demo issuer of the stack.")] = "",
    client_id: Annotated[str, typer.Option(help="Name of this program or service account there.")] = "accord-cli",
    server: Annotated[str, typer.Option(help="URL of the gateway; by default that of the stack.")] = "",
    device: Annotated[bool, typer.Option("--device", help="Sign in on another device, by a code.")] = False,
    key: Annotated[Path | None, typer.Option(help="Private key of a service account (PEM).")] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port the browser comes back to, where the issuer must know it.")
    ] = 0,
    id_token: Annotated[bool, typer.Option("--id-token", help="Use the ID token, not the access token.")] = False,
    scope: Annotated[str, typer.Option(help="What is asked for, with spaces between.")] = "openid",
    state: State = Path(".accord"),
) -> None:
    """Sign in, with the browser of this machine, on another device, or as a service account with its key.

    The token is stored in a file that only you can read; other commands then act as you.
    """
    server = safe((server or _server(state)).rstrip("/"))
    provider = Provider.found(issuer or f"{server}/issuer")
    if key is not None:
        scope = "" if scope == "openid" else scope  # nobody signs in
        told = provider.by_key(client_id, key, scope)
    elif device:
        told = provider.by_device(client_id, scope, _say)
    else:
        told = provider.by_browser(client_id, scope, webbrowser.open, _say, port)
    known = {"server": server, "issuer": provider.issuer, "client": client_id, "id_token": id_token, "scope": scope}
    signed_in = Login.of(told, **known, key_file=str(key.resolve()) if key else "")
    account = _account(signed_in)
    path = store(signed_in)
    _say(f"signed in as {account['account']} ({', '.join(account['roles'])}; {account['unit']}); stored in {path}")


def logout() -> None:
    """Forget the stored token."""
    path = login_file()
    path.unlink(missing_ok=True)
    _say(f"{path} is removed")


def whoami(as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False) -> None:
    """Show who is signed in, as the server sees it."""
    signed_in = stored()
    if signed_in is None:
        raise StackError("nobody is signed in: accord login")
    account = _account(signed_in)
    if as_json:
        typer.echo(json.dumps(account, ensure_ascii=False))
        return
    typer.echo(f"{account['account']}  {', '.join(account['roles'])}  {account['unit']}  until {account['expireTime']}")
    typer.echo(f"{signed_in.server}, signed in at {signed_in.issuer}")


def account(
    name: Annotated[str, typer.Argument(help="Name of the service account, for instance svc-hotline.")],
    role: Annotated[list[str], typer.Option(help="A role of it; may be repeated.")],
    unit: Annotated[str, typer.Option(help="Its unit, for instance 620102.")],
    key: Annotated[Path, typer.Option(help="File for its new private key; must not be there yet.")],
    state: State = Path(".accord"),
) -> None:
    """Make a service account of the demo issuer, or give it another key."""
    if os.environ.get("ACCORD_PROFILE") == "production":
        raise StackError("there is no demo issuer in production: make the account at your issuer")
    add_account(Keys(StateFolder.at(state).keys), name, role, unit, key)
    _say(f"{name} is registered; its key is {key}")


def _server(state: Path) -> str:
    folder = StateFolder.at(state)
    try:
        return str(read_json(folder.stack)["urls"]["api"])
    except KeyError:
        raise StackError(
            f"no stack runs in {folder.root}: name one with --server, or start it with `accord up`"
        ) from None


def _account(signed_in: Login) -> dict[str, Any]:
    """Return who the server says this is; raise StackError with the server's words."""
    try:
        answer = httpx.get(
            f"{signed_in.server}/v1/account", timeout=_SECONDS,
            headers={"authorization": f"Bearer {signed_in.token}", "accept-language": "en"},
        )  # fmt: skip
        told: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise StackError(f"{signed_in.server} does not answer: {error}") from None
    if answer.status_code != httpx.codes.OK:
        cause = answer.headers.get("www-authenticate", "").partition('error_description="')[2].partition('"')[0]
        raise StackError(f"{signed_in.server} does not take the token: {cause or answer.status_code}")
    return told


def _say(line: str) -> None:
    # Words of an issuer may be among it.
    typer.echo("".join(each if each.isprintable() else " " for each in line), err=True)
