"""Rules as plain data, and back: what a running clock stores of its rule, and what the command line prints."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Any

from casework.clocks.rule import (
    AtCap,
    Confidence,
    Consequence,
    ExtensionKind,
    ExtensionRule,
    Holder,
    HourStart,
    PauseRule,
    RemindOn,
    RestartRule,
    Roll,
    Rule,
    Rung,
    Trigger,
    Unit,
    Whom,
)


def to_data(rule: Rule) -> dict[str, Any]:
    """Return the whole rule as plain JSON data; `from_data` gives an equal rule back."""
    return {
        "name": rule.name,
        "version": rule.version,
        "zh": rule.zh,
        "en": rule.en,
        "n": rule.n,
        "unit": str(rule.unit),
        "include_start": rule.include_start,
        "roll": str(rule.roll),
        "cutoff": rule.cutoff,
        "hour_start": str(rule.hour_start),
        "trigger": str(rule.trigger),
        "for_whom": str(rule.for_whom),
        "remind_on": str(rule.remind_on),
        "basis": rule.basis,
        "confidence": str(rule.confidence),
        "to_be_confirmed": rule.to_be_confirmed,
        "jurisdiction": rule.jurisdiction,
        "valid_from": rule.valid_from.isoformat() if rule.valid_from else None,
        "valid_to": rule.valid_to.isoformat() if rule.valid_to else None,
        "successor": rule.successor,
        "belongs_to": str(rule.belongs_to),
        "backdate_days": rule.backdate_days,
        "pauses": [
            {"cause": each.cause, "zh": each.zh, "en": each.en, "cap": each.cap}
            | {"at_cap": str(each.at_cap), "basis": each.basis}
            for each in rule.pauses
        ],
        "extensions": [
            {"kind": str(each.kind), "n": each.n, "times": each.times, "basis": each.basis} for each in rule.extensions
        ],
        "warnings": [_rung_to_data(each) for each in rule.warnings],
        "overdue": [_rung_to_data(each) for each in rule.overdue],
        "note": rule.note,
    } | _restarts_to_data(rule)


def digest(rule: Rule) -> str:
    """Return 12 hex digits that change whenever anything in the rule changes."""
    text = json.dumps(to_data(rule), ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def from_data(data: dict[str, Any]) -> Rule:
    """Return the rule that `to_data` gave; ValueError or KeyError if it is not one."""
    whom = Whom(data["for_whom"])
    # Stored before rules had a holder.
    holder = data.get("belongs_to", Holder.party if whom is Whom.right else Holder.handling)
    return Rule(
        name=data["name"],
        version=data["version"],
        zh=data["zh"],
        en=data["en"],
        n=data["n"],
        unit=Unit(data["unit"]),
        include_start=data["include_start"],
        roll=Roll(data["roll"]),
        cutoff=data["cutoff"],
        hour_start=HourStart(data["hour_start"]),
        trigger=Trigger(data["trigger"]),
        for_whom=whom,
        remind_on=RemindOn(data["remind_on"]),
        basis=data["basis"],
        confidence=Confidence(data["confidence"]),
        to_be_confirmed=data["to_be_confirmed"],
        jurisdiction=data["jurisdiction"],
        valid_from=_date(data["valid_from"]),
        valid_to=_date(data["valid_to"]),
        successor=data.get("successor", ""),
        belongs_to=Holder(holder),
        backdate_days=data["backdate_days"],
        pauses=tuple(
            PauseRule(each["cause"], each["zh"], each["en"], each["cap"], AtCap(each["at_cap"]), each["basis"])
            for each in data["pauses"]
        ),
        extensions=tuple(
            ExtensionRule(ExtensionKind(each["kind"]), each["n"], each["times"], each["basis"])
            for each in data["extensions"]
        ),
        restarts=tuple(
            RestartRule(each["cause"], each["zh"], each["en"], each["basis"]) for each in data.get("restarts", ())
        ),
        warnings=tuple(map(_rung_from_data, data["warnings"])),
        overdue=tuple(map(_rung_from_data, data["overdue"])),
        note=data["note"],
    )


def _restarts_to_data(rule: Rule) -> dict[str, Any]:
    """Return nothing for a rule without restarts: what was stored before restarts existed stays the same."""
    told = [
        {"cause": each.cause, "zh": each.zh, "en": each.en, "basis": each.basis} for each in rule.restarts
    ]  # fmt: skip
    return {"restarts": told} if told else {}


def _rung_to_data(rung: Rung) -> dict[str, Any]:
    return {"amount": rung.amount, "unit": str(rung.unit), "consequence": str(rung.consequence)}


def _rung_from_data(data: dict[str, Any]) -> Rung:
    return Rung(data["amount"], Unit(data["unit"]), Consequence(data["consequence"]))


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
