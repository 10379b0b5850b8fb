"""Open311: programs that were not written here read and file, and nothing private gets out (docs/doors.md)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import asyncpg
import httpx
import pytest
from civicbot.http import HttpTransport, RateLimiter
from civicbot.open311 import Open311Client, ValidationError
from civicbot.registry import Endpoint
from civicbot.robot.matcher import ServiceMatcher
from georeport import GeoReport
from pb.intake.v1 import intake_pb2
from pb.mediation.v1 import mediation_pb2

from accord.embedded.stack import Stack
from accord.rules_place import SHIPPED
from casework.door.category import Kind, fault_of
from tests.conftest import CALL, COUNTY, Clients, request_id
from tests.outside import Desk, Reporter
from tests.patience import PATIENCE
from tests.still import shipped_rules
from tests.world import picture

LIGHT, FIRE = "municipal_street-lights", "hazard_fire"
PLACE = {"lat": "36.061234", "long": "103.834567", "address_id": "620102001001"}
PARTS = "multipart/form-data; boundary=x"
ELSEWHERE, CLOSED = "620422", "110101"
"""A county where nobody else files; one where nobody files without an account."""


class Program:
    """A program that speaks Open311, without a key, from an address of its own."""

    def __init__(self, stack: Stack, address: str = "127.0.0.1", language: str = "en") -> None:
        self._client = httpx.AsyncClient(
            base_url=f"{stack.urls['api']}/open311", timeout=CALL,
            transport=httpx.AsyncHTTPTransport(local_address=address),
        )  # fmt: skip
        self._at = f"/{language}/v2"

    async def __aenter__(self) -> Program:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def get(self, path: str, jurisdiction: str | None = COUNTY, **query: str) -> httpx.Response:
        """Read something."""
        asked = {"jurisdiction_id": jurisdiction, **query} if jurisdiction else query
        return await self._client.get(f"{self._at}/{path}", params=asked)

    async def discovery(self, form: str) -> httpx.Response:
        """Read the discovery document."""
        return await self._client.get(f"/discovery.{form}")

    async def post(self, path: str = "requests.json", key: str = "", files: Any = None, **form: Any) -> httpx.Response:
        """Send a form."""
        sent = {name: value for name, value in {"jurisdiction_id": COUNTY, **form}.items() if value is not None}
        headers = {"Idempotency-Key": key} if key else {}
        return await self._client.post(f"{self._at}/{path}", data=sent, files=files, headers=headers)

    async def files(self, description: str, **form: Any) -> str:
        """File that a light is out; return its number."""
        given = {"service_code": LIGHT, "attribute[extent]": "one", **PLACE, **form}
        answer = await self.post(description=description, **given)
        assert answer.status_code == 200, answer.text
        return str(answer.json()[0]["service_request_id"])

    async def one(self, number: str) -> dict[str, Any]:
        """Return a public matter."""
        answer = await self.get(f"requests/{number}.json")
        assert answer.status_code == 200, answer.text
        (found,) = answer.json()
        return dict(found)


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    """Return a connection to the stack's database."""
    connection = await asyncpg.connect(stack.database_url)
    yield connection
    await connection.close()


def endpoint(stack: Stack) -> str:
    """Return the address of the English endpoint."""
    return f"{stack.urls['api']}/open311/en/v2"


# --- programs of others -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "xml"])
async def test_georeport_reads_services_definitions_and_requests(stack: Stack, form: str) -> None:
    client = GeoReport(endpoint(stack), jurisdiction=COUNTY, output_format=form)
    services = {each["service_code"]: each for each in await asyncio.to_thread(client.get_service_list)}
    assert (services[LIGHT]["service_name"], services[LIGHT]["group"]) == ("Street lights", "Municipal service")
    definition = await asyncio.to_thread(client.get_service_definition, LIGHT)
    attributes = definition["attributes"] if form == "json" else definition["attributes"]["attribute"]
    assert [each["code"] for each in attributes] == ["pole", "extent"]
    async with Program(stack, "127.0.9.1") as program:
        number = await program.files(f"The light at the bridge is out ({form}).")
    found = await asyncio.to_thread(client.get_service_request, number)
    assert (found["service_request_id"], found["status"], found["service_code"]) == (number, "open", LIGHT)
    listed = await asyncio.to_thread(client.get_service_requests, service_request_id=f"{number},{COUNTY}-2026-999999")
    assert (listed[0] if form == "json" else listed)["service_request_id"] == number


