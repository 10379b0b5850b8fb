"""Items in files: every file of a folder is handed on, its rows are answered beside it, and it is moved to done/.

What a program that is killed leaves behind is done again: the partner's numbers decide, so nothing is there twice. A
file is moved once every row is answered and the answers are on the disk.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from accord.embedded.folder import StackError
from accord.importing.rejection import RowReason
from accord.importing.source import Source, SourceError
from accord.partners.attached import NotAttached, read
from accord.partners.door import PartnerDoor
from accord.partners.table import ATTACHMENTS, ItemReader, ItemRefusedError, plain
from casework.door.programs.partner import FileRule
from services.kit.spreadsheets.writing import as_csv

BATCH, _BYTES = 50, 300_000
"""Items of a call, and bytes of their texts."""
MOST_ROWS = 100_000
"""Rows of a file: the answers to all of them are held until it is moved."""
ENDINGS = (".csv", ".jsonl", ".ndjson", ".xlsx")
ANSWERS, REFUSED = ".answers.csv", ".refused.txt"
_DONE, _LOCK = "done", ".accord-lock"
_HEADINGS = {
    "zh": ("行", "编号", "结果", "受理编号", "栏", "原因", "代码"),
    "en": ("row", "number", "result", "report", "column", "reason", "code"),
}
_UNREADABLE = {
    "zh": "文件无法读取，没有移走，请改正后放回：{}\n",
    "en": "the file cannot be read and was not moved; put it back corrected: {}\n",
}
_RESULTS = {"zh": ("未接收", "已接收", "已接收（重复）"), "en": ("refused", "taken in", "taken in (repeated)")}
_ATTACHED = {"zh": ("附件未接收", "附件已接收"), "en": ("attachment refused", "attached")}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered to a row."""

    row: int
    number: str
    report: str = ""
    repeated: bool = False
    heading: str = ""
    message: str = ""
    reason: str = ""
    attachment: str = ""
    """The name of the file, if it is the answer to one that goes with the row."""

    def cells(self, language: str) -> tuple[int | str, ...]:
        """Return it as it stands in the file of answers."""
        result = _RESULTS[language][bool(self.report) + (bool(self.report) and self.repeated)]
        if self.attachment:
            result = f"{_ATTACHED[language][bool(self.report)]} {self.attachment}"
        report = self.report.removeprefix("reports/")
        return (self.row, self.number, result, report, self.heading, self.message, self.reason)


@dataclass(slots=True)
class Looked:
    """What a look into the folder came to."""

    files: int = 0
    taken: int = 0
    refused: int = 0
    left: list[str] = field(default_factory=list)
    """Files that cannot be read, each with the reason."""
    waits: int = 0
    """Files that are still being written."""
    unread: set[str] = field(default_factory=set)
    """Headings of columns that are not read."""


class Mark(NamedTuple):
    """A file as it was at a moment."""

    inode: int
    size: int
    changed_ns: int
    written: float
    """When it was last written to, in seconds since 1970."""


