"""A caller needs the permission for everything a request names: every field of every RPC in the contracts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToJson, Parse
from google.protobuf.message import Message

from casework import names
from services.kit.serving.access import Access
from services.kit.serving.request.named import Field, Kind, fields_of, file_of, references_of
from tests.conftest import COUNTY, Clients, request_id
from tests.rpcs import POLICIES, Answer, Rpc, all_rpcs, as_role, call, granted, people
from tests.still import shipped_rules
from tests.test_access import right_unit
from tests.world import REQUESTS, World, new_world

GRANTED = granted()
SIBLING, CITY, BELOW, ABSENT = "620103", "6201", "620102001", "620199"
ABSENT_NUMBER = f"{COUNTY}-2026-999999"
NAMING = [rpc for rpc in all_rpcs() if fields_of(rpc.method.input_type) and not rpc.method.client_streaming]
every_rpc = pytest.mark.parametrize("rpc", NAMING, ids=str)
_LOOKS_LIKE_A_NAME = re.compile(r"(^|_)(unit|units|about_unit|place|target|case|cases)$")


@dataclass(frozen=True)
class Scene:
    """The county's world, and things of a sibling county by the collection they are in."""

    world: World
    theirs: dict[str, str]
    access: Access


@pytest.fixture(scope="module")
async def scene(clients: Clients) -> Scene:
    """Return a world of the county, and a case, a report and a warning of a sibling county."""
    world = await new_world(clients)
    case = await clients.accept(await clients.file_report("楼道里堆满杂物。", unit=f"units/{SIBLING}"))
    other = await clients.file_report("狗整夜叫。", unit=f"units/{SIBLING}")
    rules = shipped_rules(POLICIES.parent)
    return Scene(world, {"cases": case.name, "reports": other.name}, Access(POLICIES, rules.units))


def put(request: Any, field: Field, value: str) -> bool:
    """Set a field, however deep; where it is repeated, in its first element. Return False where there is none."""
    for step in field.path[:-1]:
        if step.is_repeated:
            elements = getattr(request, step.name)
            if not elements:
                return False
            request = elements[0]
        elif not request.HasField(step.name):
            return False
        else:
            request = getattr(request, step.name)
    last = field.path[-1]
    if last.is_repeated:
        del getattr(request, last.name)[:]
        getattr(request, last.name).append(value)
    else:
        setattr(request, last.name, value)
    return True


async def send(clients: Clients, rpc: Rpc, request: Any, role: str, unit: str) -> Answer:
    if "request_id" in request.DESCRIPTOR.fields_by_name:
        request.request_id = request_id()
    path = clients.channels[rpc.server]
    return await call(path, rpc.path, request.SerializePartialToString(), **as_role(clients, role, unit))


def at(field: Field) -> str:
    """Return how a refusal names a field: with the first element of each list."""
    return ".".join(f"{step.name}[0]" if step.is_repeated else step.name for step in field.path)


@pytest.mark.fault("C1", "D10")
@every_rpc
async def test_a_unit_that_is_named_is_known_and_the_caller_has_the_right_for_it(
    rpc: Rpc, clients: Clients, scene: Scene
) -> None:
    own = right_unit(rpc)
    for field in fields_of(rpc.method.input_type):
        if field.kind is not Kind.UNIT:
            continue
        # One place asks for the right, whatever the role is: two of them show that it asks for that of the caller.
        for role in sorted({*people(rpc)[:1], *people(rpc)[-1:]} - {"service"}):
            for unit in (own, SIBLING, CITY, BELOW, ABSENT):
                request = REQUESTS[rpc.method.name](scene.world, rpc.server)
                if not put(request, field, names.unit_name(unit)):
                    continue
                if not re.search(field.pattern, names.unit_name(unit)):
                    continue
                answer = await send(clients, rpc, request, role, own)
                caller = _Caller(frozenset({role}), own)
                if unit == ABSENT:
                    assert answer.code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED), answer
                    if answer.code is grpc.StatusCode.INVALID_ARGUMENT:
                        assert (answer.reason, answer.fields) == ("UNKNOWN_UNIT", [at(field)]), answer
                elif not field.merely and not scene.access.allows(caller, rpc.permission, unit):  # type: ignore[arg-type]
                    assert answer.code is grpc.StatusCode.PERMISSION_DENIED, (role, str(field), unit, answer)
                assert answer.code not in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)