async def test_civicbot_finds_the_service_files_and_follows_by_number_or_by_token(stack: Stack) -> None:
    key = stack.token("citizen", COUNTY)
    there = Endpoint("accord", "Accord", endpoint(stack), write=True)
    transport = HttpTransport(rate_limiter=RateLimiter(0.0))
    client = Open311Client(there, transport, jurisdiction_id=COUNTY)
    services = await asyncio.to_thread(client.list_services)
    match = ServiceMatcher().match("a street light is out", services)
    assert match is not None
    assert match.service_code == LIGHT

    def create(code: str, attributes: dict[str, Any]) -> dict[str, Any]:
        sent = client.create_request(
            code, dry_run=False, confirm="SEND", api_key=key, validate_remote=True, lat=36.06, lng=103.83,
            description=f"Told by a robot {request_id()}.", attributes=attributes,
        )  # fmt: skip
        (answer,) = sent.response
        return dict(answer)

    with pytest.raises(ValidationError, match="extent"):
        await asyncio.to_thread(create, LIGHT, {})
    filed = await asyncio.to_thread(create, LIGHT, {"extent": "several"})
    found = await asyncio.to_thread(client.get_request, filed["service_request_id"])
    assert found is not None
    assert found["status"] == "open"
    token = (await asyncio.to_thread(create, FIRE, {"danger": "no"}))["token"]
    (told,) = await asyncio.to_thread(client.get_token, token)
    listed = await asyncio.to_thread(client.list_requests, service_request_ids=[told["service_request_id"]])
    assert [each["service_code"] for each in listed] == [FIRE]


async def test_discovery_says_the_same_in_both_formats_as_its_validator_checks(stack: Stack) -> None:
    async with Program(stack) as program:
        in_json, in_xml = await program.discovery("json"), await program.discovery("xml")
    assert [each.headers["content-type"] for each in (in_json, in_xml)] == ["application/json", "text/xml"]
    told, root = in_json.json(), ElementTree.fromstring(in_xml.content)
    assert (root.tag, root.findtext("changeset")) == ("discovery", told["changeset"])
    assert datetime.fromisoformat(told["changeset"]) < datetime.now(UTC)
    assert "12345" in told["contact"]
    assert "密钥" in told["key_service"]
    assert len(told["endpoints"]) == 2
    for written, held in zip(root.findall("endpoints/endpoint"), told["endpoints"], strict=True):
        assert [each.text for each in written.findall("formats/format")] == held["formats"]
        assert held["formats"] == ["text/xml", "application/json"]
        assert written.findtext("url") == held["url"]
        async with httpx.AsyncClient(timeout=CALL) as client:
            answer = await client.get(f"{held['url']}/services.xml", params={"jurisdiction_id": COUNTY})
        assert answer.headers["content-type"] == "text/xml; charset=utf-8"
        assert len(ElementTree.fromstring(answer.content).findall("service")) > 10


async def test_fixmystreet_files_for_the_token_and_reads_what_became_of_it(stack: Stack) -> None:
    async with Program(stack, "127.0.9.2") as program:
        sent = {**PLACE, "service_code": FIRE, "attribute[danger]": "yes", "first_name": "Zhang", "last_name": "San",
                "email": "zhang@example.org", "phone": "+86 135-0000-1111", "media_url": "https://example.org/1.jpg",
                "description": "title: smoke\n\ndetail: in stairs\n\nurl: https://example.org/report/1"}  # fmt: skip
        filed = ElementTree.fromstring((await program.post("requests.xml", **sent)).content)
        token = filed.findtext("request/token")
        assert "119" in (filed.findtext("request/service_notice") or "")
        told = ElementTree.fromstring((await program.get(f"tokens/{token}.xml")).content)
        number = told.findtext("request/service_request_id")
        assert told.findtext("request/token") == token
    async with Desk(stack, "clerk") as clerk:
        content = await clerk.reads(f"/v1/reports/{number}/content")
    assert content["text"].endswith("url: https://example.org/report/1\n\nmedia_url: https://example.org/1.jpg")
    assert (content["reporter"]["displayName"], content["reporter"]["phone"]) == ("Zhang San", "+8613500001111")
    assert content["report"]["danger"] is True


