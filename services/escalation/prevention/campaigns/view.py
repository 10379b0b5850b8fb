"""What campaigns, checks and findings look like in the contract."""

from __future__ import annotations

from collections.abc import Sequence

from pb.escalation.v1 import campaigns_pb2 as pb

from casework import names
from services.escalation.prevention.campaigns.models import Campaign, CampaignPlace, Check, Finding
from services.escalation.prevention.campaigns.store import Progress
from services.kit import dates
from services.kit.instants import stamp
from services.kit.numbers import numbers


def campaign(row: Campaign, places: Sequence[CampaignPlace]) -> pb.Campaign:
    """Return a campaign, without its texts."""
    return pb.Campaign(
        name=names.file_name(row.number),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        categories=[f"categories/{category}" for category in row.categories],
        places=[
            pb.PlaceAssignment(place=names.unit_name(each.place), unit=names.unit_name(each.unit)) for each in places
        ],
        start_date=dates.shown(row.start_on),
        end_date=dates.shown(row.end_on),
        round_days=row.round_days,
        round=row.round,
        items=row.item_count,
        due_time=stamp(row.due_at),
        create_time=stamp(row.created_at),
        start_time=stamp(row.started_at),
        end_time=stamp(row.ended_at),
        **numbers(state=row.state, kind=row.kind),
    )


def check(row: Check) -> pb.CampaignCheck:
    """Return a check."""
    return pb.CampaignCheck(
        name=f"{names.file_name(row.number)}/checks/{row.check_no}",
        place=names.unit_name(row.place),
        unit=names.unit_name(row.unit),
        round=row.round,
        recorder=row.recorded_by,
        answers=row.answers,  # type: ignore[arg-type]
        check_time=stamp(row.recorded_at),
    )


def finding(row: Finding) -> pb.Finding:
    """Return a finding, without its text."""
    file = names.file_name(row.number)
    return pb.Finding(
        name=f"{file}/findings/{row.finding}",
        check=f"{file}/checks/{row.check_no}",
        place=names.unit_name(row.place),
        category=f"categories/{row.category}",
        people_affected=row.people_affected,
        danger=row.danger,
        report=row.report,
        record_time=stamp(row.recorded_at),
        hand_over_time=stamp(row.handed_over_at),
        **numbers(state=row.state),
    )


def progress(row: Campaign, places: Sequence[Progress]) -> pb.CampaignProgress:
    """Return the progress of the current round, by place; no persons are counted."""
    return pb.CampaignProgress(
        name=f"{names.file_name(row.number)}/progress",
        round=row.round,
        places_checked=sum(each.checks > 0 for each in places),
        places_total=len(places),
        places=[
            pb.PlaceProgress(
                place=names.unit_name(each.place), unit=names.unit_name(each.unit), checks=each.checks,
                findings=each.findings, handed_over=each.handed_over,
            )
            for each in places
        ],
    )  # fmt: skip
