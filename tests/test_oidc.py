"""People sign in at an issuer of OpenID Connect: a real one, in a process of its own, whose keys nobody copied."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from accord.embedded.folder import StackError
from accord.embedded.keys import ensure_keys
from accord.embedded.stack import Stack
from casework.errors import CaseError
from services.kit import issuers
from services.kit.issuers import Claims, IssuerKeys
from services.kit.serving.tokens import Caller, TokenChecker
from tests.conftest import CALL, COUNTY, request_id
from tests.patience import PATIENCE

AUDIENCE = "people"
CITIZENS = {"roles": ["citizen"], "unit": "62", "pseudonym_key_file": "pseudonyms.key"}


class Issuer:
    """`oidc-provider-mock` on loopback. It makes new keys whenever it starts."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{self.url}/jwks").raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError("the issuer did not start")

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def sign_in(self, sub: str, audience: str = AUDIENCE) -> str:
        """Sign somebody in with the code flow and return an `authorization` value with their ID token."""
        back = "https://app.example/back"
        asked = {"client_id": audience, "redirect_uri": back, "response_type": "code", "scope": "openid"}
        with httpx.Client(base_url=self.url, timeout=CALL) as browser:
            went = browser.post("/oauth2/authorize", params=asked, data={"sub": sub})
            code = parse_qs(urlsplit(went.headers["location"]).query)["code"][0]
            body = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
            told = browser.post("/oauth2/token", data=body, auth=(audience, "any")).json()
        return f"Bearer {told['id_token']}"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Run an issuer."""
    running = Issuer()
    running.start()
    yield running
    running.stop()


def trust(folder: Path, issuer: str, **oidc: Any) -> Path:
    """Return a trust file with this issuer of citizens in it."""
    keys = ensure_keys(folder / "keys")
    (keys.folder / "pseudonyms.key").write_text(secrets.token_hex(32))
    known = json.loads(keys.trust.read_text("utf-8"))
    known["issuers"].append({"issuer": issuer, "audience": AUDIENCE, "oidc": oidc or CITIZENS})
    keys.trust.write_text(json.dumps(known), "utf-8")
    return keys.trust


async def checked(checker: TokenChecker, authorization: str) -> Caller | str:
    """Return who calls, or why they are refused."""
    await checker.ready(authorization)
    try:
        return checker.check(authorization)
    except CaseError as error:
        return str(error.reason)


async def test_a_citizen_is_one_by_the_issuer_alone_and_their_subject_is_a_pseudonym(
    issuer: Issuer, tmp_path: Path
) -> None:
    file = trust(tmp_path, issuer.url)
    token = issuer.sign_in("620102199001011234")
    caller = await checked(TokenChecker(file, "intake"), token)
    assert isinstance(caller, Caller)
    assert (caller.roles, caller.unit) == (frozenset({"citizen"}), "62")
    assert caller.subject.startswith("person-")
    assert "620102199001011234" not in caller.subject
    # Every process and every sign-in gives the same one; another key gives another one.
    assert await checked(TokenChecker(file, "mediation"), issuer.sign_in("620102199001011234")) == caller
    (file.parent / "pseudonyms.key").write_text(secrets.token_hex(32))
    other = await checked(TokenChecker(file, "intake"), token)
    assert isinstance(other, Caller)
    assert other.subject != caller.subject
    assert await checked(TokenChecker(file, "intake"), issuer.sign_in("x", "another-app")) == "UNAUTHENTICATED"


async def test_new_keys_are_fetched_old_ones_end_and_a_restart_of_the_issuer_is_not_noticed(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checker = TokenChecker(trust(tmp_path, issuer.url), "intake")
    before = issuer.sign_in("a")
    assert isinstance(await checked(checker, before), Caller)
    kept = issuer.sign_in("b")
    issuer.stop()
    # Down: whoever was signed in is let in, known to this process or not.
    assert isinstance(await checked(checker, before), Caller)
    assert isinstance(await checked(checker, kept), Caller)
    # A process that never reached it refuses, and says that it is not the token's fault.
    assert await checked(TokenChecker(trust(tmp_path / "other", issuer.url), "intake"), kept) == "SERVICE_UNAVAILABLE"
    issuer.start()
    monkeypatch.setattr(issuers, "_PAUSE", 0.0)
    assert isinstance(await checked(checker, issuer.sign_in("a")), Caller)
    # Its keys are other ones now: what the old ones signed is worth nothing, remembered or not.
    assert await checked(checker, before) == "UNAUTHENTICATED"


async def test_keys_are_used_for_a_day_without_the_issuer_and_no_longer(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checker = TokenChecker(trust(tmp_path, issuer.url), "intake")
    first, later = issuer.sign_in("a"), issuer.sign_in("b")
    assert isinstance(await checked(checker, first), Caller)
    issuer.stop()
    monkeypatch.setattr(issuers, "_KEPT", 0.0)
    assert await checked(checker, later) == "SERVICE_UNAVAILABLE"


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_somebody_signed_in_there_files_and_reads_their_report_over_rest(
    issuer: Issuer, stack: Stack, language: str
) -> None:
    known = stack.keys.trust.read_text("utf-8")
    (stack.keys.folder / "pseudonyms.key").write_text(secrets.token_hex(32))
    added = json.loads(known)
    added["issuers"].append({"issuer": issuer.url, "audience": AUDIENCE, "oidc": CITIZENS})
    headers = {"Authorization": issuer.sign_in("li-si"), "Accept-Language": language}
    report = {"channel": "CHANNEL_APP", "unit": f"units/{COUNTY}", "category": "categories/neighbour", "text": "漏水。"}
    try:
        stack.keys.trust.write_text(json.dumps(added), "utf-8")
        async with httpx.AsyncClient(base_url=stack.urls["api"], headers=headers, timeout=CALL) as me:
            async with asyncio.timeout(PATIENCE):  # every process looks at the file once a second
                key = {"Idempotency-Key": request_id()}
                while (filed := await me.post("/v1/reports:file", json=report, headers=key)).status_code != 200:
                    assert filed.status_code == 401, filed.text
                    await asyncio.sleep(0.3)
            shown = (await me.get("/v1/account")).json()
            assert (shown["roles"], shown["unit"]) == (["citizen"], "units/62")
            name = filed.json()["report"]["name"]
            clerk = {"Authorization": f"Bearer {stack.token('clerk', COUNTY)}"}
            events = await me.get(f"/v1/feeds/intake/events?case={filed.json()['report']['case']}", headers=clerk)
            (event,) = events.json()["events"]
            assert event["actor"] == shown["account"]
            assert shown["account"].startswith("person-")
            assert "li-si" not in events.text
            # A citizen, and nothing more: the content of reports is for those who handle them.
            assert (await me.get(f"/v1/{name}/content")).status_code == 403
    finally:
        stack.keys.trust.write_text(known, "utf-8")


def test_the_embedded_stack_trusts_the_issuers_that_stand_beside_its_keys(tmp_path: Path) -> None:
    file = tmp_path / "issuers.json"
    entry = {"issuer": "https://login.example", "audience": AUDIENCE, "oidc": CITIZENS}
    file.write_text(json.dumps([entry]), "utf-8")
    known = json.loads(ensure_keys(tmp_path).trust.read_text("utf-8"))["issuers"]
    assert entry in known
    assert "accord-relay" in {each["issuer"] for each in known}
    file.write_text(json.dumps([{"issuer": "https://login.example"}]), "utf-8")
    with pytest.raises(StackError, match=r"issuers\.json"):
        ensure_keys(tmp_path)


# --- an issuer that says something else -------------------------------------------------------------------------------


class Odd(HTTPServer):
    """Answers what it is told to, and counts the questions."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.configuration: dict[str, Any] = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        self.keys: list[dict[str, Any]] = []
        self.asked = 0


