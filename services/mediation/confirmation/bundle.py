"""The bundle for the court: the documents, and a manifest with name, hash and size of each."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Protocol

FORMS = ("confirmation_application", "agreement", "proof_of_mediation", "consents")
"""What the court gets, in order (民诉解释 354)."""
_MANIFEST = "manifest.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)


class Renderer(Protocol):
    """Renders the file of a form, filled from the facts of a case; `suffix` is the ending of its file names."""

    suffix: str

    def render(self, form: str) -> bytes:
        """Return the file."""


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of a bundle."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """A ZIP file and what is in it."""

    content: bytes
    sha256: str
    files: tuple[BundleFile, ...]


def bundle(renderer: Renderer, case: str, agreement: str) -> Bundle:
    """Return the bundle for an agreement of a case.

    The same facts give the same bytes, so that its hash can be given in advance.
    """
    made: list[tuple[BundleFile, bytes]] = []
    for index, form in enumerate(FORMS, start=1):
        data = renderer.render(form)
        name = f"{index:02d}-{form}.{renderer.suffix}"
        made.append((BundleFile(name, hashlib.sha256(data).hexdigest(), len(data)), data))
    listed = [{"file_name": each.name, "sha256": each.sha256, "size_bytes": each.size} for each, _ in made]
    manifest = {"case": case, "agreement": agreement, "files": listed}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, data in made:
            archive.writestr(zipfile.ZipInfo(file.name, _EPOCH), data)
        archive.writestr(zipfile.ZipInfo(_MANIFEST, _EPOCH), json.dumps(manifest, ensure_ascii=False, indent=1))
    content = target.getvalue()
    return Bundle(content, hashlib.sha256(content).hexdigest(), tuple(file for file, _ in made))
