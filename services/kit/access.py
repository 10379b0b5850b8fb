"""Who may do what for matters of which unit: Cedar policies over the unit tree, one permission an RPC, fail closed."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import cedarpy

from casework.errors import CaseError, Reason, field_error
from casework.units import UnitTree
from services.kit.tokens import Caller

_DECISIONS = 100_000


class PolicyError(Exception):
    """The policies do not parse or name a permission that no RPC has; the process does not start."""


class Access:
    """Decides, by the policies in `rules/access/`. A decision depends on roles, units and permission alone."""

    def __init__(self, folder: Path, tree: UnitTree) -> None:
        texts = [path.read_text("utf-8") for path in sorted(folder.glob("*.cedar"))]
        if not texts:
            raise PolicyError(f"{folder}: no policies")
        try:
            self._policies = cedarpy.PolicySet.from_str("\n".join(texts))
        except ValueError as error:
            raise PolicyError(f"{folder}: {error}") from None
        self._tree = tree
        self._decide = lru_cache(maxsize=_DECISIONS)(self._ask)

    def knows(self, unit: str) -> bool:
        """Return whether the unit is in the tree."""
        return unit in self._tree

    def lies_under(self, unit: str, above: str) -> bool:
        """Return whether a unit of the tree is another one or lies under it."""
        return above in self._tree.path(unit)

    def allows(self, caller: Caller, permission: str, unit: str) -> bool:
        """Return whether the caller may do it for a matter of this unit."""
        return self._decide(caller.roles, caller.unit, permission, unit)

    def holds(self, caller: Caller, permission: str) -> bool:
        """Return whether the caller may do it for any unit at all, beginning with the own one."""
        return caller.unit in self._tree and self.allows(caller, permission, caller.unit)

    def _ask(self, roles: frozenset[str], own: str, permission: str, unit: str) -> bool:
        if own not in self._tree or unit not in self._tree:
            return False
        units = {code: self._tree.parent(code) for start in (own, unit) for code in self._tree.path(start)}
        entities: list[dict[str, Any]] = [
            {
                "uid": {"type": "Unit", "id": code},
                "attrs": {},
                "parents": [{"type": "Unit", "id": parent}] if parent is not None else [],
            }
            for code, parent in units.items()
        ]
        entities.append(
            {
                "uid": {"type": "User", "id": "caller"},
                "attrs": {"unit": {"__entity": {"type": "Unit", "id": own}}},
                "parents": [{"type": "Role", "id": role} for role in sorted(roles)],
            }
        )
        request = {
            "principal": {"type": "User", "id": "caller"},
            "action": {"type": "Action", "id": permission},
            "resource": {"type": "Unit", "id": unit},
            "context": {},
        }
        return bool(cedarpy.is_authorized(request, self._policies, entities).allowed)


@dataclass(slots=True)
class Call:
    """One call being answered: who, in which language, and whether access was decided."""

    caller: Caller
    permission: str
    language: str
    access: Access
    trace_parent: str = ""
    decided: bool = field(default=False)
    _granted: set[str] = field(default_factory=set)

    def require(self, unit: str) -> None:
        """Let the call go on for a matter of this unit, or raise PERMISSION_DENIED."""
        self.decided = True
        if unit in self._granted:
            return
        if not self.access.allows(self.caller, self.permission, unit):
            raise CaseError(Reason.PERMISSION_DENIED, permission=self.permission)
        self._granted.add(unit)

    def require_any(self, units: Iterable[str]) -> None:
        """Let the call go on if one of the units gives the right: the accountable one or the one with the task."""
        self.decided = True
        if not any(self.access.allows(self.caller, self.permission, unit) for unit in units):
            raise CaseError(Reason.PERMISSION_DENIED, permission=self.permission)

    def require_person(self, admitted: bool) -> None:
        """Let the call go on for somebody the facts of the case name, whatever the unit, or raise PERMISSION_DENIED."""
        self.decided = True
        if not admitted:
            raise CaseError(Reason.PERMISSION_DENIED, permission=self.permission)

    def scope(self, asked: str = "") -> str:
        """Return the unit whose subtree a list may show: the one asked for if allowed, otherwise the caller's own."""
        unit = asked or self.caller.unit
        if not self.access.knows(unit):
            raise field_error("unit", Reason.UNKNOWN_UNIT, unit)
        self.require(unit)
        # A right that reaches up the own line, to file or to be told, shows nobody what lies beside it there.
        if not self.access.lies_under(unit, self.caller.unit):
            raise CaseError(Reason.PERMISSION_DENIED, permission=self.permission)
        return unit

    def repeat(self) -> None:
        """Let a repeated call have its first answer: it was decided then, for the same caller."""
        self.decided = True


_CALL: ContextVar[Call] = ContextVar("call")


def current_call() -> Call:
    """Return the call being answered; only the server's pipeline sets it."""
    return _CALL.get()


def set_call(call: Call) -> None:
    """Set the call being answered, for this task."""
    _CALL.set(call)
