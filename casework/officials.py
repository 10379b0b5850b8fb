"""Officials as papers name them: who an account is, in which post of which unit, on which days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Official:
    """Somebody in a post: from a day, and up to a day if it ended."""

    account: str
    display_name: str
    post: str
    unit: str
    since: date
    until: date | None = None

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

    def find(self, account: str, day: date) -> Official | None:
        """Return who an account was on a day; None if the list does not say."""
        return next((each for each in self._by_account.get(account, ()) if each.on(day)), None)
