"""(identity) Who one is, by tokens that come for the first time and by known ones, at 50 clients, beside the check."""

from __future__ import annotations

import statistics
import time

from accord.embedded.stack import Stack
from bench.measure import Figures, only
from bench.unary import Http, measure
from services.kit.serving.tokens import TokenChecker

_TOKENS = 1_000
_ROUNDS = 3


class _Each:
    """Asks with many tokens in turn, over few connections."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.tokens = [stack.token("clerk", "620102", f"{name}-{number}") for number in range(_TOKENS)]
        headers = [f"Authorization: Bearer {token}\r\n" for token in self.tokens]
        self._http = [Http(stack.ports["gateway"], "/v1/account", each) for each in headers]
        shared = self._http[0].idle
        for each in self._http:
            each.idle = shared

    async def get(self, index: int) -> bytes:
        """Return the answer to the next token."""
        return await self._http[index % _TOKENS].get(index)

    def close(self) -> None:
        """Close the connections."""
        self._http[0].close()


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    with Stack(state=state, port_base=0, roster=only("intake", "mediation", "escalation", "gateway")) as stack:
        probed = Http(stack.ports["gateway"], "/healthz")
        new, known, beside, ceiling = [], [], [], []
        for number in range(_ROUNDS):
            people = _Each(stack, f"bench-{number}")
            new.append((await measure(people.get, _TOKENS))[0])
            known.append((await measure(people.get, _TOKENS))[0])
            beside.append((await measure(probed.get, _TOKENS))[0])
            ceiling.append(_checked(stack, people.tokens))
            people.close()
        probed.close()
    rates = [statistics.median(each) for each in (new, known, beside, ceiling)]
    return Figures(
        "identity",
        "who one is (`GET /v1/account`) by one's token, at 50 concurrent clients",
        {
            "a token that comes for the first time: its signature is checked": f"{rates[0]:,.0f} a second",
            "a token that is known": f"{rates[1]:,.0f} a second",
            "a route of the gateway that asks nobody (`/healthz`)": f"{rates[2]:,.0f} a second",
            "ceiling: the check of a token alone, without HTTP": f"{rates[3]:,.0f} a second",
            "ratio of first to known, to the ceiling": f"{rates[0] / rates[1]:.2f}, {rates[0] / rates[3]:.2f}",
        },
    )


def _checked(stack: Stack, tokens: list[str]) -> float:
    """Return how many tokens a second are checked in one process."""
    checker, started = TokenChecker(stack.keys.trust, "intake"), time.perf_counter()
    for token in tokens:
        checker.check(f"Bearer {token}")
    return len(tokens) / (time.perf_counter() - started)