# --- nothing private --------------------------------------------------------------------------------------------------


def test_only_hazards_and_public_services_are_offered_whoever_writes_the_rules_of_categories() -> None:
    rules = shipped_rules(SHIPPED)
    offered = [each.id for each in rules.public.offered(rules.categories)]
    assert {each.partition("/")[0] for each in offered} == {"hazard", "municipal", "grievance"}
    assert rules.public.kind_of("municipal/street-lights") is rules.public.kind_of("municipal")
    for private in (
        "family/violence",
        "neighbour",
        "grievance",
        "municipal/noise",
        "municipal/housing",
        "hazard/workplace",
    ):
        assert rules.public.kind_of(private) is None, private


async def test_what_is_not_public_is_no_different_from_what_does_not_exist(stack: Stack) -> None:
    async with Desk(stack, "clerk", "62") as clerk, Program(stack) as program:
        light: dict[str, Any] = {"category": "categories/municipal/street-lights"}
        minor = {"ageBand": "AGE_BAND_8_TO_13"}
        about = {"aboutUnit": f"units/{COUNTY}-urban"}
        private = [
            await clerk.file("邻居半夜敲墙。"),
            await clerk.file("楼上太吵。", category="categories/municipal/noise"),
            await clerk.file("孩子触电。", **light, minor=minor),
            await clerk.file("城管局不管路灯。", **light, **about),
        ]
        public = await clerk.file("路灯坏了。", **light, place={"area": "620102001001"})
        numbers = [each["name"].removeprefix("reports/") for each in (*private, public)]
        listed = (await program.get("requests.json", service_request_id=",".join(numbers))).json()
        assert [each["service_request_id"] for each in listed] == numbers[-1:]
        absent = await program.get(f"requests/{COUNTY}-2026-999999.json")
        for number in numbers[:-1]:
            hidden = await program.get(f"requests/{number}.json")
            assert hidden.status_code == absent.status_code == 404
            assert hidden.text.replace(number, f"{COUNTY}-2026-999999") == absent.text
        whole = (await program.get("requests.xml")).text
        assert numbers[-1] in whole
        assert not any(number in whole for number in numbers[:-1])


async def test_of_a_public_matter_place_text_photos_and_reporter_stay_inside(stack: Stack) -> None:
    async with Program(stack, "127.0.9.3") as program:
        sent = {"first_name": "张", "last_name": "龘龘", "phone": "13500001111", "email": "x@example.org",
                "address_string": "桥头第二家", "attribute[pole]": "A-17"}  # fmt: skip
        number = await program.files("龘门口的灯不亮。", files={"media": ("a.jpg", picture(), "image/jpeg")}, **sent)
        shown = await program.one(number)
        assert (shown["lat"], shown["long"], shown["address_id"]) == (36.061, 103.835, "620102001")
        assert (shown["description"], shown["media_url"]) == (None, None)
        assert shown["address"].startswith("兰州市城关区")
        whole = json.dumps(shown, ensure_ascii=False) + (await program.get("requests.xml")).text
        for word in ("龘", "13500001111", "example.org", "桥头", "A-17", "36.0612", "620102001001"):
            assert word not in whole, word
    async with Desk(stack, "clerk") as clerk:
        content = await clerk.reads(f"/v1/reports/{number}/content")
        assert content["text"] == "龘门口的灯不亮。\n\nNumber on the pole: A-17\nHow many lights are out: One"
        assert (content["address"], content["reporter"]["displayName"]) == ("桥头第二家", "龘龘张")
        assert len((await clerk.reads(f"/v1/reports/{number}/photos"))["photos"]) == 1


# --- refusals ---------------------------------------------------------------------------------------------------------

