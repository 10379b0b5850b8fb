"""JSON Schema of the contracts' messages and enums, exactly as the gateway reads and writes them.

A message that is both sent and returned has two components: `Report` is what is returned, `ReportInput` what is sent.
What is sent has the rules of the contract and no field that only the service sets. What is returned requires all fields
that are always there and has no rules: they are for the sender, and an older resource may not follow them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from services.gateway.rest.contract import Contract
from services.gateway.rest.encoder import is_input_only

if TYPE_CHECKING:
    from buf.validate.validate_pb2 import FieldRules

Schema = dict[str, Any]
_INT32 = {FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1), FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1)}
_INT64 = {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,9})?s$"},
    "google.protobuf.FieldMask": {"type": "string"},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.Value": {},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Empty": {"type": "object", "additionalProperties": False},
}
_CHOICE = re.compile(r"\^\(([\w-]+(?:\|[\w-]+)*)\)\$")


def behaviours(field: FieldDescriptor) -> set[int]:
    """Return the field's `google.api.field_behavior` values."""
    extension: Any = field_behavior_pb2.field_behavior
    return set(field.GetOptions().Extensions[extension])


def rules_of(field: FieldDescriptor) -> FieldRules:
    """Return the field's `buf.validate` rules; empty ones if it has none, or they are switched off."""
    from buf.validate import validate_pb2

    extension: Any = validate_pb2.field
    rules: FieldRules = field.GetOptions().Extensions[extension]
    return validate_pb2.FieldRules() if rules.ignore == validate_pb2.IGNORE_ALWAYS else rules


def is_output_only(field: FieldDescriptor) -> bool:
    """Return whether the field is only ever returned."""
    return field_behavior_pb2.OUTPUT_ONLY in behaviours(field)


class Schemas:
    """Writes a component for every requested message and enum, and for those they contain."""

    def __init__(self, contract: Contract) -> None:
        self._comments = contract.comments
        self.components: dict[str, Schema] = {}
        self._names: dict[str, str] = {}
        self._answered: set[str] = set()
        self._hidden: dict[str, set[str]] = {}
        for rpc in contract.rpcs:
            self._reach(rpc.answers)

    def _reach(self, descriptor: Descriptor) -> None:
        """Note that a message is returned, with all that it contains."""
        if descriptor.full_name in self._answered:
            return
        self._answered.add(descriptor.full_name)
        for field in descriptor.fields:
            if field.message_type is not None and not is_input_only(field):
                self._reach(field.message_type)

    def comment(self, full_name: str) -> str:
        """Return the comment of anything in the contracts, by its full name."""
        return self._comments.get(full_name, "")

    def hide(self, descriptor: Descriptor, fields: Iterable[str]) -> None:
        """Leave fields of a request out of its component: they come in the path or headers."""
        self._hidden.setdefault(descriptor.full_name, set()).update(fields)

    def reference(self, descriptor: Descriptor, *, asked: bool) -> Schema:
        """Return the schema of a message by reference to its component: as it is sent, or as it is returned."""
        known = _WELL_KNOWN.get(descriptor.full_name)
        if known is not None:
            return dict(known)
        name = self._component_name(descriptor)
        if asked and descriptor.full_name in self._answered:
            name += "Input"
        if name not in self.components:
            self.components[name] = {}
            self.components[name] = self._message(descriptor, name, asked)
        return {"$ref": f"#/components/schemas/{name}"}

    def enum(self, descriptor: EnumDescriptor) -> Schema:
        """Return the schema of an enum by reference to its component."""
        name = self._component_name(descriptor)
        if name not in self.components:
            notes = {value.name: self.comment(f"{descriptor.full_name}.{value.name}") for value in descriptor.values}
            lines = [f"- `{value}`: {note}" if note else f"- `{value}`" for value, note in notes.items()]
            self.components[name] = {
                "type": "string",
                "enum": list(notes),
                "description": "\n".join([self.comment(descriptor.full_name), "", *lines]).strip(),
                "x-enum-descriptions": notes,
            }
        return {"$ref": f"#/components/schemas/{name}"}

    def _component_name(self, descriptor: Descriptor | EnumDescriptor) -> str:
        name = descriptor.name
        if self._names.setdefault(name, descriptor.full_name) != descriptor.full_name:
            name = descriptor.full_name.removeprefix("accord.").title().replace(".", "")
        return name

    def _message(self, descriptor: Descriptor, name: str, asked: bool) -> Schema:
        hidden = self._hidden.get(descriptor.full_name, set()) if asked else set()
        skipped = is_output_only if asked else is_input_only
        fields = [field for field in descriptor.fields if field.name not in hidden and not skipped(field)]
        schema: Schema = {"type": "object", "title": name}
        if self.comment(descriptor.full_name):
            schema["description"] = self.comment(descriptor.full_name)
        schema["properties"] = {field.json_name: self.property(field, asked) for field in fields}
        required = [
            field.json_name for field in fields if (refuses_absence(field) if asked else not field.has_presence)
        ]
        if required:
            schema["required"] = required
        if asked:
            schema["additionalProperties"] = False
        return schema

    def property(self, field: FieldDescriptor, asked: bool) -> Schema:
        """Return the schema of a field, with its comment and constraints; `asked` if requests have it."""
        schema = self.value(field, asked)
        comment = self.comment(field.full_name)
        if unsaid := _unsaid(field) if asked else "":
            comment = f"{comment} Left out: {unsaid}."
        if comment:
            schema["description"] = comment
        if field.GetOptions().deprecated:
            schema["deprecated"] = True
        return schema

    def value(self, field: FieldDescriptor, asked: bool) -> Schema:
        """Return the schema of a field's value, without its comment."""
        rules = rules_of(field) if asked else _no_rules()
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            inner = self._one(field.message_type.fields_by_name["value"], rules.map.values, asked)
            return {"type": "object", "additionalProperties": inner}
        if not field.is_repeated:
            return self._one(field, rules, asked)
        schema: Schema = {"type": "array", "items": self._one(field, rules.repeated.items, asked)}
        for name, key in (("min_items", "minItems"), ("max_items", "maxItems")):
            if rules.repeated.HasField(name):
                schema[key] = getattr(rules.repeated, name)
        if rules.repeated.unique:
            schema["uniqueItems"] = True
        return schema

    def _one(self, field: FieldDescriptor, rules: FieldRules, asked: bool) -> Schema:
        if field.message_type is not None:
            return self.reference(field.message_type, asked=asked)
        if field.enum_type is not None:
            schema = self.enum(field.enum_type)
            refused = set(rules.enum.not_in)
            if refused:
                schema["enum"] = [value.name for value in field.enum_type.values if value.number not in refused]
            return schema
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return {"type": "boolean"}
        if field.cpp_type in _INT32:
            low, high = _bounds(rules, field, *_INT32[field.cpp_type])
            return {"type": "integer", "format": "int32", "minimum": low, "maximum": high}
        if field.cpp_type in _INT64:
            return _int64(rules, field, asked)
        if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
            return {"type": "number", "format": "double"}
        if field.type == FieldDescriptor.TYPE_BYTES:
            return {"type": "string", "format": "byte", "contentEncoding": "base64"}
        return _string(rules)


