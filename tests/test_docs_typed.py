"""What README and docs tell people to type is typed here: every block of commands runs, against the session's stack."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from accord.embedded.stack import Stack
from accord.importing.catalogue import load_mapping
from tests.conftest import Clients

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
COOKBOOK = ROOT / "docs" / "cookbook.md"
TYPED = re.compile(r"(\$ )?(make|curl|accord|openssl|mkdir|cd|for|TOKEN=|\.venv/bin/)")
"""How a line begins that is typed; transcripts of calls and drawings begin otherwise."""
PRELUDE = """
set -euo pipefail
curl() {{
  case " $* " in
    *" -N "*) command curl --fail-with-body --max-time 5 "$@" || [ $? -eq 28 ];;
    *) command curl --fail-with-body "$@";;
  esac
}}
accord() {{
  case "$1" in
    up|sandbox) "{bin}/accord" "$1" --help >/dev/null;;
    calendar) "{bin}/accord" "$@" || [ $? -eq 1 ];;
    *) "{bin}/accord" "$@";;
  esac
}}
make() {{ command make -C "{root}" --no-print-directory --dry-run "$@" >/dev/null; }}
jq() {{ command -v jq >/dev/null && command jq "$@" || cat >/dev/null; }}
"""
"""A stream is read for some seconds; a stack runs already and is filled by tests; what `make` would do is asked of it.

`calendar check` ends with 1 while the list of a coming year is missing."""


def blocks() -> list[tuple[str, str]]:
    """Return the blocks of commands of README and docs, with their page; of a session only what is typed.

    Those of the cookbook go on from one another: they are one.
    """
    found = []
    for page in sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/**/*.md")]):
        if page == COOKBOOK:
            whole = re.findall(r"^```\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
            found.append((page.relative_to(ROOT).as_posix(), "\n".join(whole)))
            continue
        for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
            lines = block.splitlines()
            if any(line.startswith("$ ") for line in lines):
                block = "\n".join(line[2:] for line in lines if line.startswith("$ "))
            elif not (lines and TYPED.match(lines[0])):
                continue
            found.append((page.relative_to(ROOT).as_posix(), block))
    return found


def script(block: str, stack: Stack, number: str, rows: Path) -> str:
    """Return a block as it is run here: on this stack's ports, with a case and a file that are there."""
    for printed, here in (
        ("http://127.0.0.1:8400", stack.urls["api"]),
        ("127.0.0.1:8411", f"127.0.0.1:{stack.ports['intake']}"),
        ("127.0.0.1:8412", f"127.0.0.1:{stack.ports['mediation']}"),
        ("127.0.0.1:8413", f"127.0.0.1:{stack.ports['escalation']}"),
        ("620102-2026-000001", number),
        ("FILE/cases.csv.gz", str(rows)),
        ("FILE.csv", str(rows)),
        (".venv/bin/accord", "accord"),
        (".venv/bin/", f"{BIN}/"),
        ("rules/imports/", f"{ROOT}/rules/imports/"),
    ):
        block = block.replace(printed, here)
    # Sending a file asks before it sends: here it is looked at.
    block = re.sub(r"^(accord import [^#\n]*?)(?: --preview)?( *#.*)?$", r"\1 --preview", block, flags=re.MULTILINE)
    return PRELUDE.format(bin=BIN, root=ROOT) + f"TOKEN=$(accord token clerk --unit 620102)\n{block}\n"


@pytest.mark.fault("E10")
def test_there_are_blocks_of_commands_on_every_page_that_promises_some() -> None:
    pages = {page for page, _ in blocks()}
    assert {"README.md", "README.zh-CN.md", "docs/clocks.md", "docs/operating.md", "docs/real-input.md"} <= pages
    assert "docs/cookbook.md" in pages
    commands = "\n".join(block for _, block in blocks())
    assert all(each in commands for each in ("curl -N", "grpcurl", "make demo", "accord import", "openssl"))


@pytest.mark.fault("E10")
@pytest.mark.parametrize(("page", "block"), blocks(), ids=[f"{page}-{at}" for at, (page, _) in enumerate(blocks())])
async def test_a_block_of_commands_runs(stack: Stack, clients: Clients, tmp_path: Path, page: str, block: str) -> None:
    if page == "docs/cookbook.md" and not shutil.which("jq"):
        pytest.skip("jq is not installed")
    case = await clients.accept(await clients.file_report())
    rows = tmp_path / "rows.csv"
    columns = sorted(load_mapping("boston311").mapping.columns())
    rows.write_text(",".join(columns) + "\n" + ",".join("1" for _ in columns) + "\n", encoding="utf-8")
    ran = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-c", script(block, stack, case.name.removeprefix("cases/"), rows)], cwd=tmp_path,
        env={**os.environ, "ACCORD_STATE": str(stack.folder.root), "NO_PROXY": "127.0.0.1"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, f"{page}:\n{block}\n{ran.stdout[-2000:]}"
    if page == "docs/cookbook.md":
        closed = r'"name": ?"(cases/[0-9-]+)",\s*"etag": ?"[^"]*",\s*"stage": ?"STAGE_CLOSED"'
        assert len(set(re.findall(closed, ran.stdout))) == 2, "one by curl, one by grpcurl"
        return
    if "timeline" in block:
        assert "CaseOpened" in ran.stdout
    if "GetReport" in block:
        assert f'"name": "reports/{case.name.removeprefix("cases/")}"' in ran.stdout


@pytest.mark.fault("E10")
def test_make_help_names_the_targets_that_the_docs_type() -> None:
    told = subprocess.run(["make", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True).stdout
    for page, block in blocks():
        for target in re.findall(r"^make (\w+)", block, re.MULTILINE):
            assert re.search(rf"\b{target}\b", told), f"{page}: make {target}"
