"""What the form fillers share: the case and its wording, parties and clauses as lines, legible text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from casework.case import Side
from casework.papers.chinese import legible
from casework.papers.documents import AgreementFacts, DockingFacts, DossierSource, PartyFacts
from casework.papers.sheets import ClauseLine, PartyLine, Sheet
from casework.papers.wording import Wording

Item = TypeVar("Item")
Filled = TypeVar("Filled", bound=Sheet)
SIDES = {Side.APPLICANT: "side_applicant", Side.RESPONDENT: "side_respondent", Side.THIRD: "side_third"}


@dataclass(frozen=True, slots=True)
class Filling:
    """What a form is filled from: the case, the item the document is about, its number and date, the wording."""

    source: DossierSource
    subject: int
    number: str
    on: datetime
    words: Wording

    def common(self) -> dict[str, Any]:
        """Return the fields that every form has."""
        source, words = self.source, self.words
        return {
            "body": source.body,
            "number": self.number or source.dossier_number,
            "case": source.number,
            "day": words.day(self.on),
            "parties_line": words.listed(each.name for each in source.parties),
            "category": words.term(source.category),
            "mediator": words.listed((source.mediator.name, *source.second_mediators)) if source.mediator else "",
        }

    def about(self, items: Iterable[Item], key: Callable[[Item], int]) -> Item:
        """Return the item that the document is about; LookupError if there is none."""
        return next(each for each in items if key(each) == self.subject)


def legible_sheet(sheet: Filled) -> Filled:
    """Return the sheet with all its texts made legible, at any depth."""
    changed: Any = _legible(sheet)
    return changed


def _legible(value: object) -> object:
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, tuple):
        return tuple(map(_legible, value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _legible(getattr(value, each.name)) for each in fields(value)})
    return value


def docking_of(source: DossierSource, subject: int) -> DockingFacts:
    return next(each for each in source.dockings if each.docking == subject)


def party_line(each: PartyFacts, words: Wording, *, ethnic_group: bool = False) -> PartyLine:
    """Return a party's line; the ethnic group only if the form has a place for it and the party gave it."""
    helpers = [
        words.word("helper_guardian", name=each.guardian) if each.guardian else "",
        words.word("helper_support", name=each.support) if each.support else "",
    ]
    return PartyLine(
        role=words.word(SIDES[each.side]),
        name=each.name,
        organisation=each.organisation,
        gender=each.gender,
        ethnic_group=each.ethnic_group if ethnic_group else "",
        age=each.age,
        occupation=each.occupation,
        phone=words.word("address_hidden") if each.address_hidden else each.phone,
        address=words.word("address_hidden") if each.address_hidden else each.address,
        employer="" if each.address_hidden else each.employer,
        legal_representative=each.legal_representative,
        helper=words.listed(helpers),
    )


def party_lines(
    filling: Filling, *sides: Side, ethnic_group: bool = False, staying: bool = False
) -> tuple[PartyLine, ...]:
    """Return the lines of the parties of some sides, or of all; `staying` leaves out who left the mediation."""
    chosen = filling.source.of_side(*(sides or tuple(Side)))
    if staying:
        chosen = (each for each in chosen if each.withdrawn_at is None)
    return tuple(party_line(each, filling.words, ethnic_group=ethnic_group) for each in chosen)


def clause_lines(agreement: AgreementFacts, words: Wording) -> tuple[ClauseLine, ...]:
    return tuple(
        ClauseLine(
            index=str(each.clause),
            performer=each.performer,
            # Amount and day follow in the same sentence.
            content=companion(each.content, each.companion, words).rstrip("。；;. "),
            amount=words.amount(each.amount),
            due=words.day(each.due),
            manner=each.manner,
        )
        for each in agreement.clauses
    )


def proof_lines(filling: Filling, parties: Iterable[int]) -> str:
    """Return the means of proof that these parties handed in (0: that were gathered), one a line."""
    words, allowed = filling.words, set(parties)
    lines = []
    for number, each in enumerate((each for each in filling.source.proofs if each.party in allowed), start=1):
        by = filling.source.name_of(each.party)
        whose = words.word("proof_by", party=by) if by else words.word("proof_gathered")
        lines.append(words.word("proof", n=number, shows=each.shows, kind=words.of("proof", each.kind), whose=whose))
    return "\n".join(lines)


def companion(text: str, companion: str, words: Wording) -> str:
    """Return the original text, or in the companion its translation, if there is one."""
    return companion if words.is_companion and companion else text
