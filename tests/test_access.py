"""Nobody does what no policy lets them: every RPC, out of the descriptors, against every kind of wrong caller."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import Default
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from pb.clock.v1 import clock_pb2
from pb.escalation.v1 import escalation_pb2
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import mediation_pb2

from accord.embedded.keys import ROLES
from services.gateway.settings import SERVED_BY, GatewaySettings
from services.kit.serving.access import Access
from services.kit.serving.settings import ProcessSettings, ServiceSettings, read_settings
from services.kit.serving.tokens import Caller
from tests import world_hooks, world_lookups, world_meetings, world_notices
from tests.conftest import COUNTY, Clients, request_id
from tests.patience import PATIENCE
from tests.rpcs import OWN_UNIT, Answer, Rpc, all_rpcs, call, callers, granted
from tests.still import shipped_rules
from tests.world import REQUESTS, World, new_world
from tests.world_facts import RIGHT_UNIT as RIGHT_UNIT_OF_FACTS

RPCS = all_rpcs()
GRANTED = granted()
SHIPPED = Path(__file__).resolve().parent.parent / "rules"
POLICIES, RULES = SHIPPED / "access", shipped_rules(SHIPPED)
FOREIGN = ("11", "620103")
RIGHT_UNIT = {
    **dict.fromkeys(
        (
            "AcknowledgeEvents",
            "GetConsumer",
            "FireDueClocks",
            "ApplyMoves",
            "SettleEscalations",
            "EraseReportData",
            "EraseSupervisionData",
        ),
        "cn",
    ),  # about the whole feed of a service
    **dict.fromkeys(("AcknowledgeEscalation", "ResolveEscalation"), "6201"),  # only the level above
    **world_meetings.RIGHT_UNIT,
    **world_notices.RIGHT_UNIT,
    **world_hooks.RIGHT_UNIT,
    **RIGHT_UNIT_OF_FACTS,
    "MoveLevel": "6201",  # a matter of the city's ledger is handed down
    **OWN_UNIT,
}
"""The unit whose matter the request is about, where it is not the county."""
OF_THE_CALLER = {
    "AcknowledgeEvents", "GetConsumer", "ListEventTypes", "GetReceipt", "SignInByReceipt", "SignInByInvitation",
    "SignInByClue",
    "FileReport", "GetFilingChallenge", "FindSimilar", "ListPlanTypes", "GetPlanType", "DrawTicket", "GetTicket",
    "GetBoard", "ListOwnReports", "SearchReports", "ListPublicServices", "ListPublicReports",
    "ListPublicUpdates",
    "MakeCalendarAddress", "GetCalendarAddress", "RevokeCalendarAddress", "ReadCalendar",
    "ListOwnSessions", "GetPortableCaseKeys",
    *world_lookups.CALLS,
}  # fmt: skip
"""About the caller's own, found by a code, or about no unit: none is a foreign one.

test_feed_units.py tries the consumers of others, test_search.py what nobody finds who may not read it.
"""
ONLY_BEFORE = {("BindParty", "clerk")}
"""What a role may do only while nobody mediates the case; somebody mediates the world's."""
ASKED_BESIDE = {"clocks.approve"} | {
    f"doors.{report_pb2.Channel.Name(channel).removeprefix('CHANNEL_').lower()}"
    for channel in report_pb2.Channel.values()[1:]
}
"""Permissions that no RPC names: a handler asks for them beside its own."""


def right_unit(rpc: Rpc) -> str:
    """Return the unit whose matter the request is about: an escalation's clocks are those of the level above."""
    if rpc.server == "escalation" and rpc.method.name in ON_A_CLOCK:
        return "6201"
    return RIGHT_UNIT.get(rpc.method.name, COUNTY)


ON_A_CLOCK = {
    "FireClocks", "GetClock", "ExplainClock", "StartClock", "StopClock", "PauseClock", "ResumeClock", "ExtendClock",
    "RevokeExtension", "TakeStep", "AssignStep",
}  # fmt: skip


