"""Items that a partner's system is asked for: page by page by its cursor, each answered there before the next.

The cursor is kept on disk after the answers were taken. Killed anywhere, the same page is asked for again: its items
are repeats by their numbers. Then what became of items is told there, and of what was handed over to mediation, each in
order; the places in these orders are kept too.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from accord.embedded.folder import StackError
from accord.importing.rejection import RowReason
from accord.importing.source import flat, parsed, text_fault
from accord.partners.attached import LARGE, MISSING, TYPE, NotAttached, media_type_of
from accord.partners.door import Attached, PartnerDoor
from accord.partners.files import BATCH, write
from accord.partners.table import ATTACHMENTS, REQUIRED, ItemReader, ItemRefusedError, plain
from casework.door.programs.hooks import fault_of
from casework.door.programs.partner import FileRule
from casework.errors import Reason
from casework.papers.file_type import LARGEST
from workflows.hooks.posting import Poster

MOST = 500
"""Items of a page."""
_LARGEST = 8 * 1024 * 1024
_PAGES = 1_000
"""Pages asked for in a row, before what became of items is told."""
_LONGEST_CURSOR = 2_000
_ATTACHED = 20
"""Files of an item that are looked at."""
_NOT_THERE = ("http-404", "http-410")
_ELSEWHERE = ("需要 id，以及与来源系统同一地址下的 url。", "needs an id, and a url at the system that is asked")
Networks = Sequence[IPv4Network | IPv6Network]


class PullError(StackError):
    """The partner's system cannot be asked, or does not answer as agreed. Nothing of the page was taken as done."""


@dataclass(slots=True)
class Place:
    """How far a partner was asked, and told."""

    unit: str
    url: str
    cursor: str = ""
    after: int = 0
    dockings: int = 0


@dataclass(slots=True)
class Pulled:
    """What a turn came to."""

    taken: int = 0
    refused: int = 0
    told: int = 0
    unread: set[str] = field(default_factory=set)
    """Names of what is not read of items."""


