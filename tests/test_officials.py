"""Papers name officials by the list of who they were that day, and never by their account."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from services.kit.rules import load_rules
from services.kit.rules.officials import COLUMNS, OfficialsFile, read_officials
from tests.papers import RULES

UNITS = load_rules(RULES).units
HEAD = ",".join(COLUMNS)


def listed(*rows: str) -> bytes:
    return "\n".join((HEAD, *rows)).encode()


def at(*day: int) -> datetime:
    return datetime(*day, 4, tzinfo=UTC)  # type: ignore[arg-type,misc]


def test_an_account_is_called_as_whoever_had_it_that_day_was_called() -> None:
    found = read_officials(
        listed("clerk-7,赵一,窗口人员,620102,2026-01-01,2026-06-30", "clerk-7,钱二,窗口人员,620102,2026-07-01,"), UNITS
    )
    names = [found.find("clerk-7", day) for day in (date(2026, 6, 30), date(2026, 7, 1), date(2025, 12, 31))]
    assert [each and each.display_name for each in names] == ["赵一", "钱二", None]
    assert found.find("clerk-8", date(2026, 7, 1)) is None


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (("a,甲,主任,999999,2026-01-01,",), "line 2: unit"),
        (("a,甲,主任,620102,January,",), "line 2: since"),
        (("a,甲,主任,620102,2026-02-01,2026-01-01",), "line 2: until"),
        (("a,甲,主任,620102,2026-01-01",), "line 2: needs 6 cells"),
        ((",甲,主任,620102,2026-01-01,",), "line 2: an account"),
        (("a,甲,主任,620102,2026-01-01,", "a,乙,主任,620102,2026-03-01,"), "two posts"),
    ],
)
def test_a_wrong_list_is_refused_with_its_line_and_without_a_name(rows: tuple[str, ...], fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as error:
        read_officials(listed(*rows), UNITS)
    assert "甲" not in str(error.value)


def test_a_changed_list_is_read_again_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "officials.csv"
    file.write_bytes(listed("a,甲,主任,620102,2026-01-01,"))
    officials = OfficialsFile(file, UNITS)
    assert officials.name("a", at(2026, 5, 1)) == "甲"
    for content, name in ((listed("a,乙,主任,620102,2026-01-01,"), "乙"), (b"rubbish", "乙")):
        file.write_bytes(content)
        os.utime(file, (1, file.stat().st_mtime + 5))
        assert officials.name("a", at(2026, 5, 1)) == name
    assert officials.name("", at(2026, 5, 1)) == ""
    assert officials.name("a", None) == ""


def test_without_a_list_a_paper_leaves_the_place_empty() -> None:
    assert OfficialsFile().name("user-clerk", at(2026, 5, 1)) == ""


def test_a_list_that_is_wrong_at_the_start_ends_the_process(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="ACCORD_OFFICIALS_FILE"):
        OfficialsFile(tmp_path / "missing.csv", UNITS)
