"""What a client app sees through the gateway of a real stack."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from accord.embedded.stack import Stack
from services.kit.storage import paging
from tests.conftest import COUNTY, Clients, request_id
from tests.patience import PATIENCE

CONFIG = Path(__file__).with_name("schemathesis.toml")
CHECKS = ("not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
          "response_schema_conformance,unsupported_method,use_after_free,ensure_resource_availability")  # fmt: skip
SCHEMATHESIS = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "st"


def body(**fields: Any) -> dict[str, Any]:
    """Return a good report as a client app sends it."""
    return {
        "channel": "CHANNEL_APP", "unit": f"units/{COUNTY}", "category": "categories/neighbour", "text": "楼上漏水。",
        **fields,
    }  # fmt: skip


async def filed(rest: httpx.AsyncClient, key: str = "", **fields: Any) -> httpx.Response:
    return await rest.post("/v1/reports", json=body(**fields), headers={"Idempotency-Key": key or request_id()})


def is_problem(answer: httpx.Response, status: int, code: str = "") -> dict[str, Any]:
    """Check that an answer is a problem document of this status, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"urn:accord:problem:{problem['code'].lower().replace('_', '-')}"
    assert problem["title"]
    assert problem["detail"]
    assert not code or problem["code"] == code
    return problem


async def test_a_report_is_filed_read_and_never_shows_what_is_sealed(rest: httpx.AsyncClient) -> None:
    made = await filed(rest, reporter={"displayName": "来访人", "phone": "13800000001"})
    assert made.status_code == 200
    report = made.json()
    assert report["receiptCode"]
    assert report["triage"]["grade"] == "GRADE_LOW"
    read = await rest.get(f"/v1/{report['name']}")
    assert read.json() == {**report, "receiptCode": ""}
    assert not {"text", "reporter", "parties"} & set(read.json())
    content = (await rest.get(f"/v1/{report['name']}/content")).json()
    assert (content["text"], content["reporter"]["phone"]) == ("楼上漏水。", "13800000001")
    receipt = (await rest.get(f"/v1/receipts/{report['receiptCode'].lower()}")).json()
    assert (receipt["case"], receipt["unitDisplayName"]) == (report["case"], "城关区")


async def test_a_repeated_key_gets_the_first_answer_and_with_another_body_a_refusal(rest: httpx.AsyncClient) -> None:
    key = request_id()
    first, again = await filed(rest, key), await filed(rest, key)
    assert first.json() == again.json()
    problem = is_problem(await filed(rest, key, text="另一件事。"), 422, "IDEMPOTENCY_KEY_REUSED")
    assert [error["field"] for error in problem["errors"]] == ["Idempotency-Key"]
    is_problem(await rest.post("/v1/reports", json=body()), 400, "IDEMPOTENCY_KEY_MISSING")


async def test_a_version_that_is_not_the_present_one_is_refused(rest: httpx.AsyncClient) -> None:
    made = await filed(rest)
    path, etag = f"/v1/{made.json()['name']}", made.headers["etag"]
    assert (await rest.get(path, headers={"If-None-Match": etag})).status_code == 304
    url, fresh = f"{path}:verify", {"Idempotency-Key": request_id(), "If-Match": etag}
    changed = await rest.post(url, json={"founded": True}, headers=fresh)
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag
    stale = {"Idempotency-Key": request_id(), "If-Match": etag}
    problem = is_problem(await rest.post(url, json={"founded": False}, headers=stale), 412, "ETAG_MISMATCH")
    assert problem["metadata"]["etag"] == changed.headers["etag"].strip('"')
    assert (await rest.get(path, headers={"If-None-Match": etag})).status_code == 200


async def test_pages_lose_nothing_and_repeat_nothing_while_more_is_filed(rest: httpx.AsyncClient) -> None:
    unit = "units/620102002"
    names = {(await filed(rest, unit=unit)).json()["name"] for _ in range(25)}
    found: list[str] = []
    token = ""
    while True:
        page = (await rest.get("/v1/reports", params={"unit": unit, "pageSize": 4, "pageToken": token})).json()
        found += [report["name"] for report in page["reports"]]
        token = page["nextPageToken"]
        if not token:
            break
        await filed(rest, unit=unit)  # newest first: what is filed meanwhile is before the first page
    assert len(found) == len(set(found))
    assert names <= set(found)
    bad = await rest.get("/v1/reports", params={"pageToken": paging.token("cases", "x", "y")})
    assert is_problem(bad, 400, "INVALID_PAGE_TOKEN")["errors"][0]["field"] == "pageToken"


