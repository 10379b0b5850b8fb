"""Indicators as messages, and as stored with an assessment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pb.escalation.v1 import indicators_pb2 as pb

from casework.supervision.figures.indicator import Direction, Indicator, Measure, Standing


def indicator(rule: Indicator, language: str) -> pb.Indicator:
    """Return a rule in the caller's language."""
    return pb.Indicator(
        indicator=rule.name,
        version=rule.version,
        title=rule.en if language == "en" else rule.zh,
        numerator=rule.numerator,
        denominator=rule.denominator,
        steps=rule.steps,
        minimum_sample=rule.minimum,
        interval=rule.interval,
        higher_is_better=rule.better is Direction.high,
        basis=rule.basis,
    )


def standing(rule: Indicator, found: Standing, language: str) -> pb.IndicatorStanding:
    """Return the result of a unit; no number if the sample is too small."""
    shown = pb.IndicatorStanding(
        indicator=rule.name,
        title=rule.en if language == "en" else rule.zh,
        version=rule.version,
        too_few=found.too_few,
    )
    if found.too_few:
        return shown
    band: Any = found.band
    trend: Any = found.trend
    shown.MergeFrom(
        pb.IndicatorStanding(
            numerator=found.tally.numerator,
            denominator=found.tally.denominator,
            share=round(10_000 * found.tally.share),
            peers=found.peers,
            # Whole percents: more digits would reveal how many matters the peers have.
            peer_share=100 * round(100 * found.peer_share),
            interval=100 * round(100 * found.interval),
            band=band,
            trend=trend,
        )
    )
    return shown


def to_data(rule: Indicator) -> dict[str, Any]:
    """Return the whole content of a rule, to be stored."""
    return {name: list(value) if name == "steps" else value for name, value in asdict(rule).items()}


def from_data(data: Mapping[str, Any]) -> Indicator:
    """Return the stored rule."""
    words = {"numerator": Measure, "denominator": Measure, "better": Direction, "steps": tuple}
    return Indicator(**{name: words[name](value) if name in words else value for name, value in data.items()})