WRONG: list[tuple[dict[str, Any], int, list[str]]] = [
    ({"jurisdiction_id": None}, 400, ["jurisdiction_id"]),
    ({"jurisdiction_id": "lanzhou"}, 404, ["jurisdiction_id"]),
    ({"jurisdiction_id": "620199"}, 404, ["jurisdiction_id"]),
    ({"jurisdiction_id": CLOSED}, 404, ["jurisdiction_id"]),
    ({"service_code": None}, 400, ["service_code"]),
    ({"service_code": "family_violence"}, 404, ["service_code"]),
    ({"service_code": "municipal"}, 400, ["attribute[extent]"]),
    ({"attribute[extent]": None}, 400, ["attribute[extent]"]),
    ({"attribute[extent]": "two"}, 400, ["attribute[extent]"]),
    ({"attribute[extent]": ["one", "several"]}, 400, ["attribute[extent]"]),
    ({"attribute[colour]": "red", "attribute[extent]": ""}, 400, ["attribute[extent]", "attribute[colour]"]),
    ({"lat": "91", "attribute[extent]": None}, 400, ["lat", "attribute[extent]"]),
    ({"lat": "nan"}, 400, ["lat"]),
    ({"long": None}, 400, ["long"]),
    ({"lat": None, "long": None, "address_id": None}, 400, ["location"]),
    ({"address_id": "620103001"}, 400, ["address_id"]),
    ({"address_id": "620102999"}, 400, ["address_id"]),
    ({"email": "nobody"}, 400, ["email"]),
    ({"phone": "none"}, 400, ["phone"]),
    ({"description": "长" * 5001}, 400, ["description"]),
    ({"api_key": "not-a-key"}, 403, ["api_key"]),
    ({"api_key": "a.b.c"}, 403, []),
    ({"files": {"media": ("a.jpg", b"GIF89a", "image/jpeg")}}, 400, ["media"]),
]


@pytest.mark.usefixtures("no_unforeseen_fault")
@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.parametrize(("change", "status", "fields"), WRONG, ids=[str(each[0])[:50] for each in WRONG])
async def test_what_is_wrong_is_named_in_the_form_asked_for_and_nothing_is_taken(
    stack: Stack, database: asyncpg.Connection, change: dict[str, Any], status: int, fields: list[str], form: str
) -> None:
    count = "SELECT count(*) FROM intake.reports WHERE channel = 7"
    before = await database.fetchval(count)
    address = f"127.0.10.{WRONG.index((change, status, fields)) + 1}"
    async with Program(stack, address) as program:
        sent = {"service_code": LIGHT, "attribute[extent]": "one", "description": "灯不亮。", **PLACE, **change}
        answer = await program.post(f"requests.{form}", **sent)
    assert answer.status_code == status, answer.text
    if form == "json":
        errors = [(each["code"], each["description"]) for each in answer.json()]
    else:
        root = ElementTree.fromstring(answer.content)
        assert root.tag == "errors"
        errors = [(int(each.findtext("code") or 0), each.findtext("description") or "") for each in root]
    assert {code for code, _ in errors} == {status}
    assert [said.partition(": ")[0] for _, said in errors if fields] == fields
    assert await database.fetchval(count) == before


async def test_a_path_a_method_and_a_body_of_another_kind_are_refused_in_the_same_form(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=endpoint(stack), timeout=CALL) as client:
        answers = [
            (await client.get("/nothing.json"), 404), (await client.get("/services/x.yaml"), 404),
            (await client.delete("/requests.json"), 400), (await client.post("/requests.json", json={}), 400),
            (await client.get("/requests.json?status=%ff"), 400),
            (await client.get("/services.json", headers={"Authorization": "Bearer x"}), 403),
            (await client.post("/requests.json", content=b"--x", headers={"Content-Type": PARTS}), 400),
        ]  # fmt: skip
    for answer, status in answers:
        assert answer.status_code == status, answer.text
        found = answer.json() if answer.url.path.endswith(".json") else ElementTree.fromstring(answer.content)
        assert len(found) == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [({"start_date": "yesterday"}, "start_date"), ({"end_date": "2026-01-01"}, "end_date"), ({"page": "0"}, "page"),
     ({"page_size": "1001"}, "page_size"), ({"status": "maybe"}, "status"),
     ({"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-12-01T00:00:00Z"}, "start_date")],
)  # fmt: skip
async def test_a_list_names_what_is_wrong_with_its_question(stack: Stack, query: dict[str, str], field: str) -> None:
    async with Program(stack) as program:
        for path in ("requests.json", "servicerequestupdates.json"):
            if field == "status" and path != "requests.json":
                continue
            answer = await program.get(path, **query)
            assert answer.status_code == 400, answer.text
            assert answer.json()[0]["description"].startswith(f"{field}: ")


