"""What RFC 9110 asks of every path: HEAD, OPTIONS, 405, encoded colons, codings, weights, files under their names."""

from __future__ import annotations

import asyncio
import gzip
import re
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel

from services.gateway import timeline
from services.gateway.app import describe, plain_app
from services.gateway.main import KEEP_ALIVE
from services.gateway.rest.binding import shapes_of
from services.gateway.rest.exchange import Exchange
from services.gateway.routers import docs, health, issuer
from services.kit.serving.errors import language_of
from services.kit.serving.limits import HttpLimitSettings
from tests.gateway_fakes import CONTRACT, Running, key_file, running

__all__ = ["key_file", "running"]

pytestmark = pytest.mark.fault("D14")
SHAPES = [shape for rpc in CONTRACT.rpcs for shape in shapes_of(rpc)]
PATHS: dict[str, dict[str, Any]] = describe(CONTRACT, SHAPES, True)["paths"]
NGINX = 60
"""Seconds for which nginx keeps a connection to a server behind it, unless told otherwise."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ENDLESS = ("events:watch", "timeline")
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def concrete(path: str) -> str:
    """Return the path with something in the place of every parameter."""
    return re.sub(r"\{(\w+)\}", lambda match: "intake" if match[1] == "service" else "620102-2026-000117", path)


def test_an_idle_connection_is_closed_by_the_client_first() -> None:
    kept = httpx.AsyncClient()._transport._pool._keepalive_expiry  # type: ignore[attr-defined]
    assert kept is not None
    assert max(kept, NGINX) < KEEP_ALIVE, "or a request is sent into a connection that is being closed"


async def test_head_answers_what_get_would_and_ends(running: Running) -> None:
    walked = 0
    for path, item in PATHS.items():
        if "get" not in item:
            continue
        url, walked = concrete(path), walked + 1
        async with asyncio.timeout(30):
            head = await running.client.head(url)
            assert not head.content
            if path.endswith(ENDLESS):
                events = await running.client.head(url, headers={"accept": "text/event-stream"})
                assert events.status_code == 200, path
                assert events.headers["content-type"] == "text/event-stream"
                continue
            got = await running.client.get(url)
        assert head.status_code == got.status_code, path
        assert head.headers["content-type"] == got.headers["content-type"], path
    assert walked > 100


async def test_options_and_405_name_every_method_of_the_path(running: Running) -> None:
    for path, item in PATHS.items():
        url, there = concrete(path), {method.upper() for method in item}
        asked = await running.client.options(url, headers={"authorization": ""})
        assert asked.status_code == 204, path
        allowed = set(asked.headers["allow"].split(", "))
        assert there <= allowed, path
        assert ("HEAD" in allowed) == ("GET" in there), path
        for method in sorted(set(METHODS) - there)[:1]:
            refused = await running.client.request(method, url)
            if refused.status_code == 405:
                assert set(refused.headers["allow"].split(", ")) == allowed, (path, method)
            else:  # the same path by another template, such as a verb that reads like a name
                assert method in allowed, (path, method)


async def test_an_encoded_colon_is_a_colon_on_every_path(running: Running) -> None:
    walked = 0
    for path, item in PATHS.items():
        if ":" not in path or path.endswith(ENDLESS):
            continue
        for method in item:
            url, walked = concrete(path), walked + 1
            plain = await running.client.request(method.upper(), url)
            for colon in ("%3A", "%3a"):
                coded = await running.client.request(method.upper(), url.replace(":", colon))
                assert coded.status_code == plain.status_code, (path, method)
                assert coded.headers.get("content-type") == plain.headers.get("content-type")
            if plain.status_code >= 400:
                assert coded.json()["code"] == plain.json()["code"] != "NO_SUCH_PATH", path
    assert walked > 100


async def test_letters_that_need_no_encoding_may_be_encoded(running: Running) -> None:
    assert (await running.client.get("/v1/%63ases/620102%2D2026%2D000117")).status_code == 200


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("en;q=0.1,zh;q=0.9", "zh"), ("zh;q=0.1, en;q=0.9", "en"), ("", "zh"), ("fr", "zh"), ("en", "en"), ("*", "zh"),
        ("zh-CN,en;q=0.8", "zh"), ("EN-us", "en"), ("en;q=0", "zh"), ("zh;q=0", "en"), ("zh;q=0,*;q=0.5", "en"),
        ("fr, en;q=0.3", "en"), ("enm", "zh"), ("en;q=x", "zh"), ("en,zh", "en"), ("zh,en", "zh"),
        ("bo,zh-Hans-CN;q=0.9,en;q=0.8", "zh"), ("en;q=0.5;level=1, zh ; q=0.4", "en"), (",,;q=", "zh"),
    ],
)  # fmt: skip
async def test_the_language_with_the_greater_weight_is_spoken(asked: str, language: str, running: Running) -> None:
    assert language_of(asked) == language
    refused = await running.client.get("/v1/cases/620102-2026-000404", headers={"accept-language": asked})
    assert refused.headers["content-language"] == language


async def posted(running: Running, content: bytes, coding: str) -> httpx.Response:
    headers = {"idempotency-key": "key-00000001", "content-type": "application/json", "content-encoding": coding}
    return await running.client.post("/v1/cases/620102-2026-000117:close", content=content, headers=headers)


async def test_a_packed_body_is_unpacked_within_the_limit_and_others_are_refused(running: Running) -> None:
    body = b'{"approved": true}'
    for coding in ("gzip", "x-gzip", "GZIP"):
        assert (await posted(running, gzip.compress(body), coding)).status_code == 200
        assert running.services["mediation"].seen[-1][0].approved
    assert (await posted(running, gzip.compress(body[:9]) + gzip.compress(body[9:]), "gzip")).status_code == 200
    assert (await posted(running, body, "identity")).status_code == 200
    bomb = gzip.compress(b" " * 50_000_000)
    assert (await posted(running, bomb, "gzip")).status_code == 413
    for broken in (gzip.compress(body)[:-5], body, gzip.compress(body) + b"more"):
        refused = await posted(running, broken, "gzip")
        assert (refused.status_code, refused.json()["code"]) == (400, "BROKEN_ENCODING")
    for coding in ("br", "deflate", "gzip, gzip", "x"):
        refused = await posted(running, body, coding)
        assert refused.status_code == 415
        assert refused.headers["accept-encoding"] == "gzip"


async def test_a_file_comes_as_a_file_under_its_name(running: Running) -> None:
    book = await running.client.get("/v1/matters:export")
    assert (book.status_code, book.content) == (200, b"PK-rest")
    assert book.headers["content-type"] == EXCEL
    named = "attachment; filename=\"__ 6201.xlsx\"; filename*=UTF-8''%E6%B8%85%E5%8D%95%206201.xlsx"
    assert book.headers["content-disposition"] == named
    given = await running.client.get("/v1/cases/620102-2026-000117/evidence/1:download")
    assert given.headers["content-type"] == "application/pdf"
    assert given.headers["content-disposition"].endswith("UTF-8''%E5%90%88%E5%90%8C.pdf")
    parts = await running.client.get("/v1/matters:export", headers={"accept": "application/x-ndjson"})
    assert len(parts.text.splitlines()) == 2
    wrong = await running.client.get("/v1/matters:export", headers={"accept": "text/html"})
    assert wrong.status_code == 406


async def test_a_paper_comes_as_a_file_or_as_json_as_asked(running: Running) -> None:
    path = "/v1/reviews/620102-2026-000001/replies/1/document"
    paper = await running.client.get(path)
    assert (paper.headers["content-type"], paper.content) == (WORD, b"PK-all")
    part = await running.client.get(path, headers={"Range": "bytes=3-"})
    assert (part.status_code, part.content) == (200, b"PK-all"), "it is made anew each time: parts would not fit"
    assert paper.headers["content-disposition"].endswith("UTF-8''%E7%AD%94%E5%A4%8D.docx")
    assert (await running.client.get(path, headers={"accept": "application/json"})).json()["fileName"] == "答复.docx"
    document = "/v1/cases/620102-2026-000117/documents/1"
    assert (await running.client.get(document)).json()["fileName"] == "答复.docx"
    asked = await running.client.get(document, headers={"accept": WORD})
    assert (asked.headers["content-type"], asked.content) == (WORD, b"PK-all")


# --- routes that are in no contract: FastAPI's, and the timeline ------------------------------------------------------

ROUTERS = (health.router, docs.router, issuer.router)
PLAIN = sorted({route.path for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)})
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("GET", {}, ""),
    ("POST", {}, ""),
    ("POST", {"json": {}}, "user"),
    ("POST", {"json": []}, "body"),
    ("POST", {"json": {"user": 5}}, "user"),
    ("POST", {"json": {"user": "nobody"}}, "user"),
    ("POST", {"content": b"{", "headers": {"content-type": "application/json"}}, ""),
    ("POST", {"content": b"x" * 20_000, "headers": {"content-type": "application/json"}}, ""),
]


class Asked(BaseModel):
    """A body that FastAPI checks."""

    user: str


def is_one_problem(answer: httpx.Response, language: str, field: str = "") -> None:
    """Check that a refusal is the problem document that every refusal is, in this language, and names the field."""
    found = answer.json()
    assert answer.headers["content-type"] == "application/problem+json", found
    assert answer.headers["content-language"] == language
    members = {"type", "title", "status", "detail", "instance", "code", "traceId"}
    assert members <= found.keys() <= members | {"errors", "metadata", "line"}
    assert found["status"] == answer.status_code
    said = [found["title"], found["detail"], *(each["message"] for each in found.get("errors", []))]
    assert all(bool(re.search("[一-鿿]", text)) == (language == "zh") for text in said), said
    assert [each["field"] for each in found.get("errors", [])] == ([field] if field else [])


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_routes_that_are_in_no_contract_refuse_like_all_others(running: Running, language: str) -> None:
    asked, walked = {"accept-language": language}, 0
    for path in [*PLAIN, "/docs/assets/swagger-ui.css", "/docs/assets/none", "/none", "/issuer/none"]:
        for method, sent, field in WRONG:
            headers = {**sent.get("headers", {}), **asked}
            answer = await running.client.request(method, path, **{**sent, "headers": headers})
            if answer.status_code < 400:
                continue
            walked += 1
            is_one_problem(answer, language, field if answer.status_code == 400 else "")
    for wrong in ({"pageSize": "many"}, {"none": "1"}):
        answer = await running.client.get(concrete(timeline.PATH), params=wrong, headers=asked)
        is_one_problem(answer, language, next(iter(wrong)))
    assert walked > 3 * len(PLAIN)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_what_fastapi_itself_refuses_is_the_same_problem_and_names_the_field(language: str) -> None:
    app = plain_app()

    @app.post("/typed/{number}")
    async def typed(number: int, asked: Asked, size: int = 1) -> int:
        return number + size

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        exchange = Exchange(scope, receive, send, [], HttpLimitSettings())
        await app({**scope, "accord.exchange": exchange}, receive, send)

    for path, sent, field in (
        ("/typed/one", {"json": {"user": "a"}}, "number"),
        ("/typed/1?size=many", {"json": {"user": "a"}}, "size"),
        ("/typed/1", {"json": {}}, "user"),
        ("/typed/1", {}, "body"),
        ("/typed/1", {"content": b"{", "headers": {"content-type": "application/json"}}, "body"),
    ):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(inside), base_url="http://accord") as client:
            client.headers["accept-language"] = language
            answer = await client.post(path, **sent)  # type: ignore[arg-type]
        assert answer.status_code == 400
        is_one_problem(answer, language, field)
