"""Refusals: to whom somebody is sent, by name, and how they object."""

from __future__ import annotations

from casework.door.routes import RouteBook, RouteKind
from casework.errors import Reason, field_error

KINDS: dict[int, RouteKind] = {
    1: RouteKind.court,
    2: RouteKind.arbitration,
    3: RouteKind.administration,
    4: RouteKind.petition,
    5: RouteKind.police,
    7: RouteKind.mediation,
}
"""Where a route of the contract leads, by its number; the hotline is in no list of remedies."""
_WORDS: dict[int, tuple[str, str]] = {
    1: ("人民法院（诉讼）", "the court"),
    2: ("仲裁机构", "arbitration"),
    3: ("有关行政机关", "the administrative authority"),
    4: ("信访部门", "the petition office"),
    5: ("公安机关", "the police"),
    6: ("12345 热线", "the 12345 hotline"),
    7: ("其他调解中心", "another mediation centre"),
}


def one_destination(unit: str, code: str, words: str) -> None:
    """Raise INVALID_FIELD if more than one destination is named: nobody is sent to two places at once."""
    named = [name for name, value in _named(unit, code, words) if value]
    if len(named) > 1:
        raise field_error(named[1], Reason.INVALID_FIELD, f"{named[0]} names one already: leave this out")


def _named(unit: str, code: str, words: str) -> tuple[tuple[str, str], ...]:
    return ("destination_unit", unit), ("destination_code", code), ("destination", words)


def must_be_open(code: str, category: str, routes: RouteBook) -> None:
    """Raise INVALID_FIELD naming the open routes, if a route is not open in matters of this kind."""
    keys = [each.route.key for each in routes.open(category, ())]
    if code and code not in keys:
        raise field_error("destination_code", Reason.INVALID_FIELD, f"one of {', '.join(keys)}")


def route_words(code: str, route: int, category: str, routes: RouteBook, *, english: bool) -> str:
    """Return a route in words: the one of this key, else the first open one of its kind, else its plain name."""
    found = [each.route for each in routes.open(category, ())]
    named = next((each for each in found if each.key == code), None)
    first = named or next((each for each in found if each.kind is KINDS.get(route)), None)
    if first is not None:
        return first.en if english else first.zh
    return _WORDS[route][english] if route in _WORDS else ""


def objection(unit: str, phone: str, *, english: bool) -> str:
    """Return how to object to a refusal of this unit."""
    if english:
        call = f" or call {phone}" if phone else ""
        return (
            "If you do not agree, ask that somebody else looks at it again: sign in with the code of your receipt and"
            f" its second factor, go to the counter of {unit}{call}. This can be asked for once."
        )
    call = f"，或者拨打{phone}" if phone else ""
    return f"如不同意，可以请求由另一人复核：凭回执编码和验证信息办理，或者到{unit}窗口提出{call}。可以请求一次。"
