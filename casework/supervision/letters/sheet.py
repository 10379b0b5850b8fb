"""What the Word template of a supervision letter may use, and how it is filled: text only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from casework.supervision.letters.letter import INTERVIEW_NOTICE, LetterKind
from casework.supervision.letters.trigger import Words

TITLES = {
    LetterKind.NOTICE: ("提示函", "Notice"),
    LetterKind.WARNING: ("警示函", "Warning"),
    LetterKind.CIRCULAR: ("通报函", "Circular"),
    LetterKind.INTERVIEW: ("约谈函", "Invitation to an interview"),
    LetterKind.INSPECTION: ("督查函", "Letter of inspection"),
}
OFFICES = {
    1: ("主要负责人", "head of the unit"),
    2: ("分管负责人", "deputy head of the unit"),
    3: ("督查机构负责人", "head of the supervision office"),
}
"""The office of a signer; the numbers match the contract."""
_LIST = {"zh": "、", "en": ", "}


@dataclass(frozen=True, slots=True)
class LetterSheet:
    """A supervision letter as shown by its template; empty text leaves an empty place."""

    title: str
    number: str
    draft: str
    unit: str
    issuer: str
    copies: str
    subject: str
    basis: str
    facts: str
    demand: str
    due: str
    reply: str
    interview: str
    signer: str
    office: str
    signed: str
    contact: str


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """The facts of a letter when it is written; units as they are called on paper, `phone` that of the issuer."""

    kind: LetterKind
    number: str
    unit: str
    issuer: str
    copies: tuple[str, ...]
    subject: str
    due_on: date | None
    reply_days: int
    interview_on: date | None
    signer: str
    office: int
    signed_on: date | None
    phone: str = ""


def sheet(facts: LetterFacts, words: Words, language: str) -> LetterSheet:
    """Return a letter in `zh` or `en`; an unsigned one says so in place of its number."""
    at = 0 if language == "zh" else 1
    matter = facts.subject.rpartition("/")[2]
    return LetterSheet(
        title=(f"关于{matter}号事项的{TITLES[facts.kind][0]}", f"{TITLES[facts.kind][1]}: matter no. {matter}")[at],
        number=facts.number,
        draft="" if facts.number else ("草稿，未经签发", "Draft, not signed")[at],
        unit=facts.unit,
        issuer=facts.issuer,
        copies=_LIST[language].join(facts.copies),
        subject=(f"第{matter}号事项", f"no. {matter}")[at],
        basis=words.basis,
        facts=words.facts,
        demand=words.demand,
        due=day(facts.due_on, language),
        reply=_reply(facts, language),
        interview=day(facts.interview_on, language),
        signer=facts.signer,
        office=OFFICES[facts.office][at] if facts.office else "",
        signed=day(facts.signed_on, language),
        contact=(f"联系电话：{facts.phone}", f"Phone: {facts.phone}")[at] if facts.phone else "",
    )


def day(on: date | None, language: str) -> str:
    """Return a date in letter format; empty if there is none."""
    if on is None:
        return ""
    return f"{on.year}年{on.month}月{on.day}日" if language == "zh" else f"{on.day} {on:%B %Y}"


def _reply(facts: LetterFacts, language: str) -> str:
    days = facts.reply_days
    if facts.kind is LetterKind.INTERVIEW:
        return (
            f"约谈于送达{INTERVIEW_NOTICE}个工作日后进行；请在约谈纪要形成之日起{days}个工作日内书面提出整改方案"
            if language == "zh"
            else f"The interview is held at least {INTERVIEW_NOTICE} working days after service; submit a written "
            f"plan within {days} working days of its minutes"
        )
    if language == "zh":
        return f"请自签收之日起{days}个工作日内书面回复所采取的措施和结果"
    return f"Report in writing what was done within {days} working days of receipt"
