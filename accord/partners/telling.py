"""What became of items, and of what was handed over to mediation, as CSV files in the folder of a partner.

Each in order, at least once, each change with its place. A file is named after the place of its first change. Killed
before it is noted how far it came, the same file is written again, with what came since.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from accord.embedded.folder import StackError
from accord.partners.door import PartnerDoor
from accord.partners.files import write
from services.kit.rules.words import CodeWords
from services.kit.spreadsheets.writing import as_csv

FOLDER, DOCKINGS, _KEPT = "changes", "dockings", ".accord-told.json"
_HEADINGS = {
    "zh": ("序号", "时间", "编号", "变化", "状态", "受理编号", "承办单位", "答复", "办结时间", "满意度", "其他途径"),
    "en": ("place", "time", "number", "change", "state", "report", "unit", "reply", "ended", "contentment", "route"),
}
_OF_DOCKINGS = {
    "zh": ("序号", "时间", "移交函", "变化", "状态", "受理编号", "承办单位", "期限", "延期", "退回原因", "文书"),
    "en": ("place", "time", "letter", "change", "state", "report", "unit", "due", "extended", "result", "letters"),
}
_YES = {"zh": "是", "en": "yes"}
Words = Mapping[str, CodeWords]
"""What codes are called in Chinese, by the name of their list (`rules/words`); in English by their own names."""


class ChangeFiles:
    """Writes what one partner is told."""

    def __init__(self, folder: Path, door: PartnerDoor, words: Words) -> None:
        """Raise StackError where the folder is another partner's."""
        self._folder, self._door, self._words = folder, door, words
        self._places = self._kept()

    async def tell(self) -> int:
        """Write everything that is new; return how many changes it were."""
        language = self._door.language
        return await self._write(FOLDER, self._door.changes, _HEADINGS[language], _cells) + await self._write(
            DOCKINGS, self._door.dockings, _OF_DOCKINGS[language], self._of_docking
        )

    async def _write(
        self, name: str, ask: Callable[[int], Awaitable[list[dict[str, Any]]]], headings: tuple[str, ...],
        cells: Callable[[dict[str, Any]], tuple[str, ...]],
    ) -> int:  # fmt: skip
        told, folder = 0, self._folder / name
        while changes := await ask(self._places[name]):
            folder.mkdir(exist_ok=True)
            if folder.is_symlink():
                raise StackError(f"{folder}: is a link")
            rows = [headings, *map(cells, changes)]
            write(folder / f"{int(changes[0]['sequence']):012}.csv", as_csv(rows))
            self._places[name] = int(changes[-1]["sequence"])
            kept = {"unit": self._door.unit, "after": self._places[FOLDER], DOCKINGS: self._places[DOCKINGS]}
            write(self._folder / _KEPT, orjson.dumps(kept))
            told += len(changes)
        return told

    def _kept(self) -> dict[str, int]:
        file = self._folder / _KEPT
        if not file.exists():
            return {FOLDER: 0, DOCKINGS: 0}
        try:
            kept = orjson.loads(file.read_bytes())
            unit, places = kept["unit"], {FOLDER: int(kept["after"]), DOCKINGS: int(kept.get(DOCKINGS, 0))}
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
            raise StackError(f"{file}: is not what this program keeps") from None
        if unit != self._door.unit:
            raise StackError(f"{file}: is kept for {unit}")
        return places

    def _of_docking(self, change: dict[str, Any]) -> tuple[str, ...]:
        """Return a change of a docking as a row; what it does not say is empty."""
        docking, join = change["docking"], "、" if self._door.language == "zh" else ", "
        letters = [
            f"{self._called('LetterKind', 'LETTER_KIND', each['kind'])} {each['reference']} {each['letterTime']}"
            for each in docking["letters"]
        ]
        kinds = [self._called("DockingChangeKind", "DOCKING_CHANGE_KIND", each) for each in change["kinds"]]
        return (
            change["sequence"], change["changeTime"], docking["handOverLetter"], join.join(kinds),
            self._called("DockingState", "DOCKING_STATE", docking["state"]), docking["name"].split("/")[1],
            docking["unit"].removeprefix("units/"), docking.get("dueTime") or "",
            _YES[self._door.language] if docking.get("extended") else "",
            self._called("DockingResult", "DOCKING_RESULT", change.get("result") or ""), "\n".join(letters),
        )  # fmt: skip

    def _called(self, name: str, prefix: str, code: str) -> str:
        """Return what a code of a list is called; empty where nothing is said."""
        code = code.removeprefix(f"{prefix}_")
        if code in ("", "UNSPECIFIED"):
            return ""
        if self._door.language == "zh":
            return self._words[f"mediation.{name}"].codes.get(code, code)
        return code.lower().replace("_", " ")


def _cells(change: dict[str, Any]) -> tuple[str, ...]:
    """Return a change as a row; what an item does not say is empty."""
    item = change["item"]
    said = {name: str(value) for name, value in item.items() if value is not None}
    report = said.get("report", "").removeprefix("reports/")
    return (
        change["sequence"], change["changeTime"], said["number"], change.get("text", ""), said.get("stateText", ""),
        report, said.get("unitName", ""), change.get("reply", ""), said.get("endTime", ""), _code(said, "contentment"),
        _code(said, "route"),
    )  # fmt: skip


def _code(said: dict[str, str], name: str) -> str:
    """Return a code without the name of its list; empty where nothing is said."""
    code = said.get(name, "").removeprefix(f"{name.upper()}_")
    return "" if code == "UNSPECIFIED" else code.lower()
