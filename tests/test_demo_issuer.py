"""The demo issuer is a provider of OpenID Connect: Authlib's client, which was not written here, signs in at it."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey

from services.gateway.routers import grants
from services.gateway.routers.grants import ASSERTION, DEVICE_GRANT, challenge_of
from services.kit.issuers import Claims, Reader
from services.kit.serving.tokens import TokenChecker
from tests.gateway_fakes import Running
from tests.gateway_fakes import key_file as key_file
from tests.gateway_fakes import running as running

CASE = "cases/620102-2026-000117"
BACK = "http://127.0.0.1:49152/back"
VERIFIER = secrets.token_urlsafe(48)
ASKED = {"client_id": "accord-cli", "redirect_uri": BACK, "response_type": "code", "scope": "openid", "state": "s 1&",
         "nonce": "n", "code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256"}  # fmt: skip


class Page(HTMLParser):
    """The one form of a page: its fields and whom one may be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.users: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take up a field."""
        told = {name: value or "" for name, value in attrs}
        if tag == "input":
            self.fields[told["name"]] = told.get("value", "")
        if tag == "option":
            self.users.append(told["value"])
        assert tag != "script"


@pytest.fixture
def client(running: Running) -> httpx.AsyncClient:
    """Return a client of the gateway, which follows no redirect."""
    return running.client


@pytest.fixture
def issuer(client: httpx.AsyncClient) -> str:
    """Return the issuer's URL."""
    return f"{str(client.base_url).rstrip('/')}/issuer"


async def choose(client: httpx.AsyncClient, address: str, user: str, answer: str = "yes") -> httpx.Response:
    """Open a page, choose somebody, and send its form."""
    page = Page((await client.get(address)).text)
    assert user in page.users
    return await client.post(urlsplit(address).path, data={**page.fields, "user": user, "answer": answer})


async def code(client: httpx.AsyncClient, **changed: str) -> str:
    """Return a code of the browser flow."""
    went = await choose(client, f"/issuer/authorize?{httpx.QueryParams({**ASKED, **changed})}", "clerk-620102")
    return parse_qs(urlsplit(went.headers["location"]).query)["code"][0]


async def redeem(client: httpx.AsyncClient, **sent: str) -> httpx.Response:
    """Send the token endpoint a form; without other words, that of the browser flow."""
    form = {"grant_type": "authorization_code", "client_id": "accord-cli", "redirect_uri": BACK,
            "code_verifier": VERIFIER, **sent}  # fmt: skip
    return await client.post("/issuer/token", data=form)


def refusal(answer: httpx.Response) -> str:
    """Return the error of OAuth, and check its form."""
    assert answer.status_code in (400, 401), answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["error"])


async def test_a_foreign_client_signs_somebody_in_by_discovery_code_and_pkce(
    client: httpx.AsyncClient, issuer: str, running: Running
) -> None:
    found = (await client.get("/issuer/.well-known/openid-configuration")).json()
    assert found["issuer"] == issuer
    app = OAuth2Session("accord-cli", redirect_uri=BACK, scope="openid", code_challenge_method="S256",
                        token_endpoint_auth_method="none")  # fmt: skip
    address, state = app.create_authorization_url(found["authorization_endpoint"], code_verifier=VERIFIER, nonce="n-1")
    went = await choose(client, address, "mediator-620102")
    assert went.status_code == 303
    back = went.headers["location"]
    assert parse_qs(urlsplit(back).query)["iss"] == [issuer]
    token = await asyncio.to_thread(
        app.fetch_token, found["token_endpoint"], authorization_response=back, code_verifier=VERIFIER, state=state
    )
    bearer = {"authorization": f"Bearer {token['access_token']}"}
    told = (await client.get("/v1/account", headers=bearer)).json()
    assert (told["account"], told["roles"], told["unit"]) == ("mediator-620102", ["mediator"], "units/620102")
    keys = jwt.PyJWKSet.from_dict((await client.get(urlsplit(found["jwks_uri"]).path)).json())
    key = keys[jwt.get_unverified_header(token["id_token"])["kid"]]
    claims = jwt.decode(token["id_token"], key, ["ES256"], audience="accord-cli", issuer=issuer)
    assert (claims["sub"], claims["nonce"], claims["roles"]) == ("mediator-620102", "n-1", ["mediator"])
    # The ID token is for the application; no service takes it.
    with pytest.raises(Exception, match="UNAUTHENTICATED") as error:
        TokenChecker(running.gateway.settings.trust_file, "intake").check(f"Bearer {token['id_token']}")
    assert error.value.metadata == {"cause": "UNKNOWN_ISSUER"}