class _Answer(BaseHTTPRequestHandler):
    server: Odd

    def do_GET(self) -> None:
        self.server.asked += self.path == "/jwks"
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("location", f"{self.server.url}/jwks")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        answer = {"keys": self.server.keys} if self.path == "/jwks" else self.server.configuration
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def odd() -> Iterator[Odd]:
    """Run a server that is no good issuer."""
    server = Odd()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    kind = jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else jwt.algorithms.RSAAlgorithm
    return {**json.loads(kind.to_jwk(key.public_key())), "kid": kid, **more}


def signed(key: Any, issuer: str, kid: str = "k", algorithm: str = "ES256", typ: str = "JWT", **claims: Any) -> str:
    now = int(time.time())
    told = {"iss": issuer, "sub": "x", "aud": AUDIENCE, "iat": now, "exp": now + 60, **claims}
    return "Bearer " + jwt.encode(told, key, algorithm=algorithm, headers={"kid": kid, "typ": typ})


async def test_unknown_keys_are_asked_for_seldom_however_many_come(odd: Odd, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    odd.keys = [jwk(key, "k")]
    checker = TokenChecker(trust(tmp_path, odd.url), "intake")
    assert isinstance(await checked(checker, signed(key, odd.url)), Caller)
    answers = await asyncio.gather(*(checked(checker, signed(key, odd.url, f"k{each}")) for each in range(50)))
    assert set(answers) == {"UNAUTHENTICATED"}
    assert odd.asked == 1


@pytest.mark.parametrize(
    "wrong", ["another issuer", "keys over plain HTTP", "keys behind a redirect", "no keys", "not an object"]
)
async def test_what_a_configuration_may_not_say(odd: Odd, tmp_path: Path, wrong: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    odd.keys = [] if wrong == "no keys" else [jwk(key, "k")]
    changed: dict[str, Any] = {
        "another issuer": {"issuer": "https://login.example"},
        "keys over plain HTTP": {"jwks_uri": "http://login.example/jwks"},
        "keys behind a redirect": {"jwks_uri": f"{odd.url}/elsewhere"},
        "not an object": {"jwks_uri": f"{odd.url}/jwks"},
    }.get(wrong, {})
    odd.configuration |= changed
    if wrong == "not an object":
        odd.configuration = []  # type: ignore[assignment]
    assert await checked(TokenChecker(trust(tmp_path, odd.url), "intake"), signed(key, odd.url)) == (
        "SERVICE_UNAVAILABLE"
    )


async def test_a_token_of_such_an_issuer_is_good_only_as_it_was_meant(odd: Odd, tmp_path: Path) -> None:
    key, short = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 1024)
    odd.keys = [
        jwk(key, "k"), jwk(short, "short"), jwk(key, "enc", use="enc"),
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"},
    ]  # fmt: skip
    checker = TokenChecker(trust(tmp_path, odd.url), "intake")
    now = int(time.time())
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        weak = signed(short, odd.url, "short", "RS256")
    refused = [
        weak,
        signed(key, odd.url, typ="logout+jwt"), signed(key, odd.url, aud="another"),
        signed(key, odd.url, exp=now - 60), signed(key, odd.url, exp=now + 10 * 86_400), signed(key, odd.url, iat=None),
        signed(key, odd.url, nbf=now + 600), signed(key, odd.url, kid="enc"),
        signed("secret-secret-secret-secret-secret", odd.url, "secret", "HS256"),
        signed(ec.generate_private_key(ec.SECP256R1()), odd.url), signed(key, odd.url, sub=""),
    ]  # fmt: skip
    for each in refused:
        assert await checked(checker, each) == "UNAUTHENTICATED", jwt.get_unverified_header(each[7:])
    # What it claims to be besides, counts for nothing.
    caller = await checked(checker, signed(key, odd.url, roles=["supervisor", "service"], unit="cn"))
    assert isinstance(caller, Caller)
    assert (caller.roles, caller.unit) == (frozenset({"citizen"}), "62")


async def test_officials_have_the_roles_and_the_unit_of_their_claims_but_none_of_a_machine(
    odd: Odd, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    odd.keys = [jwk(key, "k")]
    how = {"roles_claim": "realm_access.roles", "unit_claim": "org", "subject_claim": "staff", "subject_prefix": "hr/"}
    checker = TokenChecker(trust(tmp_path, odd.url, **how), "intake")
    told = {"realm_access": {"roles": ["clerk", "service", "gateway"]}, "org": COUNTY, "staff": "0815"}
    caller = await checked(checker, signed(key, odd.url, **told))
    assert isinstance(caller, Caller)
    assert (caller.subject, caller.roles, caller.unit) == ("hr/0815", frozenset({"clerk"}), COUNTY)
    for missing in told:
        without = {name: value for name, value in told.items() if name != missing}
        assert await checked(checker, signed(key, odd.url, **without)) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("https://login.example/realms/a", True), ("http://127.0.0.1:1", True), ("http://[::1]:1", True),
        ("http://localhost", True), ("http://login.example", False), ("http://127.0.0.1.example", False),
        ("file:///etc/passwd", False), ("https://a:b@login.example", False), ("accord", False),
    ],
)  # fmt: skip
async def test_keys_are_asked_for_over_tls_or_on_this_machine(address: str, taken: bool) -> None:
    try:
        IssuerKeys(address, lambda: None)
    except ValueError:
        assert not taken
    else:
        assert taken


@pytest.mark.parametrize(
    "wrong",
    [
        {"roles": ["citizen"], "unit": "62"}, {"roles": ["clerk"]}, {"roles": ["service"], "unit": "cn"}, {"role": "x"},
        {"roles": ["reporter"], "unit": "62"},
    ],
)  # fmt: skip
def test_an_entry_that_does_not_fit_together_lets_no_process_start(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"oidc|role"):
        Claims.model_validate(wrong)
    known = trust(tmp_path, "https://login.example", **wrong)
    with pytest.raises(OSError, match="ACCORD_TRUST_FILE"):
        TokenChecker(known, "intake")
