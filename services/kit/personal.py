"""The document in which a person's own data is handed out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from pb.privacy.v1 import case_file_pb2 as pb

from casework.papers.scan import WORD
from services.kit.word import Section, paper


class Filed(Protocol):
    """A message that holds a file."""

    content: bytes
    media_type: str
    sha256: str
    file_name: str


class Paper:
    """A document being written, in one language; empty parts are left out."""

    def __init__(self, language: str) -> None:
        self._english = language == "en"
        self._sections: list[Section] = []

    def say(self, zh: str, en: str) -> str:
        """Return the text in the document's language."""
        return en if self._english else zh

    def facts(self, zh: str, en: str, facts: Iterable[tuple[str, str, str]]) -> None:
        """Write a table of facts, each with its label in both languages."""
        rows = [(self.say(label_zh, label_en), value) for label_zh, label_en, value in facts if value]
        self._sections.append(Section(self.say(zh, en), rows))

    def lines(self, zh: str, en: str, lines: Sequence[str]) -> None:
        """Write a section of paragraphs."""
        if lines:
            self._sections.append(Section(self.say(zh, en), [(line,) for line in lines]))

    def put(self, message: Filed, file_name: str) -> None:
        """Put the file into a message."""
        law = self.say(
            "依据《中华人民共和国个人信息保护法》第四十五条提供。仅含本人的信息。",
            "Provided under article 45 of the Personal Information Protection Law. It holds your own data alone.",
        )
        title = self.say("本人材料", "Your own file")
        message.content = paper(title, [*self._sections, Section("", [(law,)])])
        message.media_type, message.sha256 = WORD, hashlib.sha256(message.content).hexdigest()
        message.file_name = file_name


_PART = 256 * 1024
_UNFIT = re.compile(r'[\x00-\x1f\x7f/\\\\:*?"<>|]+')


def parts(file_name: str, content: bytes) -> Iterator[pb.OwnFilePart]:
    """Yield a file of somebody's whole file in parts."""
    yield pb.OwnFilePart(file_name=file_name, chunk=content[:_PART])
    for start in range(_PART, len(content), _PART):
        yield pb.OwnFilePart(chunk=content[start : start + _PART])


def data(found: Message) -> Iterator[pb.OwnFilePart]:
    """Yield what is known as data, without the paper that says the same."""
    bare = type(found)()
    bare.CopyFrom(found)
    for field in ("content", "media_type", "sha256", "file_name"):
        bare.ClearField(field)
    yield from parts("data.json", MessageToJson(bare, ensure_ascii=False, indent=2).encode())


def fit(name: str) -> str:
    """Return a name under which a file can lie in any folder."""
    return _UNFIT.sub("_", name).strip(" .")[-80:] or "_"
