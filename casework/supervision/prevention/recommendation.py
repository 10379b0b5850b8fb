"""Recommendations to departments (工作提示函、司法建议、检察建议): pairs of problem and advice, each answered."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from casework.errors import CaseError, Reason, field_error


class RecommendationKind(IntEnum):
    """Whose recommendation it is; the numbers match the contract."""

    PROMPT = 1
    JUDICIAL = 2
    PROCURATORIAL = 3


class RecommendationState(IntEnum):
    """State of a recommendation; the numbers match the contract."""

    DRAFT = 1
    APPROVED = 2
    SERVED = 3
    REPLIED = 4
    VISITED = 5
    WITHDRAWN = 6
    CLOSED = 7


class Adoption(IntEnum):
    """What the department does with a pair; the numbers match the contract."""

    ADOPTED = 1
    PARTLY = 2
    NOT_ADOPTED = 3


class CarryingOut(IntEnum):
    """What a visit found about a pair; the numbers match the contract."""

    DONE = 1
    PART = 2
    NOT_DONE = 3


class ObjectionState(IntEnum):
    """State of an objection; the numbers match the contract."""

    OPEN = 1
    UPHELD = 2
    REJECTED = 3


OVER = frozenset({RecommendationState.CLOSED, RecommendationState.WITHDRAWN})
WITH_DEPARTMENT = frozenset(
    {
        RecommendationState.SERVED, RecommendationState.REPLIED, RecommendationState.VISITED,
        RecommendationState.WITHDRAWN, RecommendationState.CLOSED,
    }
)  # fmt: skip
"""States in which the department has been notified."""
REPLY_RULES = {
    RecommendationKind.PROMPT: "prompt_reply",
    RecommendationKind.JUDICIAL: "judicial_suggestion",
    RecommendationKind.PROCURATORIAL: "procuratorial_suggestion",
}
"""The time limit rule for the reply to each kind: two months (法释〔2023〕11号 8, 检察建议工作规定 19)."""
OBJECTION_RULES = {
    RecommendationKind.PROMPT: "recommendation_objection",
    RecommendationKind.JUDICIAL: "recommendation_objection",
    RecommendationKind.PROCURATORIAL: "procuratorial_objection",
}
_AUTHORS = {RecommendationKind.JUDICIAL: "court", RecommendationKind.PROCURATORIAL: "procuratorate"}
_SERIES = {
    RecommendationKind.PROMPT: "综治提示",
    RecommendationKind.JUDICIAL: "法建",
    RecommendationKind.PROCURATORIAL: "检建",
}
_ENDINGS = ("自治区", "自治州", "自治县", "地区", "新区", "省", "市", "区", "县", "旗", "盟")
_BEFORE: dict[RecommendationState, frozenset[RecommendationState]] = {
    RecommendationState.APPROVED: frozenset({RecommendationState.DRAFT}),
    RecommendationState.SERVED: frozenset({RecommendationState.APPROVED}),
    RecommendationState.REPLIED: frozenset({RecommendationState.SERVED}),
    RecommendationState.VISITED: frozenset({RecommendationState.REPLIED}),
    RecommendationState.WITHDRAWN: frozenset({RecommendationState.SERVED, RecommendationState.REPLIED}),
    RecommendationState.CLOSED: frozenset({RecommendationState.VISITED}),
}


def move(state: RecommendationState, to: RecommendationState) -> RecommendationState:
    """Return the new state, or raise WRONG_STATE naming the current state."""
    if state not in _BEFORE[to]:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {to.name}", state=state.name)
    return to


def must_be(state: RecommendationState, *allowed: RecommendationState) -> None:
    """Raise WRONG_STATE naming the state, if it is not one of those allowed."""
    if state not in allowed:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def check_author(kind: RecommendationKind, unit: str) -> None:
    """Raise INVALID_FIELD unless a suggestion comes from a court or procuratorate, and a prompt from a centre.

    Each has numbers of its own: a department's prompt would have those of the centre.
    """
    slug = _AUTHORS.get(kind, "")
    if unit.partition("-")[2] != slug:
        raise field_error("unit", Reason.INVALID_FIELD, slug or "centre")


def check_pairs(told: Sequence[int], pairs: int, field: str) -> None:
    """Raise INVALID_FIELD unless every pair is answered, once and in order."""
    if list(told) != list(range(1, pairs + 1)):
        raise field_error(field, Reason.INVALID_FIELD, f"1 … {pairs}")


def series_of(kind: RecommendationKind) -> str:
    """Return the series word in a letter's number."""
    return _SERIES[kind]


def letter_number(kind: RecommendationKind, area_name: str, year: int, running: int) -> str:
    """Return the number on a letter: `城关法建〔2026〕3号` (法释〔2023〕11号: short name of the place, 法建, year)."""
    short = next((area_name.removesuffix(end) for end in _ENDINGS if area_name.endswith(end)), area_name)
    # A one-character name is not shortened: 县 of 成县 belongs to it.
    return f"{short if len(short) > 1 else area_name}{_SERIES[kind]}〔{year}〕{running}号"
