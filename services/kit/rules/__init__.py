"""Rules as data: read once at startup, and refused as a whole, with file and line, if anything is wrong.

To compute a date, only limits and calendars are needed (`services.kit.rules.counting`): the rest is loaded on demand.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from services.kit.rules.problem import Problem, RulesError

if TYPE_CHECKING:
    from services.kit.rules.load import Rules, load_rules

__all__ = ["Problem", "Rules", "RulesError", "load_rules"]


def __getattr__(name: str) -> object:
    if name not in ("Rules", "load_rules"):
        raise AttributeError(name)
    return getattr(import_module("services.kit.rules.load"), name)
