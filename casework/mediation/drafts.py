"""Two drafts of an agreement compared: clauses kept, changed, added and removed, and which words in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import IntEnum

from casework.mediation.agreement import Clause

_CLOSE = 400
"""Longest passage, in words, that is compared word by word; a longer one that changed is shown as a whole."""
_SENTENCE = re.compile(r"[^。；！？.;!?\n]*[。；！？.;!?\n]+|[^。；！？.;!?\n]+")
_HAN = "\u3400-\u9fff"
_WORD = re.compile(rf"[0-9]+|[{_HAN}]|(?:(?![{_HAN}0-9])\w)+|\s+|.", re.DOTALL)


class Change(IntEnum):
    """How a clause changed; the numbers match the contract."""

    SAME = 1
    CHANGED = 2
    ADDED = 3
    REMOVED = 4


class Passage(IntEnum):
    """How a passage of a text changed; the numbers match the contract."""

    KEPT = 1
    ADDED = 2
    REMOVED = 3


@dataclass(frozen=True, slots=True)
class Worded:
    """A clause with its text."""

    clause: Clause
    text: str

    @property
    def bones(self) -> tuple[int, int, int]:
        """Who owes whom what kind of thing; if this differs, it is a different clause."""
        return self.clause.performer, self.clause.beneficiary, self.clause.kind


@dataclass(frozen=True, slots=True)
class Pair:
    """A clause in both drafts, as indices; None for the draft that lacks it."""

    before: int | None
    after: int | None
    change: Change
    fields: tuple[str, ...] = ()
    """What differs, by the names of the contract."""


Piece = tuple[Passage, str]


def compare(before: Sequence[Worded], after: Sequence[Worded]) -> list[Pair]:
    """Return the clauses of both drafts in the order of the later one; removed clauses stand where they were."""
    found: list[Pair] = []
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            found += [Pair(i + n, k + n, Change.SAME) for n in range(j - i)]
        else:
            found += _changed(before, after, range(i, j), range(k, m))
    return found


def _changed(before: Sequence[Worded], after: Sequence[Worded], olds: range, news: range) -> Iterator[Pair]:
    bones = [before[n].bones for n in olds], [after[n].bones for n in news]
    for tag, i, j, k, m in SequenceMatcher(None, *bones, autojunk=False).get_opcodes():
        if tag == "equal":
            for old, new in zip(olds[i:j], news[k:m], strict=True):
                yield Pair(old, new, Change.CHANGED, tuple(_fields(before[old], after[new])))
        else:
            yield from (Pair(n, None, Change.REMOVED) for n in olds[i:j])
            yield from (Pair(None, n, Change.ADDED) for n in news[k:m])


def _fields(before: Worded, after: Worded) -> Iterator[str]:
    """Yield the fields in which two versions of a clause differ."""
    old, new = before.clause, after.clause
    if old.amount != new.amount:
        yield "amount_fen"
    if len(old.parts) == len(new.parts) == 1:
        if old.parts[0].on != new.parts[0].on:
            yield "due_date"
    elif old.parts != new.parts:
        yield "instalments"
    if before.text != after.text:
        yield "content"


def pieces(before: str, after: str) -> list[Piece]:
    """Return the passages kept, removed and added: by sentence, and by word in sentences that changed."""
    found: list[Piece] = []
    for passage, text in _by_sentence(_SENTENCE.findall(before), _SENTENCE.findall(after)):
        if found and found[-1][0] is passage:
            found[-1] = passage, found[-1][1] + text
        elif text:
            found.append((passage, text))
    return found


def _by_sentence(before: list[str], after: list[str]) -> Iterator[Piece]:
    for tag, i, j, k, m in SequenceMatcher(None, before, after).get_opcodes():
        old, new = "".join(before[i:j]), "".join(after[k:m])
        olds, news = _WORD.findall(old), _WORD.findall(new)
        if tag == "replace" and max(len(olds), len(news)) <= _CLOSE:
            yield from _by_word(olds, news)
        elif tag == "equal":
            yield Passage.KEPT, old
        else:
            yield from ((Passage.REMOVED, old), (Passage.ADDED, new))


def _by_word(before: list[str], after: list[str]) -> Iterator[Piece]:
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Passage.KEPT, "".join(before[i:j])
        else:
            yield Passage.REMOVED, "".join(before[i:j])
            yield Passage.ADDED, "".join(after[k:m])
