"""Offices of a county that no other test uses, and the people in them: each by the own token alone, over REST.

Nobody here knows a number by heart: what somebody acts on was named by a list or an answer that the same person read
before. What a person reads is looked at as they see it: where words are due there is no code, no resource name, no
account.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from accord.embedded.stack import Stack
from accord.rules_place import SHIPPED
from tests.conftest import request_id
from tests.patience import CALL, PATIENCE
from tests.still import shipped_rules

COUNTIES = (
    "620403", "620421", "620422", "620423", "620502", "620503", "620521", "620522", "620523", "620524", "620621",
    "620622", "620802", "620821", "620822", "620823", "620825", "620826", "621002", "621021", "621022", "621023",
    "621024", "621025", "621026", "621102", "621121", "621122", "621123", "621124", "621125",
    "621202", "621221", "621222", "621223", "621224", "621225", "621226", "621227", "622901", "622921",
    "622922", "622923", "622924", "622925", "622926", "623021", "623022", "623023", "623024", "623025", "623026",
)  # fmt: skip
"""Each is used once: what its people find on their lists is what their own test brought in."""
_NEXT = iter(COUNTIES)
WORDED = {"title", "measure", "evidenceRequired", "nextStep", "phaseWords", "outcome"}
"""Members that a person reads as words, beside every `…DisplayName`."""
OWN = {"nextStep", "phaseWords"}
"""Those that the product words itself, in the language of whoever reads."""
_CODE = re.compile(r"[A-Za-z]+/[\w./-]+|\d{2,15}(-[a-z-]+)?|demo-.*|[a-z]+([_-][a-z]+)+")
_HAN = re.compile(r"[一-鿿]")
Json = dict[str, Any]


def must_be_words(answer: Any, language: str) -> None:
    """Check that no code, resource name or account name stands where a person reads words."""
    if isinstance(answer, list):
        for each in answer:
            must_be_words(each, language)
    elif isinstance(answer, dict):
        for name, value in answer.items():
            is_words = name in WORDED or name.lower().endswith("displayname")
            if isinstance(value, str) and value and is_words:
                assert not _CODE.fullmatch(value), f"{name}: {value}"
                assert name not in OWN or bool(_HAN.search(value)) is (language == "zh"), f"{name}: {value}"
            must_be_words(value, language)


@dataclass
class Person:
    """Somebody of an office, with the token of one role in one unit."""

    rest: httpx.AsyncClient
    token: str
    language: str
    unit: str
    account: str

    async def sends(self, path: str, key: str = "", **body: Any) -> httpx.Response:
        """Do something and return whatever comes."""
        return await self.rest.post(
            f"/v1/{path}", json=body, headers={**self._head, "Idempotency-Key": key or request_id()}
        )

    async def does(self, path: str, **body: Any) -> Json:
        """Do something; it must succeed."""
        return self._told(await self.sends(path, **body))

    async def refused(self, path: str, code: str = "PERMISSION_DENIED", **body: Any) -> None:
        """Check that something is refused for this reason."""
        answer = await self.sends(path, **body)
        assert answer.status_code >= 400, answer.text
        assert answer.json()["code"] == code, answer.text

    async def gets(self, path: str, **query: Any) -> httpx.Response:
        """Read something and return whatever comes."""
        return await self.rest.get(f"/v1/{path}", params=query or None, headers=self._head)

    async def reads(self, path: str, **query: Any) -> Json:
        """Read something; it must succeed, and be in words where words are due."""
        told = self._told(await self.gets(path, **query))
        must_be_words(told, self.language)
        return told

    async def shut_out(self, *paths: str) -> None:
        """Check that these are not theirs to read."""
        for path in paths:
            answer = await self.gets(path)
            assert (answer.status_code, answer.json().get("code")) == (403, "PERMISSION_DENIED"), (
                f"{path}: {answer.text}"
            )

    async def sees(self, path: str) -> Json:
        """Return something once it is theirs to read: a service learns what another one decided a moment later."""
        async with asyncio.timeout(PATIENCE):
            while (await self.gets(path)).status_code == 403:
                await asyncio.sleep(0.2)
        return await self.reads(path)

    async def loses(self, *paths: str) -> None:
        """Wait until these are no longer theirs to read."""
        async with asyncio.timeout(PATIENCE):
            for path in paths:
                while (await self.gets(path)).status_code != 403:
                    await asyncio.sleep(0.2)

    async def ends(self, path: str) -> None:
        """Wait until there is no such thing any more; what a code shows is kept for some seconds."""
        async with asyncio.timeout(PATIENCE):
            while (await self.gets(path)).status_code != 404:
                await asyncio.sleep(1.5)

    async def finds(self, path: str, member: str, fits: Callable[[list[Json]], Any] = len, **query: Any) -> list[Json]:
        """Return what a list has, once it fits; what other services tell of takes a moment."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = list((await self.reads(path, **{"pageSize": 200, **query})).get(member, []))
                if fits(found):
                    return found
                await asyncio.sleep(0.2)

    async def becomes(self, path: str, fits: Callable[[Json], Any], pause: float = 0.2, **query: Any) -> Json:
        """Return what is answered, once it fits."""
        async with asyncio.timeout(PATIENCE):
            while not fits(found := await self.reads(path, **query)):
                await asyncio.sleep(pause)
        return found

    async def slip(self, code: str, phase: str) -> Json:
        """Return how far a matter is by the code of its receipt, once it is there; a code is looked at a few times."""
        told = await self.becomes(
            f"receipts/{code}", lambda now: now["progress"]["phase"] == f"PHASE_{phase}", pause=1.5
        )
        return dict(told["progress"])

    async def steps(self, *names: str, scope: str = "UNIT", **query: Any) -> list[Json]:
        """Return the steps of the own worklist that have these names, once all are there, the most urgent first.

        The list's count is true, what is overdue comes first, and each title is in the reader's language.
        """

        def has(told: Json) -> bool:
            return set(names) <= {each["step"] for each in told["items"]}

        told = await self.becomes("worklist", has, scope=f"WORK_SCOPE_{scope}", pageSize=1000, **query)
        items = told["items"]
        assert told["total"] == len(items) or told["nextPageToken"]
        due = [datetime.fromisoformat(each["dueTime"]) for each in items if each.get("dueTime")]
        assert due == sorted(due), "overdue first, then by date"
        assert told["overdue"] == sum(each["overdue"] for each in items)
        for each in items:
            assert bool(_HAN.search(each["title"])) is (self.language == "zh"), each["title"]
        return [each for each in items if each["step"] in names]

    async def step(self, name: str, scope: str = "UNIT") -> Json:
        """Return the one step of this name on the own worklist."""
        (found,) = await self.steps(name, scope=scope)
        return found

    @property
    def _head(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Accept-Language": self.language}

    @staticmethod
    def _told(answer: httpx.Response) -> Json:
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@dataclass
class Place:
    """A county, its township and village, its city and a county beside it, and whoever works there."""

    rest: httpx.AsyncClient
    stack: Stack
    language: str
    county: str
    beside: str
    township: str
    village: str
    at: str = field(default="")
    """The unit that reports come to: the county, unless told otherwise."""

    @property
    def unit(self) -> str:
        """The resource name of the unit that reports come to."""
        return f"units/{self.at or self.county}"

    def person(self, role: str, unit: str = "", account: str = "") -> Person:
        """Return somebody of the county, of one of its departments (`-labour`), or of another unit."""
        code = f"{self.county}{unit}" if unit.startswith("-") else unit or self.county
        account = account or f"{role.replace('_', '-')}-{request_id()[5:17]}"
        return Person(self.rest, self.stack.token(role, code, account), self.language, code, account)

    def told(self, text: str, category: str = "neighbour", **fields: Any) -> Json:
        """Return a report as the counter takes it down."""
        return {"channel": "CHANNEL_COUNTER", "unit": self.unit, "category": f"categories/{category}", "text": text,
                **fields}  # fmt: skip

    async def comes_in(self, text: str, category: str = "neighbour", **fields: Any) -> Json:
        """Let the counter take a report down; what it answers."""
        clerk = self.person("clerk", self.at)
        return await clerk.does("reports", **self.told(text, category, **fields))

    async def opened(self, text: str, category: str = "neighbour", **fields: Any) -> str:
        """Let the counter take a report down and the duty officer accept it; its case, once every service knows it."""
        filed = await self.comes_in(text, category, **fields)
        duty = self.person("duty_officer", self.at)
        await duty.does(f"{filed['name']}:accept")
        async with asyncio.timeout(PATIENCE):
            for path in (filed["case"], f"{filed['case']}/escalations"):
                while (await duty.gets(path)).status_code != 200:
                    await asyncio.sleep(0.1)
        return str(filed["case"])


@asynccontextmanager
async def place_of(stack: Stack, language: str) -> AsyncIterator[Place]:
    """Return a county that nobody used yet, whose people read this language."""
    tree, county = shipped_rules(SHIPPED).units, next(_NEXT)
    beside = next(each for each in tree.children(county[:4]) if each.isdigit() and each not in COUNTIES)
    township = next(each for each in tree.children(county) if each.isdigit())
    village = next(each for each in tree.children(township) if each.isdigit())
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Place(rest, stack, language, county, beside, township, village)
