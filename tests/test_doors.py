"""What the pages at the root name exists: files, make targets, and the functions of each step in ARCHITECTURE."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOORS = ("ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "NOTICE")
READMES = ("README.md", "README.zh-CN.md")
ENDINGS = (".md", ".py", ".yaml", ".toml", ".proto")
SPAN = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LAYOUT = re.compile(r"(?:^\| `[\w.]+/.*\|\n)+", re.MULTILINE)


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def spans(text: str) -> list[str]:
    """Return the code spans, without blocks of commands."""
    return SPAN.findall(BLOCK.sub("", text))


def paths(text: str) -> list[str]:
    """Return what looks like a path in the repository: one word with a slash or a file ending."""
    words = [each for each in spans(text) if re.fullmatch(r"[\w.*/-]+", each)]
    return [each for each in words if "/" in each or each.endswith(ENDINGS)]


def layout(text: str) -> str:
    """Return the table of a README that describes the folders."""
    (found,) = LAYOUT.findall(text)
    return str(found)


def walks() -> list[tuple[str, list[str], list[str]]]:
    """Return each step that ARCHITECTURE follows: what happens, in which files, and what is called there."""
    text = page("ARCHITECTURE.md")
    start = text.index("## How a report")
    rows = [line.strip("|").split("|") for line in text[start:].splitlines() if line[:1] == "|"]
    return [(cells[0].strip(), paths(cells[1]), spans(cells[2])) for cells in rows if "`" in cells[1]]


NAMED = sorted(
    {(name, path) for name in DOORS for path in paths(page(name))}
    | {(name, path) for name in READMES for path in paths(layout(page(name)))}
)


@pytest.mark.parametrize(("name", "path"), NAMED)
def test_every_path_a_page_names_is_there(name: str, path: str) -> None:
    ignored = (ROOT / ".gitignore").read_text("utf-8").split()
    made = any(f"/{path}/".startswith(f"{each.rstrip('/')}/") for each in ignored)
    assert made or any(ROOT.glob(path.strip("/"))), f"{name}: {path}"


@pytest.mark.parametrize("name", [*DOORS, *READMES])
def test_every_link_of_a_page_leads_somewhere(name: str) -> None:
    targets = [each.partition("#")[0] for each in re.findall(r"\]\(([^)]+)\)", page(name)) if "://" not in each]
    assert [each for each in targets if each and not (ROOT / each).exists()] == []


@pytest.mark.parametrize("name", [*DOORS, *READMES])
def test_every_target_a_page_names_is_in_the_makefile(name: str) -> None:
    text = page(name)
    code = [*spans(text), *(line for block in BLOCK.findall(text) for line in block.splitlines())]
    named = {target for each in code for target in re.findall(r"\bmake ([a-z-]+)", each)}
    assert named <= set(re.findall(r"^([a-z-]+):", page("Makefile"), re.MULTILINE))


@pytest.mark.parametrize(("step", "files", "names"), walks())
def test_each_step_of_a_walk_is_done_where_it_says(step: str, files: list[str], names: list[str]) -> None:
    texts = [page(path) for path in files]
    defined = [set(re.findall(r"^\s*(?:async def|def|class) (\w+)", text, re.MULTILINE)) for text in texts]
    assert names, step
    assert [name for name in names if not any(name in each for each in defined)] == []
    assert [path for path, each in zip(files, defined, strict=True) if not each & set(names)] == []


def examples() -> list[tuple[str, list[str]]]:
    """Return each commit that CONTRIBUTING shows as an example, with the paths it says that it touches."""
    text = page("CONTRIBUTING.md")
    text = text[text.index("## One commit of each kind") :]
    rows = [line.strip("|").split("|") for line in text[: text.index("## A commit")].splitlines() if line[:1] == "|"]
    return [(spans(cells[1])[0], spans(cells[2])) for cells in rows if spans(cells[1])]


def git(*words: str) -> str:
    """Return what git answers about this repository; empty where it fails, or there is no repository."""
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


@pytest.mark.parametrize(("commit", "touched"), examples())
def test_every_example_is_a_commit_of_this_history_that_touches_what_is_said(commit: str, touched: list[str]) -> None:
    if git("rev-parse", "--is-shallow-repository") != "false":
        reason = "a shallow clone, or no clone, does not have the history: `git fetch --unshallow` gets it"
        print(reason)
        pytest.skip(reason)
    files = git("show", "--name-only", "--no-renames", "--format=", commit).splitlines()
    assert touched
    assert set(touched) <= set(files)
    assert subprocess.run(["git", "-C", str(ROOT), "merge-base", "--is-ancestor", commit, "HEAD"]).returncode == 0


def test_there_are_three_walks_and_readme_leads_to_every_door() -> None:
    titles = re.findall(r"^## How a (\w+) ", page("ARCHITECTURE.md"), re.MULTILINE)
    assert titles == ["report", "clock", "letter"]
    assert len(walks()) > 30
    assert all(f"]({name})" in page("README.md") for name in DOORS if name != "NOTICE")


def test_a_term_of_the_glossary_has_one_row() -> None:
    terms = re.findall(r"^\| ([^|]+?) \|", page("docs/glossary.md"), re.M)
    rows = [each for each in terms if each not in ("term", "---")]
    assert len(rows) > 200
    assert [each for each in rows if rows.count(each) > 1] == []
