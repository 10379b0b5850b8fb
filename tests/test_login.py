"""A person signs in at the command line, by browser or on another device; a service account with its key."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from accord.embedded.folder import StackError, StateFolder, write_json
from accord.embedded.stack import Stack
from accord.sign_in import login as logins
from accord.sign_in import provider
from accord.sign_in.login import Login, LoginMint, login_at, stored
from accord.sign_in.loopback import Loopback, _Answer
from accord.sign_in.provider import Provider
from tests.conftest import COUNTY
from tests.patience import PATIENCE

BROWSER = """
import sys
from html.parser import HTMLParser
import httpx
class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.fields = {}
        self.feed(text)
    def handle_starttag(self, tag, attrs):
        if tag == "input":
            self.fields[dict(attrs)["name"]] = dict(attrs)["value"]
with httpx.Client(follow_redirects=True) as browser:
    page = browser.get(sys.argv[1])
    came = browser.post(page.url.copy_with(query=None), data=Page(page.text).fields | {"user": %r, "answer": %r})
    assert "code" not in came.text
"""

Accord = Callable[..., Coroutine[Any, Any, tuple[int, str, str]]]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the sign-in is stored."""
    path = tmp_path / "own" / "login.json"
    monkeypatch.setenv(logins.FILE_VARIABLE, str(path))
    return path


def begun(stack: Stack, *words: str, **variables: str) -> Coroutine[Any, Any, asyncio.subprocess.Process]:
    """Start a command of the command line."""
    environment = {**os.environ, "ACCORD_STATE": str(stack.folder.root), **variables}
    command = (sys.executable, "-m", "accord.cli", *words)
    return asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env=environment)


async def run(stack: Stack, *words: str, **variables: str) -> tuple[int, str, str]:
    """Run a command to its end; return its code and what it wrote."""
    process = await begun(stack, *words, **variables)
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


def browser(folder: Path, user: str, answer: str = "yes") -> str:
    """Return a program that signs in as this user, as the variable BROWSER names one."""
    script = folder / "browser.py"
    script.write_text(BROWSER % (user, answer))
    return f"{sys.executable} {script} %s"


async def test_somebody_signs_in_with_their_browser_and_other_commands_act_as_them(
    stack: Stack, file: Path, tmp_path: Path
) -> None:
    code, _, said = await run(stack, "login", BROWSER=browser(tmp_path, f"clerk-{COUNTY}"))
    assert code == 0, said
    assert f"signed in as clerk-{COUNTY} (clerk; units/{COUNTY})" in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    code, out, _ = await run(stack, "whoami", "--json")
    assert (code, json.loads(out)["account"]) == (0, f"clerk-{COUNTY}")
    code, out, _ = await run(stack, "token")
    assert (code, jwt.decode(out.strip(), options={"verify_signature": False})["roles"]) == (0, ["clerk"])
    assert out.strip() not in said
    # Not as the machine client, who may: a clerk has no business with migrations of plan types.
    code, _, said = await run(stack, "plans", "preview", "planMigrations/999999")
    assert (code, "PERMISSION_DENIED" in said) == (2, True), said
    assert (await run(stack, "logout"))[0] == 0
    assert not file.exists()
    code, _, said = await run(stack, "whoami")
    assert (code, said) == (2, "accord: nobody is signed in: accord login\n")
    code, _, said = await run(stack, "plans", "preview", "planMigrations/999999")
    assert "NOT_FOUND" in said, said


async def test_a_refusal_in_the_browser_stores_nothing(stack: Stack, file: Path, tmp_path: Path) -> None:
    code, _, said = await run(stack, "login", BROWSER=browser(tmp_path, f"clerk-{COUNTY}", "no"))
    assert (code, "access_denied" in said) == (2, True), said
    assert not file.exists()


