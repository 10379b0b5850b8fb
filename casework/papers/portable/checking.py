"""Checks a portable case file offline: every byte of it, by a key and nothing else. It unpacks nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, BinaryIO

from casework.chain import GENESIS, chain_hash, content_hash
from casework.papers.portable.container import NAME, ContainerError, Stored, content, stored
from casework.papers.portable.writing import (
    ABOUT,
    BAG,
    DATA,
    DECLARATION,
    FORMAT,
    HISTORY,
    INFO,
    MANIFEST,
    OTHERS,
    SIGNATURE,
    TAGS,
    history_of,
)

_MOST = 128 * 1024 * 1024
"""Bytes of one of its own lists or of the history; whoever writes more than that means harm."""
_SIGNED = 64 * 1024
"""Bytes of what is read before anybody is known to have signed it: a list of four files, and a signature."""
_LINE = re.compile(r"([0-9a-f]{64})  (\S+)", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_WORDS = {
    "mediation": ("案件办理", "of the case"),
    "intake": ("登记受理", "of its report"),
    "escalation": ("升级督办", "of its escalations"),
}
"""What the history of each service is called."""


class Signed(Enum):
    """What a signature is worth."""

    VALID = "valid"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "forged"


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who signed, by the id of the key, and whether that holds."""

    key: str
    signed: Signed


Judge = Callable[[str, bytes], Signatory]
"""Says whether a signature is one over these bytes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that holds, or does not, in both languages."""

    holds: bool
    zh: str
    en: str


@dataclass
class Checked:
    """What came of a check."""

    findings: list[Finding] = field(default_factory=list)
    key: str = ""
    signed: Signed | None = None
    """What the signature is worth; None before it was looked at."""
    about: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Stored] = field(default_factory=dict)
    """The files by their names within the folder of the case; complete only where everything holds."""
    events: int = 0
    closed: int = 0

    @property
    def sound(self) -> bool:
        """Whether everything was checked, and holds."""
        return bool(self.findings) and all(each.holds for each in self.findings)

    def say(self, holds: bool, zh: str, en: str) -> bool:
        """Note a finding and return whether it holds."""
        self.findings.append(Finding(holds, zh, en))
        return holds


