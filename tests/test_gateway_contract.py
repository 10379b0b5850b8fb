"""What the gateway derives from the contracts without any process: JSON, paths, problems, OpenAPI, demo users."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway import app
from services.gateway.rest.binding import shapes_of
from services.gateway.rest.contract import Contract, ContractError, load
from services.gateway.rest.decoder import Wrong, filler_of, parse
from services.gateway.rest.encoder import encoder_of, is_input_only
from services.gateway.rest.problem import Problem, json_path
from services.gateway.rest.schema import split_pattern
from services.gateway.rest.template import RouteTable, Template
from services.gateway.routers.issuer import Issuer, IssuerError, demo_users
from services.kit.serving.settings import Profile

CASE = "cases/620102-2026-000117"
KEY = {"idempotency-key": "key-00000001"}
CONTRACT: Contract = load()
TIMES = {"google.protobuf.Timestamp"}


def messages_of(contract: Contract) -> list[Descriptor]:
    """Return every message type that a request or an answer can hold."""
    found: dict[str, Descriptor] = {}

    def reach(descriptor: Descriptor) -> None:
        if descriptor.full_name not in found:
            found[descriptor.full_name] = descriptor
            for field in descriptor.fields:
                if field.message_type is not None and not field.message_type.GetOptions().map_entry:
                    reach(field.message_type)

    for rpc in contract.rpcs:
        reach(rpc.takes)
        reach(rpc.answers)
    return [descriptor for name, descriptor in sorted(found.items()) if not name.startswith("google.protobuf.")]


# --- messages and their JSON -------------------------------------------------------------------------------------

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32, allow_nan=False, allow_infinity=False),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_STRING: st.text(max_size=8),
}


def fill(message: Any, data: st.DataObject, depth: int = 0) -> Any:
    """Give a message's fields drawn values, nested to a bounded depth."""
    for field in message.DESCRIPTOR.fields:
        if not data.draw(st.booleans()):
            continue
        target = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            values = SCALARS[field.message_type.fields_by_name["value"].cpp_type]
            target.update(data.draw(st.dictionaries(st.text(max_size=4), values, max_size=3)))
        elif field.message_type is not None:
            for _ in range(data.draw(st.integers(0, 2)) if field.is_repeated else 1):
                fill_one(target.add() if field.is_repeated else target, data, depth)
        else:
            one = SCALARS.get(field.cpp_type, st.nothing())
            if field.type == FieldDescriptor.TYPE_BYTES:
                one = st.binary(max_size=8)
            if field.enum_type is not None:
                one = st.sampled_from([value.number for value in field.enum_type.values])
            elif field.type == FieldDescriptor.TYPE_BYTES:
                one = st.binary(max_size=8)
            value = data.draw(st.lists(one, max_size=3) if field.is_repeated else one)
            if field.is_repeated:
                target.extend(value)
            else:
                setattr(message, field.name, value)
    return message


def fill_one(message: Any, data: st.DataObject, depth: int) -> None:
    name = message.DESCRIPTOR.full_name
    message.SetInParent()
    if name in TIMES:
        message.seconds = data.draw(st.integers(-62135596800, 253402300799))
        message.nanos = data.draw(st.sampled_from([0, 1, 1_000, 120_000_000, 999_999_999]))
    elif name == "google.protobuf.FieldMask":
        message.paths.extend(
            data.draw(st.lists(st.from_regex(r"[a-z]{1,5}(_[a-z]{1,5})?", fullmatch=True), max_size=3))
        )
    elif name == "google.protobuf.Struct":
        message.update(data.draw(st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=3)))
    elif depth < 3:
        fill(message, data, depth + 1)


def without_input_only(value: Any, descriptor: Descriptor) -> Any:
    """Return what `json_format` answers, without the fields that are never answered."""
    kept = dict(value)
    for field in descriptor.fields:
        if is_input_only(field):
            kept.pop(field.json_name, None)
        elif field.json_name in kept and field.message_type is not None:
            inner = field.message_type
            if inner.full_name.startswith("google.protobuf.") or inner.GetOptions().map_entry:
                continue
            found = kept[field.json_name]
            listed = [without_input_only(item, inner) for item in found] if field.is_repeated else None
            kept[field.json_name] = without_input_only(found, inner) if listed is None else listed
    return kept


