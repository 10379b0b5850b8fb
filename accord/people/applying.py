"""Compares entries of a file of people with the lists of a server, and applies what is new, over REST as one person."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import httpx

from accord.embedded.folder import StackError
from accord.people.entries import Absence, Post
from casework.clocks.calendar import LOCAL

_SECONDS = 30.0
_PAGE = 200


@dataclass(frozen=True)
class Step:
    """What is to be done for one entry: `new`, `ends`, `same`, `over`, or `differs`, which is left to a person."""

    number: int
    entry: Post | Absence
    what: str
    name: str = ""
    etag: str = ""


class Lists:
    """The lists of officials and of absences, as one person may read and change them."""

    def __init__(self, server: str, token: str) -> None:
        headers = {"authorization": f"Bearer {token}", "accept-language": "en"}
        self._client = httpx.Client(base_url=server, headers=headers, timeout=_SECONDS)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def compare(self, entries: Sequence[tuple[int, Post | Absence]]) -> list[Step]:
        """Return what is to be done, entry by entry."""
        units = sorted({entry.unit for _, entry in entries})
        posts = {unit: list(self._listed(unit, "officials", includeEnded="true")) for unit in units}
        away = {unit: list(self._listed(unit, "absences")) for unit in units}
        return [
            _post(number, entry, posts[entry.unit]) if isinstance(entry, Post)
            else _absence(number, entry, away[entry.unit])
            for number, entry in entries
        ]  # fmt: skip

    def apply(self, step: Step) -> str:
        """Do one step; return the server's words if it is refused, else nothing. Doing it again does nothing more."""
        entry = step.entry
        if step.what == "ends":
            assert isinstance(entry, Post)
            body = {"lastDate": _date(entry.until), "etag": step.etag}
            return self._send(f"/v1/{step.name}:end", body, f"end {step.name} {step.etag} {entry.until}")
        told: dict[str, Any] = {"unit": f"units/{entry.unit}", "firstDate": _date(entry.since)}
        told |= {"lastDate": _date(entry.until)} if entry.until else {}
        # Of what one request is known to be the same: nothing that says who an account is.
        once = f"{entry.unit} {entry.account} {entry.since} {entry.until}"
        if isinstance(entry, Absence):
            told |= {"official": entry.account, "cover": entry.cover}
            return self._send("/v1/absences", told, f"absence {once} {entry.cover}")
        told |= {"account": entry.account, "signs": entry.signs}
        told["person"] = {"displayName": entry.display_name, "post": entry.post}
        return self._send("/v1/officials", told, f"post {once}")

    def _send(self, path: str, body: dict[str, Any], once: str) -> str:
        key = f"people-{hashlib.sha256(once.encode()).hexdigest()[:40]}"
        answer = self._asked("POST", path, json=body, headers={"idempotency-key": key})
        if answer.is_success:
            return ""
        if answer.status_code in (401, 429) or answer.status_code >= 500:
            raise StackError(f"{answer.request.url.host} {_words(answer)}; what was done stays done, run it again")
        return _words(answer)

    def _listed(self, unit: str, kind: str, **more: str) -> Iterator[dict[str, Any]]:
        asked = {"unit": f"units/{unit}", "pageSize": str(_PAGE), **more}
        while True:
            answer = self._asked("GET", f"/v1/{kind}", params=asked)
            if not answer.is_success:
                raise StackError(f"the {kind} of {unit} cannot be read: {_words(answer)}")
            told = answer.json()
            yield from (each for each in told.get(kind, []) if each["unit"] == f"units/{unit}")
            if not told.get("nextPageToken"):
                return
            asked["pageToken"] = told["nextPageToken"]

    def _asked(
        self, method: str, path: str, json: object = None, params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:  # fmt: skip
        try:
            return self._client.request(method, path, json=json, params=params, headers=headers)
        except httpx.HTTPError as error:
            raise StackError(f"{self._client.base_url.host} does not answer: {error or type(error).__name__}") from None


def _post(number: int, entry: Post, listed: list[dict[str, Any]]) -> Step:
    there = [each for each in listed if each["account"] == entry.account and _read(each, "firstDate") == entry.since]
    if not there:
        return Step(number, entry, "new")
    # An entry that was taken back ends the day before its first; a later one is the one that counts.
    found = max(there, key=lambda each: _read(each, "lastDate") or date.max)
    last, person = _read(found, "lastDate"), found.get("person", {})
    if (person.get("displayName"), person.get("post"), found.get("signs", False)) != (
        entry.display_name, entry.post, entry.signs,
    ):  # fmt: skip
        return Step(number, entry, "differs", found["name"])
    if last == entry.until:
        return Step(number, entry, "same", found["name"])
    ends = entry.until is not None and (last is None or entry.until < last)
    return Step(number, entry, "ends" if ends else "differs", found["name"], found.get("etag", ""))


def _absence(number: int, entry: Absence, listed: list[dict[str, Any]]) -> Step:
    there = [each for each in listed if each["official"] == entry.account and _read(each, "firstDate") == entry.since]
    if not there:
        return Step(number, entry, "over" if entry.until < datetime.now(LOCAL).date() else "new")
    same = there[0]["cover"] == entry.cover and _read(there[0], "lastDate") == entry.until
    return Step(number, entry, "same" if same else "differs", there[0]["name"])


def _date(day: date | None) -> dict[str, int]:
    assert day is not None
    return {"year": day.year, "month": day.month, "day": day.day}


def _read(told: dict[str, Any], name: str) -> date | None:
    day = told.get(name)
    return date(day["year"], day["month"], day["day"]) if day else None


def _words(answer: httpx.Response) -> str:
    try:
        told = answer.json()
        faults = [f"{each['field']}: {each['message']}" for each in told.get("errors", [])]
        return f"{told['code']}: {'; '.join(faults) or told['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"answers {answer.status_code}"