@cache
def nearest(rpc: Rpc, count: int = 3) -> list[str]:
    """Return roles without an RPC's permission, those first that share most permissions with the ones that have it."""
    own = callers(rpc)
    shared = Counter(role for roles in GRANTED.values() if roles & own for role in roles)
    return sorted(set(ROLES) - own - {"service"}, key=lambda role: (-shared[role], role))[:count]


every_rpc = pytest.mark.parametrize("rpc", RPCS, ids=str)


@pytest.fixture(scope="module")
async def world(clients: Clients) -> World:
    """Return a report, a case and an escalation of the county."""
    return await new_world(clients)


async def send(clients: Clients, rpc: Rpc, world: World, **arguments: Any) -> Answer:
    """Call an RPC with a good request for the county."""
    request = REQUESTS[rpc.method.name](world, rpc.server)
    return await call(clients.channels[rpc.server], rpc.path, request.SerializeToString(), **arguments)


def is_denied(rpc: Rpc, answer: Answer) -> bool:
    """Tell whether access was refused; an import is refused row by row."""
    if rpc.method.name == "ImportReports" and answer.code is grpc.StatusCode.OK:
        results = intake_pb2.ImportReportsResponse.FromString(answer.messages[0]).results
        return all(result.reason == "PERMISSION_DENIED" for result in results)
    return answer.code is grpc.StatusCode.PERMISSION_DENIED and answer.reason == "PERMISSION_DENIED"


def test_every_rpc_has_a_request_here() -> None:
    assert {rpc.method.name for rpc in RPCS} == set(REQUESTS), "give the new RPC a line in tests/rpcs.py"


async def test_the_servers_serve_just_the_rpcs_that_are_tested(clients: Clients) -> None:
    for name, channel in clients.channels.items():
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        served: set[str] = set()
        async for answer in stub.ServerReflectionInfo(iter([ask])):
            served = {service.name for service in answer.list_services_response.service}
        assert {service for service in served if not service.startswith("grpc.")} == {
            service for service, servers in SERVED_BY.items() if name in servers
        }
    proto = Path(__file__).resolve().parent.parent / "proto"
    files = [Default().FindFileByName(str(path.relative_to(proto))) for path in proto.rglob("*.proto")]
    assert {service.full_name for file in files for service in file.services_by_name.values()} == set(SERVED_BY)


def test_every_permission_is_granted_to_somebody_and_every_grant_is_some_permission() -> None:
    assert {rpc.permission for rpc in RPCS} | ASKED_BESIDE == set(GRANTED)
    assert {role for roles in GRANTED.values() for role in roles} == set(ROLES)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_what_is_decided_once_for_all_units_is_the_same_in_each_of_them(role: str) -> None:
    access = Access(POLICIES, RULES.units)
    assert {"doors.counter", "doors.court"} <= access.everywhere <= set(GRANTED)
    assert not {"reports.create", "recommendations.draft"} & access.everywhere
    for own in ("62", COUNTY, f"{COUNTY}-court"):
        for permission in sorted(access.everywhere):
            found = {access.decide(frozenset({role}), own, permission, unit) for unit in ("11", "6201", COUNTY, own)}
            assert found == {access.allows(Caller("x", frozenset({role}), own), permission, "620103")}, permission


def test_a_policy_that_names_no_action_leaves_every_permission_to_each_unit(tmp_path: Path) -> None:
    (tmp_path / "some.cedar").write_text('permit (principal, action in [Action::"doors.app"], resource);')
    assert Access(tmp_path, RULES.units).everywhere == {"doors.app"}
    (tmp_path / "any.cedar").write_text("forbid (principal, action, resource) when { resource == principal.unit };")
    assert Access(tmp_path, RULES.units).everywhere == frozenset()


@every_rpc
async def test_an_anonymous_caller_is_refused(rpc: Rpc, clients: Clients, world: World) -> None:
    answer = await send(clients, rpc, world, timeout=PATIENCE)
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


