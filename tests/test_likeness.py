"""How alike two texts are, by their signs: small drawn inputs, no stack."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

from accord.places import RULES
from casework.door import likeness
from casework.door.likeness import KeyedSigns
from tests.still import shipped_rules

KEY = KeyedSigns(b"key")
CITY = "6201"
RULES_ = shipped_rules(RULES).likeness
SIGNS = "楼上漏水邻居半夜装修噪声扰民工资拖欠老板围墙占道电梯停运垃圾清运油烟道路积水路灯损坏宠物伤人停车收费"


def drawn(dice: random.Random, length: int) -> str:
    """Return a text of that many signs."""
    return "".join(dice.choices(SIGNS, k=length))


def likely(shared: int, having: int = 1, own: int = 60, other: int = 60, texts: int = 4000) -> float:
    """Return how likely two texts are about the same matter that share signs which so many texts have."""
    weights = {sign: likeness.weight(texts, having) for sign in range(own)}
    return RULES_.likelihood.of(range(shared), weights, texts, own, other)


def test_a_text_is_as_likely_as_can_be_by_itself_and_not_at_all_by_what_shares_nothing() -> None:
    signs = KEY.signs("楼上漏水，半夜装修", CITY)
    for texts in (1, 10, 100_000):
        weights = {sign: likeness.weight(texts, 1) for sign in signs}
        assert RULES_.likelihood.of(signs, weights, texts, len(signs), len(signs)) == 1, "from the first report on"
    assert RULES_.likelihood.of([], weights, 100_000, len(signs), len(signs)) == 0
    every = KEY.every(CITY)
    found = RULES_.likelihood.of([every], {every: likeness.weight(10, 10)}, 10, 2, 2)
    assert found < RULES_.least_alike, "all texts share that one"


def test_more_and_rarer_signs_in_shorter_texts_make_it_likelier() -> None:
    for better in (
        [likely(shared) for shared in range(0, 60, 5)],
        [likely(8, having) for having in (3000, 300, 30, 3, 0)],
        [likely(8, own=own) for own in (400, 200, 100, 50)],
        [likely(8, other=other) for other in (400, 200, 100, 50)],
    ):
        assert better == sorted(better)
        assert 0 <= better[0] < better[-1] <= 1


def test_many_usual_phrases_weigh_less_than_one_rare_name() -> None:
    usual, name = likely(12, having=800), likely(6, having=2)
    assert usual < RULES_.least_alike < name
    assert likely(6, having=2, own=40, other=400) > RULES_.least_alike, "a question of two lines and a long petition"
    assert likely(1, own=6, other=6) < RULES_.least_alike, "one word of two short texts"


def test_signs_are_those_of_a_city_and_a_key() -> None:
    here = set(KEY.signs("楼上漏水半夜装修", CITY))
    assert KEY.every(CITY) in here
    assert not here & set(KEY.signs("楼上漏水半夜装修", "6202"))
    assert not here & set(KeyedSigns(b"other").signs("楼上漏水半夜装修", CITY))
    assert KEY.signs("13919990000", CITY) == []
    assert [likeness.prefecture_of(each) for each in ("620102-2026-000001", "6201", "62")] == ["6201", "6201", "6200"]


def test_a_rare_sign_says_more_than_a_frequent_one() -> None:
    weights = [likeness.weight(1000, having) for having in (0, 1, 10, 100, 1000)]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] > 0


def test_rarest_signs_never_lead_to_more_texts_than_the_budget_but_for_the_first() -> None:
    for seed in range(200):
        dice = random.Random(seed)
        signs = list(range(dice.randint(1, 60)))
        counts = {sign: dice.choice([0, 1, 2, 5, 50, 500]) for sign in signs if dice.random() < 0.8}
        budget = dice.randint(1, 300)
        found = likeness.rarest(signs, counts, budget)
        spent = [counts.get(sign, 0) for sign in found if counts.get(sign, 0)]
        assert sum(spent) <= budget or len(spent) == 1
        assert {sign for sign in signs if not counts.get(sign, 0)} <= set(found), "they cost nothing"
        left = [counts.get(sign, 0) for sign in signs if sign not in found]
        assert not left or not spent or max(spent) <= min(left)


def test_a_drawn_text_told_again_passes_the_floor_and_a_stranger_does_not() -> None:
    dice = random.Random("drawn")
    texts = [drawn(dice, dice.randint(20, 200)) for _ in range(300)]
    told = [KEY.signs(text, CITY) for text in texts]
    counts = Counter(sign for signs in told for sign in signs)

    def passes(text: str, other: list[int]) -> bool:
        weights = {sign: likeness.weight(len(told), counts[sign]) for sign in KEY.signs(text, CITY)}
        shared = [sign for sign in other if sign in weights]
        found = RULES_.likelihood.of(shared, weights, len(told), len(weights), len(other))
        return found >= RULES_.least_alike

    for at in range(50):
        half = texts[at][len(texts[at]) // 3 :] + drawn(dice, 10)
        assert passes(half, told[at])
    strange = "厂房夜间排放黑烟，孩子咳嗽，门窗不敢打开，多次反映没有答复"
    assert not any(passes(strange, each) for each in told)


def test_the_nearest_floor_counts_and_a_budget_keeps_its_bounds() -> None:
    loaded = shipped_rules(RULES)
    rules = replace(loaded.likeness, floors={"62": 0.2, "620102": 0.3})
    floors = [rules.floor(unit, loaded.units) for unit in ("620102001", "620102", "620103", "62")]
    assert floors == [0.3, 0.3, 0.2, 0.2]
    assert loaded.likeness.floor("620102", loaded.units) == loaded.likeness.least_alike
    assert [rules.budget(texts) for texts in (0, 100_000, 10**7)] == [rules.least, 3000, rules.most]
    assert rules.score(0, category=True, place=True) < rules.score(0.2, category=False, place=False), "weak evidence"
