"""The content of the letter of a recommendation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pb.escalation.v1 import recommendations_pb2 as pb

from casework.clocks.calendar import LOCAL
from casework.papers.chinese import date_zh
from casework.supervision.prevention.recommendation import RecommendationKind
from casework.units import UnitTree
from services.escalation.prevention.recommendations.models import Recommendation

TEMPLATE = Path("recommendations", "letter.docx")
"""Below the rules folder; an ordinary Word file that a centre may edit."""
_TITLES = {
    RecommendationKind.PROMPT: "工作提示函",
    RecommendationKind.JUDICIAL: "司法建议书",
    RecommendationKind.PROCURATORIAL: "检察建议书",
}


def fields(row: Recommendation, told: pb.RecommendationText, units: UnitTree) -> dict[str, Any]:
    """Return the values of the template: title, number, addressee, pairs, reply date, author, day."""
    approved, due = row.approved_at, row.due_at if row.served_at and not row.replied_at else None
    return {
        "title": _TITLES[row.kind],
        "number": row.letter_number or "（草案）",
        "addressee": units.paper(row.addressee).addressee,
        "body": units.paper(row.unit).full,
        "pairs": [
            {"nth": index, "problem": pair.problem, "advice": pair.advice}
            for index, pair in enumerate(told.pairs, start=1)
        ],
        "until": f"{date_zh(due.astimezone(LOCAL).date())}前" if due else "自收到之日起两个月内",
        "day": date_zh(approved.astimezone(LOCAL).date()) if approved else "",
    }
