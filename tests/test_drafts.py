"""Two drafts side by side: nothing is lost between them, and what changed is said by clause and by word."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from casework.mediation.agreement import Clause, ClauseKind, Due
from casework.mediation.drafts import Change, Pair, Passage, Worded, compare, pieces

DAY, LATER = date(2026, 12, 10), date(2026, 12, 20)
texts = st.text(st.sampled_from("支付一二三。，, a1\n"), max_size=60)


def pays(amount: int, text: str = "支付。", on: date = DAY, by: int = 2, to: int = 1) -> Worded:
    return Worded(Clause(by, to, ClauseKind.PAY, amount, (Due(amount, on),)), text)


drafts = st.lists(st.builds(pays, st.integers(1, 2), texts, by=st.integers(1, 3), to=st.integers(4, 5)), max_size=6)


def test_a_clause_with_the_same_people_was_changed_and_any_other_came_or_went() -> None:
    apology = Worded(Clause(2, 1, ClauseKind.APOLOGISE, 0, (Due(0, DAY),)), "当面道歉。")
    before = [pays(900_00, "支付900元。"), pays(5, by=3)]
    after = [apology, pays(1200_00, "支付1200元。", LATER)]
    assert compare(before, after) == [
        Pair(None, 0, Change.ADDED),
        Pair(0, 1, Change.CHANGED, ("amount_fen", "due_date", "content")),
        Pair(1, None, Change.REMOVED),
    ]
    assert pieces("支付900元。逾期加倍。", "支付1200元。逾期加倍。") == [
        (Passage.KEPT, "支付"), (Passage.REMOVED, "900"), (Passage.ADDED, "1200"), (Passage.KEPT, "元。逾期加倍。"),
    ]  # fmt: skip


@given(texts, texts)
def test_either_text_can_be_put_together_again_from_its_passages(before: str, after: str) -> None:
    found = pieces(before, after)
    assert "".join(text for passage, text in found if passage is not Passage.ADDED) == before
    assert "".join(text for passage, text in found if passage is not Passage.REMOVED) == after


@given(drafts, drafts)
def test_every_clause_of_both_drafts_stands_once_in_the_comparison(before: list[Worded], after: list[Worded]) -> None:
    found = compare(before, after)
    assert [each.before for each in found if each.before is not None] == list(range(len(before)))
    assert [each.after for each in found if each.after is not None] == list(range(len(after)))
    for each in found:
        if each.before is not None and each.after is not None:
            assert (each.change is Change.SAME) == (before[each.before] == after[each.after]) == (not each.fields)


def test_a_long_passage_that_changed_is_shown_as_a_whole() -> None:
    before, after = "甲" * 5000, "乙" * 5000
    assert pieces(before, after) == [(Passage.REMOVED, before), (Passage.ADDED, after)]