async def test_somebody_signs_in_on_another_device(stack: Stack, file: Path) -> None:
    process = await begun(stack, "login", "--device")
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        shown = (await process.stderr.readline()).decode()
        page, user_code = shown.split()[3], shown.split()[-1]
        async with httpx.AsyncClient() as phone:
            form = {"user_code": user_code, "user": f"unit-head-{COUNTY}", "answer": "yes"}
            assert (await phone.post(page, data=form)).status_code == 200
        _, err = await process.communicate()
    assert (process.returncode, f"signed in as unit-head-{COUNTY}" in err.decode()) == (0, True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_service_account_signs_in_with_its_key_and_renews_its_token_by_itself(
    stack: Stack, file: Path, tmp_path: Path
) -> None:
    key = tmp_path / "svc.pem"
    made = ("account", "svc-hotline", "--role", "integrator", "--unit", COUNTY, "--key", str(key))
    assert (await run(stack, *made))[0] == 0
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "PRIVATE" not in stack.keys.accounts.read_text()
    code, _, said = await run(stack, *made)
    assert (code, "is not overwritten" in said) == (2, True)
    code, _, said = await run(stack, "login", "--client-id", "svc-hotline", "--key", str(key))
    assert code == 0, said
    known = stored()
    assert known is not None
    write_json(file, asdict(known) | {"until": 0, "token": "x"})
    code, out, _ = await run(stack, "whoami")
    assert code == 0
    assert f"svc-hotline  integrator  units/{COUNTY}" in out
    # Another key for it: the old one is worth nothing.
    newer = tmp_path / "newer.pem"
    assert (await run(stack, *made[:-1], str(newer)))[0] == 0
    write_json(file, asdict(known) | {"until": 0})
    code, _, said = await run(stack, "whoami")
    assert (code, "invalid_client" in said) == (2, True), said
    for wrong in (("account", "svc-x", "--role", "service", "--unit", COUNTY), ("account", "accord-relay", "--role",
                  "clerk", "--unit", COUNTY), ("account", "svc-x", "--role", "clerk", "--unit", "x")):  # fmt: skip
        assert (await run(stack, *wrong, "--key", str(tmp_path / "none.pem")))[0] == 2


# --- what a client takes ----------------------------------------------------------------------------------------------


def token(**claims: Any) -> str:
    return jwt.encode({"sub": "x", **claims}, "s" * 32, algorithm="HS256")


KNOWN = {"server": "https://api.example", "issuer": "https://login.example", "client": "accord-cli"}


def test_the_access_token_is_used_if_it_is_a_jwt_and_the_id_token_if_not_or_if_wanted() -> None:
    access, own = token(exp=10), token(exp=20)
    assert Login.of({"access_token": access, "id_token": own}, **KNOWN).token == access
    assert Login.of({"access_token": "opaque", "id_token": own}, **KNOWN).token == own
    assert Login.of({"access_token": access, "id_token": own}, **KNOWN, id_token=True).token == own
    for told in ({}, {"access_token": "opaque"}, {"access_token": token()}, {"access_token": "a.b.c"}):
        with pytest.raises(StackError, match="no JWT"):
            Login.of(told, **KNOWN)


def test_a_sign_in_that_others_can_read_or_that_ended_is_not_used(file: Path) -> None:
    login = Login.of({"access_token": token(exp=10)}, **KNOWN)
    assert logins.store(login) == file
    with pytest.raises(StackError, match="has ended: accord login"):
        stored()
    file.chmod(0o640)
    with pytest.raises(StackError, match="can be read by others"):
        stored()
    file.write_text("{}")
    file.chmod(0o600)
    with pytest.raises(StackError, match="is no sign-in"):
        stored()


def test_a_sign_in_at_another_server_is_not_used_for_this_stack(file: Path, tmp_path: Path) -> None:
    logins.store(Login.of({"access_token": token(exp=4_000_000_000)}, **KNOWN))
    folder = StateFolder.at(tmp_path / "state")
    folder.create()
    assert login_at(folder) is not None
    write_json(folder.stack, {"urls": {"api": "https://api.example"}})
    assert login_at(folder) is not None
    write_json(folder.stack, {"urls": {"api": "http://127.0.0.1:8410"}})
    assert login_at(folder) is None
    # Nor is it in the way after its end.
    logins.store(Login.of({"access_token": token(exp=10)}, **KNOWN))
    assert login_at(folder) is None


class Issuer:
    """Renews a sign-in once for each refresh token, as an issuer does that rotates them."""

    def __init__(self) -> None:
        self.good = 0

    def renewed(self, client: str, refresh_token: str) -> dict[str, Any]:
        """Give a token that ends soon, and another refresh token."""
        if refresh_token != f"r{self.good}":
            raise provider.RefusedError("it", "invalid_grant", "")
        self.good += 1
        return {"access_token": token(exp=self.good), "refresh_token": f"r{self.good}"}


def test_a_refresh_token_that_counts_once_is_used_once_by_however_many_commands(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = Issuer()
    monkeypatch.setattr(Provider, "found", lambda _: issuer)
    folder = StateFolder.at(file.parent / "state")
    logins.store(Login.of({"access_token": token(exp=1), "refresh_token": "r0"}, **KNOWN))
    first, second = (LoginMint(login) for login in (login_at(folder), login_at(folder)) if login)
    last = ""
    for mint in (first, second, first, first):
        assert mint.token() != last
        last = mint.token()
    known = stored()
    assert known is not None
    assert known.refresh_token == f"r{issuer.good}"
    first.token()
    # Whoever signed out, or is somebody else by now, is not signed in again by a command that still runs.
    other = Login.of({"access_token": token(exp=4_000_000_000), "refresh_token": "o"}, **KNOWN | {"client": "other"})
    logins.store(other)
    assert first.token()
    assert stored() == other
    file.unlink()
    assert first.token()
    assert not file.exists()


@pytest.mark.parametrize(
    "endpoint", ["http://login.example/token", "file:///etc/passwd", "https://a:b@login.example/", None, 5]
)
def test_no_token_is_asked_for_where_somebody_between_could_read_it(endpoint: Any) -> None:
    at = Provider("https://login.example", {"token_endpoint": endpoint})
    with pytest.raises(StackError):
        at.renewed("accord-cli", "r")
    with pytest.raises(StackError):
        Provider.found("http://login.example")


def test_the_configuration_of_another_issuer_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "_answer", lambda *_: {"issuer": "https://other.example"})
    with pytest.raises(StackError, match="another issuer"):
        Provider.found("https://login.example")


@pytest.mark.parametrize(
    ("iss", "names"), [("https://other.example", False), ("https://other.example", True), ("", True)]
)
def test_an_answer_of_another_issuer_is_not_taken(iss: str, names: bool) -> None:
    said = {"authorization_endpoint": "https://login.example/authorize",
            "authorization_response_iss_parameter_supported": names}  # fmt: skip
    at = Provider("https://login.example", said)

    def opens(address: str) -> None:
        asked = httpx.URL(address).params
        back = {"code": "c", "state": asked["state"], **({"iss": iss} if iss else {})}
        httpx.get(asked["redirect_uri"], params=back)

    with pytest.raises(StackError, match="not of https://login"):
        at.by_browser("accord-cli", "openid", opens, lambda _: None)


def test_a_connection_that_says_nothing_does_not_keep_the_answer_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Answer, "timeout", 10 * PATIENCE)
    with Loopback("right") as back, socket.create_connection(("127.0.0.1", httpx.URL(back.address).port or 0)):
        came = httpx.get(back.address, params={"code": "1", "state": "right"}, timeout=PATIENCE)
        assert (came.status_code, back.wait(PATIENCE)["code"]) == (200, "1")


def test_only_the_answer_with_the_right_state_is_taken_and_only_once() -> None:
    with Loopback("right") as back:
        for state in ("", "wrong"):
            assert httpx.get(back.address, params={"code": "x", "state": state}).status_code == 400
        assert httpx.get(back.address + "/x", params={"code": "x", "state": "right"}).status_code == 400
        assert httpx.get(back.address, params={"code": "1", "state": "right"}).status_code == 200
        assert httpx.get(back.address, params={"code": "2", "state": "right"}).status_code == 400
        assert back.wait(PATIENCE)["code"] == "1"
