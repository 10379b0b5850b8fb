"""Officials as papers name them: who an account is, in which post of which unit, on which days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from casework.errors import Reason, field_error
from casework.units import prefix


@dataclass(frozen=True, slots=True)
class Official:
    """Somebody in a post: from a day, and up to a day if it ended."""

    account: str
    display_name: str
    post: str
    unit: str
    since: date
    until: date | None = None
    signs: bool = False

    def on(self, day: date) -> bool:
        """Tell whether they were in this post on a day."""
        return self.since <= day and (self.until is None or day <= self.until)


class Officials:
    """The officials of a list, by account and day."""

    def __init__(self, listed: Iterable[Official] = ()) -> None:
        self._by_account: dict[str, list[Official]] = defaultdict(list)
        for each in sorted(listed, key=lambda each: each.since):
            before = self._by_account[each.account][-1:]
            if before and (before[0].until is None or before[0].until >= each.since):
                raise ValueError("an account has two posts on one day")
            self._by_account[each.account].append(each)

    def __iter__(self) -> Iterator[Official]:
        """Iterate over all of them."""
        return (each for posts in self._by_account.values() for each in posts)

    def __contains__(self, account: str) -> bool:
        """Tell whether the list says anything of an account."""
        return account in self._by_account

    def find(self, account: str, day: date) -> Official | None:
        """Return who an account was on a day; None if the list does not say."""
        return next((each for each in self._by_account.get(account, ()) if each.on(day)), None)

    def of(self, unit: str, day: date) -> list[Official]:
        """Return who has a post in this very unit on a day, by account."""
        return [each for _, listed in sorted(self._by_account.items()) for each in listed
                if each.unit == unit and each.on(day)]  # fmt: skip


def nearest(entries: Iterable[Official], unit: str, day: date) -> Official | None:
    """Return who acted on a day in a matter of a unit; None if no entry says.

    Of posts in several units it is the one nearest to the matter. A unit beside it says nothing about its people: an
    entry that another county made for this one's account names nobody here.
    """
    there = [each for each in entries if each.on(day) and _apart(each.unit, unit) is not None]
    return min(there, key=lambda each: (_apart(each.unit, unit) or 0, each.unit != unit, each.unit), default=None)


def _apart(one: str, other: str) -> int | None:
    """Return how many digits two units are apart, None if neither area lies in the other."""
    areas = sorted((prefix(one.partition("-")[0]), prefix(other.partition("-")[0])), key=len)
    return len(areas[1]) - len(areas[0]) if areas[1].startswith(areas[0]) else None


def check_term(first: date, last: date | None, others: Iterable[Official], at: str = "official.") -> None:
    """Raise a field error if a term ends before it begins, or shares a day with another one of the same account."""
    if last is not None and last < first:
        raise field_error(f"{at}last_date", Reason.INVALID_FIELD, "before first_date")
    for each in others:
        if each.until is not None and each.until < each.since:
            continue  # a mistake that was taken back
        if (each.until is None or first <= each.until) and (last is None or each.since <= last):
            raise field_error(f"{at}first_date", Reason.ALREADY_EXISTS, "has a post here on some of these days already")
