"""For each RPC of plans of cases a good request, and the change that is decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from pb.mediation.v1 import case_plan_pb2 as pb
from pb.mediation.v1 import plan_migrations_pb2 as moves_pb
from pb.mediation.v1 import plan_types_pb2 as types_pb
from pb.mediation.v1.case_plan_pb2_grpc import CasePlanServiceStub
from pb.mediation.v1.plan_migrations_pb2_grpc import PlanMigrationServiceStub

from tests.conftest import COUNTY, Clients, request_id

Maker = Callable[[Any, str], Message]
VILLAGE = f"{COUNTY}001001"
"""Where plans are migrated: no case of a test is there."""
_MIGRATIONS: dict[str, str] = {}
"""By the case of each world: a migration that is decided."""
_CASES: dict[str, tuple[str, str]] = {}
"""By the case of each world: a case whose plan is changed, and one of which a change is decided."""


def task(unit: str = COUNTY, days: int = 5, **fields: Any) -> pb.NewTask:
    """Return a task that is added, in words."""
    words = {"measure": "到工地核对考勤。", "evidence_required": "考勤核对表"}
    return pb.NewTask(**{"unit": f"units/{unit}", "days": days, **words, **fields})


def everything(case: str) -> pb.PlanRevision:
    """Return a change that says everything a change may say."""
    return pb.PlanRevision(
        add=[task()],
        split=[pb.SplitTask(task=f"{case}/tasks/1", parts=[task(), task()])],
        hand_over=[pb.HandOverTask(task=f"{case}/tasks/2", unit=f"units/{COUNTY}-justice")],
        extend=[pb.ExtendTask(task=f"{case}/tasks/3", days=2)],
        withdraw=[pb.WithdrawTask(task=f"{case}/tasks/4", reason="已经办过。")],
    )


async def furnish(clients: Clients, world: str) -> None:
    """Open two cases with a plan of several tasks, and propose a change of the second."""
    fields = {"category": "categories/labour", "people_affected": 8}
    free, asked = [(await clients.accept(await clients.file_report("拖欠工资。", **fields))).name for _ in range(2)]
    request = pb.RevisePlanRequest(
        name=f"{asked}/plan", revision=everything(asked), reason="情况有变。", propose=True, request_id=request_id()
    )
    stub = CasePlanServiceStub(clients.channels["mediation"])
    await stub.RevisePlan(request, **clients.as_("handler", sub="who-asked"))
    _CASES[world] = (free, asked)
    moves = PlanMigrationServiceStub(clients.channels["mediation"])
    made = await moves.CreatePlanMigration(
        moves_pb.CreatePlanMigrationRequest(migration=migration(), request_id=request_id()),
        **clients.as_("unit_head", sub="who-asked"),
    )
    _MIGRATIONS[world] = made.name


def migration(unit: str = VILLAGE) -> moves_pb.PlanMigration:
    """Return a migration from wages to disputes in general."""
    found = {"verify-arrears": "verify-facts", "payroll": "", "payment": "check-performance"}
    types = [f"planTypes/{each}/versions/2026-11" for each in ("wages", "general")]
    return moves_pb.PlanMigration(
        unit=f"units/{unit}", from_type=types[0], to_type=types[1], reason="方案类型调整〔2026〕3号",
        mappings=[moves_pb.StepMapping(step=step, becomes=becomes) for step, becomes in found.items()],
    )  # fmt: skip


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC."""

    def free(path: str = "/plan") -> Callable[[Any], str]:
        return lambda world: f"{_CASES[world.case][0]}{path}"

    def asked(path: str = "/planChanges/1") -> Callable[[Any], str]:
        return lambda world: f"{_CASES[world.case][1]}{path}"

    def moved(world: Any) -> str:
        return _MIGRATIONS[world.case]

    return {
        "RevisePlan": filled(
            pb.RevisePlanRequest, name=free(), revision=lambda w: everything(free("")(w)),
            reason=lambda w: "情况有变。",
            propose=lambda w: True,
        ),
        "DecidePlanChange": filled(pb.DecidePlanChangeRequest, name=asked(), approved=lambda w: False,
                                   note=lambda w: "再核实。"),
        "WithdrawPlanChange": filled(pb.WithdrawPlanChangeRequest, name=asked()),
        "GetPlanChange": filled(pb.GetPlanChangeRequest, name=asked()),
        "ListPlanChanges": filled(pb.ListPlanChangesRequest, parent=asked("")),
        "CreatePlanMigration": filled(moves_pb.CreatePlanMigrationRequest, migration=lambda w: migration()),
        "PreviewPlanMigration": filled(moves_pb.PreviewPlanMigrationRequest, name=moved),
        "DecidePlanMigration": filled(moves_pb.DecidePlanMigrationRequest, name=moved, approved=lambda w: True),
        "RunPlanMigration": filled(moves_pb.RunPlanMigrationRequest, name=moved, max_cases=lambda w: 3),
        "GetPlanMigration": filled(moves_pb.GetPlanMigrationRequest, name=moved),
        "ListPlanMigrations": filled(moves_pb.ListPlanMigrationsRequest, unit=lambda w: f"units/{COUNTY}"),
        "ListPlanMigrationRows": filled(moves_pb.ListPlanMigrationRowsRequest, parent=moved),
        "ListPlanTypes": filled(types_pb.ListPlanTypesRequest, states=lambda w: [2]),
        "GetPlanType": filled(types_pb.GetPlanTypeRequest, name=lambda w: "planTypes/wages/versions/2026-11"),
        "ListPlanVersions": filled(pb.ListPlanVersionsRequest, parent=free()),
        "ComparePlanVersions": filled(pb.ComparePlanVersionsRequest, name=free(), base=lambda w: 1),
    }  # fmt: skip
