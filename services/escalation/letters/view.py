"""What supervision letters look like in the contract."""

from __future__ import annotations

from pb.escalation.v1 import letters_pb2 as pb

from casework import names
from casework.supervision.letters.letter import Part
from casework.supervision.letters.trigger import Words
from services.escalation.letters.models import Letter
from services.kit import dates
from services.kit.instants import stamp
from services.kit.numbers import numbers


def letter(row: Letter, *, inside: bool) -> pb.Letter:
    """Return a letter; with `inside` the caller acts for its issuer, who alone sees the drafter and the next letter.

    The addressed unit sees who signed it, but not who drafted it or that a more serious one is being drafted.
    """
    return pb.Letter(
        name=names.file_name(row.number),
        etag=str(row.version),
        issuer=names.unit_name(row.issuer),
        unit=names.unit_name(row.unit),
        subject=row.subject,
        copies=map(names.unit_name, row.copies),
        interview_date=dates.shown(row.interview_on),
        document_number=row.document_number,
        rule=row.rule if inside else "",
        drafter=row.drafters[0] if inside and row.drafters else "",
        approver=row.approver,
        heard=row.heard,
        deemed_received=row.deemed,
        previous=names.file_name(row.previous),
        next=names.file_name(row.next) if inside and row.next else "",
        transferred=inside and bool(row.transferred_to),
        draft_time=stamp(row.drafted_at) if inside else None,
        approve_time=stamp(row.approved_at),
        serve_time=stamp(row.served_at),
        receive_time=stamp(row.received_at),
        reply_due_time=stamp(row.reply_due_at),
        object_due_time=stamp(row.object_due_at),
        reply_time=stamp(row.replied_at),
        end_time=stamp(row.ended_at),
        **numbers(state=row.state, kind=row.kind, office=row.office, objection=row.objection, failure=row.failure),
    )


FIELDS = {
    Part.HEARING: "hearing",
    Part.MINUTES: "minutes",
    Part.REPLY: "measures",
    Part.VERIFICATION: "verification",
    Part.OBJECTION: "objection",
    Part.DECISION: "decision",
    Part.WITHDRAWAL: "withdrawal",
    Part.DISCARD: "discard",
    Part.TRANSFER: "transfer",
}
"""The field of each part in a letter's text; the text proper is a message of its own."""


def words(given: pb.LetterWords) -> Words:
    """Return a text as the domain has it."""
    return Words(given.basis, given.facts, given.demand)


def wording(zh: Words, en: Words) -> pb.LetterWording:
    """Return the text of a rule as a message."""
    return pb.LetterWording(
        words=pb.LetterWords(basis=zh.basis, facts=zh.facts, demand=zh.demand),
        english=pb.LetterWords(basis=en.basis, facts=en.facts, demand=en.demand),
    )
