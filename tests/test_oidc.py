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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from accord.embedded.folder import StackError
from accord.embedded.keys import ensure_keys
from accord.embedded.stack import Stack
from casework.errors import CaseError
from services.kit import issuers
from services.kit.issuers import RESERVED, Claims, IssuerKeys
from services.kit.serving.tokens import DEMO, LEEWAY, LONGEST, Caller, Limits, TokenChecker
from tests.conftest import CALL, COUNTY, request_id
from tests.patience import PATIENCE

pytestmark = pytest.mark.fault("E3")
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
    """Return who calls, or the reason with which they are refused."""
    try:
        return await told(checker, authorization)
    except CaseError as error:
        return str(error.reason)


async def told(checker: TokenChecker, authorization: str) -> Caller:
    """Return who calls."""
    await checker.ready(authorization)
    return checker.check(authorization)


async def cause(checker: TokenChecker, authorization: str) -> str:
    """Return the cause with which a token is refused; empty where it is taken."""
    try:
        await told(checker, authorization)
    except CaseError as error:
        return error.metadata.get("cause", str(error.reason))
    return ""


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
    for known_or_not in (first, later):
        assert await checked(checker, known_or_not) == "SERVICE_UNAVAILABLE"


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


class Odd(ThreadingHTTPServer):
    """Answers what it is told to, and counts the questions."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.configuration: dict[str, Any] = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        self.keys: list[dict[str, Any]] = []
        self.padding = 0
        self.drip = Event()
        """Set: answers, but does not come to an end."""
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
        self.wfile.write(json.dumps(answer).encode() + b" " * self.server.padding)
        while self.server.drip.wait(0) and not self.wfile.closed:
            try:
                self.wfile.write(b" ")
                self.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def odd() -> Iterator[Odd]:
    """Run a server that is no good issuer."""
    server = Odd()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.drip.clear()
    server.shutdown()
    server.server_close()


def jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    kind = jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else jwt.algorithms.RSAAlgorithm
    return {**json.loads(kind.to_jwk(key.public_key())), "kid": kid, **more}


def signed(key: Any, issuer: str, kid: str = "k", algorithm: str = "ES256", typ: str = "JWT", **claims: Any) -> str:
    return headed(key, issuer, {"kid": kid, "typ": typ}, algorithm, **claims)


def headed(key: Any, issuer: str, header: dict[str, Any], algorithm: str = "ES256", **claims: Any) -> str:
    now = int(time.time())
    said = {"iss": issuer, "sub": "x", "aud": AUDIENCE, "iat": now, "exp": now + 60, **claims}
    return "Bearer " + jwt.encode(said, key, algorithm=algorithm, headers=header)


async def test_unknown_keys_are_asked_for_seldom_however_many_come(odd: Odd, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    odd.keys = [jwk(key, "k")]
    checker = TokenChecker(trust(tmp_path, odd.url), "intake")
    assert isinstance(await checked(checker, signed(key, odd.url)), Caller)
    answers = await asyncio.gather(*(checked(checker, signed(key, odd.url, f"k{each}")) for each in range(50)))
    assert set(answers) == {"UNAUTHENTICATED"}
    assert odd.asked == 1


@pytest.mark.parametrize("wrong", [{"alg": ["ES256"]}, {"kty": []}, {"x": 5}, {"crv": {}}, {"y": ""}])
async def test_a_key_that_cannot_be_used_does_not_spoil_the_others(
    odd: Odd, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    odd.keys = [jwk(key, "odd", **wrong), jwk(key, "k")]
    assert isinstance(await checked(TokenChecker(trust(tmp_path, odd.url), "intake"), signed(key, odd.url)), Caller)


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
    how = {"roles_claim": "realm_access.roles", "unit_claim": "org", "subject_claim": "staff", "subject_prefix": "hr:"}
    checker = TokenChecker(trust(tmp_path, odd.url, **how), "intake")
    said = {"realm_access": {"roles": ["clerk", "service", "gateway"]}, "org": COUNTY, "staff": "0815"}
    caller = await checked(checker, signed(key, odd.url, **said))
    assert isinstance(caller, Caller)
    assert (caller.subject, caller.roles, caller.unit) == ("hr:0815", frozenset({"clerk"}), COUNTY)
    for missing in said:
        without = {name: value for name, value in said.items() if name != missing}
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
        {"roles": ["reporter"], "unit": "62"}, {"role_map": {"x": ["service"]}}, {"role_map": {"x": ["citizen"]}},
        {"may_give": ["gateway"]}, {"unit_map": {"x": "gansu"}}, {"units": ["62x"]}, {"unit": "62 "},
        {"algorithms": ["HS256"]}, {"algorithms": []}, {"algorithms": ["none"]}, {"subject_prefix": "staff/"},
    ],
)  # fmt: skip
def test_an_entry_that_does_not_fit_together_lets_no_process_start(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Claims.model_validate(wrong)
    known = trust(tmp_path, "https://login.example", **wrong)
    with pytest.raises(OSError, match=r"ACCORD_TRUST_FILE: .*: https://login\.example: oidc\.") as error:
        TokenChecker(known, "intake")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changed", "member"),
    [
        ({"audience": None}, "audience"), ({"audience": ""}, "audience"), ({"audience": []}, "audience"),
        ({"issuer": "http://login.example"}, "issuer"), ({"clients": True}, "clients"), ({"jwks": {}}, "jwks"),
        ({"oidc": {"subject_prefix": "st"}}, "subject_prefix"), ({"issuer": "https://other.example"}, "listed twice"),
        ({"oidc": {"subject_prefix": "staff:x"}}, "subject_prefix"), ({"oidc": {}}, "subject_prefix"),
    ],
)  # fmt: skip
def test_issuers_that_could_name_each_others_people_let_no_process_start(
    changed: dict[str, Any], member: str, tmp_path: Path
) -> None:
    file = trust(tmp_path, "https://other.example", subject_prefix="staff:")
    known = json.loads(file.read_text("utf-8"))
    entry = {"issuer": "https://login.example", "audience": AUDIENCE, "oidc": {"subject_prefix": "hr:"}}
    file.write_text(json.dumps({"issuers": [*known["issuers"], entry]}), "utf-8")
    TokenChecker(file, "intake")
    wrong = {name: value for name, value in {**entry, **changed}.items() if value is not None}
    file.write_text(json.dumps({"issuers": [*known["issuers"], wrong]}), "utf-8")
    with pytest.raises(OSError, match=f"ACCORD_TRUST_FILE: .*{member}"):
        TokenChecker(file, "intake")


# --- mapping rules ----------------------------------------------------------------------------------------------------

GROUPS = {"role_map": {"desk": ["clerk", "duty_officer"], "heads": ["unit_head"]}, "roles_claim": "groups"}
ORGANS = {"unit_map": {"CG": COUNTY, "QL": "620103"}, "unit_claim": "groups"}
CLERK = {"roles": ["clerk"], "unit": COUNTY}


@pytest.mark.parametrize(
    ("how", "said", "roles", "unit"),
    [
        (GROUPS, {"groups": ["desk", "cooks"], "unit": COUNTY}, {"clerk", "duty_officer"}, COUNTY),
        (GROUPS, {"groups": "heads", "unit": COUNTY}, {"unit_head"}, COUNTY),
        (GROUPS, {"groups": ["clerk"], "unit": COUNTY}, set(), COUNTY),
        (GROUPS | ORGANS, {"groups": ["desk", "CG", "x"]}, {"clerk", "duty_officer"}, COUNTY),
        (ORGANS, {"roles": ["clerk"], "groups": "QL"}, {"clerk"}, "620103"),
        ({"may_give": ["clerk"]}, {"roles": ["clerk", "auditor", "unit_head"], "unit": COUNTY}, {"clerk"}, COUNTY),
        (GROUPS | {"may_give": ["clerk"]}, {"groups": ["desk"], "unit": COUNTY}, {"clerk"}, COUNTY),
        ({"units": ["6201"]}, {"roles": ["clerk"], "unit": f"{COUNTY}-labour"}, {"clerk"}, f"{COUNTY}-labour"),
        ({"roles": ["auditor"], "unit": "62"}, {"roles": ["supervisor"], "unit": "cn"}, {"auditor"}, "62"),
        ({}, {"roles": [*RESERVED, "citizen", "clerk"], "unit": COUNTY}, {"clerk"}, COUNTY),
    ],
)  # fmt: skip
async def test_roles_and_unit_come_of_claims_by_the_rules_of_the_issuer(
    how: dict[str, Any], said: dict[str, Any], roles: set[str], unit: str, odd: Odd, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    odd.keys = [jwk(key, "k")]
    checker = TokenChecker(trust(tmp_path, odd.url, **{"subject_prefix": "hr:", **how}), "intake")
    caller = await told(checker, signed(key, odd.url, **said))
    assert (caller.subject, set(caller.roles), caller.unit) == ("hr:x", roles, unit)
    assert not caller.machine


@pytest.mark.parametrize(
    ("how", "said", "why"),
    [
        (GROUPS, {"groups": {"desk": True}, "unit": COUNTY}, "ROLES"), (GROUPS, {"unit": COUNTY}, "ROLES"),
        (GROUPS, {"groups": ["desk", 5], "unit": COUNTY}, "ROLES"), ({}, {"roles": "clerk", "unit": COUNTY}, "ROLES"),
        ({}, {"roles": [["service"]], "unit": COUNTY}, "ROLES"), (GROUPS, {"groups": [["desk"]], "unit": "6"}, "ROLES"),
        (GROUPS | ORGANS, {"groups": ["desk", "CG", "QL"]}, "UNIT"), (GROUPS | ORGANS, {"groups": ["desk"]}, "UNIT"),
        ({"units": ["6201"]}, {"roles": ["clerk"], "unit": "62"}, "UNIT"),
        ({"units": ["6201"]}, {"roles": ["clerk"], "unit": "620"}, "UNIT"),
        ({"units": ["6201"]}, {"roles": ["clerk"], "unit": "6202"}, "UNIT"), ({}, {"roles": ["clerk"]}, "UNIT"),
        ({"subject_prefix": ""}, CLERK | {"sub": "accord-relay"}, "SUBJECT"),
        ({"subject_prefix": ""}, CLERK | {"sub": "reports/1"}, "SUBJECT"),
        ({"subject_prefix": ""}, CLERK | {"sub": "person-aaaaaaaaaaaaaaaaaaaaaaaaaa"}, "SUBJECT"),
        ({"subject_prefix": "per"}, CLERK | {"sub": "son-aaaaaaaaaaaaaaaaaaaaaaaaaa"}, "SUBJECT"),
        ({"subject_claim": "staff.id"}, CLERK | {"staff": {"id": 7}}, "SUBJECT"),
    ],
)  # fmt: skip
async def test_what_the_rules_of_an_issuer_do_not_allow_is_refused_with_its_cause(
    how: dict[str, Any], said: dict[str, Any], why: str, odd: Odd, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    odd.keys = [jwk(key, "k")]
    checker = TokenChecker(trust(tmp_path, odd.url, **{"subject_prefix": "hr:", **how}), "intake")
    assert await cause(checker, signed(key, odd.url, **said)) == why


# --- attacks ----------------------------------------------------------------------------------------------------------


async def test_a_token_is_refused_with_its_cause_and_never_logged(odd: Odd, tmp_path: Path) -> None:
    key, rsa_key = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    own, now = jwk(key, "k"), int(time.time())
    odd.keys = [own, jwk(rsa_key, "r")]
    checker = TokenChecker(trust(tmp_path, odd.url, subject_prefix="hr:", algorithms=["ES256"]), "intake")
    assert await cause(checker, signed(key, odd.url, **CLERK)) == ""
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    other = ec.generate_private_key(ec.SECP256R1())
    attacks = {
        "MALFORMED": [
            headed(key, odd.url, {"kid": "k", "crit": ["x"], "x": 1}, **CLERK), "Bearer a.b.c",
            signed(key, odd.url, **CLERK, iat=str(now)), signed(key, odd.url, **CLERK, exp=float(now + 60)),
        ],
        "TOO_LONG": [signed(key, odd.url, **CLERK, more="x" * LONGEST)],
        "UNKNOWN_ISSUER": [signed(key, "https://login.example", **CLERK), signed(key, odd.url + "/", **CLERK)],
        "UNKNOWN_KEY": [
            signed(key, odd.url, kid, **CLERK)
            for kid in ("../../dev/null", "' OR 1=1 --", "k\0", "k" * 4000, "K", "http://127.0.0.1/jwks")
        ],
        "WRONG_SIGNATURE": [
            signed(other, odd.url, **CLERK),
            headed(other, odd.url, {"kid": "k", "jwk": jwk(other, "k"), "jku": odd.url + "/elsewhere"}, **CLERK),
        ],
        "WRONG_ALGORITHM": [
            headed(None, odd.url, {"kid": "k"}, "none", **CLERK), signed(public, odd.url, "k", "HS256", **CLERK),
            signed(rsa_key, odd.url, "r", "RS256", **CLERK), signed(rsa_key, odd.url, "k", "RS256", **CLERK),
        ],
        "WRONG_TYPE": [signed(key, odd.url, typ="logout+jwt", **CLERK)],
        "WRONG_AUDIENCE": [signed(key, odd.url, **CLERK, aud=each) for each in ("accord", "People", ["x"])],
        "EXPIRED": [signed(key, odd.url, **CLERK, exp=now - LEEWAY - 1)],
        "NOT_YET_VALID": [signed(key, odd.url, **CLERK, **{each: now + 600}) for each in ("nbf", "iat")],
        "LIVES_TOO_LONG": [signed(key, odd.url, **CLERK, exp=now + 90_000)],
    }  # fmt: skip
    with structlog.testing.capture_logs() as logs:
        for why, tokens in attacks.items():
            for token in tokens:
                assert await cause(checker, token) == why
    written = json.dumps(logs)
    assert {each["cause"] for each in logs if each["event"] == "token refused"} == set(attacks)
    for token in (token for tokens in attacks.values() for token in tokens if len(token) > 40):
        assert not any(part in written for part in token[7:].split(".") if len(part) > 20)


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "PS512"])
async def test_a_key_of_rsa_that_says_no_algorithm_is_good_for_all_of_its_kind_and_no_other(
    algorithm: str, odd: Odd, tmp_path: Path
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    odd.keys = [{name: value for name, value in jwk(key, "r").items() if name != "alg"}]
    checker = TokenChecker(trust(tmp_path, odd.url, subject_prefix="hr:"), "intake")
    assert await cause(checker, signed(key, odd.url, "r", algorithm, **CLERK)) == ""
    assert await cause(checker, headed(key, odd.url, {}, algorithm, **CLERK)) == "", "the only key, unnamed"
    assert await cause(checker, signed(b"s" * 64, odd.url, "r", "HS256", **CLERK)) == "WRONG_ALGORITHM"
    odd.keys[0]["alg"] = "RS384"
    bound = TokenChecker(trust(tmp_path / "bound", odd.url, subject_prefix="hr:"), "intake")
    assert await cause(bound, signed(key, odd.url, "r", algorithm, **CLERK)) == "WRONG_ALGORITHM"


async def test_one_issuer_cannot_speak_for_another(tmp_path: Path, odd: Odd) -> None:
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    second = Odd()
    Thread(target=second.serve_forever, daemon=True).start()
    odd.keys, second.keys = [jwk(key, "k")], [jwk(other, "k")]
    file = trust(tmp_path, odd.url, subject_prefix="a:")
    known = json.loads(file.read_text("utf-8"))
    known["issuers"].append({"issuer": second.url, "audience": "second", "oidc": {"subject_prefix": "b:"}})
    file.write_text(json.dumps(known), "utf-8")
    checker = TokenChecker(file, "intake")
    try:
        assert (await told(checker, signed(key, odd.url, **CLERK))).subject == "a:x"
        assert (await told(checker, signed(other, second.url, **CLERK, aud="second"))).subject == "b:x"
        # The key of one, the name of the other; and a token that one gave for the application of the other.
        assert await cause(checker, signed(other, odd.url, **CLERK)) == "WRONG_SIGNATURE"
        assert await cause(checker, signed(other, second.url, **CLERK)) == "WRONG_AUDIENCE"
        # Nor for a machine, whose keys are not fetched.
        machine = signed(key, "accord-relay", **CLERK, aud="accord-intake")
        assert await cause(checker, machine) in {"UNKNOWN_KEY", "WRONG_SIGNATURE"}
    finally:
        second.shutdown()
        second.server_close()


@pytest.mark.parametrize("how", ["endless", "huge"])
async def test_an_issuer_whose_answer_does_not_end_is_left_and_asked_again(
    how: str, odd: Odd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    odd.keys = [jwk(key, "k")]
    monkeypatch.setattr(issuers, "_PAUSE", 0.0)
    checker = TokenChecker(trust(tmp_path, odd.url, subject_prefix="hr:"), "intake")
    with monkeypatch.context() as patch:
        patch.setattr(issuers, "_WAIT", 0.5)
        if how == "endless":
            odd.drip.set()
        else:
            odd.padding = issuers._LARGEST
        token = signed(key, odd.url, **CLERK)
        assert await checked(checker, token) == "SERVICE_UNAVAILABLE"
    odd.drip.clear()
    odd.padding = 0
    async with asyncio.timeout(PATIENCE):
        while await checked(checker, token) == "SERVICE_UNAVAILABLE":
            await asyncio.sleep(0.1)
    assert await cause(checker, token) == ""


async def test_production_takes_no_keys_of_a_demo_issuer(odd: Odd, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    odd.keys = [jwk(key, "k", **{DEMO: True})]
    file = trust(tmp_path, odd.url, subject_prefix="hr:")
    assert await cause(TokenChecker(file, "intake"), signed(key, odd.url, **CLERK)) == ""
    known = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({"issuers": [each for each in known["issuers"] if not each.get("demo")]}), "utf-8")
    production = TokenChecker(file, "intake", limits=Limits(no_demo=True))
    assert await checked(production, signed(key, odd.url, **CLERK)) == "SERVICE_UNAVAILABLE"


def test_an_issuer_elsewhere_sends_nobody_to_this_machine() -> None:
    for address in ("http://127.0.0.1:9200/keys", "https://localhost/keys", "https://[::1]/keys"):
        with pytest.raises(ValueError, match="this machine"):
            issuers.must_be_safe(address, here=False)
    issuers.must_be_safe("https://keys.example/jwks", here=False)


async def test_over_rest_the_cause_is_told_as_the_rfc_has_it(stack: Stack, rest: httpx.AsyncClient) -> None:
    late = stack.token("clerk", COUNTY)[:-8] + "AAAAAAAA"
    answer = await rest.get("/v1/account", headers={"Authorization": f"Bearer {late}"})
    assert (answer.status_code, answer.json()["metadata"]) == (401, {"cause": "WRONG_SIGNATURE"})
    assert 'error="invalid_token", error_description="WRONG_SIGNATURE"' in answer.headers["www-authenticate"]
    without = await rest.get("/v1/account", headers={"Authorization": ""})
    assert (without.status_code, without.headers["www-authenticate"]) == (401, 'Bearer realm="accord"')
