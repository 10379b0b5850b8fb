"""The pace of business time of one state folder: chosen once, kept over restarts, so that time never goes back."""

from __future__ import annotations

from datetime import UTC, datetime

from accord.embedded.folder import StackError, StateFolder, read_json, write_json


def pace_settings(folder: StateFolder, speed: float | None) -> dict[str, str]:
    """Return the ACCORD_TIME_ variables of a stack in this folder; a first `speed` is remembered.

    Raises StackError for another speed than the folder's: instants already recorded would lie in the future.
    """
    path = folder.root / "pace.json"
    kept = read_json(path)
    if not kept:
        if speed is None or speed == 1.0:
            return {}
        kept = {"speed": speed, "epoch": datetime.now(UTC).isoformat()}
        folder.create()
        write_json(path, kept)
    if speed is not None and speed != kept["speed"]:
        raise StackError(f"business time in {folder.root} runs {kept['speed']:g} times as fast; leave out --speed")
    return {"ACCORD_TIME_SPEED": f"{kept['speed']:g}", "ACCORD_TIME_EPOCH": kept["epoch"]}