def test_an_answer_is_of_its_kind() -> None:
    keys = frozenset({"a", "b"})
    for kind, good, bad in (
        (Kind.NUMBER, ["12"], ["-1"]), (Kind.NUMBER, ["0"], ["１２"]), (Kind.ONE_OF, ["a"], ["c"]),
        (Kind.SOME_OF, ["a", "b"], ["a", "c"]), (Kind.STRING, ["一行"], ["两\n行"]),
        (Kind.TEXT, ["两\n行"], ["长" * 501]),
        (Kind.DATETIME, ["2026-01-02T08:00:00+08:00"], ["2026-01-02T08:00:00"]),
    ):  # fmt: skip
        assert fault_of(kind, keys, good) is None, (kind, good)
        assert fault_of(kind, keys, bad) is not None, (kind, bad)


# --- once, paged, followed --------------------------------------------------------------------------------------------


async def test_what_is_sent_again_is_one_report_and_other_words_are_another(stack: Stack) -> None:
    key = request_id()
    async with Program(stack, "127.0.9.4") as program, Program(stack, "127.0.9.5") as other:
        first = await program.files("灯又不亮了。", key=key)
        assert await other.files("灯又不亮了。", key=key) == first
        reused = await other.post(
            service_code=LIGHT, description="别的。", key=key, **{"attribute[extent]": "one"}, **PLACE
        )
        assert (reused.status_code, first in reused.text) == (400, False)
        short = await program.post(service_code=LIGHT, key="12345678", **{"attribute[extent]": "one"}, **PLACE)
        assert short.json()[0]["description"].startswith("Idempotency-Key: ")
        # Without a key: the same words from the same sender on the same day.
        for _ in range(3):  # should the day end between two of them, the next two are of one day
            numbers = [await program.files("同样的话。") for _ in range(2)]
            if len(set(numbers)) == 1:
                break
        assert len(set(numbers)) == 1
        assert await other.files("同样的话。") not in numbers
        assert await program.files("不同的话。") not in numbers


