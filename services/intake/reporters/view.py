"""What reporters did with their receipt, as messages of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pb.intake.v1 import report_pb2
from pb.intake.v1 import reporter_pb2 as pb

from services.intake import view
from services.intake.models import Addition, DeclineReview, Photo, Rating
from services.kit.instants import stamp
from services.kit.storage.sealing import CaseSealer


def put(content: report_pb2.ReportContent, sealer: CaseSealer, added: Sequence[Addition], rated: Rating | None) -> None:
    """Add the reporter's additions and rating to the content of the report."""
    for each in added:
        content.additions.add(text=sealer.open(each.sealed).decode(), create_time=stamp(each.added_at))
    if rated is not None:
        words = sealer.open(rated.sealed).decode() if rated.sealed else ""
        content.rating.CopyFrom(
            report_pb2.Rating(
                text=words, create_time=stamp(rated.rated_at), **view.numbers(contentment=rated.contentment)
            )
        )


def photo(report: str, row: Photo) -> pb.Photo:
    """Return a photo without its content."""
    return pb.Photo(
        name=f"{report}/photos/{row.photo}", width=row.width, height=row.height, size=row.size,
        create_time=stamp(row.added_at),
    )  # fmt: skip


def review(report: str, row: DeclineReview, sealer: CaseSealer, due: datetime | None) -> pb.DeclineReview:
    """Return the review of a refusal: what the reporter wrote, and the decision."""
    return pb.DeclineReview(
        name=f"{report}/review", text=sealer.open(row.sealed).decode() if row.sealed else "",
        create_time=stamp(row.requested_at), due_time=stamp(due), decide_time=stamp(row.decided_at),
        upheld=row.upheld, reason=row.reason,
    )  # fmt: skip
