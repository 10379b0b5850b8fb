"""The rules folder: which files there are, their contents, and the version they make together."""

from __future__ import annotations

import hashlib
from pathlib import Path

from services.kit.rules.document import Document, read_document
from services.kit.rules.problem import Problem

# The parts that are read here. Other folders (such as the access policy) are read elsewhere.
PARTS = (
    "units", "categories", "triage", "routes", "plans", "limits", "ladders", "calendars", "documents", "filing",
    "tasks", "letters", "meetings", "clusters", "indicators", "retention", "notices", "likeness",
    "backlog", "fields", "public", "partners", "words",
)  # fmt: skip


class RulesFolder:
    """Reads files of a rules folder, records which, and collects problems."""

    def __init__(self, folder: Path) -> None:
        self.root = folder.resolve()
        self.problems: list[Problem] = []
        self._read: dict[str, bytes] = {}
        self._excused: set[str] = set()

    def label(self, path: str) -> str:
        """Return a path below the folder as problems name it: `rules/plans/wages.yaml`."""
        return f"{self.root.name}/{path}"

    def problem(self, path: str, line: int, message: str) -> None:
        """Add a problem at a path below the folder."""
        self.problems.append(Problem(self.label(path), line, message))

    def content(self, path: str) -> bytes | None:
        """Return the bytes of a file, or None with a problem."""
        try:
            content = (self.root / path).read_bytes()
        except FileNotFoundError:
            self.problem(path, 1, "there is no such file")
            return None
        except OSError as error:
            self.problem(path, 1, f"cannot be read: {error.strerror}")
            return None
        self._read[path] = content
        return content

    def document(self, path: str) -> Document | None:
        """Return a YAML file as a document, or None with problems."""
        content = self.content(path)
        return None if content is None else read_document(self.label(path), content, self.problems)

    def documents(self, part: str) -> list[Document]:
        """Return every YAML file of a part, in order of name."""
        names = [name for name in self.files(part) if name.endswith(".yaml")]
        if not names:
            self.problem(part, 1, "contains no .yaml file")
        found = [self.document(name) for name in names]
        return [document for document in found if document is not None]

    def excuse(self, part: str) -> None:
        """Note that a part could not be read completely, so that its unread files are not reported."""
        self._excused.add(part)

    def refuse_unread(self) -> None:
        """Add a problem for every file of our parts that was not read: an unread rule is a mistake."""
        for part in PARTS:
            if part in self._excused:
                continue
            for name in self.files(part):
                if name not in self._read and not name.endswith(".md"):
                    self.problem(name, 1, "nothing reads this file; a rule without a consumer does not load")

    def version(self) -> str:
        """Return 12 hex digits that change whenever a file that was read changes its name or content."""
        digest = hashlib.sha256()
        for path, content in sorted(self._read.items()):
            digest.update(f"{path}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()[:12]

    def files(self, part: str) -> list[str]:
        """Return the paths of a part's files below the folder, in order."""
        # Editors and systems leave files with a leading dot or a trailing tilde behind.
        found = (path for path in (self.root / part).rglob("*") if path.is_file())
        kept = (path for path in found if path.name[0] != "." and path.name[-1] != "~")
        return sorted(path.relative_to(self.root).as_posix() for path in kept)
