"""(matters) How well likely same matters are found in made-up messages: no stack, the search is done in memory."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accord.places import RULES
from bench.measure import Figures
from casework.door import likeness
from casework.door.likeness import KeyedSigns, LikenessRules
from services.kit.rules import load_rules

MESSAGES = Path(__file__).parents[1] / "tests" / "data" / "same_matters.jsonl"
_CITY = "6201"
_SHOWN = 10
_REWORDED = 0.2
"""Texts with less in common than this share of their signs are told in other words."""


@dataclass
class Measured:
    """What the searches of messages found that came before."""

    asked: int = 0
    again: int = 0
    """Messages whose matter had been reported before."""
    found: int = 0
    """Of them, how many were shown one of those."""
    reworded: int = 0
    reworded_found: int = 0
    useful: int = 0
    useless: int = 0

    def text(self) -> str:
        """Return the figures in a line."""
        return (
            f"finds one {self.found / self.again:.2f} of {self.again}, reworded "
            f"{self.reworded_found / self.reworded:.2f} of {self.reworded}, useless {self.useless / self.asked:.2f}, "
            f"precision {self.useful / max(self.useful + self.useless, 1):.2f}"
        )


class Memory:
    """The messages that came before, searched as services/intake/duplicates does."""

    def __init__(self, rules: LikenessRules) -> None:
        self._rules = rules
        self._keyed = KeyedSigns(b"bench")
        self._every = self._keyed.every(_CITY)
        self._texts: list[frozenset[int]] = []
        self._counts = Counter[int]()
        self._having = defaultdict[int, list[int]](list)

    def signs(self, text: str) -> list[int]:
        """Return the signs of a text."""
        return self._keyed.signs(text, _CITY)

    def add(self, signs: Sequence[int]) -> None:
        """Remember a text."""
        for sign in signs:
            self._having[sign].append(len(self._texts))
        self._counts.update(signs)
        self._texts.append(frozenset(signs))

    def share(self, signs: Sequence[int], other: int) -> float:
        """Return the share of all signs that a text has in common with one that is remembered."""
        return likeness.share(len(self._texts[other].intersection(signs)), len(signs), len(self._texts[other]))

    def alike(self, signs: Sequence[int]) -> dict[int, float]:
        """Return how likely the remembered texts are about the same matter, by their place; those compared."""
        rules, texts = self._rules, self._counts[self._every]
        weights = {sign: likeness.weight(texts, self._counts[sign]) for sign in signs}
        own = [sign for sign in signs if sign != self._every]
        rare = likeness.rarest(own, self._counts, rules.budget(texts))
        reached = Counter(at for sign in rare for at in self._having.get(sign, ()))
        best = sorted(reached, key=lambda at: -reached[at] / math.sqrt(len(self._texts[at])))[: rules.compared]
        return {
            at: rules.likelihood.of(
                self._texts[at].intersection(signs), weights, texts, len(signs), len(self._texts[at])
            )
            for at in best
        }


def messages(half: str = "") -> list[dict[str, Any]]:
    """Return the made-up messages, or one half of their matters, in order of time."""
    rows = [json.loads(line) for line in MESSAGES.read_text("utf-8").splitlines()]
    return [row for row in rows if half in ("", row["half"])]


def measure(rules: LikenessRules, before: Iterable[str], told: Sequence[Mapping[str, Any]], floor: float) -> Measured:
    """Search for each message among the texts before and the messages that came earlier."""
    memory, measured, matters = Memory(rules), Measured(), list[object]()
    for text in before:
        memory.add(memory.signs(text))
        matters.append(None)
    for row in told:
        signs = memory.signs(row["text"])
        alike = memory.alike(signs)
        shown = sorted((at for at in alike if alike[at] >= floor), key=lambda at: -alike[at])[:_SHOWN]
        earlier = [at for at, matter in enumerate(matters) if matter == row["matter"]]
        useful = len([at for at in shown if at in earlier])
        measured.asked += 1
        measured.useful += useful
        measured.useless += len(shown) - useful
        if earlier:
            reworded = max(memory.share(signs, at) for at in earlier) < _REWORDED
            measured.again += 1
            measured.found += bool(useful)
            measured.reworded += reworded
            measured.reworded_found += reworded and bool(useful)
        memory.add(signs)
        matters.append(row["matter"])
    return measured


async def run(state: str) -> Figures:
    """Measure and return the figures of the half of the matters that nothing was fitted to."""
    rules = load_rules(RULES).likeness
    others, told = [row["text"] for row in messages("fit")], messages("test")
    floors = (0.1, 0.15, rules.least_alike)
    values = {f"floor {floor:g}": measure(rules, others, told, floor).text() for floor in floors}
    title = f"likely same matters in made-up messages: {len(told)} asked for, after {len(others)} of other matters"
    return Figures("matters", title, values)
