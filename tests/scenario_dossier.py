"""A dossier as a client app got it: opened, and looked through."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zipfile
from typing import Any

from tests.dossiers import text_of

INTERNAL = re.compile(r"demo-|\bm-[0-9a-f]{4}|\b(?:cases|units|officials|mediators|documents|reports|dockings)/")
"""Accounts and names of resources: nothing of them stands on a paper."""
COVER, INDEX, BACK, MERGED, MANIFEST = "卷宗封面", "卷内目录", "卷宗封底", "卷宗.docx", "manifest.json"


def shown(name: str, content: bytes) -> str:
    """Return what a file of a bundle says."""
    return text_of(content) if name.endswith(".docx") else content.decode()


def check_hand_over(told: dict[str, object], *words: str) -> None:
    """Check the court's bundle: its hash, its manifest's hashes, and that the agreement says these words."""
    content = base64.b64decode(str(told["content"]))
    assert hashlib.sha256(content).hexdigest() == told["sha256"]
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        manifest = json.loads(opened.read("manifest.json"))
        assert len(manifest["files"]) >= 4
        for line in manifest["files"]:
            assert hashlib.sha256(opened.read(line["file_name"])).hexdigest() == line["sha256"]
        held = "\n".join(shown(line["file_name"], opened.read(line["file_name"])) for line in manifest["files"])
    for word in words:
        assert word in held


class DossierFile:
    """The ZIP file of a dossier, opened: every file's hash holds, and the order is that of its index."""

    def __init__(self, told: dict[str, Any], content: bytes) -> None:
        self.told = told
        self.forms = [entry["form"].removeprefix("DOCUMENT_FORM_") for entry in told["entries"]]
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (told["sha256"], int(told["size"]))
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            assert opened.testzip() is None
            self.names = opened.namelist()
            self.files = {name: opened.read(name) for name in self.names}
        self.texts = {name: text_of(data) for name, data in self.files.items() if name.endswith(".docx")}
        self._check_manifest()
        self._check_order()
        for name, text in self.texts.items():
            assert not INTERNAL.search(text), (name, INTERNAL.search(text))

    def _check_manifest(self) -> None:
        """Check that the manifest names every file but itself, in order, with its hash."""
        manifest = json.loads(self.files[MANIFEST])
        assert [line["file"] for line in manifest["files"]] == [name for name in self.names if name != MANIFEST]
        for line in manifest["files"]:
            assert hashlib.sha256(self.files[line["file"]]).hexdigest() == line["sha256"]
        for entry in self.told["entries"]:
            assert hashlib.sha256(self.files[entry["fileName"]]).hexdigest() == entry["sha256"]

    def _check_order(self) -> None:
        """Check cover, index, documents numbered from 1, back cover; the index and the merged file in that order."""
        assert [entry["index"] for entry in self.told["entries"]] == list(range(1, len(self.forms) + 1))
        listed = [entry["fileName"] for entry in self.told["entries"]]
        assert [name for name in self.names if name not in (MERGED, MANIFEST)] == [
            self.one(COVER), self.one(INDEX), *listed, self.one(BACK)]  # fmt: skip
        titles = [name.split("-", 1)[1].rpartition(".")[0] for name in listed]
        index = self.texts[self.one(INDEX)]
        at = 0
        for title in titles:
            at = index.index(title, at) + len(title)
        assert self.told["documentNumber"] in self.texts[self.one(COVER)]

    def one(self, title: str) -> str:
        """Return the name of the one file with this title."""
        (name,) = [name for name in self.names if title in name]
        return name

    def of(self, form: str) -> str:
        """Return the text of all documents of a form, one after another."""
        found = [entry["fileName"] for entry in self.told["entries"] if entry["form"] == f"DOCUMENT_FORM_{form}"]
        assert found, f"{form} is not in the dossier: {self.forms}"
        return "\n".join(self.texts[name] for name in found)

    @property
    def missing(self) -> list[str]:
        """Return the forms that it must hold and does not."""
        return [form.removeprefix("DOCUMENT_FORM_") for form in self.told["missing"]]

    def says(self, form: str, *words: str) -> None:
        """Check that documents of a form say all of these words, and that the merged file does."""
        text, merged = self.of(form), self.texts[MERGED]
        for word in words:
            assert word in text, f"{form} does not say {word}:\n{text}"
            assert word in merged, f"the whole dossier does not say {word}"

    def is_silent_about(self, *words: str) -> None:
        """Check that no file of it says any of these words."""
        for name, text in self.texts.items():
            for word in words:
                assert word not in text, f"{name} says {word}"
        assert not any(word.encode() in self.files[MANIFEST] for word in words)

    def is_whole(self, *people: str) -> None:
        """Check that it lacks nothing, and names these people."""
        assert self.missing == []
        for person in people:
            assert person in self.texts[MERGED], f"{person} is not in the dossier"
