"""What may be published: nothing small, and nothing that gives a small count away."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from casework.suppression import SMALLEST, published, published_total


def test_counts_below_five_are_suppressed() -> None:
    assert published({"a": 4, "b": 3, "c": 120}) == {"a": None, "b": None, "c": 120}
    assert published({"a": 5, "b": 120}) == {"a": 5, "b": 120}


def test_one_small_count_takes_the_next_smallest_along_since_the_total_would_tell_it() -> None:
    assert published({"a": 4, "b": 60, "c": 120}) == {"a": None, "b": None, "c": 120}


def test_a_small_total_is_suppressed() -> None:
    assert published_total(4) is None
    assert published_total(5) == 5


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 40), max_size=8))
def test_no_count_below_five_can_be_worked_out_from_the_total_and_what_is_shown(counts: dict[str, int]) -> None:
    shown = published(counts)
    hidden = [key for key, count in shown.items() if count is None]
    assert all(count is None or count >= SMALLEST for count in shown.values())
    total = published_total(sum(counts.values()))
    if total is not None and hidden:
        rest = total - sum(count for count in shown.values() if count is not None)
        assert len(hidden) > 1
        assert rest >= SMALLEST
