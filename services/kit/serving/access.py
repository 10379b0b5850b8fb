"""Who may do what for matters of which unit: Cedar policies over the unit tree, one permission per RPC, fail closed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import cedarpy
import grpc

from casework.errors import CaseError, Reason, field_error
from casework.units import UnitTree, is_code
from services.kit.serving.businesstime import BusinessTime
from services.kit.serving.codes import AGENT, HOLDER, INFORMANT, INVITED, REPORTER
from services.kit.serving.tokens import Caller

_DECISIONS = 100_000
_POLICY = re.compile(r"\b(permit|forbid)\s*\(.*?;", re.S)
_ACTION = re.compile(r'Action::"([\w.]+)"')
_RESOURCE = re.compile(r"\bresource\b")
_BARE = re.compile(r"\bresource\s*\)")
"""The head of a policy that is for matters of every unit; it names the resource once, and no condition does."""

Context = grpc.aio.ServicerContext[Any, Any]
"""What gRPC hands a method beside its request."""


class Part(StrEnum):
    """A caller's part in a matter: a policy may require it in addition to the role, as `Part::"mediator"`."""

    accountable = "accountable"
    """Belongs to the accountable unit itself, not to one above or below."""
    co_unit = "co_unit"
    """Belongs to a unit that has an open task of it."""
    mediator = "mediator"
    """The mediator of record."""
    mediator_unit = "mediator_unit"
    """Belongs to the unit of the mediator of record."""
    second_mediator = "second_mediator"
    """A second mediator, beside the one of record."""
    assessor = "assessor"
    """Somebody invited to take part in the mediation, with the parties' agreement."""
    candidate = "candidate"
    """Was asked to be one of the two, and has not answered."""
    preparing = "preparing"
    """May prepare a mediation: there is no mediator yet, and they were neither replaced nor stepped down."""
    party = "party"
    """The account is bound to a party, or a party came by its invitation."""
    agent = "agent"
    """Agent or representative of a party, in force, with any powers."""
    agent_speaks = "agent_speaks"
    """The same, with the power to speak for it."""
    agent_receives = "agent_receives"
    """The same, with the power to receive what is served on it."""
    agent_negotiates = "agent_negotiates"
    """The same, with the power to negotiate for it."""
    agent_proceeds = "agent_proceeds"
    """The same, with the power to agree to dates and extensions."""
    holder = "holder"
    """Came by the receipt of this matter."""
    secretary = "secretary"
    """The secretary of record of a task force, or who stands in for them."""
    maker = "maker"
    """Created the requested resource itself."""
    reader = "reader"
    """Was granted access to this case for a time."""
    asked = "asked"
    """Belongs to the unit that is asked about a forwarded report: to take it over, or to decide."""
    worker = "worker"
    """Was granted access for a time, to carry out tasks as well."""


PARTS = frozenset(Part)
NO_PARTS: frozenset[Part] = frozenset()
OFFICIALS = frozenset({
    "clerk", "duty_officer", "handler", "mediator", "reviewer", "unit_head", "supervisor", "auditor",
})  # fmt: skip
"""Roles of people in an office: together `Group::"officials"` in the policies."""
HOLDERS = frozenset({HOLDER, REPORTER, INFORMANT})
"""Roles of whoever came by the code of a receipt or of a clue: together `Group::"holders"`."""
PARTIES = frozenset({"citizen", INVITED, AGENT})
"""Roles of those who act for themselves or for whom they are agents, with an account or by an invitation: together
`Group::"parties"`."""


NOBODY: frozenset[str] = frozenset()


def holds_office(caller: Caller) -> bool:
    """Return whether somebody holds any role besides those of a party or of a receipt's holder."""
    return not caller.roles <= PARTIES | HOLDERS


@dataclass(frozen=True, slots=True)
class Kept:
    """The cases that an account is kept from, by number."""

    excluded: frozenset[str] = NOBODY
    own: frozenset[str] = NOBODY
    """On whose sides it stands or stood, or which it reported itself: no office of it counts there."""


class PolicyError(Exception):
    """The policies do not parse, or name a permission that no RPC has; the process does not start."""


