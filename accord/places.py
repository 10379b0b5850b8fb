"""Paths of the files that Accord reads: beside this package in the repository, inside it in the wheel.

The wheel contains `casework/`, `services/`, `workflows/`, `rules/` and `gen/` in the folder `accord/_root`, with the
layout of the repository. So it installs one top-level package, `accord`; the others are on the search path of Accord's
own processes only.
"""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_INSIDE = _HERE / "_root"

ROOT = _INSIDE if _INSIDE.is_dir() else _HERE.parent
"""The folder that contains `services/`, `rules/` and the others."""
RULES = ROOT / "rules"
"""The rules that come with Accord."""


def search_path() -> list[str]:
    """Return the folders that a process of Accord imports from, in addition to the environment's."""
    return [str(ROOT), str(ROOT / "gen")]


def open_rooms() -> None:
    """Make the packages inside the wheel importable in this process; does nothing in the repository."""
    if ROOT == _INSIDE and str(ROOT) not in sys.path:
        sys.path[:0] = search_path()
