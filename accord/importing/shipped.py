"""The mappings that come with Accord. Imports nothing heavy: the command line names them in its help."""

from __future__ import annotations

from pathlib import Path

SHIPPED = Path(__file__).resolve().parent.parent.parent / "rules" / "imports"


def shipped() -> list[str]:
    """Return the names of the shipped mappings."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))
