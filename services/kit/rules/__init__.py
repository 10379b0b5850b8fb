"""Rules as data: read once at the start, and refused as a whole, with file and line, where anything is wrong."""

from services.kit.rules.load import Rules, load_rules
from services.kit.rules.problem import Problem, RulesError

__all__ = ["Problem", "Rules", "RulesError", "load_rules"]