async def test_a_code_counts_once_for_the_client_the_address_and_the_verifier_it_was_made_for(
    client: httpx.AsyncClient,
) -> None:
    good = await code(client)
    assert (await redeem(client, code=good)).status_code == 200
    assert refusal(await redeem(client, code=good)) == "invalid_grant"
    for wrong in (
        {"code_verifier": secrets.token_urlsafe(48)}, {"code_verifier": challenge_of(VERIFIER)}, {"code_verifier": ""},
        {"redirect_uri": BACK + "/x"}, {"client_id": "accord-console"}, {"code": "x"}, {"code": ""},
    ):  # fmt: skip
        given = {"code": await code(client), **wrong}
        assert refusal(await redeem(client, **given)) == "invalid_grant", wrong
        # Whoever tries with a stolen code ends it.
        assert refusal(await redeem(client, code=given["code"])) == "invalid_grant"
    assert refusal(await redeem(client, code="x", client_id="somebody")) == "invalid_client"
    assert refusal(await redeem(client, grant_type="password", username="x")) == "unsupported_grant_type"


async def test_a_code_ends_after_a_minute(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grants, "CODE_SECONDS", -1)
    assert refusal(await redeem(client, code=await code(client))) == "invalid_grant"


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example/back", "http://127.0.0.1.elsewhere.example/", "http://127.0.0.1:1@elsewhere.example/",
        "http://127.0.0.1\\@elsewhere.example/", "http://elsewhere.example#127.0.0.1", "javascript:alert(1)",
        "http://127.0.0.1/\r\nset-cookie: a=b", "http://[::1", "//127.0.0.1/", "https://127.0.0.1/", "", "x" * 600,
    ],
)  # fmt: skip
async def test_nobody_is_sent_to_an_address_elsewhere(address: str, client: httpx.AsyncClient) -> None:
    sent = {**ASKED, "redirect_uri": address}
    for answer in (
        await client.get("/issuer/authorize", params=sent),
        await client.post("/issuer/authorize", data={**sent, "user": "clerk-620102", "answer": "yes"}),
        await client.get("/issuer/authorize", params={**ASKED, "client_id": '"><script>'}),
    ):
        assert answer.status_code in (400, 401)
        assert "location" not in answer.headers
        assert "<script" not in answer.text


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"), ({"scope": "email"}, "invalid_scope"),
        ({"code_challenge": ""}, "invalid_request"), ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"nonce": "n" * 501}, "invalid_request"),
    ],
)  # fmt: skip
async def test_an_application_is_told_what_is_wrong_with_its_request(
    changed: dict[str, str], error: str, client: httpx.AsyncClient, issuer: str
) -> None:
    went = await client.get("/issuer/authorize", params={**ASKED, **changed})
    told = parse_qs(urlsplit(went.headers["location"]).query)
    assert (went.status_code, told["error"], told["state"], told["iss"]) == (303, [error], ["s 1&"], [issuer])
    refused = await choose(client, f"/issuer/authorize?{httpx.QueryParams(ASKED)}", "clerk-620102", "no")
    assert parse_qs(urlsplit(refused.headers["location"]).query)["error"] == ["access_denied"]


async def test_what_stands_in_an_address_is_text_on_the_page(client: httpx.AsyncClient) -> None:
    odd = '"><script>alert(1)</script>'
    for page in (
        await client.get("/issuer/authorize", params={**ASKED, "state": odd, "nonce": odd}),
        await client.get("/issuer/device", params={"user_code": odd}),
    ):
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert Page(page.text).users


async def waits(client: httpx.AsyncClient) -> dict[str, Any]:
    """Return what a device is given."""
    told: dict[str, Any] = (await client.post("/issuer/device_authorization", data={"client_id": "accord-cli"})).json()
    return told


async def poll(client: httpx.AsyncClient, told: dict[str, Any], client_id: str = "accord-cli") -> httpx.Response:
    form = {"grant_type": DEVICE_GRANT, "device_code": told["device_code"], "client_id": client_id}
    return await client.post("/issuer/token", data=form)


async def test_a_device_waits_until_somebody_signs_in_for_it(
    client: httpx.AsyncClient, issuer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "INTERVAL", 1000)  # however slow the machine is, the second question comes early
    told = await waits(client)
    assert told["verification_uri"] == f"{issuer}/device"
    assert refusal(await poll(client, told)) == "authorization_pending"
    assert refusal(await poll(client, told)) == "slow_down"
    assert refusal(await poll(client, told, "accord-console")) == "invalid_grant"
    done = await choose(client, told["verification_uri_complete"], "handler-620102")
    assert "Signed in" in done.text
    token = (await poll(client, told)).json()
    bearer = {"authorization": f"Bearer {token['access_token']}"}
    assert (await client.get("/v1/account", headers=bearer)).json()["account"] == "handler-620102"
    assert refusal(await poll(client, told)) == "invalid_grant"