@dataclass(frozen=True)
class _Caller:
    roles: frozenset[str]
    unit: str


@pytest.mark.fault("C1", "D10")
@every_rpc
async def test_a_thing_that_is_named_is_there_and_the_caller_has_the_right_on_it(
    rpc: Rpc, clients: Clients, scene: Scene
) -> None:
    own = right_unit(rpc)
    for field in fields_of(rpc.method.input_type):
        if field.kind is not Kind.FILE or str(field) in ("case", "cases"):
            continue
        for role in people(rpc):
            if role == "service":
                continue
            request = REQUESTS[rpc.method.name](scene.world, rpc.server)
            if not put(request, field, value := absent(field, request)):
                continue
            answer = await send(clients, rpc, request, role, own)
            assert answer.code in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED), (
                role, str(field), value, answer,
            )  # fmt: skip
            if answer.code is grpc.StatusCode.NOT_FOUND:
                assert answer.fields == [at(field)], (str(field), answer)
            for collection, theirs in scene.theirs.items():
                if (foreign := of_sibling(field, collection, theirs)) is None:
                    continue
                request = of_another(REQUESTS[rpc.method.name](scene.world, rpc.server), field, foreign)
                answer = await send(clients, rpc, request, role, own if own != "cn" else COUNTY)
                if answer.code is grpc.StatusCode.OK and rpc.method.name.startswith("List"):
                    # A list of it in one's own scope: there is nothing.
                    assert foreign.encode() not in b"".join(answer.messages), (role, str(field), answer)
                    continue
                assert answer.code in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND), (
                    role, str(field), foreign, answer,
                )  # fmt: skip


def of_another(request: Message, field: Field, value: str) -> Message:
    """Return the request about another thing; where it is what the call is about, all it names in it goes along."""
    (old,) = {each.value for each in references_of(request) if each.field == field} or {""}
    if not field.is_own or not old:
        put(request, field, value)
        return request
    said = MessageToJson(request).replace(file_of(old), file_of(value))
    return Parse(said, type(request)())


def absent(field: Field, request: Message) -> str:
    """Return a name that the field admits of something that is not there."""
    found = sample(field.pattern)
    assert re.search(field.pattern, found), (field.pattern, found)
    return found


def sample(pattern: str, number: str = ABSENT_NUMBER) -> str:
    """Return a text that a pattern of names matches."""
    text = pattern.removeprefix("^").removesuffix("$")
    text = text.replace("[0-9]{6}-[0-9]{4}-[0-9]{6,9}", number)
    text = re.sub(r"\(/\[a-zA-Z\].*$", "", text)
    text = text.replace("[a-z][a-zA-Z]{1,30}", "cases").removesuffix("?")
    while (group := re.search(r"\(([^()]*)\)", text)) is not None:
        text = text[: group.start()] + group[1].split("|")[0] + text[group.end() :].removeprefix("?")
    text = re.sub(r"\[1-9\]\[0-9\]\{0,\d\}|\[0-9\]\{1,\d\}", "9", text)
    return re.sub(r"\[a-z\]\{1,20\}", "parties", text)


def of_sibling(field: Field, collection: str, theirs: str) -> str | None:
    """Return a name of the sibling's that the field admits; None where it admits none of the collection."""
    found = sample(field.pattern, theirs.partition("/")[2])
    if not found.startswith(f"{collection}/"):
        found = re.sub(r"^[a-zA-Z]+/", f"{collection}/", found)
    return found if re.search(field.pattern, found) else None


def test_every_field_that_looks_like_a_name_has_a_pattern_that_says_what_it_names() -> None:
    for rpc in all_rpcs():
        known = {str(field) for field in fields_of(rpc.method.input_type)}
        for field in rpc.method.input_type.fields:
            if field.type == field.TYPE_STRING and _LOOKS_LIKE_A_NAME.search(field.name):
                assert field.name in known, (rpc, field.name)


def test_the_walk_reaches_every_kind_of_service() -> None:
    assert {rpc.server for rpc in NAMING} == {"intake", "mediation", "escalation"}
    assert len(NAMING) > 200
