"""Only a good token of a trusted issuer is taken, and only for what it was given for."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.embedded.keys import EMBEDDED_ISSUER, ROLES, client_token, mint, public_jwk
from accord.embedded.stack import Stack
from casework.errors import CaseError
from services.kit.serving.tokens import LEEWAY, LONGEST, REVOKED, TokenChecker
from tests.conftest import COUNTY, Clients
from tests.patience import PATIENCE
from tests.rpcs import BY_NAME, Answer, Rpc, call
from tests.world import REQUESTS, World, new_world

every_rpc = pytest.mark.parametrize("rpc", BY_NAME.values(), ids=str)


@pytest.fixture(scope="module")
async def world(clients: Clients) -> World:
    """Return a report, a case and an escalation of the county."""
    return await new_world(clients)


async def bear(token: str, rpc: Rpc, clients: Clients, world: World) -> Answer:
    """Call an RPC with a good request and this token."""
    request = REQUESTS[rpc.method.name](world, rpc.server).SerializeToString()
    metadata = (("authorization", f"Bearer {token}"),)
    return await call(clients.channels[rpc.server], rpc.path, request, metadata=metadata, timeout=PATIENCE)


def forged(clients: Clients, **changed: Any) -> str:
    """Return a token that would be the supervisor's of all units but for what is changed."""
    claims = {"iss": EMBEDDED_ISSUER, "sub": "forger", "aud": "accord", "iat": int(time.time()),
              "exp": int(time.time()) + 600, "roles": list(ROLES), "unit": "cn", **changed}  # fmt: skip
    key = clients.stack.keys.issuer.read_bytes()
    return jwt.encode(
        {name: value for name, value in claims.items() if value is not None},
        key, algorithm="ES256", headers={"kid": public_jwk(clients.stack.keys.issuer)["kid"]},
    )  # fmt: skip


def with_another_key(clients: Clients) -> str:
    claims = jwt.decode(forged(clients), options={"verify_signature": False})
    kid = public_jwk(clients.stack.keys.issuer)["kid"]
    return jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256", headers={"kid": kid})


def without_signature(clients: Clients) -> str:
    return jwt.encode(jwt.decode(forged(clients), options={"verify_signature": False}), "", algorithm="none")


def with_the_public_key_as_secret(clients: Clients) -> str:
    claims = jwt.decode(forged(clients), options={"verify_signature": False})
    jwk = public_jwk(clients.stack.keys.issuer)
    return jwt.encode(claims, jwk["x"], algorithm="HS256", headers={"kid": jwk["kid"]})


def from_a_list_of_issuers(clients: Clients) -> str:
    claims = json.dumps({"iss": [EMBEDDED_ISSUER], "sub": "x", "aud": "accord", "exp": int(time.time()) + 600})
    return jwt.api_jws.encode(claims.encode(), clients.stack.keys.issuer.read_bytes(), algorithm="ES256")


def changed_after_signing(clients: Clients) -> str:
    head, _, sign = forged(clients, unit="11").split(".")
    body = base64.urlsafe_b64encode(b'{"iss":"accord-embedded","sub":"x","aud":"accord","exp":9999999999}').decode()
    return f"{head}.{body.rstrip('=')}.{sign}"


def nested_a_thousand_deep(clients: Clients) -> str:
    head, _, sign = forged(clients).split(".")
    return f"{head}.{base64.urlsafe_b64encode(b'[' * 3000).decode().rstrip('=')}.{sign}"


FORGERIES: dict[str, Callable[[Clients], str]] = {
    "wrong key": with_another_key,
    "expired": lambda clients: forged(clients, exp=int(time.time()) - LEEWAY - 1),
    "wrong audience": lambda clients: forged(clients, aud="somebody-else"),
    "no signature": without_signature,
}
ODD_FORGERIES: dict[str, Callable[[Clients], str]] = {
    "public key as secret": with_the_public_key_as_secret,
    "changed after signing": changed_after_signing,
    "nested a thousand deep": nested_a_thousand_deep,
    "unknown issuer": lambda clients: forged(clients, iss="https://elsewhere.example"),
    "issuer is a list": from_a_list_of_issuers,
    "never expires": lambda clients: forged(clients, exp=None),
    "expires at infinity": lambda clients: forged(clients, exp=float("inf")),
    "no subject": lambda clients: forged(clients, sub=None),
    "roles are a text": lambda clients: forged(clients, roles="supervisor"),
    "no unit": lambda clients: forged(clients, unit=None),
    "not yet valid": lambda clients: forged(clients, nbf=int(time.time()) + 600),
    "no token at all": lambda clients: "x.y.z",
    "a person called like a machine client": lambda clients: forged(clients, sub="accord-worker"),
    "a machine client's issuer, a person's key": lambda clients: forged(clients, iss="accord-worker"),
}