@pytest.mark.parametrize("descriptor", messages_of(CONTRACT), ids=lambda descriptor: descriptor.full_name)
def test_a_message_encodes_as_json_format_does_and_decodes_to_itself(descriptor: Descriptor) -> None:
    # Drawn inside: for each case of a parametrised test Hypothesis nests its settings once more, and a thousand are too
    # deep.
    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def there_and_back(data: st.DataObject) -> None:
        message = fill(GetMessageClass(descriptor)(), data)
        encoded = encoder_of(descriptor)(message)
        expected = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
        assert encoded == without_input_only(expected, descriptor)
        decoded = GetMessageClass(descriptor)()
        filler_of(descriptor)(decoded, parse(orjson.dumps(encoded)))
        assert encoder_of(descriptor)(decoded) == encoded

    there_and_back()


@settings(max_examples=300, deadline=None)
@given(value=JSON_VALUES, data=st.data())
def test_any_json_is_either_taken_or_told_what_is_wrong(value: Any, data: st.DataObject) -> None:
    rpc = data.draw(st.sampled_from(CONTRACT.rpcs))
    names = st.sampled_from([field.json_name for field in rpc.takes.fields] + ["unknown"])
    body = {data.draw(names): value, data.draw(names): data.draw(JSON_VALUES)}
    with contextlib.suppress(Wrong):
        filler_of(rpc.takes)(rpc.request(), body)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"case": {"unit": 7}}, "case.unit"),
        ({"case": {"grade": "GRADE_HUGE"}}, "case.grade"),
        ({"case": {"grade": 1}}, "case.grade"),
        ({"case": {"openTasks": 2**31}}, "case.openTasks"),
        ({"case": {"openTasks": 1.5}}, "case.openTasks"),
        ({"case": {"overdue": "true"}}, "case.overdue"),
        ({"case": {"dueTime": "2026-02-30T00:00:00Z"}}, "case.dueTime"),
        ({"case": {"dueTime": None}}, "case.dueTime"),
        ({"case": {"unit": "\ud800"}}, "case.unit"),
        ({"case": []}, "case"),
        ({"content": {"parties": [{}, {"phone": 1}]}}, "content.parties[1].phone"),
        ({"case": {"no_such": 1}}, "case.no_such"),
        ({"case": {"due_time": "2026-01-01T00:00:00Z", "dueTime": "2026-01-01T00:00:00Z"}}, "case.dueTime"),
    ],
)
def test_a_wrong_value_names_its_field(body: Any, field: str) -> None:
    rpc = next(rpc for rpc in CONTRACT.rpcs if rpc.name == "CreateCase")
    with pytest.raises(Wrong) as caught:
        filler_of(rpc.takes)(rpc.request(), body)
    assert caught.value.problem().faults[0].field == field


@pytest.mark.parametrize(
    "text", [b"{", b'{"a":NaN}', b'{"a":1,"a":2}', b"[" * 100_000, b"1" * 10_000, b'"\xff"', b"", b'{"a":"\x01"}']
)
def test_what_is_not_json_is_a_problem_of_the_caller(text: bytes) -> None:
    with pytest.raises(Problem) as caught:
        parse(text)
    assert caught.value.status == 400


# --- paths, descriptions -----------------------------------------------------------------------------------------


def test_literal_segments_win_over_wildcards_and_verbs_are_no_part_of_a_name() -> None:
    table: RouteTable[str] = RouteTable()
    table.add("GET", Template.parse("/v1/{name=cases/*}"), "get")
    table.add("POST", Template.parse("/v1/{name=cases/*}:close"), "close")
    table.add("GET", Template.parse("/v1/{name=cases/*/plan}"), "plan")
    table.add("GET", Template.parse("/v1/{name=cases/*/*}"), "other")
    table.add("GET", Template.parse("/v1/files/{path=**}"), "file")
    for path, method, target in [
        ("/v1/cases/7", "GET", "get"),
        ("/v1/cases/7:close", "POST", "close"),
        ("/v1/cases/7/plan", "GET", "plan"),
        ("/v1/cases/7/x", "GET", "other"),
        ("/v1/files/a/b/c", "GET", "file"),
    ]:
        found = table.find(path)
        assert found is not None
        assert found[0][method] == target
    assert table.find("/v1/cases/") is None
    assert table.find("/v1") is None
    with pytest.raises(ContractError):
        table.add("GET", Template.parse("/v1/{parent=cases/*}"), "twice")


