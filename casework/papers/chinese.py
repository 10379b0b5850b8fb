"""Chinese notation in documents: dates, times of day, amounts in capital numerals, masked numbers."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Asia/Shanghai")
"""The time zone used in documents."""
_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_STEPS = ((10**8, "亿"), (10**4, "万"), (1000, "仟"), (100, "佰"), (10, "拾"))
_PLAIN = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟", "一二三四五六七八九十百千")
_NOTED = re.compile(r"(?P<law>[^ ]+) (?P<articles>\d+(?:-\d+)?(?:, \d+(?:-\d+)?)*)(?P<rest>\D.*)?")
_LIMIT = Decimal(10) ** 16


def date_zh(day: date) -> str:
    """Return a date in document notation: 2026年11月24日."""
    return f"{day.year}年{day.month}月{day.day}日"


def moment_zh(at: datetime) -> str:
    """Return an instant to the minute, in China's time: 2026年11月24日9时05分."""
    local = at.astimezone(LOCAL)
    return f"{date_zh(local.date())}{local.hour}时{local.minute:02d}分"


def amount_capital(amount: Decimal) -> str:
    """Return an amount of yuan in capital numerals: 壹仟元整, 壹仟零伍元叁角, 叁元零伍分.

    Rounded to the fen. 《票据法》 art. 8 and the bookkeeping rules ask for capitals beside the figures, so that nobody
    can change one without the other. ValueError for a negative amount or one of more than sixteen digits.
    """
    fen = int((amount * 100).to_integral_value(ROUND_HALF_UP))
    if fen < 0 or amount >= _LIMIT:
        raise ValueError("not an amount that a document can state")
    yuan, rest = divmod(fen, 100)
    jiao, fen = divmod(rest, 10)
    text = f"{_whole(yuan)}元" if yuan or not rest else ""
    if not rest:
        return f"{text}整"
    if jiao:
        text += f"{_DIGITS[jiao]}角"
    elif yuan:
        text += "零"
    return f"{text}{_DIGITS[fen]}分" if fen else f"{text}整"


def _whole(yuan: int) -> str:
    """Return a whole number in capitals, one 零 for each run of zeros between two other digits."""
    for unit, word in _STEPS:
        if yuan >= unit:
            high, low = divmod(yuan, unit)
            gap = _DIGITS[0] if 0 < low < unit // 10 else ""
            return f"{_whole(high)}{word}{gap}{_whole(low) if low else ''}"
    return _DIGITS[yuan]


def cited(basis: str) -> str:
    """Return a short citation from the rules, such as `民法典 188`, in document form: 《民法典》第一百八十八条."""
    return "；".join(_law(part) for part in basis.split("；"))


def _law(noted: str) -> str:
    match = _NOTED.fullmatch(noted)
    if match is None:
        return noted
    articles = "、".join("至".join(map(_article, each.split("-"))) for each in match["articles"].split(", "))
    return f"《{match['law']}》{articles}{match['rest'] or ''}"


def _article(number: str) -> str:
    return f"第{numeral(int(number))}条"


def numeral(number: int) -> str:
    """Return a number in Chinese: 二, 十二, 一百八十八."""
    plain = _whole(number).translate(_PLAIN)
    return plain.removeprefix("一") if plain.startswith("一十") else plain


def amount_figures(amount: Decimal) -> str:
    """Return an amount in figures to the fen: 12,000.00."""
    return f"{amount.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"


def masked(number: str) -> str:
    """Return a number with only its last four characters visible; none of them if it has six or fewer."""
    if not number:
        return ""
    shown = number[-4:] if len(number) > 6 else ""
    return "*" * (len(number) - len(shown)) + shown


def legible(text: str) -> str:
    """Return a printable text: what cannot be shown becomes a space or a mark, so that nothing runs together.

    A tab or another control character between two figures still separates them: 12 and 3000 never become 123000.
    """
    plain = _LINE_ENDS.sub("\n", text)
    return "".join(each if each == "\n" else _shown(each) for each in plain)


_LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")


def _shown(character: str) -> str:
    code = ord(character)
    if 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069:
        return ""  # they change the text direction around them, and have no width
    if code < 0x20 or 0x7F <= code < 0xA0:
        return " "
    return "\ufffd" if 0xD800 <= code < 0xE000 or code in (0xFFFE, 0xFFFF) else character