class _BrokenError(Exception):
    """Something in it does not hold."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


def check(file: BinaryIO, judge: Judge) -> Checked:
    """Return what holds of a portable case file and what does not. What hangs on something broken is not looked at."""
    found = Checked()
    steps = (_container, _signature, _tags, _payload, _history, _histories)
    try:
        for step in steps:
            step(file, found, judge)
    except _BrokenError as broken:
        found.say(False, broken.zh, broken.en)
    except ContainerError as broken:
        # It was whole a moment ago, or a list is of a size that no list has.
        found.say(False, f"读不出 {broken.name}。", f"{broken.name} cannot be read.")
    return found


def _container(file: BinaryIO, found: Checked, _: Judge) -> None:
    try:
        files = stored(file)
    except ContainerError as broken:
        if broken.name:
            name = ascii(broken.name)[1:-1]
            raise _BrokenError(f"{name}：已损坏或被改动。", f"{name}: damaged or changed.") from None
        raise _BrokenError(
            "不是完整的可携案卷：被截断、有添加，或者是另一种文件。",
            "This is no whole portable case file: cut short, added to, or something else.",
        ) from None
    by_name: dict[str, Stored] = {}
    folder = files[0].name.partition("/")[0]
    for each in files:
        match = NAME.fullmatch(each.name)
        if match is None or match[1] != folder:
            name = ascii(each.name)[1:-1]
            raise _BrokenError(f"文件名不允许：{name}。", f"{name} is no name that a file in it may have.")
        if match[2] in by_name:
            raise _BrokenError(f"文件重复：{match[2]}。", f"{match[2]} is in it twice.")
        by_name[match[2]] = each
    found.files = by_name
    found.say(True, f"封装完整：{len(by_name)}个文件。", f"The container is whole: {len(by_name)} files.")


def _signature(file: BinaryIO, found: Checked, judge: Judge) -> None:
    tags, signature = _read(file, found, TAGS, _SIGNED), _read(file, found, SIGNATURE, _SIGNED)
    try:
        signatory = judge(signature.decode("ascii"), tags)
    except UnicodeDecodeError:
        signatory = Signatory("", Signed.FORGED)
    found.key, found.signed = signatory.key, signatory.signed
    if signatory.signed is Signed.UNKNOWN_KEY:
        raise _BrokenError(
            f"签名所用密钥不在给定的密钥中：{signatory.key}。",
            f"It is signed with a key that was not given: {signatory.key}.",
        )
    if signatory.signed is Signed.FORGED:
        raise _BrokenError("签名无效：内容被改动，或者签名是伪造的。", "The signature is wrong: changed, or forged.")
    found.say(True, f"签名有效，密钥 {signatory.key}。", f"The signature holds, by key {signatory.key}.")


def _tags(file: BinaryIO, found: Checked, _: Judge) -> None:
    """Check the bag's own files, and read what they say about the case."""
    listed = _listed(_read(file, found, TAGS), TAGS)
    own = {name for name in found.files if not name.startswith(DATA)} - {TAGS, SIGNATURE}
    _compare(listed, {name: found.files[name].sha256 for name in own})
    if set(listed) != {BAG, INFO, MANIFEST, ABOUT} or _read(file, found, BAG) != DECLARATION:
        raise _BrokenError("不是本格式的案卷。", "It is no bag of this format.")
    found.about = _object(_read(file, found, ABOUT), ABOUT)
    if found.about.get("format") != FORMAT:
        raise _BrokenError(
            f"格式版本不认识：{found.about.get('format')!r}。", f"Unknown format: {found.about.get('format')!r}."
        )
    number = next(iter(found.files.values())).name.partition("/")[0]
    if found.about.get("case") != f"cases/{number}":
        raise _BrokenError("案号与文件夹不符。", "The case is not that of its folder.")
    found.say(True, f"说明与清单完整，案件 {number}。", f"Lists and description are whole: case {number}.")


def _payload(file: BinaryIO, found: Checked, _: Judge) -> None:
    """Check that the files of the case are those listed, neither more nor fewer, with the content and size listed."""
    listed = _listed(_read(file, found, MANIFEST), MANIFEST)
    there = {name: each for name, each in found.files.items() if name.startswith(DATA)}
    _compare(listed, {name: each.sha256 for name, each in there.items()})
    said = [(each.name.partition("/")[2], each.size, each.sha256) for each in there.values()]
    if found.about.get("files") != [{"file": name, "size": size, "sha256": digest} for name, size, digest in said]:
        raise _BrokenError("清单与说明不一致。", "The two lists of its files differ.")
    found.say(
        True,
        f"{len(there)}个案件文件与清单一致，无缺少、无添加、无改动。",
        f"The {len(there)} files of the case are those listed: none missing, added or changed.",
    )


def _history(file: BinaryIO, found: Checked, _: Judge) -> None:
    """Check the history in mediation, which has the case."""
    _chain(file, found, HISTORY, found.about.get("history"), _WORDS["mediation"])


def _histories(file: BinaryIO, found: Checked, _: Judge) -> None:
    """Check the histories of the other services: those named, and no more."""
    told = found.about.get("histories", {})
    there = {service for service in OTHERS if history_of(service) in found.files}
    if not isinstance(told, dict) or set(told) != there:
        raise _BrokenError("其他服务的历史记录与说明不一致。", "The histories of other services are not those named.")
    for service in OTHERS:
        zh, en = _WORDS[service]
        if service in told:
            _chain(file, found, history_of(service), told[service], (zh, en))
        else:
            found.say(True, f"未附{zh}的历史记录。", f"The history {en} is not in it.")


