"""Which permissions the policies grant to whom, read from their text: for people who look it up, never to decide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.kit.serving.access import HOLDERS, OFFICIALS, PARTIES

_PERMIT = re.compile(r"^permit\s*\((.*?)\n\)(.*?);", re.S | re.M)
_GROUPS = {"officials": OFFICIALS, "holders": HOLDERS, "parties": PARTIES}


@dataclass(frozen=True, slots=True)
class Grant:
    """What one policy permits: permissions to roles and to parts. Without roles and parts: to everybody."""

    permissions: tuple[str, ...]
    roles: frozenset[str]
    parts: frozenset[str]


def grants_of(folder: Path) -> Iterator[Grant]:
    """Yield what each policy that permits something permits."""
    for path in sorted(folder.glob("*.cedar")):
        for found in _PERMIT.finditer(re.sub(r"//[^\n]*", "", path.read_text("utf-8"))):
            text = found[0]
            groups = [_GROUPS[name] for name in re.findall(r'Group::"(\w+)"', text)]
            yield Grant(
                tuple(re.findall(r'Action::"([\w.]+)"', text)),
                frozenset(re.findall(r'Role::"(\w+)"', text)).union(*groups),
                frozenset(re.findall(r'Part::"(\w+)"', text)),
            )
