"""Filling of letters and declarations: docking, termination, replacing a mediator, a longer term, interpretation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from casework.papers import sheets
from casework.papers.chinese import cited
from casework.papers.documents import Docking
from casework.papers.forms import Form
from casework.papers.sheet_parts import SIDES, Filling, docking_of, party_lines
from casework.papers.sheets import RouteLine, Sheet


def _letter(f: Filling) -> dict[str, Any]:
    found, words = docking_of(f.source, f.subject), f.words
    return {
        **f.common(),
        "organ": found.organ,
        "reference": found.reference,
        "kind": words.word("entrusted" if found.entrusted else "transferred"),
        "matter": found.matter or words.term(f.source.category),
        "sent": words.day(found.sent_at),
    }


def _entrustment(f: Filling) -> Sheet:
    return sheets.DockingSheet(**_letter(f))


def _consent_inquiry(f: Filling) -> Sheet:
    return sheets.ConsentInquiry(**_letter(f), parties=party_lines(f))


def _receipt(f: Filling) -> Sheet:
    found, words = docking_of(f.source, f.subject), f.words
    return sheets.DockingReceipt(
        **_letter(f), signed=words.moment(found.signed_at), signed_by=found.signed_by, due=words.day(found.due_on)
    )


def _refusal(f: Filling) -> Sheet:
    cause = "cause_out_of_scope" if docking_of(f.source, f.subject).out_of_scope else "cause_no_consent"
    return sheets.DockingRefusal(**_letter(f), cause=f.words.word(cause))


def _feedback(f: Filling) -> Sheet:
    found, words = docking_of(f.source, f.subject), f.words
    performed = "" if found.performed is None else "performance_done" if found.performed else "performance_none"
    return sheets.ResultFeedback(
        **_letter(f),
        result=words.word("result_agreed" if found.agreed else "result_not_agreed"),
        performed=words.word(performed),
        agreement=f.source.dossier_number if found.agreed else "",
        returned=words.day(found.returned_at),
        # The provisions cover concessions in litigation; for the police and the petition office it is our own rule.
        basis=words.word("feedback_court" if found.kind is Docking.COURT else "feedback_house"),
    )


def _termination(f: Filling) -> Sheet:
    found = f.source.termination
    assert found is not None
    ground = f.words.word(f"ground_{found.ground.name.lower()}")
    return sheets.Termination(
        **f.common(), parties=party_lines(f), ground=ground, ended=f.words.day(found.at), routes=_routes(f)
    )


def _routes(f: Filling) -> tuple[RouteLine, ...]:
    """Return the other routes as printed: each with its term, its date and its legal basis."""
    english = f.words.language == "en"
    return tuple(
        RouteLine(
            str(index), each.route.en if english else each.route.zh,
            each.route.term_en if english else each.route.term_zh, f.words.day(each.due_at), cited(each.route.basis),
        )
        for index, each in enumerate(f.source.routes, start=1)
    )  # fmt: skip


def _recusal(f: Filling) -> Sheet:
    found, words = f.about(f.source.recusals, lambda each: each.recusal), f.words
    decision = "" if found.granted is None else "recusal_granted" if found.granted else "recusal_declined"
    return sheets.RecusalSheet(
        **f.common(),
        asked_by=f.source.name_of(found.party),
        against=found.against,
        reason=found.reason,
        asked=words.day(found.asked_at),
        decision=words.word(decision),
        decided=words.day(found.decided_at),
        decided_by=found.decided_by,
    )


def _extension(f: Filling) -> Sheet:
    found, words = f.about(f.source.extensions, lambda each: each.extension), f.words
    said = dict(found.consented)
    consents = tuple(
        sheets.ConsentLine(words.word(SIDES[each.side]), each.name, words.day(said.get(each.party)))
        for each in f.source.parties
    )
    return sheets.ExtensionConsent(
        **f.common(), due=words.day(found.due_on), until=words.day(found.until), consents=consents
    )


def _interpretation(f: Filling) -> Sheet:
    found, words = f.about(f.source.interpretations, lambda each: each.interpretation), f.words
    return sheets.InterpretationRecord(
        **f.common(),
        at=words.moment(found.at),
        language=found.language,
        interpreter=found.interpreter,
        occasion=found.occasion,
        of_whom=f.source.name_of(found.party),
        medium=words.of("medium", found.medium),
        read_back=words.word("read_back" if found.read_back else "not_read_back"),
    )


FILLERS: dict[Form, Callable[[Filling], Sheet]] = {
    Form.ENTRUSTMENT: _entrustment,
    Form.CONSENT_INQUIRY: _consent_inquiry,
    Form.DOCKING_RECEIPT: _receipt,
    Form.DOCKING_REFUSAL: _refusal,
    Form.RESULT_FEEDBACK: _feedback,
    Form.TERMINATION: _termination,
    Form.RECUSAL: _recusal,
    Form.EXTENSION_CONSENT: _extension,
    Form.INTERPRETATION: _interpretation,
}
