"""The gateway over real HTTP and gRPC, with fake services behind it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import jsonschema
import pytest
from prometheus_client import generate_latest

from tests.gateway_fakes import Running, key_file, running

__all__ = ["key_file", "running"]

CASE = "cases/620102-2026-000117"
KEY = {"idempotency-key": "key-00000001"}
SAID = {"approved": True}  # closing asks for an answer said outright


async def test_a_read_is_answered_with_all_fields_without_presence_and_its_version(running: Running) -> None:
    response = await running.client.get(f"/v1/{CASE}")
    assert response.status_code == 200
    assert response.headers["etag"] == '"v1"'
    body = response.json()
    assert body["name"] == CASE
    assert body["overdue"] is False
    assert body["stage"] == "STAGE_UNSPECIFIED"
    assert "dueTime" not in body
    assert response.headers["x-content-type-options"] == "nosniff"
    again = await running.client.get(f"/v1/{CASE}", headers={"if-none-match": response.headers["etag"]})
    assert again.status_code == 304
    assert not again.content


async def test_a_call_carries_token_language_and_trace(running: Running) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    await running.client.get(f"/v1/{CASE}", headers={"traceparent": parent})
    _, metadata = running.services["mediation"].seen[-1]
    assert metadata["authorization"].startswith("Bearer ")
    assert metadata["accept-language"] == "en"
    assert metadata["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")


async def test_query_parameters_fill_the_request(running: Running) -> None:
    query = "stages=STAGE_HANDLING&stages=STAGE_CLOSED&overdue=true&page_size=5&unit=units%2F62"
    assert (await running.client.get(f"/v1/cases?{query}")).status_code == 200
    request, _ = running.services["mediation"].seen[-1]
    assert list(request.stages) == [1, 4]
    assert (request.overdue, request.page_size, request.unit) == (True, 5, "units/62")


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("pageSize=x", "pageSize", "INVALID_FIELD"),
        ("pageSize=99999999999", "pageSize", "INVALID_FIELD"),
        ("stages=OPEN", "stages", "INVALID_FIELD"),
        ("overdue=yes", "overdue", "INVALID_FIELD"),
        ("pageSize=1&page_size=2", "pageSize", "DUPLICATE_PARAMETER"),
        ("colour=red", "colour", "UNKNOWN_PARAMETER"),
        ("unit=nowhere", "unit", "INVALID_FIELD"),
    ],
)
async def test_a_wrong_parameter_is_named(running: Running, query: str, field: str, code: str) -> None:
    response = await running.client.get(f"/v1/cases?{query}")
    problem = response.json()
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["code"] == code
    assert problem["errors"][0]["field"] == field


@pytest.mark.parametrize("path", ["/v1/cases?unit=%ff", "/v1/cases/%ff"])
async def test_an_address_that_is_not_utf8_is_a_problem_of_the_caller(running: Running, path: str) -> None:
    assert (await running.client.get(path)).json()["code"] == "INVALID_UTF8"


async def test_a_write_needs_an_idempotency_key_as_header_or_field(running: Running) -> None:
    path = f"/v1/{CASE}:close"
    missing = await running.client.post(path, json=SAID)
    assert missing.status_code == 400
    assert missing.json()["errors"][0]["field"] == "Idempotency-Key"
    assert (await running.client.post(path, headers=KEY, json=SAID)).status_code == 200
    assert running.services["mediation"].seen[-1][0].request_id == KEY["idempotency-key"]
    assert (await running.client.post(path, json={**SAID, "requestId": "key-00000001"})).status_code == 200
    both = await running.client.post(path, headers=KEY, json={**SAID, "requestId": "key-00000002"})
    assert both.json()["code"] == "IDEMPOTENCY_KEY_CONFLICT"
    reused = await running.client.post(path, headers={"idempotency-key": "key-reused"}, json=SAID)
    assert (reused.status_code, reused.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    short = await running.client.post(path, headers={"idempotency-key": "short"}, json=SAID)
    assert short.json()["errors"][0]["field"] == "Idempotency-Key"


async def test_a_stale_version_is_refused_with_412(running: Running) -> None:
    path = f"/v1/{CASE}:close"
    assert (await running.client.post(path, headers={**KEY, "if-match": '"v1"'}, json=SAID)).status_code == 200
    assert (await running.client.post(path, headers={**KEY, "if-match": "*"}, json=SAID)).status_code == 200
    stale = await running.client.post(path, headers={**KEY, "if-match": '"v0"'}, json=SAID)
    assert (stale.status_code, stale.json()["code"]) == (412, "ETAG_MISMATCH")
    assert (await running.client.post(path, headers={**KEY, "if-match": "v1"}, json=SAID)).status_code == 400
    differs = await running.client.post(path, headers={**KEY, "if-match": '"v1"'}, json={**SAID, "etag": "v2"})
    assert differs.json()["code"] == "ETAG_CONFLICT"


async def test_a_body_that_is_not_as_described_is_refused_naming_the_field(running: Running) -> None:
    async def create(**sent: Any) -> httpx.Response:
        kind = sent.pop("kind", "application/json")
        return await running.client.post("/v1/reports", headers={**KEY, "content-type": kind}, **sent)

    rules = (await create(json={"channel": "CHANNEL_APP", "place": {"area": "zz"}, "text": "x"})).json()
    assert {error["field"] for error in rules["errors"]} == {"unit", "category", "place.area"}
    assert (await create(json={"channel": "CHANNEL_FAX"})).json()["errors"][0]["field"] == "channel"
    assert (await create(json={"people_affected": "three"})).json()["errors"][0]["field"] == "peopleAffected"
    assert (await create(content=b'{"text": "\xff"}')).json()["code"] == "INVALID_UTF8"
    assert (await create(content=b'{"text": ')).json()["code"] == "MALFORMED_JSON"
    assert (await create(content=b"{}", kind="text/plain")).status_code == 415
    assert (await create(content=b"{}", kind="application/json; charset=gbk")).status_code == 415
    assert (await create(json={"text": "x" * 300_000})).status_code == 413


async def test_a_field_of_the_path_cannot_be_something_else_in_the_body(running: Running) -> None:
    response = await running.client.post(f"/v1/{CASE}:close", headers=KEY, json={"name": "cases/other"})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "name")


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [
        ("000404", 404, "NOT_FOUND"),
        ("000500", 500, "INTERNAL"),
        ("000503", 503, "SERVICE_UNAVAILABLE"),
    ],
)
async def test_a_refusal_of_a_service_becomes_a_problem(running: Running, number: str, status: int, code: str) -> None:
    response = await running.client.get(f"/v1/cases/620102-2026-{number}")
    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == f"urn:accord:problem:{code.lower().replace('_', '-')}"
    assert problem["instance"].endswith(problem["traceId"])
    assert "secret" not in response.text
    assert ("retry-after" in response.headers) == (status == 503)


async def test_a_problem_speaks_chinese_unless_asked_otherwise(running: Running) -> None:
    path = "/v1/cases/620102-2026-000404"
    assert (await running.client.get(path, headers={"accept-language": "fr"})).json()["title"] == "找不到"
    assert (await running.client.get(path)).json()["title"] == "Not found"


async def test_nobody_without_a_good_token_gets_past_the_gateway(running: Running) -> None:
    seen = len(running.services["mediation"].seen)
    for token in ("", "Bearer", "Bearer x.y.z", "Basic abc", "Bearer é"):
        response = await running.client.get(f"/v1/{CASE}", headers={"authorization": token.encode("utf-8")})
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
    assert len(running.services["mediation"].seen) == seen


async def test_what_is_not_there_is_a_problem_too(running: Running) -> None:
    assert (await running.client.get("/v1/nothing")).json()["code"] == "NO_SUCH_PATH"
    response = await running.client.put("/v1/cases")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, POST")
    assert (await running.client.post("/healthz")).json()["code"] == "METHOD_NOT_ALLOWED"
    assert (await running.client.get(f"/v1/{CASE}", headers={"accept": "text/html"})).status_code == 406
    assert (await running.client.head(f"/v1/{CASE}")).status_code == 200


async def test_the_request_field_service_picks_the_backend(running: Running) -> None:
    assert (await running.client.get("/v1/clocks/mediation")).status_code == 200
    assert running.services["mediation"].seen[-1][0].service == "mediation"
    response = await running.client.get("/v1/clocks/nowhere")
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "service")


async def test_a_watched_feed_comes_as_events_or_lines_and_resumes(running: Running) -> None:
    path = "/v1/feeds/intake/events:watch?untilCaughtUp=true"
    events = await running.client.get(path, headers={"last-event-id": "41"})
    assert events.headers["content-type"] == "text/event-stream"
    assert [line for line in events.text.splitlines() if line.startswith("id:")] == ["id: 42", "id: 43"]
    lines = await running.client.get(path, headers={"accept": "application/x-ndjson"})
    assert [json.loads(line)["position"] for line in lines.text.splitlines()] == ["1", "2"]
    refused = await running.client.get(path + "&consumer=refused")
    assert (refused.status_code, refused.json()["code"]) == (403, "PERMISSION_DENIED")
    wrong = await running.client.get(path, headers={"last-event-id": "x"})
    assert wrong.json()["errors"][0]["field"] == "Last-Event-ID"


async def test_a_silent_stream_beats(running: Running) -> None:
    async with running.client.stream("GET", "/v1/feeds/intake/events:watch") as response:
        async for line in response.aiter_lines():
            if line == ": heartbeat":
                return
    pytest.fail("no heartbeat")


async def import_lines(running: Running, *lines: str) -> httpx.Response:
    content = "\n".join(lines).encode()
    return await running.client.post(
        "/v1/reports:import", content=content, headers={"content-type": "application/x-ndjson"}
    )


async def test_an_import_is_answered_line_by_line_and_an_error_midway_is_the_last_line(running: Running) -> None:
    good = '{"rows":[{"row":"1","report":{}}]}'
    response = await import_lines(running, good, "", good, '{"rows":[{"nothing":1}]}', good)
    *answers, last = [json.loads(line) for line in response.text.splitlines()]
    assert [answer["results"][0]["row"] for answer in answers] == ["1", "1"]
    assert (last["error"]["code"], last["error"]["line"]) == ("UNKNOWN_FIELD", 4)
    refused = await import_lines(running, good, '{"rows":[{"report":{"unit":"enough"}}]}')
    assert json.loads(refused.text.splitlines()[-1])["error"]["status"] == 429
    first = await import_lines(running, "nonsense")
    assert (first.status_code, first.json()["line"]) == (400, 1)
    assert (await import_lines(running)).text == ""


async def test_a_client_that_sends_all_before_it_reads_gets_every_answer(running: Running) -> None:
    line = '{"rows":[' + ",".join(f'{{"row":{n}}}' for n in range(500)) + "]}"
    response = await import_lines(running, *([line] * 100))
    assert sum(len(json.loads(answer)["results"]) for answer in response.text.splitlines()) == 50_000


async def test_a_timeline_merges_all_services_by_time(running: Running) -> None:
    body = (await running.client.get(f"/v1/{CASE}/timeline")).json()
    assert [event["name"].split("/")[1] for event in body["events"][:3]] == ["intake", "mediation", "escalation"]
    assert body["lastEventId"] == "intake:2,mediation:2,escalation:2"


async def test_a_timeline_goes_on_live_behind_the_last_event(running: Running) -> None:
    headers = {"accept": "text/event-stream", "last-event-id": "intake:2,mediation:1,escalation:2"}
    ids: list[str] = []
    async with running.client.stream("GET", f"/v1/{CASE}/timeline", headers=headers) as response:
        async for line in response.aiter_lines():
            if line.startswith("id: "):
                ids.append(line[4:])
            if len(ids) == 7:
                break
    assert ids[0] == "intake:2,mediation:2,escalation:2"
    assert ids[-1] == "intake:4,mediation:4,escalation:4"
    wrong = await running.client.get(f"/v1/{CASE}/timeline", headers={"last-event-id": "elsewhere:1"})
    assert wrong.status_code == 400


async def test_the_gateway_tells_how_it_is(running: Running) -> None:
    assert (await running.client.get("/healthz")).json() == {"status": "ok"}
    ready = await running.client.get("/readyz")
    assert ready.status_code == 200
    assert [backend["status"] for backend in ready.json()["backends"]] == ["SERVING"] * 3
    assert (await running.client.get("/metrics")).status_code == 404
    assert 'route="/v1/{name=cases/*}",status="200"' in generate_latest().decode()
    assert (await running.client.get("/openapi.json")).json()["openapi"] == "3.1.0"
    assert (await running.client.get("/docs")).status_code == 200


async def test_a_demo_user_gets_a_token_that_the_gateway_takes(running: Running) -> None:
    for sent in ({"data": {"user": "clerk-620102"}}, {"json": {"user": "clerk-620102"}}):
        answer = (await running.client.post("/issuer/token", **sent)).json()
        bearer = {"authorization": f"Bearer {answer['access_token']}"}
        assert (await running.client.get(f"/v1/{CASE}", headers=bearer)).status_code == 200
    unknown = await running.client.post("/issuer/token", data={"user": "nobody"})
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (400, "user")


async def test_what_the_routers_answer_is_what_the_description_says(running: Running) -> None:
    paths = (await running.client.get("/openapi.json")).json()["paths"]
    beside = [(path, method, each) for path, item in paths.items() for method, each in item.items()
              if {"Operations", "EmbeddedIssuer"} & set(each["tags"])]  # fmt: skip
    assert len(beside) == 6
    for path, method, operation in beside:
        sent = {"json": {"user": "clerk-620102"}} if "requestBody" in operation else {}
        answer = await running.client.request(method, path, **sent)
        content = operation["responses"][str(answer.status_code)]["content"]
        jsonschema.validate(answer.json(), content[answer.headers["content-type"]]["schema"])