BAD_BODIES: list[tuple[bytes, str]] = [
    (b'{"channel": "CHANNEL_APP"', ""),
    (b"[]", "body"),
    (b"\xff\xfe", ""),
    (json.dumps(body(channel="CHANNEL_SMOKE")).encode(), "channel"),
    (json.dumps(body(channel=7)).encode(), "channel"),
    (json.dumps(body(text=5)).encode(), "text"),
    (json.dumps(body(text=None)).encode(), "text"),
    (json.dumps(body(text="长" * 5001)).encode(), "text"),
    (json.dumps(body(text="a\0b")).encode(), "text"),
    (json.dumps(body(text="\ud800")).encode(), "text"),
    (json.dumps(body(colour="red")).encode(), "colour"),
    (json.dumps(body(place={"area": "62", "planet": 3})).encode(), "place.planet"),
    (json.dumps(body(place={"location": {"latitude": 1000, "longitude": 0}})).encode(), "place.location"),
    (json.dumps(body(peopleAffected="many")).encode(), "peopleAffected"),
    (json.dumps(body(peopleAffected=10**30)).encode(), "peopleAffected"),
    (json.dumps(body(peopleAffected=1.5)).encode(), "peopleAffected"),
    (json.dumps(body(amount={"units": "1e3"})).encode(), "amount.units"),
    (json.dumps(body(amount={"units": "-5"})).encode(), "amount"),
    (json.dumps(body(receiveTime="0001-01-01T00:00:00Z")).encode(), "receiveTime"),
    (json.dumps(body(receiveTime="9999-12-31T23:59:59Z")).encode(), "receiveTime"),
    (json.dumps(body(receiveTime="yesterday")).encode(), "receiveTime"),
    (json.dumps(body(parties=[{"role": "PARTY_ROLE_WITNESS", "displayName": "名" * 101}])).encode(),
     "parties[0].displayName"),
    (json.dumps(body()).encode().replace(b'"text"', b'"unit"'), "unit"),
    (b"[" * 100_000, ""),
    (b'{"amount":{"nanos":' + b"9" * 5000 + b"}}", ""),
]  # fmt: skip


