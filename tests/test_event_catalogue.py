"""The catalogue of events: every type the code tells is in the contracts, the other way round, and in one form each."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cloudevents.core.bindings.http import to_structured
from cloudevents.core.formats.json import JSONFormat
from google.protobuf.json_format import MessageToDict, ParseDict
from jsonschema import Draft202012Validator
from pb.feed.v1 import feed_pb2

from accord.events_catalogue import PAGE, SERVICES, page
from casework.door.triage import Grade
from services.kit.catalogue import Catalogue, EventError
from tests.conftest import Clients
from tests.world import new_world
from workflows.chains import heard
from workflows.hooks.cloud import cloud_event
from workflows.messages import Source

SERVICES_FOLDER = Path(__file__).resolve().parent.parent / "services"
FORMS = {
    "EVENT_FIELD_KIND_TIME": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+08:00"),
    "EVENT_FIELD_KIND_DATE": re.compile(r"\d{4}-\d\d-\d\d"),
    "EVENT_FIELD_KIND_ENUM": re.compile(r"[A-Z][A-Z0-9_]+"),
    "EVENT_FIELD_KIND_UNIT": re.compile(r"units/[a-z0-9-]+"),
    "EVENT_FIELD_KIND_NAME": re.compile(r"[a-z][A-Za-z]*/\S+"),
    "EVENT_FIELD_KIND_TEXT": re.compile(r"(?s).+"),
}


TYPE = re.compile(r"(?:[A-Z][a-z]+){2,}")
TYPE_TEXT = rf'"{TYPE.pattern}"'
TELL = {
    "NewEvent", "_end", "_event", "_file", "_heard", "_log", "_read", "_start", "_told", "ask", "change",
    "end", "happened", "log_reading", "start", "tell", "told",
}  # fmt: skip
"""Functions that are handed the type of an event to tell."""


def texts(service: str) -> Iterator[str]:
    """Yield every text of a service's code, and of what services share, that is written like a type of event."""
    for folder in (service, "kit"):
        for path in (SERVICES_FOLDER / folder).rglob("*.py"):
            yield from (found[1:-1] for found in re.findall(TYPE_TEXT, path.read_text("utf-8")))


def told(service: str) -> Iterator[str]:
    """Yield the types that a service's code tells by name."""
    for path in (SERVICES_FOLDER / service).rglob("*.py"):
        if not re.search(TYPE_TEXT, path.read_text("utf-8")):
            continue
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "attr", getattr(call.func, "id", "")) in TELL:
                for argument in call.args:
                    for each in (argument.body, argument.orelse) if isinstance(argument, ast.IfExp) else (argument,):
                        value = getattr(each, "value", None)
                        if isinstance(value, str) and TYPE.fullmatch(value):
                            yield value


@pytest.mark.fault("E8")
@pytest.mark.parametrize("service", SERVICES)
def test_every_type_in_the_catalogue_is_told_and_every_one_told_is_in_it(service: str) -> None:
    """Neither the code nor the contracts know of an event alone."""
    types = Catalogue(service, strict=True).types
    assert not set(types) - set(texts(service))
    found = set(told(service))
    assert len(found) > 10
    assert not found - set(types)


@pytest.mark.fault("E8")
def test_the_page_is_current() -> None:
    """docs/events.md is what the contracts say; write it anew with `python -m accord.events_catalogue`."""
    assert PAGE.read_text("utf-8") == page()


@pytest.mark.fault("E8")
def test_every_type_and_field_is_described() -> None:
    """Nobody has to guess what a field says."""
    for service in SERVICES:
        for each in Catalogue(service, strict=True).described():
            assert each.description, each.type
            assert all(field.description and field.kind for field in each.fields), each.type


@pytest.mark.fault("E6")
@pytest.mark.parametrize(
    ("said", "written"),
    [
        ({"grade": Grade.low}, {"grade": "GRADE_LOW"}),
        ({"grade": "low"}, {"grade": "GRADE_LOW"}),
        ({"grade": 1}, {"grade": "GRADE_LOW"}),
        ({"unit": "620102"}, {"unit": "units/620102"}),
        ({"unit": "units/620102"}, {"unit": "units/620102"}),
        ({"state": "ACCEPTED", "category": ""}, {"state": "REPORT_STATE_ACCEPTED"}),
        (
            {"next_at": datetime(2026, 11, 28, 1, 30, tzinfo=UTC)},
            {"next_at": "2026-11-28T09:30:00.000000+08:00"},
        ),
        ({"next_at": "2026-11-28T01:30:00Z"}, {"next_at": "2026-11-28T09:30:00.000000+08:00"}),
    ],
)
def test_each_kind_has_one_form(said: dict[str, Any], written: dict[str, Any]) -> None:
    """Whatever form a value is handed in, it is written in that of its kind."""
    assert Catalogue("intake", strict=True).written("ReportAccepted", said) == written


@pytest.mark.fault("E6")
def test_days_and_clocks() -> None:
    """A day is no instant, and a clock is named in full."""
    mediation = Catalogue("mediation", strict=True)
    assert mediation.written("AgreementPerformed", {"performed_on": date(2026, 11, 28)}) == {
        "performed_on": "2026-11-28"
    }
    clock = {"clock": "620102-2026-000001.close", "entry": 2}
    assert mediation.written("ClockMet", clock) == {
        "clock": "clocks/mediation/620102-2026-000001.close", "entry": 2,
    }  # fmt: skip


