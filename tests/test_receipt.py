"""The receipt code: unguessable, sayable, and a slip of the pen is noticed before anything is looked up."""

from __future__ import annotations

import os
import re

from hypothesis import given
from hypothesis import strategies as st

from casework.door.receipt import ALPHABET, ENTROPY_BYTES, normal_form, receipt_code
from tests.conftest import Clients

codes = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES).map(receipt_code)
signs = st.sampled_from(ALPHABET)


@given(codes)
def test_a_code_has_four_groups_and_a_check_sign(code: str) -> None:
    assert re.fullmatch(rf"([{ALPHABET}]{{4}}-){{4}}[{ALPHABET}]", code)
    assert normal_form(code) == code.replace("-", "")


@given(codes)
def test_a_code_may_be_typed_small_without_hyphens_and_with_lookalikes(code: str) -> None:
    typed = code.lower().replace("-", "").replace("0", "o").replace("1", "l")
    assert normal_form(typed) == normal_form(code)


@given(codes, st.integers(0, 16), signs)
def test_one_wrong_sign_is_noticed(code: str, at: int, wrong: str) -> None:
    right = code.replace("-", "")
    typed = right[:at] + wrong + right[at + 1 :]
    assert (normal_form(typed) is None) == (typed != right)


@given(codes, st.integers(0, 16), st.integers(0, 16))
def test_two_swapped_signs_are_noticed(code: str, one: int, other: int) -> None:
    right = list(code.replace("-", ""))
    typed = right.copy()
    typed[one], typed[other] = typed[other], typed[one]
    assert (normal_form("".join(typed)) is None) == (typed != right)


@given(codes, st.integers(0, 16))
def test_a_sign_too_few_or_too_many_is_noticed(code: str, at: int) -> None:
    right = code.replace("-", "")
    assert normal_form(right[:at] + right[at + 1 :]) is None
    assert normal_form(right[:at] + right[at] + right[at:]) is None


def test_a_code_is_nothing_but_its_random_bits() -> None:
    # 80 bits, each of which changes the code: there is nothing to guess from, not the case, not the time.
    entropy = int.from_bytes(os.urandom(ENTROPY_BYTES), "big")
    others = {receipt_code((entropy ^ (1 << bit)).to_bytes(ENTROPY_BYTES, "big")) for bit in range(80)}
    assert len(others) == 80
    assert receipt_code(entropy.to_bytes(ENTROPY_BYTES, "big")) not in others


async def test_codes_of_neighbouring_reports_have_nothing_in_common(clients: Clients) -> None:
    codes = [(await clients.file_report()).receipt_code.replace("-", "") for _ in range(20)]
    assert len(set(codes)) == 20
    for at in range(16):
        assert len({code[at] for code in codes}) > 3  # one in 10^18 that 20 random signs are so few
