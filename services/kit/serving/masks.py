"""Partial updates (AIP-134): the fields named by the mask, or without one those that are set."""

from __future__ import annotations

from typing import Any

from google.api import field_behavior_pb2 as behaviour
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from casework.errors import CaseError, FieldFault
from services.kit.serving.errors import invalid

_BEHAVIOUR: Any = behaviour.field_behavior
_KEPT = {behaviour.IDENTIFIER, behaviour.IMMUTABLE}
_APART = {"name", "etag"}


def resource_of(request: Descriptor) -> Any:
    """Return the field of a request with the resource to change; None if the request is not such a change."""
    if "update_mask" not in request.fields_by_name:
        return None
    return next(field for field in request.fields if field.message_type is not None and field.name != "update_mask")


def is_changed(field: FieldDescriptor) -> bool:
    """Return whether a field of a resource may be changed after creation."""
    found = set(field.GetOptions().Extensions[_BEHAVIOUR])
    return field.name not in _APART and not found & {*_KEPT, behaviour.OUTPUT_ONLY}


def replaces_all(request: Any) -> bool:
    """Return whether the mask is `*`, the whole resource: fields left out are cleared."""
    return list(request.update_mask.paths) == ["*"]


def masked(request: Any) -> set[str]:
    """Return the fields of the resource that the request would change, whether or not that is allowed."""
    field = resource_of(request.DESCRIPTOR)
    assert field is not None, "asked of changes alone"
    if replaces_all(request):
        return {each.name for each in field.message_type.fields if is_changed(each)}
    if request.update_mask.paths:
        return {path.partition(".")[0] for path in request.update_mask.paths}
    given = {each.name: each for each, _ in getattr(request, field.name).ListFields()}
    return {name for name, each in given.items() if name not in _APART and not _is_answer(each)}


def changes(request: Any, current: Message) -> list[str]:
    """Return the fields to change, in contract order; INVALID_FIELD names those that cannot be changed.

    Without a mask, unchanged fields may be present, such as the kind of a party beside its new name.
    """
    resource = resource_of(request.DESCRIPTOR)
    assert resource is not None, "asked of changes alone"
    fields = resource.message_type.fields_by_name
    asked, named = getattr(request, resource.name), bool(request.update_mask.paths)
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


def merged(request: Any, part: str, current: Message) -> Any:
    """Return a message within the resource, with the request's changes applied.

    Given fields replace existing ones, fields the mask names (`details.phone`) but that are not given are
    cleared, everything else stays. A mask of `*` replaces the whole message.
    """
    resource = resource_of(request.DESCRIPTOR)
    assert resource is not None, "asked of changes alone"
    asked = getattr(getattr(request, resource.name), part)
    found = type(current)()
    if replaces_all(request):
        found.CopyFrom(asked)
        return found
    found.CopyFrom(current)
    paths = set(request.update_mask.paths)
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


def _unknown_inside(request: Any, field: FieldDescriptor) -> str | None:
    """Return the first mask path that does not exist inside a field; only a singular message has subfields."""
    for path in request.update_mask.paths:
        top, _, inside = path.partition(".")
        if top != field.name or not inside:
            continue
        if field.message_type is None or field.is_repeated or inside not in field.message_type.fields_by_name:
            return str(path)
    return None


def _named(faults: list[FieldFault], paths: list[str]) -> CaseError:
    error = invalid(faults)
    error.metadata["paths"] = ",".join(paths)[:200]
    return error


def _is_answer(field: FieldDescriptor) -> bool:
    return behaviour.OUTPUT_ONLY in field.GetOptions().Extensions[_BEHAVIOUR]