def test_a_variable_takes_its_segments_decoded_but_for_an_encoded_slash() -> None:
    template = Template.parse("/v1/{parent=cases/*}/tasks/{task}:sign")
    values = dict(template.values(["v1", "cases", "%E5%85%B0", "tasks", "a%2Fb"]))
    assert values == {"parent": "cases/兰", "task": "a%2Fb"}
    assert template.verb == "sign"


def test_faults_are_named_as_in_the_callers_json() -> None:
    assert json_path("report.place.area", "report", {}) == "place.area"
    assert json_path("report.parties[0].display_name", "", {}) == "report.parties[0].displayName"
    assert json_path('inputs["people_affected"]', "", {}) == 'inputs["people_affected"]'
    assert json_path("request_id", "report", {"request_id": "Idempotency-Key"}) == "Idempotency-Key"


def test_a_pattern_splits_at_its_own_slashes_only() -> None:
    assert list(split_pattern("^cases/([a/b]|-)/[/]/tasks$")) == ["cases", "([a/b]|-)", "[/]", "tasks"]


def describe(issuer: bool = True) -> dict[str, Any]:
    shapes = [shape for rpc in CONTRACT.rpcs for shape in shapes_of(rpc)]
    return app.describe(CONTRACT, shapes, issuer)


def test_every_rpc_is_described_with_its_permission_and_comment() -> None:
    operations = [operation for item in describe()["paths"].values() for operation in item.values()]
    described = {operation["x-grpc-method"]: operation for operation in operations if "x-grpc-method" in operation}
    assert set(described) == {rpc.path.lstrip("/") for rpc in CONTRACT.rpcs}
    for rpc in CONTRACT.rpcs:
        operation = described[rpc.path.lstrip("/")]
        assert operation["x-permission"] == rpc.permission
        assert ({} in operation.get("security", ())) == rpc.public
        assert operation["summary"]
    assert len({operation["operationId"] for operation in operations}) == len(operations)


def test_the_description_is_valid_openapi() -> None:
    validator = pytest.importorskip("openapi_spec_validator", reason="openapi-spec-validator is not installed")
    validator.validate(describe())
    for name, schema in describe()["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert "description" in schema, name


def test_the_description_says_who_may_set_what() -> None:
    schemas = describe()["components"]["schemas"]
    report = schemas["ReportInput"]
    assert "state" not in report["properties"]
    assert "text" not in schemas["Report"]["properties"]
    assert set(report["required"]) == {"channel", "unit", "category", "text"}
    assert report["properties"]["text"]["maxLength"] == 5000
    assert "CHANNEL_UNSPECIFIED" not in report["properties"]["channel"]["enum"]
    assert schemas["Channel"]["x-enum-descriptions"]["CHANNEL_POLICE"] == "The police (警调)."
    assert {"role", "displayName"} == set(schemas["PartyInput"]["required"])
    assert schemas["ListCasesResponse"]["required"] == ["cases", "nextPageToken", "totalSize"]
    close = schemas["CloseCaseRequest"]
    assert set(close["properties"]) == {"approved", "reason"}, "name, key and version come in the path and as headers"


def test_what_is_sealed_cannot_come_in_an_address() -> None:
    for rpc in CONTRACT.rpcs:
        for shape in shapes_of(rpc):
            assert not any(is_input_only(field) for path in shape.query.values() for field in path), rpc.name


# --- the issuer --------------------------------------------------------------------------------------------------


def test_the_embedded_issuer_refuses_a_production_profile() -> None:
    with pytest.raises(IssuerError, match="production"):
        Issuer(Path("any.pem"), Profile.PRODUCTION)


def test_there_is_a_demo_user_of_every_role_at_every_level() -> None:
    users = {user.id for user in demo_users()}
    assert len(users) == 60
    assert {"clerk-620102", "grid-worker-620102001001", "auditor-62"} <= users
