"""Dates, amounts and masks as documents write them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.papers.chinese import amount_capital, amount_figures, date_zh, legible, masked, moment_zh

_DIGITS = {character: digit for digit, character in enumerate("零壹贰叁肆伍陆柒捌玖")}
_UNITS = {"拾": 10, "佰": 100, "仟": 1000}


def read(text: str) -> int:
    """Return the fen of an amount in capital numerals: what amount_capital writes, read the other way."""
    text = text.removesuffix("整")
    yuan, _, rest = text.rpartition("元")
    fen = 0
    for unit, worth in (("角", 10), ("分", 1)):
        head, found, tail = rest.partition(unit)
        if found:
            fen += _DIGITS[head[-1]] * worth
            rest = tail
    return _number(yuan) * 100 + fen


def _number(text: str) -> int:
    for unit, worth in (("亿", 10**8), ("万", 10**4)):
        head, found, tail = text.rpartition(unit)
        if found:
            return _number(head) * worth + _number(tail)
    total = digit = 0
    for character in text:
        if character in _UNITS:
            total += digit * _UNITS[character]
            digit = 0
        else:
            digit = _DIGITS[character]
    return total + digit


@pytest.mark.parametrize(
    ("amount", "capital"),
    [
        ("0", "零元整"),
        ("1000", "壹仟元整"),
        ("10", "壹拾元整"),
        ("1005", "壹仟零伍元整"),
        ("1010", "壹仟零壹拾元整"),
        ("10005", "壹万零伍元整"),
        ("100010", "壹拾万零壹拾元整"),
        ("20300400", "贰仟零叁拾万零肆佰元整"),
        ("16409.02", "壹万陆仟肆佰零玖元零贰分"),
        ("325.04", "叁佰贰拾伍元零肆分"),
        ("6007.14", "陆仟零柒元壹角肆分"),
        ("1.50", "壹元伍角整"),
        ("0.5", "伍角整"),
        ("0.05", "伍分"),
        ("100000000", "壹亿元整"),
        ("100000001", "壹亿零壹元整"),
        ("1200000000000", "壹万贰仟亿元整"),
    ],
)
def test_an_amount_in_capitals(amount: str, capital: str) -> None:
    assert amount_capital(Decimal(amount)) == capital


@given(st.integers(0, 10**17 - 1))
def test_every_amount_in_capitals_reads_as_that_amount(fen: int) -> None:
    capital = amount_capital(Decimal(fen) / 100)
    assert read(capital) == fen
    assert "零零" not in capital
    assert not capital.endswith("零元整") or fen == 0


def test_an_amount_is_rounded_to_the_fen_in_capitals_and_in_figures_alike() -> None:
    assert amount_capital(Decimal("1000.005")) == "壹仟元零壹分"
    assert amount_figures(Decimal("1000.005")) == "1,000.01"


@pytest.mark.parametrize("amount", ["-1", "-0.01", "1e16"])
def test_an_amount_that_nobody_owes_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        amount_capital(Decimal(amount))


def test_a_date_and_a_moment_are_told_as_in_china() -> None:
    assert date_zh(date(2026, 11, 24)) == "2026年11月24日"
    assert moment_zh(datetime(2026, 11, 24, 17, 5, tzinfo=UTC)) == "2026年11月25日1时05分"


@pytest.mark.parametrize(
    ("number", "shown"),
    [("620102198001013614", "**************3614"), ("AB1234567", "*****4567"), ("123456", "******"), ("", "")],
)
def test_of_a_number_at_most_the_last_four_can_be_read(number: str, shown: str) -> None:
    assert masked(number) == shown


@pytest.mark.fault("D13")
def test_what_no_page_can_show_is_left_out_and_lines_are_kept() -> None:
    assert legible("甲\r\n乙\0丙\x07\u202e丁\ud800戊\u2028己\t庚") == "甲\n乙 丙 丁\ufffd戊\n己 庚"
