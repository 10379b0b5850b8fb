"""Age on a given day, computed from the known date of birth; a declared age counts only if there is none."""

from __future__ import annotations

import re
from datetime import date

from casework.errors import Reason, field_error

MAJORITY = 18
"""民法典 art. 17: a person under eighteen is a minor. Here this includes a minor of sixteen who lives on their own
income (art. 18): the guardian is present, but does not speak in place of the minor."""

_ID = re.compile(r"[1-9]\d{5}((?:19|20)\d{2})(\d{2})(\d{2})\d{3}[\dXx]")


def birth_of(birth_date: str, id_number: str) -> date | None:
    """Return the date of birth, from the date given or else from the identity number; None if neither gives it."""
    return _date(birth_date) or born_by(id_number)


def born_by(id_number: str) -> date | None:
    """Return the date of birth in an identity number of eighteen figures; None if it is no such number."""
    found = _ID.fullmatch(id_number)
    return _date("-".join(found.groups())) if found else None


def check_birth(birth_date: str, id_number: str, today: date, field: str) -> None:
    """Raise unless a date of birth is valid, not in the future, and matches the identity number."""
    if not birth_date:
        return
    born, other = _date(birth_date), born_by(id_number)
    if born is None or not date(1900, 1, 1) <= born <= today:
        raise field_error(field, Reason.INVALID_FIELD, "date of birth")
    if other is not None and other != born:
        raise field_error(field, Reason.CONTRADICTED, "id_number")


def comes_of_age(born: date) -> date:
    """Return the first day on which a person is of age; 1 March for a person born on 29 February."""
    try:
        return born.replace(year=born.year + MAJORITY)
    except ValueError:
        return date(born.year + MAJORITY, 3, 1)


def is_minor(born: date | None, on: date) -> bool:
    """Return whether a person was a minor on a day; as declared if the date of birth is not known."""
    return born is not None and on < comes_of_age(born)


def _date(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None