@every_rpc
async def test_a_bad_token_is_refused(rpc: Rpc, clients: Clients, world: World) -> None:
    for name, forge in list(FORGERIES.items())[len(str(rpc)) % 2 :: 2]:  # one half of the RPCs each
        answer = await bear(forge(clients), rpc, clients, world)
        assert (answer.code, answer.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"), name


@pytest.mark.parametrize("name", ODD_FORGERIES)
async def test_a_forged_token_is_refused(name: str, clients: Clients, world: World) -> None:
    answer = await bear(ODD_FORGERIES[name](clients), BY_NAME["intake.GetReport"], clients, world)
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


async def test_the_same_token_unforged_is_taken(clients: Clients, world: World) -> None:
    assert (await bear(forged(clients), BY_NAME["intake.GetReport"], clients, world)).code is grpc.StatusCode.OK


async def test_an_issuer_no_longer_trusted_loses_the_tokens_remembered(clients: Clients, tmp_path: Path) -> None:
    trust = tmp_path / "trust.json"
    known = json.loads(clients.stack.keys.trust.read_text("utf-8"))
    trust.write_text(json.dumps(known), "utf-8")
    checker, authorization = TokenChecker(trust, "intake"), f"Bearer {clients.stack.token('clerk', COUNTY)}"
    assert checker.check(authorization).unit == COUNTY

    trust.write_text("{half written", "utf-8")
    await asyncio.sleep(1.1)  # the file is looked at once a second
    assert checker.check(authorization).unit == COUNTY

    known["issuers"] = [each for each in known["issuers"] if each["clients"]]
    trust.write_text(json.dumps(known), "utf-8")
    await asyncio.sleep(1.1)
    with pytest.raises(CaseError, match="UNAUTHENTICATED"):
        checker.check(authorization)


async def test_what_an_account_was_given_before_it_was_revoked_is_refused_in_a_running_process(
    clients: Clients, tmp_path: Path
) -> None:
    trust, revoked, now = tmp_path / "trust.json", tmp_path / REVOKED, int(time.time())
    trust.write_bytes(clients.stack.keys.trust.read_bytes())
    old, new, other = (f"Bearer {forged(clients, **each)}" for each in ({"iat": now - 60}, {"iat": now}, {"sub": "o"}))
    checker = TokenChecker(trust, "intake")
    assert checker.check(old).subject == "forger"

    revoked.write_text(json.dumps({"forger": datetime.fromtimestamp(now - 30, UTC).isoformat()}), "utf-8")
    await asyncio.sleep(1.1)  # the file is looked at once a second
    with pytest.raises(CaseError) as error:
        checker.check(old)
    assert error.value.metadata["cause"] == "REVOKED"
    assert (checker.check(new).subject, checker.check(other).subject) == ("forger", "o"), "who signs in again"

    for wrong in ('{"forger": "2026-12-01T09:00:00"}', '["forger"]', '{"forger": 5}', "{"):
        revoked.write_text(wrong, "utf-8")
        with pytest.raises(OSError, match=r"ACCORD_TRUST_FILE: .* revoked\.json: must have"):
            TokenChecker(trust, "intake")
    await asyncio.sleep(1.1)
    with pytest.raises(CaseError):
        checker.check(old)


async def test_a_machine_client_has_the_roles_of_the_trust_file_whatever_it_claims(clients: Clients) -> None:
    keys = clients.stack.keys
    token = mint(
        keys.client("relay"), "accord-relay", "boss", ["supervisor"], "11", timedelta(minutes=5), "accord-intake"
    )
    caller = TokenChecker(keys.trust, "intake").check(f"Bearer {token}")
    assert (caller.subject, caller.roles, caller.unit) == ("accord-relay", frozenset({"service"}), "cn")
    assert "service" not in TokenChecker(keys.trust, "intake").check(f"Bearer {client_token(keys, 'cli')}").roles


ODD_CLAIMS: list[dict[str, Any]] = [
    *({"exp": value} for value in ("99999999999", "soon", 4e9, 4e9 + 0.5, -1, 10**30, 10**400, True, [1], {}, None)),
    *({name: value} for name in ("iat", "nbf") for value in ("1", 1.5, -1, "x", False, [], {"a": 1}, 10**400)),
    *({"sub": value} for value in ("", "  ", "a\0b", "\ud800", "a\nb", "x" * 201, 7, ["x"], {"a": "b"}, True)),
    *({"unit": value} for value in ("", "\0", 62, ["62"], "6" * 300)),
    *({"roles": value} for value in ("supervisor", [["supervisor"]], [1], ["\0"], ["\ud800"], ["x"] * 101, {"a": 1})),
    *({"filler": "x" * size} for size in (6_000, 7_125, 8_000, 9_000, 12_000, 20_000)),
    {"filler": [[[[[{"a": [[{}]]}] * 50]]]] * 10},
    {"aud": 5}, {"aud": [["accord"]]},
]  # fmt: skip


@pytest.mark.fault("D3")
@pytest.mark.parametrize("number", range(len(ODD_CLAIMS)))
async def test_what_is_signed_but_malformed_is_refused_the_same_each_time(
    number: int, clients: Clients, world: World, rest: httpx.AsyncClient
) -> None:
    token = forged(clients, **ODD_CLAIMS[number])
    for _ in range(3):
        answer = await bear(token, BY_NAME["intake.GetReport"], clients, world)
        assert (answer.code, answer.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
        told = await rest.get(f"/v1/{world.report.name}", headers={"Authorization": f"Bearer {token}"})
        assert (told.status_code, told.json()["code"]) == (401, "UNAUTHENTICATED")


@pytest.mark.fault("D3")
@pytest.mark.parametrize("claim", ["iat", "nbf"])
async def test_a_clock_a_few_seconds_ahead_is_no_reason_to_refuse(
    claim: str, clients: Clients, world: World, rest: httpx.AsyncClient
) -> None:
    token = forged(clients, **{claim: int(time.time()) + LEEWAY // 2})
    assert (await bear(token, BY_NAME["intake.GetReport"], clients, world)).code is grpc.StatusCode.OK
    assert (await rest.get(f"/v1/{world.report.name}", headers={"Authorization": f"Bearer {token}"})).status_code == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.just("a\0"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
CLAIMS = ("iss", "sub", "aud", "exp", "iat", "nbf", "roles", "unit", "more")


@pytest.mark.fault("D3")
@settings(max_examples=300, deadline=None)
@given(changed=st.dictionaries(st.sampled_from(CLAIMS), JSON, min_size=1, max_size=3), size=st.integers(0, 16_000))
def test_a_drawn_token_is_taken_whole_or_refused(changed: dict[str, Any], size: int, stack: Stack) -> None:
    claims = {"iss": EMBEDDED_ISSUER, "sub": "drawn", "aud": "accord", "exp": int(time.time()) + 600,
              "roles": ["clerk"], "unit": COUNTY, "filler": "x" * size, **changed}  # fmt: skip
    head = {"kid": public_jwk(stack.keys.issuer)["kid"]}
    token = jwt.api_jws.encode(json.dumps(claims).encode(), stack.keys.issuer.read_bytes(), "ES256", head)
    checker = TokenChecker(stack.keys.trust, "intake")
    found = []
    for _ in range(2):
        try:
            caller = checker.check(f"Bearer {token}")
        except CaseError as error:
            found.append(str(error.reason))
        else:
            assert (caller.subject, caller.unit) == (claims["sub"], claims["unit"])
            assert type(claims["exp"]) is int
            assert claims["sub"].isprintable()
            assert len(token) <= LONGEST
            found.append("taken")
    assert found[0] == found[1]
    assert found[0] in {"taken", "UNAUTHENTICATED"}
