"""The one place where supervision hears of what may call for a letter."""

from __future__ import annotations

from casework.occasion import Occasion
from services.kit.command import Work


async def consider(work: Work, occasion: Occasion) -> None:
    """Draft the letter that the rules give for an occasion, in the transaction in which it happened."""
