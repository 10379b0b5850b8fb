"""Partners whose systems are asked: page by page, each answered there; then they are told what became of items."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from starlette.types import Receive, Scope, Send

from accord.embedded.stack import Stack
from tests.conftest import COUNTY, request_id
from tests.patience import PATIENCE
from tests.receivers import Receiver
from tests.test_partner_files import ended, started

PARTNER = "620105-police"
SECRET = "a-token-of-theirs"
NETWORK = {"ACCORD_PULL_TOKEN": SECRET, "ACCORD_HOOK_NETWORKS": "127.0.0.0/8"}


@dataclass
class System(Receiver):
    """A system of the police that gives what it has in pages, and is told."""

    items: list[Any] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    """What it gives beside its pages, by path."""
    says: dict[str, int] = field(default_factory=dict)
    """What is answered to a method, instead of 200."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        method, headers = scope["method"], dict(scope["headers"])
        status = self.says.get(method, 200 if headers.get(b"authorization") == f"Bearer {SECRET}".encode() else 401)
        content = b""
        if status == 200 and scope["path"].startswith("/files/"):
            status, content = (200, self.files[scope["path"]]) if scope["path"] in self.files else (404, b"")
        elif status == 200 and method == "GET":
            after = parse_qs(scope["query_string"].decode(), keep_blank_values=True)["after"][0]
            self.asked.append(after)
            end = int(after or 0) + 2
            page = {"items": self.items[end - 2 : end], "cursor": str(min(end, len(self.items)))}
            content = json.dumps({**page, "more": end < len(self.items)}).encode()
        elif status == 200:
            self.told.append(json.loads(body))
        location = [(b"location", b"http://127.0.0.1:9/")] if status == 302 else []
        answer = [(b"content-length", str(len(content)).encode()), *location]
        await send({"type": "http.response.start", "status": status, "headers": answer})
        await send({"type": "http.response.body", "body": content})

    def answered(self) -> list[dict[str, Any]]:
        """Return the answers to items, as they came."""
        return [each for told in self.told for each in told.get("answers", [])]


@pytest.fixture
async def system() -> AsyncIterator[System]:
    made = System(0)
    await made.start()
    yield made
    await made.stop()


def item(mark: str, number: int, **fields: Any) -> dict[str, Any]:
    return {
        "警情编号": f"{mark}-{number}", "警情类别": "邻里纠纷", "area": "620105", "简要警情": "楼上漏水，双方争吵。",
        "peopleAffected": 2, "reporter": {"phone": "13900000003"}, **fields,
    }  # fmt: skip


async def test_what_a_partner_has_is_asked_for_answered_there_once_and_followed(
    stack: Stack, system: System, tmp_path: Path
) -> None:
    mark = request_id()[:12]
    system.items = [
        item(mark, 1), item(mark, 2, area="110101"), "no item", item(mark, 4, 简要警情=""), {"x" * 201: {"a": 1}},
        item(mark, 5),
    ]  # fmt: skip
    words = ("pull", system.url, "--keep", str(tmp_path))

    # The answers are lost: the items are there, and nothing counts as asked for.
    system.says = {"POST": 503}
    status, said = await ended(await started(stack, PARTNER, *words, **NETWORK))
    assert (status, "http-503" in said) == (2, True), said
    assert not (tmp_path / "pulled.json").exists()

    system.says, system.asked = {}, []
    program = await started(stack, PARTNER, *words, "--every", "0.2", **NETWORK)
    try:
        await system.until(lambda: len(system.answered()) == len(system.items), PATIENCE)
        assert [each.get("number", "") for each in system.answered()] == [
            f"{mark}-1", f"{mark}-2", "", f"{mark}-4", "", f"{mark}-5"
        ]  # fmt: skip
        assert [each.get("field", "") for each in system.answered()] == ["", "area", "", "简要警情", "", ""]
        first, *_, last = system.answered()
        assert (first["repeated"], last.get("repeated", False)) == (True, False)
        assert system.asked[:3] == ["", "2", "4"]

        system.items.append(item(mark, 6))
        await system.until(lambda: len(system.answered()) == len(system.items), PATIENCE)
        reports = {each["report"] for each in system.answered() if "report" in each}
        await system.until(lambda: reports <= {each["item"].get("report") for each in changes(system)}, PATIENCE)
    finally:
        program.kill()
        await program.communicate()
    places = [int(each["sequence"]) for each in changes(system)]
    assert places == sorted(set(places))

    other = await ended(await started(stack, f"{COUNTY}-police", *words, **NETWORK))
    assert other[0] == 2
    assert PARTNER in other[1]


