"""How alike two texts are, by their signs: small drawn inputs, no stack."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace

from accord.places import RULES
from casework.door import likeness
from casework.door.likeness import KeyedSigns
from services.kit.rules import load_rules

KEY = KeyedSigns(b"key")
CITY = "6201"
SIGNS = "楼上漏水邻居半夜装修噪声扰民工资拖欠老板围墙占道电梯停运垃圾清运油烟道路积水路灯损坏宠物伤人停车收费"


def drawn(dice: random.Random, length: int) -> str:
    """Return a text of that many signs."""
    return "".join(dice.choices(SIGNS, k=length))


def test_a_text_is_as_alike_as_can_be_to_itself_and_not_at_all_to_what_shares_nothing() -> None:
    counts = dict.fromkeys(KEY.signs("楼上漏水", CITY), 1)
    weights = {sign: likeness.weight(10, having) for sign, having in counts.items()}
    length = math.sqrt(sum(each * each for each in weights.values()))
    assert likeness.cosine(list(weights), weights, length) == 1
    assert likeness.cosine([], weights, length) == 0
    assert likeness.evidence(list(weights), weights, 10) <= len(weights)


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
    rules = load_rules(RULES).likeness
    dice = random.Random("drawn")
    texts = [drawn(dice, dice.randint(20, 200)) for _ in range(300)]
    told = [KEY.signs(text, CITY) for text in texts]
    counts = Counter(sign for signs in told for sign in signs)

    def passes(text: str, other: list[int]) -> bool:
        weights = {sign: likeness.weight(len(told), counts[sign]) for sign in KEY.signs(text, CITY)}
        length = math.sqrt(sum(likeness.weight(len(told), counts[sign]) ** 2 for sign in other))
        shared = [sign for sign in other if sign in weights]
        much = likeness.evidence(shared, weights, len(told)) >= rules.shared
        return much and likeness.cosine(shared, weights, length) >= rules.least_alike

    for at in range(50):
        half = texts[at][len(texts[at]) // 3 :] + drawn(dice, 10)
        assert passes(half, told[at])
    strange = "厂房夜间排放黑烟，孩子咳嗽，门窗不敢打开，多次反映没有答复"
    assert not any(passes(strange, each) for each in told)


def test_the_nearest_floor_counts_and_a_budget_keeps_its_bounds() -> None:
    loaded = load_rules(RULES)
    rules = replace(loaded.likeness, floors={"62": 0.2, "620102": 0.3})
    floors = [rules.floor(unit, loaded.units) for unit in ("620102001", "620102", "620103", "62")]
    assert floors == [0.3, 0.3, 0.2, 0.2]
    assert loaded.likeness.floor("620102", loaded.units) == loaded.likeness.least_alike
    assert [rules.budget(texts) for texts in (0, 100_000, 10**7)] == [rules.least, 3000, rules.most]
    assert rules.score(0, category=True, place=True) < rules.least_alike, "weak evidence"
