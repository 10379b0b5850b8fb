"""For operators: logs are limited in size, and warnings are logged once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from accord.embedded import supervisor
from accord.embedded.stack import Stack
from services.kit.clocks.keeping import look
from tests.still import standing_still


@pytest.mark.fault("E9")
def test_a_log_is_cut_while_its_process_goes_on_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_LOG_BYTES", 500)
    path = tmp_path / "intake.log"
    told = (
        "import sys\n"
        "for line in sys.stdin:\n"
        "    print(line * 50, end='', flush=True)\n"
        "    print('done', file=sys.stderr, flush=True)"
    )
    with supervisor._open_log(path) as log:
        writer = subprocess.Popen(
            [sys.executable, "-c", told], stdin=subprocess.PIPE, stdout=log, stderr=subprocess.PIPE, text=True
        )
    assert writer.stdin is not None
    assert writer.stderr is not None
    for line in ("first line of many\n", "second\n"):
        writer.stdin.write(line)
        writer.stdin.flush()
        writer.stderr.readline()
        supervisor._cut_log(path)
    writer.stdin.close()
    writer.wait()
    assert path.read_text() == "second\n" * 50
    assert (tmp_path / "intake.log.1").read_text() == "first line of many\n" * 50


@pytest.mark.fault("E9")
async def test_a_missing_calendar_is_said_once(stack: Stack) -> None:
    async with standing_still(stack, "mediation") as still:
        with capture_logs() as told:
            for _ in range(3):
                await look(still.database, still.clockwork, still.to("2026-11-15T09:00"))
    assert [each["event"] for each in told if "calendar" in each["event"]] == [
        "a calendar is missing: dates beyond it are provisional"
    ]
