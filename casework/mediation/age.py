"""Age: from the date of birth that is known, on the day that counts, whatever anybody ticked."""

from __future__ import annotations

import re
from datetime import date

from casework.errors import Reason, field_error

MAJORITY = 18
"""民法典 art. 17: who is under eighteen is a minor. Who is sixteen and lives by own work (art. 18) is asked beside the
guardian here as well: the guardian adds a presence and takes no word away."""

_ID = re.compile(r"[1-9]\d{5}((?:19|20)\d{2})(\d{2})(\d{2})\d{3}[\dXx]")


def birth_of(birth_date: str, id_number: str) -> date | None:
    """Return when somebody was born, by the date given or else by the identity number; None where neither says."""
    return _date(birth_date) or born_by(id_number)


def born_by(id_number: str) -> date | None:
    """Return the date of birth in an identity number of eighteen figures; None where it is no such number."""
    found = _ID.fullmatch(id_number)
    return _date("-".join(found.groups())) if found else None


def check_birth(birth_date: str, id_number: str, today: date, field: str) -> None:
    """Raise unless a date of birth is one, is not to come, and is that of the identity number."""
    if not birth_date:
        return
    born, other = _date(birth_date), born_by(id_number)
    if born is None or not date(1900, 1, 1) <= born <= today:
        raise field_error(field, Reason.INVALID_FIELD, "date of birth")
    if other is not None and other != born:
        raise field_error(field, Reason.CONTRADICTED, "id_number")


def comes_of_age(born: date) -> date:
    """Return the first day on which somebody is of age; who was born on 29 February is so on 1 March."""
    try:
        return born.replace(year=born.year + MAJORITY)
    except ValueError:
        return date(born.year + MAJORITY, 3, 1)


def is_minor(born: date | None, on: date) -> bool:
    """Return whether somebody was a minor on a day; of whom no date is known, what was declared must do."""
    return born is not None and on < comes_of_age(born)


def _date(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None
