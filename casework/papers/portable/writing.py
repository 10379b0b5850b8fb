"""Writes a portable case file: the files of a case, then what says which they are, then the signature over that."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from casework.chain import GENESIS, canonical, instant_of
from casework.papers.portable.container import MOST_BYTES, MOST_FILES, Container

FORMAT = "accord-portable-case/1"
"""Name and version of the format. Another version is another format: nobody guesses what it means."""
ABOUT, MANIFEST, TAGS, SIGNATURE = "about.json", "manifest-sha256.txt", "tagmanifest-sha256.txt", "signature.jws"
BAG, INFO = "bagit.txt", "bag-info.txt"
HISTORY = "data/history.jsonl"
OTHERS = ("intake", "escalation")
"""The services that have a history of the case of their own, beside that in mediation."""
DATA = "data/"
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


@dataclass(frozen=True, slots=True)
class Link:
    """An event with its place in the chain of its case; `shown` is whether more of it leaves than its hashes."""

    number: str
    seq: int
    kind: str
    unit: str
    at: datetime
    actor: str
    payload: Mapping[str, Any]
    content: bytes
    hash: bytes
    shown: bool = True


def history(links: Sequence[Link]) -> bytes:
    """Return a history as lines of JSON. Of what is not shown only the hashes are left, so that no link is missing."""
    return b"".join(canonical(_line(each)) + b"\n" for each in links)


def _line(link: Link) -> dict[str, Any]:
    proof = {"seq": link.seq, "content": link.content.hex(), "hash": link.hash.hex()}
    if not link.shown:
        return {**proof, "closed": True}
    said = {"kind": link.kind, "unit": link.unit, "time": instant_of(link.at), "actor": link.actor}
    return {**proof, **said, "payload": link.payload}


def history_of(service: str) -> str:
    """Return the name of the file with the history of a case in another service."""
    return f"{DATA}history-{service}.jsonl"


def statement(service: str, number: str, content: bytes, at: datetime) -> bytes:
    """Return what a service signs of its history of a case, so that it is taken for no other, nor for a later one."""
    digest = hashlib.sha256(content).hexdigest()
    return canonical({"case": f"cases/{number}", "service": service, "sha256": digest, "time": instant_of(at)})


def ending(content: bytes) -> dict[str, Any]:
    """Return where a history ends, as the description of the file says it."""
    lines = content.splitlines()
    return {"events": len(lines), "head": json.loads(lines[-1])["hash"] if lines else GENESIS.hex()}


def as_json(value: object) -> bytes:
    """Return data as a JSON file for people and programs; the same data gives the same bytes."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1).encode() + b"\n"


def fits(sizes: Sequence[int]) -> bool:
    """Return whether files of these sizes have room in a portable case file."""
    return len(sizes) <= MOST_FILES and sum(sizes) <= MOST_BYTES


class Writer:
    """Writes the portable case file of a case; what it returns is sent on, and no more than a file is held."""

    def __init__(self, number: str) -> None:
        self._number = number
        self._container = Container()
        self._files: list[dict[str, Any]] = []
        self._tags: list[tuple[str, str]] = []

    def add(self, name: str, content: bytes) -> Iterator[bytes]:
        """Yield a file of the case; its name is below `data/`."""
        digest = hashlib.sha256(content).hexdigest()
        self._files.append({"file": name, "size": len(content), "sha256": digest})
        return self._stored(name, content)

    def end(self, about: Mapping[str, Any], sign: Callable[[bytes], str]) -> Iterator[bytes]:
        """Yield the rest: what the files are, signed. `about` says whose case it is and what was left out."""
        oxum = f"{sum(each['size'] for each in self._files)}.{len(self._files)}"
        info = f"Bag-Software-Agent: accord\nExternal-Identifier: cases/{self._number}\nPayload-Oxum: {oxum}\n"
        manifest = "".join(f"{each['sha256']}  {each['file']}\n" for each in self._files)
        yield from self._tag(BAG, DECLARATION)
        yield from self._tag(INFO, info.encode())
        yield from self._tag(MANIFEST, manifest.encode())
        yield from self._tag(ABOUT, as_json({"format": FORMAT, **about, "files": self._files}))
        tags = "".join(f"{digest}  {name}\n" for name, digest in self._tags).encode()
        yield from self._stored(TAGS, tags)
        yield from self._stored(SIGNATURE, sign(tags).encode())
        yield self._container.end()

    def _tag(self, name: str, content: bytes) -> Iterator[bytes]:
        self._tags.append((name, hashlib.sha256(content).hexdigest()))
        return self._stored(name, content)

    def _stored(self, name: str, content: bytes) -> Iterator[bytes]:
        yield self._container.begin(f"{self._number}/{name}", zlib.crc32(content), len(content))
        yield content
