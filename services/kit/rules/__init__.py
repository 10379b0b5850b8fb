"""Rules as data: read once at the start, and refused as a whole, with file and line, where anything is wrong.

Who counts a date needs limits and calendars alone (`services.kit.rules.counting`): the rest is loaded when named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from services.kit.rules.problem import Problem, RulesError

if TYPE_CHECKING:
    from services.kit.rules.load import Rules, load_rules

__all__ = ["Problem", "Rules", "RulesError", "load_rules"]


def __getattr__(name: str) -> Any:
    if name not in ("Rules", "load_rules"):
        raise AttributeError(name)
    return getattr(import_module("services.kit.rules.load"), name)