def _everywhere(policies: Sequence[str]) -> frozenset[str]:
    """Return the permissions that no policy grants or refuses by the unit of the matter.

    None if a policy names no action: it could be about any of them.
    """
    named = [set(_ACTION.findall(policy)) for policy in policies]
    if not all(named):
        return frozenset()
    by_unit = (
        actions for policy, actions in zip(policies, named, strict=True)
        if len(_RESOURCE.findall(policy)) > 1 or not _BARE.search(policy)
    )  # fmt: skip
    return frozenset(set().union(*named).difference(*by_unit))


class Access:
    """Decides, by the policies in `rules/access/`. A decision depends on roles, units and permission alone.

    `everywhere`: permissions that are the same for matters of every unit.
    """

    def __init__(self, folder: Path, tree: UnitTree) -> None:
        texts = [path.read_text("utf-8") for path in sorted(folder.glob("*.cedar"))]
        if not texts:
            raise PolicyError(f"{folder}: no policies")
        try:
            self._policies = cedarpy.PolicySet.from_str("\n".join(texts))
        except ValueError as error:
            raise PolicyError(f"{folder}: {error}") from None
        self._tree = tree
        self._decide = lru_cache(maxsize=_DECISIONS)(self.decide)
        policies = [found for text in texts for found in _POLICY.finditer(text)]
        self.everywhere = _everywhere([found[0] for found in policies])
        asking = [found for found in policies if 'Part::"' in found[0]]
        self._widened = {action for found in asking if found[1] == "permit" for action in _ACTION.findall(found[0])}
        self._narrowed = {action for found in asking if found[1] == "forbid" for action in _ACTION.findall(found[0])}

    def knows(self, unit: str) -> bool:
        """Return whether the unit is in the tree."""
        return unit in self._tree

    def reaches(self, unit: str) -> bool:
        """Return whether matters can be requested by this code: that of a unit, or a retired one."""
        return unit in self._tree or unit in self._tree.retired

    def lies_under(self, unit: str, above: str) -> bool:
        """Return whether a unit, or its successor, is the other one or is under it."""
        return above in self._tree.path(unit) or above in self._tree.path(self._tree.successor(unit) or unit)

    def superior(self, unit: str) -> str | None:
        """Return the organ one level up from a unit of the tree; None if there is none."""
        return self._tree.superior(unit)

    def allows(self, caller: Caller, permission: str, unit: str, parts: frozenset[Part] = NO_PARTS) -> bool:
        """Return whether the caller has permission for a matter of this unit in which they have these parts."""
        if permission in self.everywhere and is_code(unit):
            # The same for every unit, and so decided once: an import asks it of thousands.
            unit = caller.unit
        return self._decide(caller.roles, caller.unit, permission, unit, parts)

    def holds(self, caller: Caller, permission: str) -> bool:
        """Return whether the caller has permission for any matter at all, checking their own unit first."""
        return caller.unit in self._tree and self.allows(caller, permission, caller.unit, PARTS)

    def must_hold(self, caller: Caller, permission: str, unit: str, field: str) -> None:
        """Raise PERMISSION_DENIED naming the field whose value needs a permission in addition to the call's."""
        if not self.allows(caller, permission, unit):
            raise field_error(field, Reason.PERMISSION_DENIED, permission)

    def depends_on_parts(self, caller: Caller, permission: str, unit: str) -> bool:
        """Return whether the caller's parts can change the decision: only then are they looked up."""
        if permission in self._narrowed:
            return True
        return permission in self._widened and not self.allows(caller, permission, unit)

    def decide(
        self, roles: frozenset[str], own: str, permission: str, unit: str, parts: frozenset[Part] = NO_PARTS
    ) -> bool:
        """Return what the policies say, asked anew: `allows` remembers it."""
        # A matter of a dropped code can be reached from the nearest remaining unit above, and by the successor.
        if own not in self._tree or not is_code(unit):
            return False
        successor = self._tree.successor(unit)
        if unit not in self._tree and own == (successor or self._tree.parent(unit)):
            unit, successor = own, None  # in the place of the dropped one, for what a unit alone does as well
        starts = (own, unit, *([successor] if successor else []))
        units = {code: [self._tree.parent(code)] for start in starts for code in self._tree.path(start)}
        if successor:
            units[unit].append(successor)
        entities: list[dict[str, Any]] = [
            {
                "uid": {"type": "Unit", "id": code},
                "attrs": {"department": code.partition("-")[2]},
                "parents": [{"type": "Unit", "id": parent} for parent in parents if parent is not None],
            }
            for code, parents in units.items()
        ]
        entities.append(
            {
                "uid": {"type": "User", "id": "caller"},
                "attrs": {"unit": {"__entity": {"type": "Unit", "id": own}}},
                "parents": [
                    *({"type": "Role", "id": role} for role in sorted(roles)),
                    *({"type": "Part", "id": str(part)} for part in sorted(parts)),
                    *([{"type": "Group", "id": "officials"}] if roles & OFFICIALS else []),
                    *([{"type": "Group", "id": "holders"}] if roles & HOLDERS else []),
                    *([{"type": "Group", "id": "parties"}] if roles & PARTIES else []),
                ],
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
    """The current call: the caller, the language, and whether access was decided."""

    caller: Caller
    permission: str
    language: str
    access: Access
    trace_parent: str = ""
    time: BusinessTime = field(default_factory=BusinessTime)
    kept: Kept = field(default_factory=Kept)
    behind: frozenset[str] = NOBODY
    """Numbers of the cases that the request is about by a file of supervision."""
    decided: bool = field(default=False)
    looked_up: bool = field(default=False)
    """Whether it was looked up what the caller is kept from."""
    _granted: set[str] = field(default_factory=set)

    @property
    def kept_from(self) -> frozenset[str]:
        """The numbers of the cases that the caller, as who they act now, may neither read nor act on."""
        return self.kept.excluded | self.kept.own if holds_office(self.caller) else self.kept.excluded

    def require(self, unit: str, parts: frozenset[Part] = NO_PARTS) -> None:
        """Allow the call for a matter of this unit in which the caller has these parts, or raise PERMISSION_DENIED.

        A handler of a case does not call this: `services.mediation.record.admit` looks the parts up.
        """
        self.decided = True
        if unit in self._granted and not parts:
            return
        if not self.access.allows(self.caller, self.permission, unit, parts):
            raise CaseError(Reason.PERMISSION_DENIED, permission=self.permission)
        if not parts:
            self._granted.add(unit)

    def require_any(self, units: Iterable[str]) -> None:
        """Allow the call if one of the units gives permission: the accountable one or the one with the task."""
        self.decided = True
        if not any(self.access.allows(self.caller, self.permission, unit) for unit in units):
            raise CaseError(Reason.PERMISSION_DENIED, permission=self.permission)

    def require_person(self, admitted: bool) -> None:
        """Allow the call for a person named by the facts of the case, whatever the unit, or raise PERMISSION_DENIED."""
        self.decided = True
        if not admitted:
            raise CaseError(Reason.PERMISSION_DENIED, permission=self.permission)

    def scope(self, asked: str = "") -> str:
        """Return the unit whose subtree a list may show: the requested one if allowed, otherwise the caller's own."""
        unit = asked or self.caller.unit
        if not self.access.reaches(unit):
            raise field_error("unit", Reason.UNKNOWN_UNIT, unit)
        self.require(unit)
        # A permission for units above the caller's own, to file or to be notified, does not show other units' matters.
        if not self.access.lies_under(unit, self.caller.unit):
            raise CaseError(Reason.PERMISSION_DENIED, permission=self.permission)
        return unit

    def repeat(self) -> None:
        """Let a repeated call get its first response: access was decided then, for the same caller."""
        self.decided = True


_CALL: ContextVar[Call] = ContextVar("call")


def current_call() -> Call:
    """Return the current call; only the server's pipeline sets it."""
    return _CALL.get()


def set_call(call: Call) -> None:
    """Set the current call, for this task."""
    _CALL.set(call)