async def test_a_device_is_refused_or_ends_and_a_wrong_code_is_no_device(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await waits(client)
    answer = await client.post("/issuer/device", data={"user_code": "BBBB-BBBB", "user": "clerk-62", "answer": "yes"})
    assert answer.status_code == 400
    lower = told["user_code"].lower().replace("-", " ")
    assert "Refused" in (await client.post("/issuer/device", data={"user_code": lower, "answer": "no"})).text
    # Decided is decided.
    late = await client.post("/issuer/device", data={"user_code": lower, "user": "clerk-62", "answer": "yes"})
    assert late.status_code == 400
    assert refusal(await poll(client, told)) == "access_denied"
    monkeypatch.setattr(grants, "DEVICE_SECONDS", -1)
    assert refusal(await poll(client, await waits(client))) == "expired_token"
    answer = await client.post("/issuer/device_authorization", data={"client_id": "somebody"})
    assert refusal(answer) == "invalid_client"


# --- service accounts -------------------------------------------------------------------------------------------------

Sign = Callable[..., str]


@pytest.fixture
def account(running: Running, issuer: str) -> Iterator[tuple[ec.EllipticCurvePrivateKey, Sign]]:
    """Register a service account and return its key, and what signs its assertions."""
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())) | {"kid": "k", "alg": "ES256"}
    file: Path = running.gateway.settings.issuer_accounts_file
    entry = {"client_id": "svc-dock", "roles": ["integrator", "service"], "unit": "620102", "jwks": {"keys": [jwk]}}
    file.write_text(json.dumps([entry]))

    def sign(by: Any = key, algorithm: str = "ES256", kid: str = "k", **changed: Any) -> str:
        claims = {"iss": "svc-dock", "sub": "svc-dock", "aud": issuer, "iat": int(time.time()),
                  "exp": int(time.time()) + 60, "jti": secrets.token_hex(8), **changed}  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, by, algorithm=algorithm, headers={"kid": kid})

    yield key, sign
    file.unlink()


def by(client: httpx.AsyncClient, assertion: str, **more: str) -> Awaitable[httpx.Response]:
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": assertion}
    return client.post("/issuer/token", data={**form, **more})


async def test_a_service_account_signs_in_with_its_key_alone_and_is_no_machine(
    account: tuple[ec.EllipticCurvePrivateKey, Sign], client: httpx.AsyncClient, issuer: str
) -> None:
    key, sign = account
    app = OAuth2Session("svc-dock", ECKey.import_key(key), token_endpoint_auth_method="private_key_jwt")
    app.register_client_auth_method(PrivateKeyJWT(f"{issuer}/token", alg="ES256"))
    token = await asyncio.to_thread(app.fetch_token, f"{issuer}/token", grant_type="client_credentials")
    bearer = {"authorization": f"Bearer {token['access_token']}"}
    told = (await client.get("/v1/account", headers=bearer)).json()
    assert (told["account"], told["roles"], told["unit"]) == ("svc-dock", ["integrator"], "units/620102")
    assert (await client.get(f"/v1/{CASE}", headers=bearer)).status_code == 200
    once = sign()
    assert (await by(client, once)).status_code == 200
    assert refusal(await by(client, once)) == "invalid_client"


async def test_an_assertion_is_good_only_as_it_was_meant(
    account: tuple[ec.EllipticCurvePrivateKey, Sign], client: httpx.AsyncClient, issuer: str
) -> None:
    key, sign = account
    now, other = int(time.time()), ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    token = (await by(client, sign())).json()["access_token"]
    wrong = [
        sign(other), sign(kid="other"), sign(rsa.generate_private_key(65537, 2048), "RS256"),
        sign(public["x"], "HS256"), sign(None, "none"), sign(aud="https://elsewhere.example"),
        sign(aud=f"{issuer}/authorize"), sign(exp=now - 60), sign(exp=now + 90_000), sign(exp=None), sign(jti=None),
        sign(iss="other"), sign(sub="other"), sign(sub=["svc-dock"]), sign(nbf=now + 600), token, "x.y.z", "",
    ]  # fmt: skip
    for number, assertion in enumerate(wrong):
        assert refusal(await by(client, assertion)) == "invalid_client", number
    assert refusal(await by(client, sign(), client_id="other")) == "invalid_client"
    assert refusal(await by(client, sign(), client_assertion_type="x")) == "invalid_client"
    twice = "grant_type=client_credentials&client_id=svc-dock&client_id=accord-cli"
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await client.post("/issuer/token", content=twice, headers=form)).status_code == 400


def test_an_id_token_of_the_demo_issuer_is_read_like_that_of_any_other() -> None:
    told = Reader("http://127.0.0.1:1/issuer", Claims(subject_prefix="demo:"), Path()).person(
        {"sub": "clerk-620102", "roles": ["clerk"], "unit": "620102"}
    )
    assert told == {"sub": "demo:clerk-620102", "roles": ["clerk"], "unit": "620102"}
