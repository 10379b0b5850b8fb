"""Partial updates (AIP-134): the fields named by the mask, or without one those that are set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar, cast

from google.api import field_behavior_pb2 as behaviour
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from casework.errors import CaseError, FieldFault
from services.kit.serving.errors import invalid

_BEHAVIOUR: Any = behaviour.field_behavior
_KEPT = {behaviour.IDENTIFIER, behaviour.IMMUTABLE}
_APART = {"name", "etag"}
_MASK = "update_mask"

M = TypeVar("M", bound=Message)


class Resource(NamedTuple):
    """What a request changes: its field in the request, and its type."""

    name: str
    message_type: Descriptor


def resource_of(request: Descriptor) -> Resource | None:
    """Return the resource that a request changes; None if the request is not such a change."""
    if _MASK not in request.fields_by_name:
        return None
    return next(
        Resource(field.name, field.message_type)
        for field in request.fields
        if field.message_type is not None and field.name != _MASK
    )


def _resource(request: Message) -> Resource:
    found = resource_of(cast("Descriptor", request.DESCRIPTOR))
    assert found is not None, "asked of changes alone"
    return found


def _paths(request: Message) -> Sequence[str]:
    """Return what the mask of a request names."""
    paths: Sequence[str] = getattr(request, _MASK).paths
    return paths


def is_changed(field: FieldDescriptor) -> bool:
    """Return whether a field of a resource may be changed after creation."""
    found = set(field.GetOptions().Extensions[_BEHAVIOUR])
    return field.name not in _APART and not found & {*_KEPT, behaviour.OUTPUT_ONLY}


def replaces_all(request: Message) -> bool:
    """Return whether the mask is `*`, the whole resource: fields left out are cleared."""
    return list(_paths(request)) == ["*"]


def masked(request: Message) -> set[str]:
    """Return the fields of the resource that the request would change, whether or not that is allowed."""
    resource = _resource(request)
    if replaces_all(request):
        return {each.name for each in resource.message_type.fields if is_changed(each)}
    if paths := _paths(request):
        return {path.partition(".")[0] for path in paths}
    given = {each.name: each for each, _ in getattr(request, resource.name).ListFields()}
    return {name for name, each in given.items() if name not in _APART and not _is_answer(each)}


def changes(request: Message, current: Message) -> list[str]:
    """Return the fields to change, in contract order; INVALID_FIELD names those that cannot be changed.

    Without a mask, unchanged fields may be present, such as the kind of a party beside its new name.
    """
    resource = _resource(request)
    fields = resource.message_type.fields_by_name
    asked, named = getattr(request, resource.name), bool(_paths(request))
    faults: list[FieldFault] = []
    found = masked(request)
    for path in sorted(found):
        field = fields.get(path)
        where = "update_mask" if named else f"{resource.name}.{path}"
        if field is None:
            faults.append(FieldFault(where, f"没有字段 {path}。", f"there is no field {path}"))
        elif (unknown := _unknown_inside(request, field)) is not None:
            faults.append(FieldFault(where, f"没有字段 {unknown}。", f"there is no field {unknown}"))
        elif not is_changed(field) and (named or getattr(asked, path) != getattr(current, path)):
            faults.append(FieldFault(where, f"{path} 不可更改。", f"{path} cannot be changed"))
    if faults:
        raise _named(faults, sorted(found))
    paths = [name for name, field in fields.items() if name in found and is_changed(field)]
    if not paths:
        raise invalid([FieldFault("update_mask", "没有要更改的字段。", "names nothing to change")])
    return paths


def merged(request: Message, part: str, current: M) -> M:
    """Return a message within the resource, with the request's changes applied.

    Given fields replace existing ones, fields the mask names (`details.phone`) but that are not given are
    cleared, everything else stays. A mask of `*` replaces the whole message.
    """
    resource = _resource(request)
    asked: M = getattr(getattr(request, resource.name), part)
    found = type(current)()
    if replaces_all(request):
        found.CopyFrom(asked)
        return found
    found.CopyFrom(current)
    paths = set(_paths(request))
    given = {field.name: field for field, _ in asked.ListFields()}
    taken = {path.partition(".")[2] for path in paths if path.startswith(f"{part}.")}
    if part in paths or not taken:
        taken |= given.keys()
    only = type(current)()
    only.CopyFrom(asked)
    for name in taken:
        found.ClearField(name)
    for name in given.keys() - taken:
        only.ClearField(name)
    found.MergeFrom(only)
    return found


def _unknown_inside(request: Message, field: FieldDescriptor) -> str | None:
    """Return the first mask path that does not exist inside a field; only a singular message has subfields."""
    for path in _paths(request):
        top, _, inside = path.partition(".")
        if top != field.name or not inside:
            continue
        if field.message_type is None or field.is_repeated or inside not in field.message_type.fields_by_name:
            return path
    return None


def _named(faults: list[FieldFault], paths: list[str]) -> CaseError:
    error = invalid(faults)
    error.metadata["paths"] = ",".join(paths)[:200]
    return error


def _is_answer(field: FieldDescriptor) -> bool:
    return behaviour.OUTPUT_ONLY in field.GetOptions().Extensions[_BEHAVIOUR]
