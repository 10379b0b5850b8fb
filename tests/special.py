"""Matters with all that special handling adds, as tests need them."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

from google.type.date_pb2 import Date
from pb.escalation.v1 import plans_pb2 as pb

from casework import names
from casework.clocks.calendar import LOCAL
from casework.supervision.matters.matter import MatterState
from services.escalation import files
from services.escalation.models import Matter
from services.kit.storage import rows
from services.kit.storage.database import Database
from tests.conftest import COUNTY

BUREAU = f"{COUNTY}-labour"
"""The unit that answers for a matter which the county keeps."""


async def listed_matter(
    database: Database, *, level: str = "county", keeper: str = COUNTY, unit: str = BUREAU, now: datetime | None = None
) -> str:
    """Enter a matter in the ledger, and return its name."""
    at = now or datetime.now(UTC)
    async with database.begin() as connection:
        number = await files.open_file(connection, "matters", keeper, at)
        await rows.insert(
            connection,
            Matter,
            number=number,
            state=MatterState.REGISTERED,
            level=level,
            keeper=keeper,
            unit=unit,
            registered_at=at,
            place=keeper,
            category="neighbour",
        )
    return names.file_name(number)


def on(day: str) -> Date:
    """Return a day, `2026-03-20`, as proto has it."""
    year, month, number = map(int, day.split("-"))
    return Date(year=year, month=month, day=number)


def later(days: int = 20) -> Date:
    """Return the local day so many days from now, as proto has it."""
    return on((datetime.now(LOCAL).date() + timedelta(days=days)).isoformat())


def a_plan(*measures: pb.PlanMeasure, facts: str = "三户住户因墙体裂缝投诉。", **fields: Any) -> pb.MatterPlan:
    """Return a plan that can be drafted."""
    told = pb.PlanText(
        facts=facts, claims=[pb.PartyClaim(party="party-1", claim="修复并赔偿。")], legal_basis="民法典288条。",
        options="修复；折价。", fallback="协商不成的，告知起诉。",
    )  # fmt: skip
    own = [a_measure()] if not measures else list(measures)
    checks = fields.pop("party_checks", [pb.PartyCheck(party="party-1", may_sue=True, told=True, consents=True)])
    return pb.MatterPlan(measures=own, party_checks=checks, fallback_route=pb.FALLBACK_ROUTE_COURT, text=told, **fields)


def a_measure(unit: str = BUREAU, due: Date | None = None, kind: str = "repair") -> pb.PlanMeasure:
    """Return a measure of a plan."""
    return pb.PlanMeasure(unit=f"units/{unit}", due_date=due or later(), kind=kind, content="修复裂缝。")


async def all_of(*calls: Awaitable[Any]) -> list[Any]:
    """Make calls one after the other, and return the answers."""
    return [await call for call in calls]