@pytest.mark.parametrize(("data", "field"), BAD_BODIES)
async def test_a_bad_body_is_a_problem_naming_the_field(data: bytes, field: str, rest: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": request_id(), "Content-Type": "application/json"}
    problem = is_problem(await rest.post("/v1/reports", content=data, headers=headers), 400)
    if field:
        assert field in [error["field"] for error in problem["errors"]]


async def test_what_is_too_large_or_of_another_kind_is_refused(rest: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": request_id(), "Content-Type": "application/json"}
    too_large = await rest.post("/v1/reports", content=json.dumps(body(text="x" * 5_000_000)), headers=headers)
    is_problem(too_large, 413, "BODY_TOO_LARGE")
    is_problem(await rest.post("/v1/reports", content=b"text", headers={**headers, "Content-Type": "text/plain"}), 415)
    is_problem(await rest.get("/v1/reports/620102-1949-000001"), 404, "NOT_FOUND")
    is_problem(await rest.get("/v1/reports/1"), 400, "INVALID_FIELD")
    is_problem(await rest.get("/v1/nothing"), 404, "NO_SUCH_PATH")
    is_problem(await rest.get("/v1/reports?colour=red"), 400, "UNKNOWN_PARAMETER")
    is_problem(await rest.delete("/v1/reports"), 405, "METHOD_NOT_ALLOWED")


async def test_a_problem_is_told_in_the_language_asked_for(rest: httpx.AsyncClient) -> None:
    for language, told in (("zh", "没有这个类别。"), ("en", "There is no such category.")):
        headers = {"Idempotency-Key": request_id(), "Accept-Language": language}
        wrong = await rest.post("/v1/reports", json=body(category="categories/nothing"), headers=headers)
        problem = is_problem(wrong, 400, "UNKNOWN_CATEGORY")
        assert problem["detail"].startswith(told)
        assert problem["errors"] == [{"field": "category", "message": told}]
        assert wrong.headers["content-language"] == language


async def events_of(answer: httpx.Response) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yield id and data of each server-sent event."""
    event_id = ""
    async for line in answer.aiter_lines():
        if line.startswith("id: "):
            event_id = line[4:]
        elif line.startswith("data: "):
            yield event_id, json.loads(line[6:])


async def test_a_timeline_tells_the_past_and_goes_on_live(rest: httpx.AsyncClient, clients: Clients) -> None:
    report = await clients.file_report()
    case = await clients.accept(report)
    types: list[str] = []
    async with (
        asyncio.timeout(PATIENCE),
        rest.stream("GET", f"/v1/{case.name}/timeline", headers={"Accept": "text/event-stream"}) as answer,
    ):
        assert answer.status_code == 200
        finishing: asyncio.Task[Any] | None = None
        async for event_id, event in events_of(answer):
            types.append(event["type"])
            last = event_id
            if "CaseOpened" in types and finishing is None:
                finishing = asyncio.create_task(clients.finish(case.name))
            if event["type"] == "CaseClosed":
                break
        assert finishing is not None
        await finishing
    assert types[:2] == ["ReportReceived", "ReportAccepted"]
    assert types.index("CaseOpened") < types.index("TaskSigned") < types.index("ClosingRequested")
    assert len(types) == len((await rest.get(f"/v1/{case.name}/timeline")).json()["events"])

    # A reader that comes back with the last id gets what is new, and nothing twice.
    await rest.get(f"/v1/{report.name}/content")
    headers = {"Accept": "text/event-stream", "Last-Event-ID": last}
    async with asyncio.timeout(PATIENCE), rest.stream("GET", f"/v1/{case.name}/timeline", headers=headers) as answer:
        async for _, event in events_of(answer):
            assert event["type"] == "ContentRead"
            break


async def test_the_unit_of_an_escalated_case_still_reads_its_timeline(
    rest: httpx.AsyncClient, clients: Clients
) -> None:
    case = await clients.accept(await clients.file_report())
    raised = {"mode": "MODE_INFORM", "fromUnit": f"units/{COUNTY}", "reason": "stuck"}
    handler = {"Authorization": f"Bearer {clients.stack.token('handler', COUNTY)}", "Idempotency-Key": request_id()}
    assert (await rest.post(f"/v1/{case.name}/escalations", json=raised, headers=handler)).status_code == 200
    timeline = await rest.get(f"/v1/{case.name}/timeline")
    assert "EscalationRaised" in [event["type"] for event in timeline.json()["events"]]


async def test_an_import_answers_every_line(rest: httpx.AsyncClient) -> None:
    def line(*rows: dict[str, Any]) -> str:
        return json.dumps({"rows": [{"requestId": request_id(), **row} for row in rows]}) + "\n"

    lines = [
        line({"row": 1, "report": body()}, {"row": 2, "report": body(unit="units/999999")}),
        line({"row": 3, "report": body()}),
    ]
    answer = await rest.post(
        "/v1/reports:import", content="".join(lines), headers={"Content-Type": "application/x-ndjson"}
    )
    assert answer.status_code == 200
    results = [result for each in answer.text.splitlines() for result in json.loads(each)["results"]]
    assert [(result["row"], result["reason"]) for result in results] == [("1", ""), ("2", "UNKNOWN_UNIT"), ("3", "")]
    cut = lines[0] + '{"rows": [{"row": 9, "colour": "red"}]}\n'
    answer = await rest.post("/v1/reports:import", content=cut, headers={"Content-Type": "application/x-ndjson"})
    problem = json.loads(answer.text.splitlines()[-1])["error"]
    assert (problem["status"], problem["line"], problem["errors"][0]["field"]) == (400, 2, "rows[0].colour")


async def test_the_description_and_its_page_load_and_ask_no_foreign_host(rest: httpx.AsyncClient) -> None:
    description = (await rest.get("/openapi.json", headers={"Authorization": ""})).json()
    assert description["paths"]["/v1/reports"]["post"]["description"]
    page = await rest.get("/docs", headers={"Authorization": ""})
    assert page.status_code == 200
    assert "http" not in page.text.replace("/openapi.json", "")
    for part in ("/docs/Intake", "/docs/start.js", "/docs/assets/swagger-ui-bundle.js", "/docs/assets/swagger-ui.css"):
        assert (await rest.get(part, headers={"Authorization": ""})).status_code == 200


async def test_the_description_of_a_group_is_whole_and_small(rest: httpx.AsyncClient) -> None:
    whole = (await rest.get("/openapi.json")).json()
    page, walked = (await rest.get("/docs")).text, 0
    for tag in whole["tags"]:
        assert f'href="/docs/{tag["name"]}"' in page
        answer = await rest.get(f"/openapi/{tag['name']}.json")
        group = answer.json()
        walked += sum(map(len, group["paths"].values()))
        for kind, name in re.findall(r'"#/components/(\w+)/([^"]+)"', answer.text):
            assert group["components"][kind][name] == whole["components"][kind][name]
        assert len(answer.content) < 400_000, tag["name"]
    assert walked == sum(map(len, whole["paths"].values()))
    places = [page.index(f'href="/docs/{tag["name"]}"') for tag in whole["tags"]]
    assert places == sorted(places), "in the order of the journey"
    for none in ("/openapi/Nothing.json", "/docs/Nothing"):
        is_problem(await rest.get(none), 404, "NO_SUCH_PATH")


def test_whatever_the_description_allows_is_answered_as_it_says(stack: Stack, tmp_path: Path) -> None:
    """`make schemathesis` takes 20 examples an operation and no limit of time; `make test` what fits in 25 seconds."""
    if not SCHEMATHESIS.exists():
        pytest.skip("schemathesis is not installed in .venv/bin")
    examples, seed = os.environ.get("SCHEMA_EXAMPLES", ""), os.environ.get("SCHEMA_SEED", "1")
    bound = [] if examples else ["--max-time", "25"]
    checks = ["--checks", "all" if examples else CHECKS]
    # Left out: streams that end only with their call, uploads (lines, not JSON), and the embedded issuer.
    bearer = f"Authorization: Bearer {stack.token('duty_officer', 'cn')}"
    ended = subprocess.run(
        [SCHEMATHESIS, "--config-file", CONFIG, "run", f"{stack.urls['api']}/openapi.json", "-H", bearer, *checks,
         "--phases", "fuzzing", "--max-examples", examples or "20", *bound, "--seed", seed, "--no-color",
         "--continue-on-failure", "--request-timeout", "30",
         "--exclude-path-regex", "watch|timeline|import|upload|/issuer|/readyz"],
        capture_output=True, text=True, timeout=7200 if examples else 170, cwd=tmp_path,
    )  # fmt: skip
    if examples:
        Path("schemathesis.log").write_text(ended.stdout + ended.stderr, "utf-8")
    print(ended.stdout[-1500:])
    # What went wrong stands in front of many lines of advice.
    assert ended.returncode == 0, ended.stdout[ended.stdout.find("= FAILURES") :][:8000] + ended.stderr[-2000:]


@pytest.mark.parametrize("seconds", ["", "0", "-1", "1.5", "a", "9" * 10])
async def test_a_time_that_is_none_is_refused_naming_its_header(seconds: str, rest: httpx.AsyncClient) -> None:
    answer = await rest.get("/v1/reports", headers={"Request-Timeout": seconds})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Request-Timeout")


async def test_random_bytes_as_a_body_are_a_problem_of_the_caller(rest: httpx.AsyncClient) -> None:
    dice = random.Random("bodies")
    good = json.dumps(body(), ensure_ascii=False).encode()
    for _ in range(200):
        data = bytearray(good)
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        headers = {"Idempotency-Key": request_id(), "Content-Type": "application/json"}
        answer = await rest.post("/v1/reports", content=bytes(data), headers=headers)
        assert answer.status_code in {200, 400, 403}, (bytes(data), answer.text)