@pytest.mark.fault("E6")
@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("NothingOfTheKind", {}),
        ("ReportAccepted", {"colour": "red"}),
        ("ReportAccepted", {"grade": "enormous"}),
        ("ReportAccepted", {"state": Grade.low}),
        ("ReportAccepted", {"unit": 620102}),
        ("ReportAccepted", {"next_at": datetime(2026, 11, 28)}),
        ("ReportLinked", {"target": "620102-2026-000001"}),
        ("ReportTriaged", {"row": "1"}),
        ("ReportTriaged", {"row": True}),
        ("ReportTriaged", {"inputs": {"danger": "True"}}),
        ("LikenessShown", {"scored": 1}),
    ],
)
def test_what_the_contract_does_not_have(kind: str, payload: dict[str, Any]) -> None:
    """It is refused in the tests, and kept in operation: no fact is lost over its form."""
    with pytest.raises(EventError):
        Catalogue("intake", strict=True).written(kind, payload)
    assert Catalogue("intake", strict=False).written(kind, payload).keys() == payload.keys()


def check(payload: dict[str, Any], fields: list[dict[str, Any]], where: str) -> None:
    """Assert that every field of a payload is in the catalogue, in the form of its kind."""
    known = {field["field"]: field for field in fields}
    for name, value in payload.items():
        field, at = known[name], f"{where}.{name}: {value!r}"
        for each in value if field.get("repeated") else [value]:
            kind = field["kind"]
            if kind == "EVENT_FIELD_KIND_OBJECT":
                check(each, field["fields"], at)
            elif kind == "EVENT_FIELD_KIND_BOOLEAN":
                assert isinstance(each, bool), at
            elif kind in ("EVENT_FIELD_KIND_NUMBER", "EVENT_FIELD_KIND_FEN"):
                assert isinstance(each, float), at
                assert each.is_integer(), at
            else:
                assert FORMS[kind].fullmatch(each), at
                assert kind != "EVENT_FIELD_KIND_ENUM" or each in field["values"], at


@pytest.mark.fault("E6", "E8")
async def test_what_the_running_services_tell(clients: Clients) -> None:
    """Everything in the feeds of running services is as the catalogues they answer say."""
    await new_world(clients)
    seen = set()
    for service in SERVICES:
        types, token = {}, ""
        while not types or token:
            asked = feed_pb2.ListEventTypesRequest(service=service, page_size=50, page_token=token)
            answer = await clients.feeds[service].ListEventTypes(asked, **clients.as_("handler", "6201"))
            types |= {each.type: MessageToDict(each)["fields"] for each in answer.event_types}
            token = answer.next_page_token
        assert types.keys() == Catalogue(service, strict=True).types.keys()
        watch = feed_pb2.WatchEventsRequest(service=service, until_caught_up=True)
        async for batch in clients.feeds[service].WatchEvents(watch, **clients.as_("operator", "cn")):
            for event in batch.events:
                seen.add(event.type)
                check(MessageToDict(event.payload), types[event.type], event.type)
    assert {"ReportReceived", "ReportAccepted", "CaseOpened"} <= seen


@pytest.mark.fault("E8")
async def test_the_catalogue_over_rest(rest: httpx.AsyncClient) -> None:
    """Who writes a consumer looks the types up where the feed is."""
    answer = await rest.get("/v1/feeds/intake/eventTypes", params={"pageSize": 1000})
    assert answer.status_code == 200
    found = {each["type"]: each for each in answer.json()["eventTypes"]}
    grade = next(each for each in found["ReportAccepted"]["fields"] if each["field"] == "grade")
    assert (grade["kind"], grade["enum"]) == ("EVENT_FIELD_KIND_ENUM", "accord.intake.v1.Grade")
    assert grade["values"] == ["GRADE_LOW", "GRADE_MEDIUM", "GRADE_HIGH"]


async def test_events_are_as_asyncapi_says_in_the_feed_and_by_webhook(
    clients: Clients, rest: httpx.AsyncClient
) -> None:
    case = (await clients.accept(await clients.file_report())).name
    told, seen = (await rest.get("/asyncapi.json")).json(), set()
    for service in ("intake", "mediation"):
        shown = (await rest.get(f"/v1/feeds/{service}/events", params={"case": case})).json()["events"]
        for each in shown:
            seen.add(each["type"])
            schema = told["channels"][service]["messages"][each["type"]]["payload"]
            Draft202012Validator({**schema, "components": told["components"]}).validate(each)
            event = cloud_event(service, ParseDict(each, feed_pb2.Event()))
            sent = json.loads(to_structured(event, JSONFormat()).body)
            schema = told["components"]["messages"][f"{service}.{each['type']}"]["payload"]
            whole = Draft202012Validator({**schema, "components": told["components"]})
            whole.validate(sent)
            assert not whole.is_valid({**sent, "type": "accord.intake.Another"})
            assert not whole.is_valid({**sent, "data": "none"})
    assert {"ReportReceived", "ReportAccepted", "CaseOpened"} <= seen


@pytest.mark.fault("E6")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"mode": "TRANSFER", "escalation": 2}, {"mode": "MODE_TRANSFER", "escalation": 2}),
        ({"mode": "INFORM", "escalation": 2}, {"mode": "MODE_INFORM", "escalation": 2}),
        ({"mediation": "AGREED"}, {"mediation": "MEDIATION_STATE_AGREED"}),
        ({"to": "6201"}, {"to": "units/6201"}),
        ({"next_at": "2026-11-28T01:30:00+00:00"}, {"next_at": "2026-11-28T09:30:00.000000+08:00"}),
    ],
)
def test_workflows_read_both_forms(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Stored events stay as they are: a workflow hears the same of both."""
    kind = "CaseTransferred" if "to" in old else "EscalationRaised"
    both = []
    for payload in (old, new):
        event = feed_pb2.Event(case="cases/620102-2026-000001", sequence=1, type=kind)
        event.payload.update(payload)
        both.append(heard(Source.MEDIATION, event))
    assert both[0] == both[1]
