"""What comes next, as every service says it."""

from __future__ import annotations

from pb.intake.v1 import report_pb2 as pb

from casework.door.progress import PHASE_WORDS, NextStep, possible
from services.kit.numbers import numbers


def progress(step: NextStep, report: str, language: str, *, withdrawn: bool = False) -> pb.Progress:
    """Return phase, next step and turn in words; the actions of whoever holds the receipt of `report`, if any."""
    zh, en = PHASE_WORDS[step.phase]
    actions = [
        pb.PossibleAction(action=each.verb, words=each.words(language), call=f"POST /v1/{report}:{each.verb}")
        for each in (possible(step, withdrawn=withdrawn) if report else ())
    ]
    return pb.Progress(
        phase_words=en if language == "en" else zh,
        next_step=step.words(language),
        actions=actions,
        **numbers(phase=step.phase, turn=step.turn),
    )