class FileDoor:
    """A folder of a partner's files."""

    def __init__(self, folder: Path, rule: FileRule, door: PartnerDoor, settle: float = 2.0) -> None:
        self._folder, self._rule, self._door, self._settle = folder, rule, door, settle
        self._unreadable: dict[Path, tuple[Mark, str]] = {}

    async def look(self) -> Looked:
        """Hand on what is in the folder, oldest name first; what could not be read, only once it was changed."""
        looked, before = Looked(), self._unreadable
        self._unreadable = {}
        for path in sorted(self._folder.iterdir()):
            mark = _mark(path) if _is_ours(path) else None
            if mark is None:
                continue
            if time.time() - mark.written < self._settle:
                looked.waits += 1
                continue
            found = before.get(path)
            try:
                if found is None or found[0] != mark:
                    await self._take(path, mark, looked)
                    continue
                why = found[1]
            except SourceError as error:
                why = str(error).replace(f"{path}", path.name)
                write(path.with_name(path.name + REFUSED), _UNREADABLE[self._door.language].format(why).encode())
            self._unreadable[path] = (mark, why)
            looked.left.append(why)
        return looked

    async def _take(self, path: Path, mark: Mark, looked: Looked) -> None:
        source = Source(path, self._rule.encoding, self._rule.delimiter)
        reader = ItemReader(self._rule, source.columns)
        answers = await self._answers(source, reader)
        language = self._door.language
        folder = self._folder / _DONE
        folder.mkdir(exist_ok=True)
        if folder.is_symlink():
            raise StackError(f"{folder}: is a link")
        done = _free(folder / path.name)
        rows = [_HEADINGS[language], *(each.cells(language) for each in answers)]
        write(done.with_name(done.name + ANSWERS), as_csv(rows))
        again = Source(path, self._rule.encoding, self._rule.delimiter)
        if again.digest != source.digest or _mark(path) != mark:
            # It was written to or replaced meanwhile: it is read again; what was taken in is found by its numbers.
            looked.waits += 1
            return
        path.rename(done)
        _sync(done.parent)
        path.with_name(path.name + REFUSED).unlink(missing_ok=True)
        looked.files += 1
        looked.unread.update(reader.unread)
        looked.taken += sum(bool(each.report) for each in answers if not each.attachment)
        looked.refused += sum(not each.report for each in answers)

    async def _answers(self, source: Source, reader: ItemReader) -> list[Answer]:
        """Hand on the items of a file; return the answer to each row, in order."""
        answers: dict[int, list[Answer]] = {}
        batch: dict[int, tuple[dict[str, Any], list[str]]] = {}
        size = 0
        for count, row in enumerate(source.rows(), 1):
            if count > MOST_ROWS:
                raise SourceError(f"{source.path}: more than {MOST_ROWS:,} rows 多于 {MOST_ROWS:,} 行")
            try:
                if row.fault:
                    raise ItemRefusedError.of("", RowReason.UNREADABLE_ROW)
                item, attached = reader.read(row.cells), reader.attached(row.cells)
            except ItemRefusedError as error:
                said = error.message(self._door.language)
                refused = Answer(row.number, error.number, heading=error.heading, message=said, reason=error.reason)
                answers[row.number] = [refused]
                continue
            if batch and (len(batch) == BATCH or size + item.ByteSize() > _BYTES):
                answers |= await self._send(batch, reader)
                batch, size = {}, 0
            batch[row.number] = (plain(item), attached)
            size += item.ByteSize()
        if batch:
            answers |= await self._send(batch, reader)
        return [each for row in sorted(answers) for each in answers[row]]

    async def _send(
        self, batch: dict[int, tuple[dict[str, Any], list[str]]], reader: ItemReader
    ) -> dict[int, list[Answer]]:
        results = await self._door.submit([item for item, _ in batch.values()])
        answers: dict[int, list[Answer]] = {}
        for (row, (item, attached)), result in zip(batch.items(), results, strict=True):
            first = Answer(
                row, str(item["number"]), result.get("report", ""), result.get("repeated", False),
                reader.heading(result.get("field", "")), result.get("message", ""), result.get("reason", ""),
            )  # fmt: skip
            found = attached if first.report else []
            answers[row] = [first, *[await self._attach(first, name, reader.heading(ATTACHMENTS)) for name in found]]
        return answers

    async def _attach(self, item: Answer, name: str, heading: str) -> Answer:
        """Send a file that goes with an item which was taken in."""
        answer = partial(Answer, item.row, item.number, attachment=name)
        file = await asyncio.to_thread(read, self._folder, name)
        if isinstance(file, NotAttached):
            return answer(heading=heading, message=file.message(self._door.language), reason=file.reason)
        result = await self._door.attach(item.number, file)
        if "name" in result:
            return answer(report=item.report)
        return answer(heading=heading, message=result["message"], reason=result["reason"])


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes from reading the folder meanwhile; StackError if one does."""
    try:
        held = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StackError(f"{error.filename or folder}: {error.strerror}") from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StackError(f"{folder}: another process reads this folder") from None
    finally:
        os.close(held)


def _is_ours(path: Path) -> bool:
    """Tell whether a file is one of items: no link, none that is being brought, none of answers."""
    name = path.name.lower()
    return (
        name.endswith(tuple(end + packed for end in ENDINGS for packed in ("", ".gz")))
        and not name.startswith((".", "~"))
        and not name.endswith(ANSWERS)
        and path.is_file()
        and not path.is_symlink()
    )


def _mark(path: Path) -> Mark | None:
    """Return what tells a file from what it was and from one in its place; None if it is gone."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return Mark(found.st_ino, found.st_size, found.st_ctime_ns, found.st_mtime)


def _free(path: Path) -> Path:
    """Return a name under which nothing is done yet."""
    found, number = path, 1
    while found.exists():
        number += 1
        found = path.with_name(f"{number}-{path.name}")
    return found


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    beside = path.with_name(f".{path.name}.tmp")
    beside.unlink(missing_ok=True)
    # Anew, and not through a link: whoever brings the files may write into the folder too.
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
