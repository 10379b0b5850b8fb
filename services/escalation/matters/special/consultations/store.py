"""Statements of consultations: questions, draws, declared conflicts, paused clocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import (
    ARRAY,
    Function,
    Integer,
    SmallInteger,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    func,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from casework import names
from casework.supervision.matters.consultation import CAUSE, AskState
from services.escalation.matters.special.models import Consultation, ConsultationConflict, ExpertAsk
from services.escalation.models import File
from services.kit.clocks.models import Clock, ClockEntry, ClockState
from services.kit.storage import rows
from services.kit.storage.database import Connection

_NUMBER = bindparam("number", type_=Text)
# A case that was never escalated has no file here yet; only mediation knows its unit.
_FILE = insert(File).values(number=_NUMBER).on_conflict_do_nothing(index_elements=[File.number])
_OF_CONSULTATION = (ExpertAsk.number == _NUMBER, ExpertAsk.consultation == bindparam("consultation"))
_WITH = (
    select(ExpertAsk)
    .where(
        *_OF_CONSULTATION,
        ExpertAsk.seed == bindparam("seed"),
        ExpertAsk.state == any_(bindparam("states", type_=ARRAY(SmallInteger))),
    )
    .order_by(ExpertAsk.place)
    .limit(1)
)
_DROP = (
    update(ExpertAsk)
    .where(*_OF_CONSULTATION, ExpertAsk.state.in_((AskState.WAITING, AskState.ASKED, AskState.ACCEPTED)))
    .values(state=AskState.DROPPED, version=ExpertAsk.version + 1)
)


def consultation_name(row: Consultation) -> str:
    """Return the resource name of a consultation."""
    return f"{names.file_name(row.number)}/consultations/{row.consultation}"


async def open_case(connection: Connection, number: str) -> None:
    """Create the file of a case, if it has none."""
    await connection.execute(_FILE, {"number": number})


async def add(connection: Connection, number: str, **columns: object) -> Consultation:
    """Store a consultation and return its row."""
    return await rows.add(connection, Consultation, "consultation", {"number": number}, **columns)


async def get(connection: Connection, number: str, consultation: int) -> Consultation:
    """Return a consultation; NOT_FOUND where there is none."""
    name = f"{names.file_name(number)}/consultations/{consultation}"
    return await rows.get(connection, Consultation, name, number=number, consultation=consultation)


async def of_file(connection: Connection, number: str) -> Sequence[Consultation]:
    """Return the consultations of a matter or a case, oldest first."""
    return await rows.find(connection, Consultation, Consultation.consultation, number=number)


async def change(connection: Connection, row: Consultation, **columns: object) -> Consultation:
    """Change columns of a consultation and return its new row."""
    key = {"number": row.number, "consultation": row.consultation}
    return await rows.update(connection, Consultation, key, **columns)


async def declare(connection: Connection, row: Consultation, conflicts: Mapping[str, int]) -> None:
    """Store the conflicts that were declared beforehand, by expert."""
    for expert, reason in conflicts.items():
        await rows.insert(
            connection, ConsultationConflict, number=row.number, consultation=row.consultation,
            expert=names.number_of(expert), reason=reason,
        )  # fmt: skip


async def conflicts(connection: Connection, row: Consultation) -> Sequence[ConsultationConflict]:
    """Return the conflicts that were declared."""
    key = {"number": row.number, "consultation": row.consultation}
    return await rows.find(connection, ConsultationConflict, ConsultationConflict.expert, **key)


async def order(connection: Connection, row: Consultation, seed: str, experts: Sequence[str]) -> None:
    """Store the order of a draw, nobody asked yet."""
    key = {"number": row.number, "consultation": row.consultation}
    first = await rows.next_of(connection, ExpertAsk.place, rows.FEW, **key)
    for place, expert in enumerate(experts, first):
        await rows.insert(
            connection, ExpertAsk, **key, place=place, seed=seed, expert=names.number_of(expert),
            state=AskState.WAITING,
        )  # fmt: skip


async def ask_in(connection: Connection, row: Consultation, *states: AskState) -> ExpertAsk | None:
    """Return the first expert of the draw in one of these states; None if there is none."""
    parameters = {"number": row.number, "consultation": row.consultation, "seed": row.seed}
    return (await connection.execute(_WITH, {**parameters, "states": list(states)})).first()


async def answer(connection: Connection, ask: ExpertAsk, **columns: object) -> None:
    """Change columns of an expert's place in the draw."""
    key = {"number": ask.number, "consultation": ask.consultation, "place": ask.place}
    await rows.update(connection, ExpertAsk, key, **columns)


async def drop(connection: Connection, row: Consultation) -> None:
    """Release everybody in the draws."""
    await connection.execute(_DROP, {"number": row.number, "consultation": row.consultation})


async def asks(connection: Connection, row: Consultation) -> Sequence[ExpertAsk]:
    """Return everybody who was in a draw, in the order of the draws."""
    key = {"number": row.number, "consultation": row.consultation}
    return await rows.find(connection, ExpertAsk, ExpertAsk.place, **key)


_PAUSE, _RESUMPTION = aliased(ClockEntry), aliased(ClockEntry)


def _said(entry: type[ClockEntry], name: str) -> Function[str]:
    return func.jsonb_extract_path_text(entry.data, name, type_=Text)


_RESUMED = select(_RESUMPTION.seq).where(
    _RESUMPTION.clock == Clock.id,
    _RESUMPTION.kind == "resumed",
    or_(_said(_RESUMPTION, "of").is_(None), cast(_said(_RESUMPTION, "of"), Integer) == _PAUSE.seq),
    _RESUMPTION.seq > _PAUSE.seq,
)
_PAUSED = (
    select(Clock.id, _PAUSE.seq)
    .join(_PAUSE, and_(_PAUSE.clock == Clock.id, _PAUSE.kind == "paused"))
    .where(
        Clock.number == bindparam("number", type_=Text),
        Clock.state == ClockState.PAUSED,
        _said(_PAUSE, "cause") == CAUSE,
        _said(_PAUSE, "evidence") == bindparam("evidence", type_=Text),
        not_(_RESUMED.exists()),
    )
    .order_by(Clock.id)
)


async def paused(connection: Connection, row: Consultation) -> Sequence[tuple[str, int]]:
    """Return the clocks paused for a consultation now, each with the number of its pause."""
    return await connection.execute(_PAUSED, {"number": row.number, "evidence": consultation_name(row)})
