"""The subject of an escalation or a letter: a matter or a part of one, never a party or another person in it."""

from __future__ import annotations

from casework import names
from casework.errors import Reason, field_error

_PERSONS = frozenset({"parties", "companions", "mediators", "experts", "officials", "users", "accessLog", "caucuses"})


def must_be_matter(field: str, subject: str, number: str = "") -> None:
    """Raise INVALID_FIELD if a subject names a person or, if a number is given, a different file."""
    if not subject:
        return
    collections = subject.split("/")[0::2]
    if _PERSONS & set(collections):
        raise field_error(field, Reason.INVALID_FIELD, "a matter, never a person in it")
    if number and names.number_of(subject) != number:
        raise field_error(field, Reason.INVALID_FIELD, names.file_name(number))
