"""States between Python and proto: they have the same numbers."""

from __future__ import annotations

from typing import Any


def numbers(**values: int) -> dict[str, Any]:
    """Return what has the same number here and in the contract."""
    return values
