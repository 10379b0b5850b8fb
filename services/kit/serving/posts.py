"""Who somebody is in plain words: the post they act in and its unit, never their account."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from casework import names
from casework.units import UnitTree
from services.kit.serving.tokens import Caller

WORDS = {
    "citizen": ("当事人或者群众本人", "the person concerned"),
    "holder": ("持回执的人", "whoever holds the receipt"),
    "reporter": ("报告人本人", "the reporter"),
    "informant": ("线索提供人本人", "who gave the clue"),
    "invited": ("受邀的当事人本人", "the party who was invited"),
    "agent": ("当事人的代理人或者代表人", "an agent or representative of a party"),
    "calendar": ("订阅日历的人", "whoever reads a calendar by its address"),
    "grid_worker": ("网格员", "grid worker"),
    "clerk": ("窗口人员", "counter clerk"),
    "duty_officer": ("值班员", "duty officer"),
    "handler": ("经办人", "case handler"),
    "mediator": ("调解员", "mediator"),
    "reviewer": ("审核员", "reviewer"),
    "unit_head": ("单位负责人", "head of the unit"),
    "supervisor": ("督办员", "supervisor"),
    "auditor": ("审计员", "auditor"),
    "operator": ("系统运行人员", "system operator"),
    "integrator": ("对接系统", "connected system"),
    "service": ("系统（自动）", "the system itself"),
}
"""Posts by role, in Chinese and English."""
_NO_OFFICE = {"citizen", "holder", "informant", "reporter", "invited", "agent", "calendar", "service"}


class Post(NamedTuple):
    """The post somebody acts in: their unit and roles at that moment."""

    unit: str
    roles: str
    """Separated by commas, in order."""

    @classmethod
    def of(cls, caller: Caller) -> Post:
        """Return the post of a caller."""
        return cls(caller.unit, ",".join(sorted(caller.roles)))

    @classmethod
    def read(cls, stored: str) -> Post:
        """Return a post as `str` wrote it."""
        unit, _, roles = stored.partition(" ")
        return cls(unit, roles)

    def __str__(self) -> str:
        return f"{self.unit} {self.roles}"

    def called(self, units: UnitTree, language: str) -> str:
        """Return it as one says it: `兰州市城关区值班员`, `duty officer, 兰州市城关区`."""
        roles = self.roles.split(",") if self.roles else []
        zh, en = _words(roles)
        if not self.unit or (roles and set(roles) <= _NO_OFFICE):
            return en if language == "en" else zh
        unit = unit_called(self.unit, units)
        return f"{en}, {unit}" if language == "en" else f"{unit}{zh}"


def _words(roles: Iterable[str]) -> tuple[str, str]:
    """Return the words of roles; of nothing known, that of somebody in office."""
    found = [WORDS.get(role, (role, role.replace("_", " "))) for role in roles] or [("工作人员", "official")]
    return "、".join(zh for zh, _ in found), " and ".join(en for _, en in found)


def unit_called(unit: str, units: UnitTree) -> str:
    """Return the name of a unit with the county or city it is in, so that one knows which it is."""
    known = units.known(unit)
    area = unit.partition("-")[0]
    above = units.parent(area) if known.code == area else area
    if above is None or above == names.ROOT_UNIT:
        return known.name
    name = units.known(above).name
    return known.name if known.name.startswith(name) else f"{name}{known.name}"
