"""Reads `supply.toml`: which licences may be used, and what no lock and no metadata says of a package."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from license_expression import AND, OR, ExpressionError, Licensing, get_spdx_licensing
from pydantic import BaseModel, ConfigDict

FILE = Path("supply.toml")
Scope = Literal["shipped", "tools"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Excepted(_Table):
    """A licence that one package may have, though it is not allowed in general."""

    licence: str
    reason: str


class Read(_Table):
    """A licence that no metadata states clearly, and where it was read; it holds for this version alone."""

    licence: str
    version: str
    where: str


class Part(_Table):
    """Foreign software inside a package, by the name that a package URL gives it."""

    purl: str
    licence: str


class Inside(_Table):
    """What is inside one version of a package."""

    version: str
    parts: list[Part]


class Policy(_Table):
    """All of `supply.toml`."""

    shipped: list[str]
    tools: list[str]
    exceptions: dict[str, Excepted]
    words: dict[str, str]
    images: dict[str, str]
    inside: dict[str, Inside]
    read: dict[str, Read]
    packages: dict[str, str]

    def licence(self, name: str) -> str:
        """Return the licence on record of a package, as an SPDX expression, or "" if there is none."""
        return self.read[name].licence if name in self.read else self.packages.get(name, "")

    def refusal(self, name: str, licence: str, scope: Scope) -> str:
        """Return why a package may not be used in a scope under its licence, or ""."""
        if not licence:
            return f"no licence on record in {FILE}"
        if not is_spdx(licence):
            return f"{licence!r} is not an SPDX expression"
        allowed = {*self.shipped, *(self.tools if scope == "tools" else ())}
        if _allowed(licence, allowed):
            return ""
        excepted = self.exceptions.get(name)
        if excepted and same(excepted.licence, licence):
            return ""
        return f"{licence} is not allowed in what is {'shipped' if scope == 'shipped' else 'used to build and test'}"


def read_policy(root: Path) -> Policy:
    """Return what a tree's `supply.toml` says; ValueError, with the place, if it is not as it must be."""
    return Policy.model_validate(tomllib.loads((root / FILE).read_text("utf-8")))


def is_spdx(licence: str) -> bool:
    """Tell whether a text is an SPDX expression of known licences."""
    try:
        return _spdx().parse(licence, validate=True, strict=True) is not None
    except ExpressionError:
        return False


def same(one: str, other: str) -> bool:
    """Tell whether two SPDX expressions mean the same."""
    return bool(_spdx().is_equivalent(one, other))


def ids(licence: str) -> set[str]:
    """Return the licences that an SPDX expression names."""
    return set(_spdx().license_keys(licence))


def _allowed(licence: str, allowed: set[str]) -> bool:
    """Tell whether it can be met by allowed licences alone: every one of an AND, one of an OR."""
    parsed = _spdx().parse(licence)
    if isinstance(parsed, AND):
        return all(_allowed(str(each), allowed) for each in parsed.args)
    if isinstance(parsed, OR):
        return any(_allowed(str(each), allowed) for each in parsed.args)
    return str(parsed) in allowed


@cache
def _spdx() -> Licensing:
    return get_spdx_licensing()