def _no_rules() -> FieldRules:
    from buf.validate import validate_pb2

    return validate_pb2.FieldRules()


def refuses_absence(field: FieldDescriptor) -> bool:
    """Return whether a request without this field is refused: it is REQUIRED, or its rules refuse the zero value."""
    from buf.validate import validate_pb2

    if field_behavior_pb2.REQUIRED in behaviours(field):
        return True
    rules = rules_of(field)
    if rules.required:
        return True
    if rules.ignore == validate_pb2.IGNORE_IF_ZERO_VALUE or field.has_presence:
        return False
    if field.is_repeated:
        return bool(rules.repeated.min_items)
    if field.enum_type is not None:
        return 0 in rules.enum.not_in
    if field.cpp_type in _INT32 or field.cpp_type in _INT64:
        low, high = _bounds(rules, field, -(2**64), 2**64)
        return not low <= 0 <= high
    pattern = rules.string.pattern
    return bool(rules.string.min_len or (pattern and not re.search(pattern, "")))


def _bounds(rules: FieldRules, field: FieldDescriptor, low: int, high: int) -> tuple[int, int]:
    kind = rules.WhichOneof("type")
    if kind is None or kind in ("string", "enum", "repeated", "map", "bool", "bytes"):
        return low, high
    numbers = getattr(rules, kind)
    for name, step in (("gte", 0), ("gt", 1)):
        if numbers.HasField(name):
            low = getattr(numbers, name) + step
    for name, step in (("lte", 0), ("lt", 1)):
        if numbers.HasField(name):
            high = getattr(numbers, name) - step
    return low, high


def _int64(rules: FieldRules, field: FieldDescriptor, asked: bool) -> Schema:
    signed = field.cpp_type == FieldDescriptor.CPPTYPE_INT64
    low, high = _bounds(rules, field, -(2**63) if signed else 0, 2**63 - 1 if signed else 2**64 - 1)
    # As many digits as surely fit: a pattern cannot express the bounds themselves.
    digits = max(1, len(str(high)) - 1)
    first = "[1-9]" if low > 0 else "(0|[1-9]"
    tail = f"[0-9]{{0,{digits - 1}}}" + ("" if low > 0 else ")")
    schema: Schema = {"type": "string", "format": "int64", "pattern": f"^{'-?' if low < 0 else ''}{first}{tail}$"}
    if asked:
        schema |= {"type": ["string", "integer"], "minimum": low, "maximum": high}
    return schema


def _unsaid(field: FieldDescriptor) -> str:
    """Return what leaving the field out means, according to the contract; empty if not stated."""
    from pb.access.v1 import unsaid_pb2

    options: Any = field.GetOptions()
    return str(options.Extensions[unsaid_pb2.unsaid])


def _string(rules: FieldRules) -> Schema:
    from buf.validate import validate_pb2

    schema: Schema = {"type": "string"}
    text = rules.string
    zero_goes = rules.ignore == validate_pb2.IGNORE_IF_ZERO_VALUE
    if text.HasField("pattern"):
        choice = _CHOICE.fullmatch(text.pattern)
        if choice and not zero_goes:
            schema["enum"] = choice[1].split("|")
        else:
            schema["pattern"] = f"^$|{text.pattern}" if zero_goes else text.pattern
    if text.HasField("min_len") and not zero_goes:
        schema["minLength"] = text.min_len
    if text.HasField("max_len"):
        schema["maxLength"] = text.max_len
    if getattr(text, "in"):
        schema["enum"] = list(getattr(text, "in")) + ([""] if zero_goes else [])
    return schema


def split_pattern(pattern: str) -> Iterator[str]:
    """Yield the parts of a regular expression between its slashes, except slashes inside groups and classes."""
    part, depth, in_class, escaped = "", 0, False, False
    for char in pattern.removeprefix("^").removesuffix("$"):
        if char == "/" and depth == 0 and not in_class and not escaped:
            yield part
            part = ""
            continue
        part += char
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char in "()":
            depth += 1 if char == "(" else -1
    yield part
