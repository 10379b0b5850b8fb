"""Plans as messages, and as fields that can be compared."""

from __future__ import annotations

from collections.abc import Sequence

from pb.escalation.v1 import plans_pb2 as pb

from casework import names
from services.escalation.matters.special.models import MatterPlan, PlanMeasure
from services.escalation.matters.special.plans.store import Loaded
from services.kit import dates
from services.kit.instants import stamp
from services.kit.numbers import numbers


def plan(loaded: Loaded) -> pb.MatterPlan:
    """Return a version without its text."""
    row = loaded.row
    return pb.MatterPlan(
        name=plan_name(row),
        etag=str(row.version),
        measures=[measure(each) for each in loaded.measures],
        party_checks=[
            pb.PartyCheck(party=each.party, may_sue=each.may_sue, told=each.told, consents=each.consents)
            for each in loaded.checks
        ],
        cost_fen=row.cost_fen,
        countersignatures=[
            pb.Countersignature(
                unit=names.unit_name(each.unit), **numbers(role=each.role),
                signed=each.signed_at is not None, agrees=each.agrees, signer=each.signed_by,
                sign_time=stamp(each.signed_at),
            )
            for each in loaded.signatures
        ],
        drafter=row.drafted_by[0],
        approver=row.approved_by,
        assessor=row.assessed_by,
        draft_time=stamp(row.drafted_at),
        submit_time=stamp(row.submitted_at),
        approve_time=stamp(row.approved_at),
        execute_time=stamp(row.executed_at),
        assess_time=stamp(row.assessed_at),
        **numbers(state=row.state, fallback_route=row.fallback, assessment=row.assessment or 0),
    )  # fmt: skip


def plan_name(row: MatterPlan | PlanMeasure) -> str:
    """Return the resource name of a version."""
    return f"{names.file_name(row.number)}/plans/{row.plan}"


def measure_name(row: PlanMeasure) -> str:
    """Return the resource name of a measure."""
    return f"{plan_name(row)}/measures/{row.measure}"


def measure(row: PlanMeasure) -> pb.PlanMeasure:
    """Return a measure without its text."""
    return pb.PlanMeasure(
        name=measure_name(row),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        due_date=dates.shown(row.due_on),
        kind=row.kind,
        evidence=row.evidence,
        report_time=stamp(row.reported_at),
        **numbers(state=row.state),
    )


def fields(loaded: Loaded, text: pb.PlanText, contents: Sequence[str]) -> dict[str, str]:
    """Return a version as fields with their contents, in the order of the plan."""
    found = {
        "text.facts": text.facts,
        **{f"text.claims[{claim.party}]": claim.claim for claim in text.claims},
        "text.legal_basis": text.legal_basis,
        "text.options": text.options,
    }
    for each, content in zip(loaded.measures, contents, strict=True):
        at = f"measures[{each.measure}]"
        found |= {
            f"{at}.unit": names.unit_name(each.unit),
            f"{at}.due_date": each.due_on.isoformat(),
            f"{at}.kind": each.kind,
            f"{at}.content": content,
        }
    found |= {"cost_fen": str(loaded.row.cost_fen), "text.cost": text.cost}
    found |= {"fallback_route": pb.FallbackRoute.Name(loaded.row.fallback), "text.fallback": text.fallback}
    for check in loaded.checks:
        said = {"may_sue": check.may_sue, "told": check.told, "consents": check.consents}
        found |= {f"party_checks[{check.party}].{name}": str(yes).lower() for name, yes in said.items()}
    return found