class Puller:
    """Asks one partner. `url` gives pages; answers and changes are posted to `answers`."""

    def __init__(
        self, poster: Poster, url: str, answers: str, token: str, rule: FileRule, door: PartnerDoor, folder: Path
    ) -> None:  # fmt: skip
        self._poster, self._url, self._answers, self._rule, self._door = poster, url, answers, rule, door
        self._named = url.partition("?")[0]
        self._headers = {"accept": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        self._file = folder / "pulled.json"
        self._place = self._kept()

    async def turn(self) -> Pulled:
        """Ask for everything there is, then tell what became of items."""
        pulled = Pulled()
        for _ in range(_PAGES):
            items, cursor, more = await self._page()
            if items:
                answers = await self._hand_on(items, pulled)
                await self._tell(cursor=cursor, answers=answers)
                pulled.taken += sum("report" in each for each in answers)
                pulled.refused += sum("report" not in each for each in answers)
            moved = cursor != self._place.cursor
            self._place.cursor = cursor
            self._keep()
            if not more or not moved:
                break
        while changes := await self._door.changes(self._place.after):
            await self._tell(changes=changes)
            self._place.after = int(changes[-1]["sequence"])
            self._keep()
            pulled.told += len(changes)
        while changes := await self._door.dockings(self._place.dockings):
            await self._tell(dockings=changes)
            self._place.dockings = int(changes[-1]["sequence"])
            self._keep()
            pulled.told += len(changes)
        return pulled

    async def _page(self) -> tuple[list[Any], str, bool]:
        """Return a page of items, the cursor behind it, and whether there is more."""
        query = urlencode({"after": self._place.cursor, "max": MOST})
        found = await self._exchange("GET", f"{self._url}{'&' if '?' in self._url else '?'}{query}")
        try:
            page = parsed(found)
            if not isinstance(page, dict):
                raise TypeError
            items, cursor, more = page["items"], page["cursor"], page.get("more", False)
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            raise PullError(f"{self._named}: is not an object with items and cursor") from None
        if not isinstance(items, list) or len(items) > MOST:
            raise PullError(f"{self._named}: items is not a list of at most {MOST}")
        if not isinstance(cursor, str) or len(cursor) > _LONGEST_CURSOR or text_fault(cursor):
            raise PullError(f"{self._named}: cursor is not a text of at most {_LONGEST_CURSOR} characters")
        return items, cursor, bool(more)

    async def _hand_on(self, items: Sequence[Any], pulled: Pulled) -> list[dict[str, Any]]:
        """Return the answer to each item, in order."""
        theirs = frozenset({ATTACHMENTS, self._rule.columns.get(ATTACHMENTS, ATTACHMENTS)})
        attached = [_attached(each, theirs) for each in items]
        rows = [_row(each, theirs) for each in items]
        # What every item must have is asked of each, whether or not any of them has it.
        needed = [self._rule.columns.get(name, name) for name in REQUIRED]
        given = list(dict.fromkeys(key for row in rows for key in row))
        own = [name for name, heading in zip(REQUIRED, needed, strict=True) if not {name, heading} & set(given)]
        headings = [*given, *own]
        reader = ItemReader(self._rule, headings)
        pulled.unread.update(reader.unread)
        answers: list[dict[str, Any]] = [{} for _ in items]
        good: dict[int, dict[str, Any]] = {}
        for place, row in enumerate(rows):
            try:
                if not row or text_fault("".join(row.values())):
                    raise ItemRefusedError.of("", RowReason.UNREADABLE_ROW)
                good[place] = plain(reader.read([row.get(heading, "") for heading in headings]))
            except ItemRefusedError as error:
                answers[place] = {
                    "number": error.number, "state": "ITEM_STATE_REFUSED", "reason": error.reason,
                    "field": error.heading, "message": error.message(self._door.language),
                }  # fmt: skip
        places = list(good)
        for at in range(0, len(places), BATCH):
            chosen = places[at : at + BATCH]
            results = await self._door.submit([good[place] for place in chosen])
            for place, result in zip(chosen, results, strict=True):
                named = {"field": reader.heading(result["field"])} if result.get("field") else {}
                answers[place] = {name: value for name, value in {**result, **named}.items() if value not in ("", None)}
                if "report" in answers[place] and attached[place]:
                    answers[place]["attachments"] = [
                        await self._attach(str(result["number"]), each) for each in attached[place]
                    ]
        return answers

    async def _attach(self, number: str, said: object) -> dict[str, Any]:
        """Fetch a file that goes with an item from the partner's system and attach it; return what is answered."""
        told = said if isinstance(said, dict) else {}
        file_id, url, file_name, title = (_text(told, name) for name in ("id", "url", "fileName", "title"))
        media_type = _text(told, "mediaType") or media_type_of(file_name or url.partition("?")[0])
        answer: dict[str, Any] = {"id": file_id}
        if not file_id or _origin(url) != _origin(self._url) or not (url.isascii() and url.isprintable()):
            # The token of their system goes to nobody else.
            field, message = "url" if file_id else "id", _ELSEWHERE[self._door.language == "en"]
            return answer | {"reason": Reason.INVALID_FIELD, "field": field, "message": message}
        content = await self._fetched(url, file_name or file_id) if media_type else None
        if not isinstance(content, bytes):
            refused = content or NotAttached(Reason.FILE_REFUSED, TYPE, file_name or file_id)
            field = "url" if media_type else "mediaType"
            return answer | {"reason": refused.reason, "field": field, "message": refused.message(self._door.language)}
        result = await self._door.attach(number, Attached(file_id, media_type, content, file_name, title))
        return answer | ({"taken": True} if "name" in result else result)

    async def _fetched(self, url: str, name: str) -> bytes | NotAttached:
        """Return a file of the partner's system; one that is not there, or is too large, is refused alone."""
        found = await self._poster.exchange("GET", url, self._headers | {"accept": "*/*"}, b"", LARGEST)
        if found.fault in _NOT_THERE:
            return NotAttached(Reason.NOT_FOUND, MISSING, name)
        if found.fault:
            raise PullError(f"{url.partition('?')[0]}: {found.fault}")
        return found.body if len(found.body) <= LARGEST else NotAttached(Reason.FILE_REFUSED, LARGE, name)

    async def _tell(self, **what: object) -> None:
        await self._exchange("POST", self._answers, orjson.dumps(what))

    async def _exchange(self, method: str, url: str, body: bytes = b"") -> bytes:
        headers = self._headers | ({"content-type": "application/json"} if body else {})
        found = await self._poster.exchange(method, url, headers, body, _LARGEST)
        if found.fault:
            raise PullError(f"{url.partition('?')[0]}: {found.fault}")
        if len(found.body) > _LARGEST:
            raise PullError(f"{self._named}: answers with more than {_LARGEST:,} bytes")
        return found.body

    def _kept(self) -> Place:
        """Return how far it has come; StackError where the folder is another partner's."""
        if not self._file.exists():
            return Place(self._door.unit, self._url)
        try:
            kept = Place(**orjson.loads(self._file.read_bytes()))
        except (orjson.JSONDecodeError, TypeError):
            raise StackError(f"{self._file}: is not what this program keeps") from None
        if (kept.unit, kept.url) != (self._door.unit, self._url):
            raise StackError(f"{self._file}: is kept for {kept.unit} at {kept.url.partition('?')[0]}")
        return kept

    def _keep(self) -> None:
        write(self._file, orjson.dumps(asdict(self._place)))


def _attached(item: object, names: Set[str]) -> list[Any]:
    """Return what an item says of the files that go with it, under one of these names."""
    told = [item[name] for name in names if name in item] if isinstance(item, dict) else []
    return [each for found in told if isinstance(found, list) for each in found][:_ATTACHED]


def _text(told: dict[str, Any], name: str) -> str:
    said = told.get(name)
    return "" if not isinstance(said, str) or text_fault(said) else said.strip()


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])


def _row(item: object, without: Set[str]) -> dict[str, str]:
    """Return what an item says by the names of its fields, but for these; nothing where it cannot be read."""
    try:
        if not isinstance(item, dict):
            return {}
        return flat({name: value for name, value in item.items() if name not in without})
    except (ValueError, RecursionError):
        return {}


def must_be_allowed(url: str, networks: Networks) -> None:
    """Raise StackError for an address that may not be asked, as far as its text shows."""
    if fault := fault_of(url, networks):
        raise StackError(f"{url.partition('?')[0]}: {fault}")
