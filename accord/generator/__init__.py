"""A seeded generator of a day of disputes, grievances and hazards, for the demonstration and for benchmarks.

Places are real villages from `rules/units`; everything else is invented: placeholder names (张某平), phone numbers
from an unassigned range, texts composed of sentences. The same arguments always give the same day.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

from accord.generator.kinds import KINDS, PERSON, Kind
from accord.generator.phrases import EFFORTS, ENDINGS, GIVEN, MORE, OPENINGS, PLAIN_ENDINGS, SURNAMES
from accord.generator.places import Place, Places
from accord.generator.sentences import SENTENCES
from accord.places import RULES
from casework.clocks.calendar import LOCAL
from casework.units import UnitTree
from services.kit.rules import load_rules

SHIPPED = RULES

# Outcomes of a dispute, in percent. Four in five end in an agreement, nine in ten of those are performed; this follows
# the published figures, which are self-reported by the bodies and to be read with care.
DISPUTE_OUTCOMES = {
    "performed": 62, "agreed": 8, "confirmed": 2, "returned": 6, "overdue": 2,
    "not_agreed": 6, "withdrawn": 5, "referred": 5, "declined": 4,
}  # fmt: skip
# Outcomes of a hazard or a grievance, where there is nobody to reconcile.
SERVICE_OUTCOMES = {"resolved": 83, "returned": 6, "overdue": 3, "referred": 4, "declined": 4}
# Share of reports about the same matter as another.
MERGED = "merged"
OUTCOMES = tuple(dict.fromkeys((*DISPUTE_OUTCOMES, *SERVICE_OUTCOMES, MERGED)))

TWICE_TOLD = 0.04
ANONYMOUS = 0.03
AT_COUNTY = 0.55
# Reports by hour of the day: counters open at half past eight, calls go on in the evening.
BY_HOUR = (2, 1, 1, 1, 1, 2, 6, 18, 62, 110, 104, 72, 30, 34, 74, 98, 92, 66, 40, 30, 26, 18, 10, 4)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class GeneratedReport:
    """One report of an invented day.

    `number` counts from 1 in order of time; `duplicate_of` is the number of the report about the same matter,
    if any. `channel`, `scope` and `urgency` are the words of the contract in small letters, `amount_fen` is in 1/100
    CNY, `submitted_at` is local time, `outcome` one of OUTCOMES. An anonymous reporter has an empty name and phone.
    """

    number: int
    submitted_at: datetime
    channel: str
    category: str
    unit: str
    place_code: str
    place_text: str
    people_affected: int
    amount_fen: int
    scope: str
    urgency: str
    danger: bool
    text: str
    reporter_name: str
    reporter_phone: str
    respondent: str
    outcome: str
    duplicate_of: int | None


def reports(
    seed: int, n: int, day: date, region: str = "62", units: UnitTree | None = None
) -> Iterator[GeneratedReport]:
    """Yield n reports of a day in order of time, all in the region; a region without villages raises ValueError."""
    random = Random(f"{seed}/{day}/{region}")
    places = Places(units, region) if units else _shipped_places(region)
    midnight = datetime.combine(day, time(), tzinfo=LOCAL)
    recent: deque[_Told] = deque(maxlen=300)
    for number, second in enumerate(_seconds(random, n), start=1):
        at = midnight + timedelta(seconds=second)
        if recent and random.random() < TWICE_TOLD:
            yield _again(random, random.choice(recent), number, at)
        else:
            told = _first(random, places, number, at)
            recent.append(told)
            yield told.report


@dataclass(frozen=True, slots=True)
class _Told:
    """A report with the core of its text, so that it can be repeated in other words."""

    report: GeneratedReport
    core: str
    drawn: _Drawn


class _Lot(Generic[Value]):
    """Values with weights, to draw from."""

    __slots__ = ("cumulated", "values")

    def __init__(self, weights: dict[Value, float]) -> None:
        self.values = list(weights)
        self.cumulated = list(accumulate(weights.values()))

    def draw(self, random: Random) -> Value:
        return random.choices(self.values, cum_weights=self.cumulated)[0]


class _Drawn:
    """A kind with its draws prepared once."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.scope = _Lot(kind.scope)
        self.urgency = _Lot(kind.urgency)
        self.doors = _Lot(kind.doors)
        facts, _, demands = SENTENCES[kind.category].partition("---")
        self.facts = facts.split()
        self.demands = demands.split()
        self.endings = ENDINGS if kind.talked_over else PLAIN_ENDINGS
        self.outcomes = _Lot[str](dict(DISPUTE_OUTCOMES if kind.disputed else SERVICE_OUTCOMES))


