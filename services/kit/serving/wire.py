"""Finds the field that makes a message undecodable, so that the error can name it."""

from __future__ import annotations

from google.protobuf.descriptor import Descriptor, FieldDescriptor

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DEEP = 100
_FIXED = {_FIXED64: 8, _FIXED32: 4}


def broken_field(data: bytes, descriptor: Descriptor, path: str = "") -> str:
    """Return the proto path of the first field of `data` that does not decode; nothing if none is found.

    A message nested deeper than the library decodes counts as broken at that depth.
    """
    at = 0
    if path.count(".") > _DEEP:
        return path or descriptor.name
    while at < len(data):
        tag, at = _varint(data, at)
        if tag is None:
            return path or descriptor.name
        field = descriptor.fields_by_number.get(tag >> 3)
        name = f"{path}.{field.name}" if path and field else (field.name if field else path or descriptor.name)
        wire = tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            if value is None:
                return name
        elif wire in _FIXED:
            at += _FIXED[wire]
            if at > len(data):
                return name
        elif wire == _BYTES:
            length, at = _varint(data, at)
            if length is None or at + length > len(data):
                return name
            found = _inside(data[at : at + length], field, name)
            if found:
                return found
            at += length
        else:
            return name
    return ""


def _inside(chunk: bytes, field: FieldDescriptor | None, name: str) -> str:
    if field is None:
        return ""
    if field.type == FieldDescriptor.TYPE_STRING:
        try:
            chunk.decode("utf-8")
        except UnicodeDecodeError:
            return name
    if field.message_type is not None and field.type == FieldDescriptor.TYPE_MESSAGE:
        return broken_field(chunk, field.message_type, name)
    return ""


def _varint(data: bytes, at: int) -> tuple[int | None, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            return None, at
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    return None, at
