"""Where the matters of an invented day happen: real villages and communities of a region."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from casework.units import Level, UnitTree

# A community of a town has about three times the people of a village.
TOWN_WEIGHT = 3
_COMMITTEE = re.compile(r"(村民委员会|村委会|居民委员会|居委会|委员会)$")


@dataclass(frozen=True, slots=True)
class Place:
    """A village or community: its code and those above, a spoken name, and whether it is in a town."""

    village: str
    township: str
    county: str
    name: str
    town: bool


class Places:
    """The villages of a region, to draw from."""

    def __init__(self, units: UnitTree, region: str) -> None:
        self._places = [_place(units, code) for code in units.codes(Level.village, region)]
        if not self._places:
            raise ValueError(f"no villages of {region!r} are known; the generator needs villages")
        self._cumulated = list(accumulate(TOWN_WEIGHT if place.town else 1 for place in self._places))

    def draw(self, random: Random) -> Place:
        """Return a place."""
        return random.choices(self._places, cum_weights=self._cumulated)[0]

    def address(self, place: Place, random: Random) -> str:
        """Return an invented address in a place."""
        number = random.randint
        if place.town:
            return f"{place.name}{number(1, 38)}号楼{number(1, 6)}单元{number(1, 18)}0{number(1, 4)}室"
        return f"{place.name}{number(1, 12)}社{number(1, 160)}号"


def _place(units: UnitTree, code: str) -> Place:
    name = units.get(code).name
    township = code[:9]
    town = "居" in name[-5:] or "社区" in name
    spoken = _COMMITTEE.sub("", name)
    if not spoken.endswith(("村", "社区")):
        spoken += "社区" if town else "村"
    return Place(code, township, code[:6], units.get(township).name + spoken, town)