def _chain(file: BinaryIO, found: Checked, name: str, ends: object, words: tuple[str, str]) -> None:
    """Compute a chain again from the first event on; it must end where the case's own chain ended."""
    number, before, closed = str(found.about["case"]).removeprefix("cases/"), GENESIS, 0
    lines, (zh, en) = _read(file, found, name).splitlines(), words
    for sequence, line in enumerate(lines, 1):
        event = _object(line, f"{name} {sequence}")
        before = _link(number, event, sequence, before)
        closed += bool(event.get("closed"))
    if ends != {"events": len(lines), "head": before.hex()}:
        raise _BrokenError(
            f"{zh}的历史记录的末尾与案件不符：有缺少或添加。", f"The history {en} does not end where the case's does."
        )
    found.events, found.closed = found.events + len(lines), found.closed + closed
    found.say(
        True,
        f"{zh}的{len(lines)}条历史记录连续、次序未变（其中{closed}条只留存哈希）。",
        f"The history {en} is unbroken and in order: {len(lines)} events, of {closed} only the hashes.",
    )


def _link(number: str, event: Mapping[str, Any], sequence: int, before: bytes) -> bytes:
    """Return the chain hash after an event, checked against what the event says of itself."""
    proof = _proof(event, sequence)
    if not event.get("closed"):
        try:
            at = datetime.fromisoformat(event["time"])
            said = content_hash(number, event["kind"], event["unit"], at, event["actor"], event["payload"])
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
            said = b""
        if said != proof[0]:
            raise _BrokenError(f"第{sequence}条历史记录被改动。", f"Event {sequence} was changed.")
    link = chain_hash(before, sequence, proof[0])
    if event.get("seq") != sequence or link != proof[1]:
        raise _BrokenError(
            f"第{sequence}条历史记录与前一条不相连。", f"Event {sequence} does not follow from the one before."
        )
    return link


def _proof(event: Mapping[str, Any], sequence: int) -> tuple[bytes, bytes]:
    hashes = [str(event.get(name)) for name in ("content", "hash")]
    if not all(map(_HEX.fullmatch, hashes)):
        raise _BrokenError(f"第{sequence}条历史记录没有哈希。", f"Event {sequence} has no hashes.")
    first, second = map(bytes.fromhex, hashes)
    return first, second


def _read(file: BinaryIO, found: Checked, name: str, most: int = _MOST) -> bytes:
    if name not in found.files:
        raise _BrokenError(f"缺少文件：{name}。", f"{name} is missing.")
    return content(file, found.files[name], most)


def _listed(text: bytes, name: str) -> dict[str, str]:
    """Return the hash of each file that a list of the bag names."""
    found: dict[str, str] = {}
    for line in text.decode("utf-8", "replace").splitlines():
        match = _LINE.fullmatch(line)
        if match is None or match[2] in found:
            raise _BrokenError(f"{name} 读不懂。", f"{name} cannot be understood.")
        found[match[2]] = match[1]
    return found


def _compare(listed: Mapping[str, str], there: Mapping[str, str]) -> None:
    """Raise for files that are missing, were added, or differ from what is listed."""
    missing, added = sorted(set(listed) - set(there)), sorted(set(there) - set(listed))
    changed = sorted(name for name in set(listed) & set(there) if listed[name] != there[name])
    words: Sequence[tuple[Sequence[str], str, str]] = (
        (missing, "缺少", "missing"), (added, "清单外添加", "not listed"), (changed, "内容被改动", "changed"),
    )  # fmt: skip
    if any(names for names, _, _ in words):
        zh = "；".join(f"{said}：{'、'.join(names)}" for names, said, _ in words if names)
        en = "; ".join(f"{said}: {', '.join(names)}" for names, _, said in words if names)
        raise _BrokenError(f"{zh}。", f"{en}.")


def _object(text: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _BrokenError(f"{name} 读不懂。", f"{name} cannot be understood.")
    return found
