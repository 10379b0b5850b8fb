"""Statements of a party's own file: what a party said and did, beside what the stores of its nouns return."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Integer, Text, and_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from casework.mediation.closing import Satisfaction, View
from casework.mediation.notice import Channel
from services.kit.storage.database import Connection
from services.kit.storage.sealing import SealedBytes
from services.mediation.models.agreement import AgreedClause
from services.mediation.models.closing import ClosingView, Visit, VisitAnswer
from services.mediation.models.fulfilment import PerformanceClaim
from services.mediation.models.grants import Grant
from services.mediation.models.mediators import Choice, Mediator
from services.mediation.models.notices import AskedService
from services.mediation.models.people import Companion, IdentityCheck
from services.mediation.models.sessions import RecordRefusal, RecordSignature, TimeWish

_NUMBER, _PARTY = bindparam("number", type_=Text), bindparam("party", type_=Integer)
_COMPANIONS = (
    select(Companion)
    .where(Companion.number == _NUMBER, Companion.parties.contains(bindparam("of", type_=ARRAY(Integer))))
    .order_by(Companion.companion)
)
_CHOICES = (
    select(Choice.at, Mediator.display_name)
    .join(Mediator, Mediator.mediator == Choice.mediator)
    .where(Choice.number == _NUMBER, Choice.party == _PARTY)
)
_TIMES = select(TimeWish.asked_at, TimeWish.times).where(TimeWish.number == _NUMBER, TimeWish.party == _PARTY)
_SIGNED = select(RecordSignature.signed_at, RecordSignature.session, RecordSignature.read_back).where(
    RecordSignature.number == _NUMBER, RecordSignature.party == _PARTY
)
_REFUSED = select(RecordRefusal.refused_at, RecordRefusal.session, RecordRefusal.sealed).where(
    RecordRefusal.number == _NUMBER, RecordRefusal.party == _PARTY
)
_VIEWS = select(ClosingView.recorded_at, ClosingView.view, ClosingView.sealed).where(
    ClosingView.number == _NUMBER, ClosingView.party == _PARTY
)
_ANSWERS = (
    select(Visit.visited_at, VisitAnswer.satisfaction)
    .join(Visit, and_(Visit.number == VisitAnswer.number, Visit.days == VisitAnswer.days))
    .where(VisitAnswer.number == _NUMBER, VisitAnswer.party == _PARTY)
)
_SERVICE = select(AskedService.asked_at, AskedService.channel).where(
    AskedService.number == _NUMBER, AskedService.party == _PARTY
)
_EXCLUSIONS = select(Grant.made_at).where(Grant.number == _NUMBER, Grant.party == _PARTY)
_CHECKS = select(IdentityCheck.checked_at, IdentityCheck.document, IdentityCheck.matches).where(
    IdentityCheck.number == _NUMBER, IdentityCheck.party == _PARTY
)
_CLAIMS = (
    select(PerformanceClaim.claimed_at, PerformanceClaim.amount)
    .join(
        AgreedClause,
        and_(
            AgreedClause.number == PerformanceClaim.number, AgreedClause.agreement == PerformanceClaim.agreement,
            AgreedClause.clause == PerformanceClaim.clause,
        ),
    )
    .where(PerformanceClaim.number == _NUMBER, AgreedClause.performer == _PARTY)
)  # fmt: skip


async def companions(connection: Connection, number: str, party: int) -> Sequence[Companion]:
    """Return who accompanies a party, or did."""
    return await connection.execute(_COMPANIONS, {"number": number, "of": [party]})


async def choices(connection: Connection, number: str, party: int) -> Sequence[tuple[datetime, str]]:
    """Return when a party chose which mediator, by name."""
    return await connection.execute(_CHOICES, {"number": number, "party": party})


async def times(connection: Connection, number: str, party: int) -> Sequence[tuple[datetime, list[datetime]]]:
    """Return when a party asked for which other times."""
    return await connection.execute(_TIMES, {"number": number, "party": party})


async def signed(connection: Connection, number: str, party: int) -> Sequence[tuple[datetime, int, bool]]:
    """Return when a party signed the record of which session, or had it read back."""
    return await connection.execute(_SIGNED, {"number": number, "party": party})


async def refused(
    connection: Connection, number: str, party: int
) -> Sequence[tuple[datetime, int, SealedBytes | None]]:
    """Return when a party refused to sign the record of which session, with its reason."""
    return await connection.execute(_REFUSED, {"number": number, "party": party})


async def views(connection: Connection, number: str, party: int) -> Sequence[tuple[datetime, View, SealedBytes | None]]:
    """Return what a party said to the closing."""
    return await connection.execute(_VIEWS, {"number": number, "party": party})


async def answers(connection: Connection, number: str, party: int) -> Sequence[tuple[datetime | None, Satisfaction]]:
    """Return how content a party was, visit by visit."""
    return await connection.execute(_ANSWERS, {"number": number, "party": party})


async def service(connection: Connection, number: str, party: int) -> Sequence[tuple[datetime, Channel]]:
    """Return when a party asked to be served, and how."""
    return await connection.execute(_SERVICE, {"number": number, "party": party})


async def exclusions(connection: Connection, number: str, party: int) -> Sequence[tuple[datetime]]:
    """Return when somebody was excluded at the request of a party."""
    return await connection.execute(_EXCLUSIONS, {"number": number, "party": party})


async def claims(connection: Connection, number: str, party: int) -> Sequence[tuple[datetime, int]]:
    """Return when a party claimed to have performed, and the amount in fen."""
    return await connection.execute(_CLAIMS, {"number": number, "party": party})


async def checks(connection: Connection, number: str, party: int) -> Sequence[tuple[datetime, int, bool]]:
    """Return when the identity of a party was checked by which document, and whether it was the party."""
    return await connection.execute(_CHECKS, {"number": number, "party": party})