@pytest.mark.parametrize("rpc", [rpc for rpc in RPCS if not rpc.public], ids=str)
async def test_a_role_without_the_permission_is_refused_even_at_the_root(
    rpc: Rpc, clients: Clients, world: World
) -> None:
    # Those who come closest, who may do most of what the callers may; and a person's token that says `service`,
    # whatever the policies grant to that role.
    for role in (*nearest(rpc), "service"):
        answer = await send(clients, rpc, world, **clients.as_(role, "cn"))
        assert (answer.code, answer.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"), role


@every_rpc
async def test_the_right_role_of_a_foreign_unit_is_refused(rpc: Rpc, clients: Clients, world: World) -> None:
    units = FOREIGN if right_unit(rpc) == COUNTY else (COUNTY, *FOREIGN)
    units = () if rpc.method.name in OF_THE_CALLER else units
    for at, role in enumerate(sorted(GRANTED[rpc.permission] - {"service"})):
        for unit in units[at % 2 :: 2]:  # one half of the roles each
            answer = await send(clients, rpc, world, **clients.as_(role, unit))
            assert is_denied(rpc, answer), f"{role} of {unit}: {answer}"


@every_rpc
async def test_the_right_role_of_the_right_unit_is_not_refused(rpc: Rpc, clients: Clients, world: World) -> None:
    unit = right_unit(rpc)
    # Machine clients last: a consumer of the feed that they have moved on is theirs.
    for role in sorted(GRANTED[rpc.permission], key=lambda each: (each == "service", each)):
        access = clients.as_service() if role == "service" else clients.as_(role, unit)
        answer = await send(clients, rpc, world, **access)
        if (rpc.method.name, role) in ONLY_BEFORE:
            assert is_denied(rpc, answer)
            continue
        assert not is_denied(rpc, answer), role
        if rpc.method.name in ("RecordErasureReach", "RecordReportErasureReach"):
            assert answer.code is grpc.StatusCode.NOT_FOUND  # nobody asked that this case be erased
            continue
        # A state may be in the way: the calls before this one have changed the world.
        assert answer.code in {grpc.StatusCode.OK, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ALREADY_EXISTS}


async def test_a_citizen_files_to_the_own_line_and_nowhere_else(clients: Clients, world: World) -> None:
    (rpc,) = [rpc for rpc in RPCS if rpc.method.name == "CreateReport"]
    assert (await send(clients, rpc, world, **clients.as_("citizen", "620102001001"))).code is grpc.StatusCode.OK
    assert is_denied(rpc, await send(clients, rpc, world, **clients.as_("citizen", "620103001")))


@pytest.mark.parametrize("unit", ["620199", "6", "", "62%", "cn2", "62010２"])
async def test_a_unit_that_does_not_exist_holds_nothing(unit: str, clients: Clients, world: World) -> None:
    (rpc,) = [rpc for rpc in RPCS if rpc.method.name == "ListReports"]
    answer = await send(clients, rpc, world, **clients.as_("clerk", unit))
    assert is_denied(rpc, answer) if unit else answer.reason == "UNAUTHENTICATED"


async def test_the_gateway_refuses_who_the_services_refuse(rest: Any) -> None:
    assert (await rest.get("/v1/reports", headers={"Authorization": ""})).status_code == 401
    assert (await rest.get("/v1/reports?unit=units/11")).status_code == 403
    assert (await rest.get("/v1/feeds/intake/consumers/relay")).status_code == 403
    assert (await rest.post("/issuer/token", json={"user": "service-620102"})).status_code == 400


UNDER = {
    COUNTY: lambda unit: unit.startswith(COUNTY),
    "620102001": lambda unit: unit.startswith("620102001"),
    "620102-labour": lambda unit: unit == "620102-labour",
    "620103": lambda unit: unit.startswith("620103"),
}


@pytest.fixture(scope="module")
async def spread(clients: Clients) -> dict[str, str]:
    """File reports to units of two counties, accept them, escalate them; return cases and units of them."""
    found = {}
    for unit in UNDER:
        report = await clients.file_report(
            "拖欠工资，多次讨要无果。", unit=f"units/{unit}", category="categories/labour", people_affected=8
        )
        case = await clients.accept(report)
        raised = escalation_pb2.Escalation(mode=1, from_unit=case.unit, reason="stuck")
        request = escalation_pb2.CreateEscalationRequest(parent=case.name, escalation=raised, request_id=request_id())
        await clients.escalation.CreateEscalation(request, **clients.as_("handler", "62"))
        found[case.name] = unit
    return found


async def listed(method: Any, request: Any, field: str, **access: Any) -> list[Any]:
    """Return everything a list has, page by page."""
    found: list[Any] = []
    while True:
        page = await method(request, **access)
        found += getattr(page, field)
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


@pytest.mark.parametrize("unit", UNDER)
async def test_a_list_shows_the_own_subtree_and_nothing_else(
    unit: str, clients: Clients, spread: dict[str, str]
) -> None:
    access, under = clients.as_("clerk", unit), UNDER[unit]
    reports = await listed(clients.intake.ListReports, intake_pb2.ListReportsRequest(), "reports", **access)
    cases = await listed(clients.mediation.ListCases, mediation_pb2.ListCasesRequest(), "cases", **access)
    tasks = await listed(
        clients.mediation.ListTasks, mediation_pb2.ListTasksRequest(parent="cases/-"), "tasks", **access
    )
    clocks = await listed(
        clients.clocks["mediation"].ListClocks, clock_pb2.ListClocksRequest(service="mediation"), "clocks", **access
    )
    for resources in (reports, cases, tasks, clocks):
        units = {resource.unit.removeprefix("units/") for resource in resources}
        assert unit in units
        assert all(map(under, units))
    request = escalation_pb2.ListEscalationsRequest(parent="cases/-")
    escalations = await listed(clients.escalation.ListEscalations, request, "escalations", **access)
    ends = [{each.from_unit.removeprefix("units/"), each.to_unit.removeprefix("units/")} for each in escalations]
    assert any(unit in pair for pair in ends)
    assert all(any(map(under, pair)) for pair in ends)


async def test_the_history_of_a_list_is_of_the_own_subtree(clients: Clients, spread: dict[str, str]) -> None:
    for unit, under in UNDER.items():
        request = feed_pb2.ListEventsRequest(service="intake")
        events = await listed(clients.feeds["intake"].ListEvents, request, "events", **clients.as_("auditor", unit))
        shown = {event.case for event in events}
        assert shown & spread.keys() == {case for case, owner in spread.items() if under(owner)}


@pytest.mark.parametrize("process", ["gateway", "intake", "worker"])
def test_a_production_profile_refuses_faster_time(process: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: dict[str, type[ProcessSettings]] = {
        "gateway": GatewaySettings, "intake": ServiceSettings, "worker": ProcessSettings}  # fmt: skip
    for name, value in {"PROFILE": "production", "PLAINTEXT": "true", "TIME_SPEED": "60",
                        "TIME_EPOCH": "2026-01-01T00:00:00Z",
                        "TRUST_FILE": "trust.json", "LISTEN": "127.0.0.1:1", "MASTER_KEY_FILE": "key",
                        "DATABASE_URL": "postgresql://x"}.items():  # fmt: skip
        monkeypatch.setenv(f"ACCORD_{name}", value)
    with pytest.raises(SystemExit, match="time_speed must be 1 in the production profile"):
        read_settings(kinds[process])
    monkeypatch.setenv("ACCORD_TIME_SPEED", "1")
    assert read_settings(kinds[process]).time_speed == 1


def test_a_production_gateway_refuses_the_embedded_issuer(clients: Clients) -> None:
    environment = {
        **os.environ, "ACCORD_PROFILE": "production", "ACCORD_PLAINTEXT": "true",
        "ACCORD_TRUST_FILE": str(clients.stack.keys.trust),
        "ACCORD_ISSUER_KEY_FILE": str(clients.stack.keys.issuer), "ACCORD_LISTEN": "127.0.0.1:1",
    }  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "-m", "services.gateway.main"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ended.returncode != 0
    assert "must not be set in the production profile" in ended.stderr
