"""Words, dates and amounts of a document in one language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from casework.case import Ground
from casework.papers.chinese import LOCAL, amount_capital, amount_figures
from casework.papers.documents import Docking, Term

CHINESE = "zh"

_PLAIN = """
    list_comma from_to dispute_title count count_pages count_sessions clause scanned date moment amount
    side_applicant side_respondent side_third helper_guardian helper_support address_hidden
    identity_id_card identity_passport identity_residence_permit identity_business_licence identity_household
    identity_other identity_matches identity_differs authority_general authority_special answer_yes answer_no read_back
    not_read_back mode_on_site mode_remote open_session closed_session medium_oral medium_written medium_phone
    medium_online medium_visit channel_counter channel_grid channel_hotline channel_police channel_court
    channel_petition channel_app channel_letter channel_department agreed_full agreed_part outcome_agreed
    outcome_not_agreed outcome_withdrawn outcome_referred outcome_resolved performance_done performance_part
    refused_record performance_none performance_running satisfaction_satisfied satisfaction_fair
    satisfaction_dissatisfied
    satisfaction_unsaid entrusted transferred cause_out_of_scope cause_no_consent result_agreed result_not_agreed
    feedback_court feedback_house recusal_granted recusal_declined retention_short retention_long retention_permanent
    proof proof_by proof_gathered proof_document proof_picture proof_recording
"""
WORDS = frozenset(_PLAIN.split()) | {
    f"ground_{ground.name.lower()}" for ground in Ground if ground is not Ground.AGREED
}
"""The keys that every language in `rules/documents/words.yaml` must define."""

PLACES: dict[str, dict[str, object]] = {
    "date": {"year": 2026, "month": 1, "day": 1},
    "moment": {"year": 2026, "month": 1, "day": 1, "hour": 9, "minute": 5},
    "amount": {"figures": "1.00", "capital": "壹元整"},
    "from_to": {"since": "", "until": ""},
    "refused_record": {"who": ""},
    "proof": {"n": 1, "shows": "", "kind": "", "whose": ""},
    "proof_by": {"party": ""},
    "dispute_title": {"parties": "", "category": ""},
    **{key: {"n": 1} for key in ("count", "count_pages", "count_sessions", "clause")},
    **{key: {"name": ""} for key in ("helper_guardian", "helper_support")},
}
"""The placeholders allowed in a word; other words may have none."""

assert {each.value for each in Docking} <= {key.removeprefix("channel_") for key in WORDS}


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one language."""

    language: str
    words: Mapping[str, str]

    def word(self, key: str, **places: object) -> str:
        """Return a word with its placeholders filled; empty for an empty key, so that unknown facts stay empty."""
        return self.words[key].format(**places) if key else ""

    def of(self, kind: str, value: str) -> str:
        """Return the word for a value of a closed list (`medium`, `phone`); any other value is returned unchanged."""
        return self.words.get(f"{kind}_{value}", value) if value else ""

    def day(self, on: date | datetime | None) -> str:
        """Return a date; for an instant, its date in China; empty for none."""
        if on is None:
            return ""
        if isinstance(on, datetime):
            on = on.astimezone(LOCAL).date()
        return self.word("date", year=on.year, month=on.month, day=on.day)

    def moment(self, at: datetime | None) -> str:
        """Return an instant to the minute, in China's time; empty for none."""
        if at is None:
            return ""
        here = at.astimezone(LOCAL)
        return self.word("moment", year=here.year, month=here.month, day=here.day, hour=here.hour, minute=here.minute)

    def amount(self, amount: Decimal | None) -> str:
        """Return an amount in figures and, in Chinese, in capital numerals; empty for none."""
        if amount is None:
            return ""
        return self.word("amount", figures=amount_figures(amount), capital=amount_capital(amount))

    def listed(self, items: Iterable[str]) -> str:
        """Return the items that are not empty in one line."""
        return self.word("list_comma").join(filter(None, items))

    def term(self, term: Term) -> str:
        """Return a term of the rules; the Chinese one if this language has none."""
        return term.en if self.language == "en" and term.en else term.zh

    @property
    def is_companion(self) -> bool:
        """Whether this is not Chinese, so that its text comes second."""
        return self.language != CHINESE
