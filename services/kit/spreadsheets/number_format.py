"""Number formats of XLSX: what a person sees of a number that a cell holds.

Only formats whose display says the number are followed (`00000`, `#,##0.00`, `0%`, `"No. "0`, `000-0000-0000`); for one
that scales, hides or splits it (thousands, fractions, conditions) the answer is None, and the cell is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache

EAST_ASIAN_DATES = frozenset({*range(27, 37), *range(50, 59)})
"""Built-in formats that are dates and times in Chinese, Japanese and Korean programs; files do not spell them out."""
_FIFTEEN = Context(prec=15)
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|(?P<width>_.)|(?P<fill>\*.)|\[(?P<bracket>[^\]]*)\]|(?P<general>General)'
    r"|(?P<power>[Ee][+-]0+)|(?P<digit>[0#?])|(?P<point>\.)|(?P<comma>,)|(?P<percent>%)|(?P<text>@)|(?P<literal>.)",
    re.IGNORECASE | re.DOTALL,
)
_COLOURS = re.compile(r"(black|blue|cyan|green|magenta|red|white|yellow|color ?\d+|颜色 ?\d+|dbnum1)", re.IGNORECASE)


def plain(value: Decimal) -> str:
    """Return a number in full, without an exponent and without zeros that say nothing; 15 digits, as programs keep."""
    rounded = _FIFTEEN.plus(value).normalize()
    return format(rounded, "f") if rounded else "0"


def shown(value: Decimal, form: str) -> tuple[str, Decimal] | None:
    """Return the text a person sees of a number in this format, and the number that says; None where it says none."""
    sections = _sections(form)
    negative_of_its_own = value < 0 and len(sections) > 1
    if negative_of_its_own:
        section = sections[1]
    elif value == 0 and len(sections) > 2:
        section = sections[2]
    else:
        section = sections[0]
    layout = _layout(section)
    if layout is None:
        return None
    if layout.general:
        return plain(value), _FIFTEEN.plus(value)
    return layout.render(abs(value), minus=value < 0 and not negative_of_its_own, below=value < 0)


def _sections(form: str) -> list[str]:
    """Return the parts of a format: of positive numbers, negative ones, zero, and text."""
    parts = [""]
    for match in _TOKEN.finditer(form):
        if match[0] == ";":
            parts.append("")
        else:
            parts[-1] += match[0]
    return parts


@dataclass(frozen=True, slots=True)
class _Layout:
    """A section taken apart: literals and digit places before the point, digit places behind it, the end."""

    general: bool
    before: tuple[tuple[str, str], ...]
    decimals: str
    after: str
    grouped: bool
    percent: int

    def render(self, value: Decimal, *, minus: bool, below: bool) -> tuple[str, Decimal]:
        scaled = value * 100**self.percent
        rounded = scaled.quantize(Decimal(1).scaleb(-len(self.decimals)), ROUND_HALF_UP)
        whole, _, fraction = format(rounded, "f").partition(".")
        while fraction and self.decimals[len(fraction) - 1] != "0" and fraction.endswith("0"):
            fraction = fraction[:-1]
        text = self._whole(whole) + (f".{fraction}" if fraction else "") + self.after
        said = rounded / 100**self.percent
        return ("-" if minus and rounded else "") + text.strip(), -said if below else said

    def _whole(self, digits: str) -> str:
        """Put digits into their places from the right; what is left over stands before the first place."""
        places = [kind for kind, _ in self.before].count("digit")
        digits = digits.lstrip("0")
        if self.grouped:
            digits = f"{int(digits):,}" if digits else ""
            least = sum(text == "0" for kind, text in self.before if kind == "digit")
            digits = digits or "0" * min(least, 1)
            done = False
            text = ""
            for kind, part in self.before:
                if kind == "literal":
                    text += part
                elif not done:
                    text, done = text + digits, True
            return text
        left, text, first = list(digits), "", places
        for kind, part in reversed(self.before):
            if kind == "literal":
                text = part + text
                continue
            first -= 1
            if first == 0 and left:
                text, left = "".join(left) + text, []
            elif left:
                text = left.pop() + text
            elif part == "0":
                text = "0" + text
        return text


@lru_cache(maxsize=512)
def _layout(section: str) -> _Layout | None:
    before: list[tuple[str, str]] = []
    decimals, after, grouped, percent, point, general = "", "", False, 0, False, False
    commas = 0
    for match in _TOKEN.finditer(section):
        kind, text = str(match.lastgroup), match[0]
        if kind == "general" or kind == "text" or kind == "power":
            general = True  # of a power only the exact number is told: the digits it hides are there
        elif kind == "digit":
            if commas:
                grouped, commas = True, 0
            if point:
                if after:
                    return None
                decimals += text
            else:
                before.append(("digit", text))
        elif kind == "point":
            if point or commas:
                return None
            point = True
        elif kind == "comma":
            commas += 1
        elif kind == "bracket":
            symbol = _symbol(match["bracket"])
            if symbol is None:
                return None
            before, after = _placed(before, after, symbol, point, decimals)
        elif kind == "percent":
            percent += 1
            before, after = _placed(before, after, "%", point, decimals)
        elif kind in ("quoted", "escaped", "literal"):
            if text == "/":
                return None
            before, after = _placed(before, after, match[kind], point, decimals)
    if general:
        return _Layout(True, (), "", "", False, 0)
    if commas or (not any(kind == "digit" for kind, _ in before) and not decimals):
        return None
    return _Layout(False, tuple(before), decimals, after, grouped, percent)


def _placed(
    before: list[tuple[str, str]], after: str, text: str, point: bool, decimals: str
) -> tuple[list[tuple[str, str]], str]:
    return (before, after + text) if point else ([*before, ("literal", text)], after)


def _symbol(bracket: str) -> str | None:
    """Return what a bracket adds to the text: a currency sign, or nothing; None for a condition or a span of time."""
    if bracket.startswith("$"):
        return bracket[1:].partition("-")[0]
    return "" if _COLOURS.fullmatch(bracket) else None