async def test_files_that_go_with_an_item_are_fetched_from_the_same_system_and_answered_each(
    stack: Stack, system: System, tmp_path: Path
) -> None:
    mark, origin = request_id()[:12], "/".join(system.url.split("/")[:3])
    system.files = {"/files/1.pdf": b"%PDF-1.7\n", "/files/2.pdf": b"MZ\x90\0\3"}
    attached: list[Any] = [
        {"id": "1", "url": f"{origin}/files/1.pdf", "title": "移送函"}, {"id": "2", "url": f"{origin}/files/2.pdf"},
        {"id": "3", "url": f"{origin}/files/3.pdf"}, {"id": "4", "url": "http://127.0.0.1:9/files/1.pdf"},
        {"id": "5", "url": f"{origin}/files/5.exe"}, {"url": f"{origin}/files/1.pdf"}, "nothing",
    ]  # fmt: skip
    system.items = [item(mark, 1, attachments=attached), item(mark, 2, 附件=attached[:1])]
    status, said = await ended(
        await started(stack, PARTNER, "pull", system.url, "--keep", str(tmp_path), **NETWORK)
    )  # fmt: skip
    assert (status, "not read" in said) == (0, False), said
    first, second = system.answered()
    assert [(each["id"], each.get("reason", ""), each.get("field", "")) for each in first["attachments"]] == [
        ("1", "", ""), ("2", "FILE_REFUSED", "mediaType"), ("3", "NOT_FOUND", "url"), ("4", "INVALID_FIELD", "url"),
        ("5", "FILE_REFUSED", "mediaType"), ("", "INVALID_FIELD", "id"), ("", "INVALID_FIELD", "id"),
    ]  # fmt: skip
    assert second["attachments"] == [{"id": "1", "taken": True}]


def changes(system: System) -> list[dict[str, Any]]:
    """Return what became of items, as it was told."""
    return [each for told in system.told for each in told.get("changes", [])]


async def test_no_address_within_is_asked_and_no_redirect_is_followed(
    stack: Stack, system: System, tmp_path: Path
) -> None:
    inside = system.url.replace("127.0.0.1", "localhost").replace("http:", "https:")
    for url, networks, why in (
        (system.url, "", "must begin with https://"), (inside, "", "address-refused"),
        (system.url, "10.0.0.0/8", "not allowed"), (system.url, "nonsense", "--network"),
    ):  # fmt: skip
        env = {**NETWORK, "ACCORD_HOOK_NETWORKS": networks}
        status, said = await ended(await started(stack, PARTNER, "pull", url, "--keep", str(tmp_path), **env))
        assert (status, why in said) == (2, True), said
    system.says = {"GET": 302}
    status, said = await ended(await started(stack, PARTNER, "pull", system.url, "--keep", str(tmp_path), **NETWORK))
    assert (status, "http-302" in said) == (2, True), said
    assert system.asked == []
    assert SECRET not in said

    # What is asked for beside the address may be a key of theirs.
    system.says = {"GET": 204}
    words = ("pull", f"{system.url}?key={SECRET}", "--keep", str(tmp_path))
    status, said = await ended(await started(stack, PARTNER, *words, **NETWORK))
    assert (status, "is not an object" in said, SECRET in said) == (2, True, False), said
