"""Public matters as messages of the contract."""

from __future__ import annotations

from datetime import datetime

from google.type.latlng_pb2 import LatLng
from pb.intake.v1 import public_pb2 as pb

from casework import names
from casework.door.category import Category, Question, lineage
from casework.door.programs.public import Answered, PublicKind, is_over, status_words
from casework.door.report import ReportState
from services.intake.public.store import Became, Shown
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.rules import Rules


def service(category: Category, kind: PublicKind, rules: Rules, language: str) -> pb.PublicService:
    """Return a kind of matter with its questions."""
    top = rules.categories.get(lineage(category.id)[-1])
    other = category.en if language == "zh" else category.zh
    return pb.PublicService(
        category=f"categories/{category.id}",
        display_name=getattr(category, language),
        group=getattr(top, language),
        keywords=[other, category.id.rpartition("/")[2]],
        receipt_first=kind.answered is Answered.RECEIPT,
        questions=[_question(each, language) for each in category.questions],
    )


def _question(asked: Question, language: str) -> pb.PublicQuestion:
    return pb.PublicQuestion(
        code=asked.code,
        question=getattr(asked, language),
        required=asked.required,
        choices=[pb.AnswerChoice(key=each.key, display_name=getattr(each, language)) for each in asked.choices],
        **numbers(kind=asked.kind, fact=asked.fact),
    )


def report(row: Shown, kind: PublicKind, rules: Rules, language: str) -> pb.PublicReport:
    """Return a public matter, its place coarsened."""
    over = is_over(row.state, case_closed=row.case_closed)
    area, accepted = kind.area(row.area), row.state is ReportState.ACCEPTED
    message = pb.PublicReport(
        number=row.number,
        closed=over,
        status=_words(row, language),
        category=f"categories/{row.category}",
        category_display_name=getattr(rules.categories.get(row.category), language),
        unit=names.unit_name(row.unit),
        unit_display_name=rules.units.known(row.unit).name,
        receive_time=stamp(row.received_at),
        update_time=stamp(_since(row) if over else row.updated_at),
        due_time=None if over else stamp((row.expected_at or _promised(row)) if accepted else row.due_at),
        area=area,
        area_display_name=rules.units.place(area) if area else "",
    )
    if row.latitude is not None and row.longitude is not None:
        latitude, longitude = kind.point(row.latitude, row.longitude)
        message.location.CopyFrom(LatLng(latitude=latitude, longitude=longitude))
    return message


def _since(row: Shown) -> datetime:
    return row.case_closed_at or row.closed_at or row.decided_at or row.updated_at


def _promised(row: Shown) -> datetime | None:
    """Return what another system promised before the matter was imported; on what was decided here nothing is due."""
    return row.due_at if row.decided_at is None else None


def update(became: Became, row: Shown, language: str) -> pb.PublicUpdate:
    """Return what became of a matter at a time: an acceptance is one still after its case was closed."""
    case_closed = became.over and row.case_closed
    return pb.PublicUpdate(
        key=f"{row.number}.{int(became.at.timestamp())}{'c' if became.over else 'd'}",
        number=row.number,
        closed=is_over(row.state, case_closed=case_closed),
        status=status_words(row.state, row.outcome, language, case_closed=case_closed),
        update_time=stamp(became.at),
    )


def _words(row: Shown, language: str) -> str:
    return status_words(row.state, row.outcome, language, case_closed=row.case_closed)
