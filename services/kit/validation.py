"""Requests against the rules in their contract (protovalidate)."""

from __future__ import annotations

import protovalidate
from google.protobuf.message import Message

from casework.errors import FieldFault
from services.kit.errors import invalid

_ZH = {
    "required": "必须填写。",
    "string.pattern": "格式不正确。",
    "string.max_len": "太长。",
    "string.min_len": "太短或为空。",
    "enum.defined_only": "没有这个选项。",
    "enum.not_in": "必须选择。",
    "repeated.max_items": "项目太多。",
    "repeated.min_items": "至少要有一项。",
}


def faults_of(message: Message, prefix: str = "") -> list[FieldFault]:
    """Return what is wrong with a message's fields; empty where nothing is. `prefix` goes in front of each path."""
    return [
        FieldFault(
            prefix + _path(violation.proto.field),
            _ZH.get(violation.proto.rule_id, "不符合要求。"),
            violation.proto.message,
        )
        for violation in protovalidate.collect_violations(message)
    ]


def check(message: Message) -> None:
    """Raise INVALID_FIELD naming every field of the request that breaks a rule of its contract."""
    if faults := faults_of(message):
        raise invalid(faults)


def _path(field: protovalidate.FieldPathPb | None) -> str:
    if field is None:
        return ""
    parts: list[str] = []
    for element in field.elements:
        subscript = element.subscript
        parts.append(f"{element.field_name}[{subscript.value}]" if subscript is not None else element.field_name)
    return ".".join(parts)