async def test_lists_are_narrowed_and_paged(stack: Stack) -> None:
    async with Program(stack, "127.0.9.6") as program:
        here = {"jurisdiction_id": ELSEWHERE, "address_id": ELSEWHERE}
        numbers = [await program.files(f"第 {n} 盏灯不亮。", **here) for n in range(3)]
        hazard = await program.post(
            service_code="hazard_road", description="路塌了。", **{**PLACE, **here}, **{"attribute[danger]": "no"}
        )
        assert hazard.status_code == 200, hazard.text
        pages = [
            [each["service_request_id"] for each in (
                await program.get("requests.json", ELSEWHERE, service_code=LIGHT, page=str(page), page_size="2")
            ).json()]
            for page in (1, 2, 3)
        ]  # fmt: skip
        assert pages == [numbers[:0:-1], numbers[:1], []]
        everything = (await program.get("requests.json", ELSEWHERE)).json()
        assert {each["service_code"] for each in everything} == {LIGHT, "hazard_road"}
        ago = (datetime.now(UTC) - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for query in ({"status": "closed"}, {"end_date": ago}):
            assert (await program.get("requests.json", ELSEWHERE, **query)).json() == []
        assert len((await program.get("requests.json", ELSEWHERE, status="open", start_date=ago)).json()) == 4
        unknown = await program.get("requests.json", ELSEWHERE, service_code="family")
        assert unknown.status_code == 404
        empty = await program.get("requests.xml", ELSEWHERE, status="closed")
        assert ElementTree.fromstring(empty.content).tag == "service_requests"


async def test_the_expected_date_is_that_of_the_clock_and_updates_say_what_became_of_it(
    stack: Stack, clients: Clients
) -> None:
    async with Program(stack, "127.0.9.7", "zh") as program, Desk(stack, "clerk") as clerk:
        begun, number = datetime.now(UTC), await program.files("路灯不亮，天黑看不见。")
        report = await clerk.reads(f"/v1/reports/{number}")
        assert _same(await program.one(number), report["dueTime"])
        case = await clients.accept(await _report(clients, number))
        dues = (await clients.mediation.GetCase(_get(case.name), **clients.as_("handler", "62"))).due_time
        shown = await _until(program, number, lambda it: _same(it, dues.ToJsonString()))
        assert (shown["status"], shown["status_notes"], shown["agency_responsible"]) == ("open", "办理中", "城关区")
        await clients.finish(case.name)
        shown = await _until(program, number, lambda it: it["status"] == "closed")
        assert shown["expected_datetime"] is None
        since = {"start_date": begun.strftime("%Y-%m-%dT%H:%M:%SZ")}
        updates = [each for each in (await program.get("servicerequestupdates.json", **since)).json()
                   if each["service_request_id"] == number]  # fmt: skip
        assert [each["status"] for each in updates] == ["open", "closed"]
        assert updates[1]["updated_datetime"] == shown["updated_datetime"]
        assert len({each["update_id"] for each in updates}) == 2
        when = {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-01-02T00:00:00Z"}
        assert (await program.get("servicerequestupdates.json", **when)).json() == []


async def _report(clients: Clients, number: str) -> Any:
    return await clients.intake.GetReport(
        intake_pb2.GetReportRequest(name=f"reports/{number}"), **clients.as_("clerk", "62")
    )


def _get(name: str) -> mediation_pb2.GetCaseRequest:
    return mediation_pb2.GetCaseRequest(name=name)


def _same(shown: dict[str, Any], due: str) -> bool:
    expected = shown["expected_datetime"]
    return expected is not None and expected == re.sub(r"\.[0-9]+", "", due)


async def _until(program: Program, number: str, holds: Any) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        while not holds(shown := await program.one(number)):
            await asyncio.sleep(0.1)
    return shown


async def test_words_are_added_with_the_token_of_the_receipt_and_by_nobody_else(stack: Stack) -> None:
    async with Program(stack, "127.0.9.8") as program, Reporter(stack, "en", "127.0.9.8") as me:
        answer = await program.post(
            service_code=LIGHT, description="灯不亮。", key=request_id(), **{"attribute[extent]": "one"}, **PLACE
        )
        number, said = answer.json()[0]["service_request_id"], answer.json()[0]["service_notice"]
        code, words = re.findall(r"Receipt: (\S+)\. Words: (.+?)\.", said)[0]
        update = {"service_request_id": number, "description": "今天还是不亮。"}
        path = "servicerequestupdates.xml"
        for key in ({}, {"api_key": stack.token("citizen", COUNTY)}):
            refused = await program.post(path, **update, **key)
            assert refused.status_code == 403, refused.text
        assert (await me.sign_in(words.partition(" / ")[0], code)).status_code == 200
        empty = await program.post(path, service_request_id=number, api_key=me.token)
        assert "description: " in empty.text
        added = await program.post(path, api_key=me.token, **update)
        assert ElementTree.fromstring(added.content).findtext("request_update/update_id", "").startswith(number)
        again = await program.post(path, api_key=me.token, **update)
        assert again.content == added.content
    async with Desk(stack, "clerk") as clerk:
        additions = (await clerk.reads(f"/v1/reports/{number}/content"))["additions"]
    assert [each["text"] for each in additions] == ["今天还是不亮。"]


async def test_words_of_the_receipt_are_told_only_to_a_program_with_a_secret_of_its_own(stack: Stack) -> None:
    sent = {"service_code": LIGHT, "description": "灯不亮。", "attribute[extent]": "one", **PLACE}
    async with Program(stack, "127.0.9.9") as program:
        without = (await program.post(**sent)).json()[0]["service_notice"]
        with_key = (await program.post(key=request_id(), **sent)).json()[0]["service_notice"]
    assert "Receipt: " in without
    assert "Words: " not in without
    assert "Words: " in with_key


async def test_a_token_of_no_receipt_is_not_found(stack: Stack) -> None:
    async with Program(stack) as program:
        for token in ("nothing", "0000-0000-0000-0000-0000", "ABCD-EFGH-JKMN-PQRS-TVWX"):
            answer = await program.get(f"tokens/{token}.json")
            assert (answer.status_code, answer.json()[0]["description"].partition(":")[0]) == (404, "token")
