"""Reads rules/words: what the codes of the contracts, roles and parts are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import CodesFile, RolesFile

CODES, ROLES = "words/codes.yaml", "words/roles.yaml"
Called = tuple[str, str]
"""In Chinese and in English."""


@dataclass(frozen=True, slots=True)
class CodeWords:
    """An enum of the contracts in Chinese, and each of its values without the prefix."""

    zh: str
    codes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WordBook:
    """Words of code lists by the name of the enum (`intake.Channel`), of roles and of parts."""

    lists: Mapping[str, CodeWords]
    roles: Mapping[str, Called]
    parts: Mapping[str, Called]


def read_words(folder: RulesFolder) -> WordBook | None:
    """Return the words, or None with problems."""
    codes, roles = folder.document(CODES), folder.document(ROLES)
    lists = codes.validate(CodesFile, folder.problems) if codes else None
    people = roles.validate(RolesFile, folder.problems) if roles else None
    if lists is None or people is None:
        return None
    return WordBook(
        {name: CodeWords(each.zh, each.codes) for name, each in lists.lists.items()},
        {name: (each.zh, each.en) for name, each in people.roles.items()},
        {name: (each.zh, each.en) for name, each in people.parts.items()},
    )