_DRAWN = [_Drawn(kind) for kind in KINDS]
_IN_TOWN = _Lot({drawn: drawn.kind.weight * drawn.kind.town for drawn in _DRAWN})
_IN_COUNTRY = _Lot({drawn: drawn.kind.weight * drawn.kind.country for drawn in _DRAWN})


@cache
def _shipped_places(region: str) -> Places:
    return Places(load_rules(SHIPPED).units, region)


def _seconds(random: Random, n: int) -> list[float]:
    hours = random.choices(range(24), weights=BY_HOUR, k=n)
    return sorted(round((hour + random.random()) * 3600, 3) for hour in hours)


def _first(random: Random, places: Places, number: int, at: datetime) -> _Told:
    place = places.draw(random)
    drawn = (_IN_TOWN if place.town else _IN_COUNTRY).draw(random)
    kind = drawn.kind
    other = random.choice(kind.others)
    respondent = person_name(random) if other == PERSON else other
    people = _people(random, kind)
    fact = random.choice(drawn.facts)
    yuan = _yuan(random, kind) if "{yuan}" in fact else 0
    core = _core(random, drawn, fact, respondent, people, yuan)
    channel = drawn.doors.draw(random)
    name, phone = _reporter(random)
    report = GeneratedReport(
        number=number,
        submitted_at=at,
        channel=channel,
        category=kind.category,
        unit=_unit(random, place),
        place_code=place.village,
        place_text=places.address(place, random),
        people_affected=people,
        amount_fen=yuan * 100,
        scope=drawn.scope.draw(random),
        urgency=drawn.urgency.draw(random),
        danger=random.random() < kind.danger,
        text=_text(random, channel, core, drawn),
        reporter_name=name,
        reporter_phone=phone,
        # A neighbour has a name; a person who piles up boxes on the stairs is often unknown.
        respondent=respondent if kind.disputed or other != PERSON else "",
        outcome=drawn.outcomes.draw(random),
        duplicate_of=None,
    )
    return _Told(report, core, drawn)


def _again(random: Random, told: _Told, number: int, at: datetime) -> GeneratedReport:
    """Return a duplicate report: the same place and core, another reporter, other words around it."""
    first = told.report
    channel = told.drawn.doors.draw(random)
    name, phone = _reporter(random)
    return GeneratedReport(
        number=number,
        submitted_at=at,
        channel=channel,
        category=first.category,
        unit=first.unit,
        place_code=first.place_code,
        place_text=first.place_text,
        people_affected=first.people_affected,
        amount_fen=first.amount_fen,
        scope=first.scope,
        urgency=first.urgency,
        danger=first.danger,
        text=_text(random, channel, told.core, told.drawn),
        reporter_name=name,
        reporter_phone=phone,
        respondent=first.respondent,
        outcome=MERGED,
        duplicate_of=first.number,
    )


def _unit(random: Random, place: Place) -> str:
    return place.county if random.random() < AT_COUNTY else place.township


def _people(random: Random, kind: Kind) -> int:
    least, most = kind.people
    # Small numbers are far more common than large ones.
    return least + int((most - least + 1) * random.random() ** 3)


def _yuan(random: Random, kind: Kind) -> int:
    sum_of_money = random.lognormvariate(0, 0.8) * kind.yuan
    step = 1000 if sum_of_money >= 10000 else 50
    return max(step, round(sum_of_money / step) * step)


def _core(random: Random, drawn: _Drawn, fact: str, respondent: str, people: int, yuan: int) -> str:
    slots = {
        "who": respondent,
        "n": people,
        "yuan": f"{yuan / 10000:g}万元" if yuan >= 10000 else f"{yuan}元",
        "m": random.randint(2, 11),
        "d": random.randint(2, 19),
        "y": random.randint(2, 14),
    }
    effort = random.choice(EFFORTS) if drawn.kind.talked_over else ""
    return f"{fact}{effort}，{random.choice(drawn.demands)}".format_map(slots)


def _text(random: Random, channel: str, core: str, drawn: _Drawn) -> str:
    if len(core) < 30:
        core += MORE
    return random.choice(OPENINGS[channel]) + core + random.choice(drawn.endings)


def person_name(random: Random) -> str:
    """Return the name of somebody who does not exist."""
    return f"{random.choice(SURNAMES)}某{random.choice(GIVEN)}"


def _reporter(random: Random) -> tuple[str, str]:
    if random.random() < ANONYMOUS:
        return "", ""
    return person_name(random), f"1990000{random.randrange(10000):04d}"
