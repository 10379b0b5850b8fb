"""What the benchmarks share: figures, percentiles, parts of a stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from accord.embedded.process import ProcessSpec
from accord.embedded.roster import Surroundings, processes


class LeftOut(Exception):
    """A part cannot be measured on this machine; says what it lacks."""


@dataclass(frozen=True)
class Figures:
    """The figures of one part, by name, in order."""

    part: str
    title: str
    values: dict[str, str]

    def text(self) -> str:
        """Return the figures for a terminal."""
        width = max(map(len, self.values))
        lines = [
            f"({self.part}) {self.title}",
            *(f"    {name:<{width}}  {value}" for name, value in self.values.items()),
        ]
        return "\n".join(lines)

    def markdown(self) -> str:
        """Return the figures as a table."""
        rows = "\n".join(f"| {name} | {value} |" for name, value in self.values.items())
        return f"### ({self.part}) {self.title}\n\n| | |\n| --- | --- |\n{rows}\n"


def only(*names: str) -> Callable[[Surroundings], list[ProcessSpec]]:
    """Return a roster that runs just these processes beside the engines."""
    return lambda around: [spec for spec in processes(around) if spec.name in names]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values is."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
