"""Events sent to other systems: where they may be sent, and when an attempt is repeated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_NAT64 = IPv6Network("64:ff9b::/96")
_DAY = timedelta(days=1)
_PAUSES = tuple(timedelta(seconds=each) for each in (1, 5, 30, 120, 600, 1800))


class SubscriptionState(IntEnum):
    """State of a subscription; the numbers match the contract."""

    STARTING = 1
    ACTIVE = 2
    SUSPENDED = 3
    ENDED = 4


class UndeliveredState(IntEnum):
    """State of an event that could not be delivered at once; the numbers match the contract."""

    WAITING = 1
    DELIVERED = 2
    DEAD = 3


LIVE = (SubscriptionState.STARTING, SubscriptionState.ACTIVE)
"""States in which events are delivered."""


def pause(failures: int) -> timedelta:
    """Return how long to wait after so many failures in a row: from a second to half an hour."""
    return _PAUSES[min(max(failures, 1), len(_PAUSES)) - 1]


def retry_at(failures: int, first: datetime, now: datetime) -> datetime | None:
    """Return when to try again what first failed then; None once a day is over."""
    return None if is_over(first, now) else min(now + pause(failures), first + _DAY)


def is_over(first: datetime, now: datetime) -> bool:
    """Return whether it has failed for a day."""
    return now - first >= _DAY


def may_reach(address: Address, networks: Sequence[Network], *, plain: bool) -> bool:
    """Return whether events may be sent to an address: a public one, or one of the networks that the operator allows.

    An address that stands for another one is judged as both. Unencrypted (`plain`) they go to those networks alone.
    """
    inner, mapped = _inner(address), getattr(address, "ipv4_mapped", None)
    if any((mapped or address) in network for network in networks):
        return True
    return not plain and all(_is_public(each) for each in (address, inner) if each is not None)


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address leads to; None if it is none of these kinds."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def fault_of(url: str, networks: Sequence[Network]) -> str:
    """Return what is wrong with the address of a receiver, as far as its text shows; empty if nothing."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "not an address"
    if parts.username is not None or parts.password is not None:
        return "no user and no password in it"
    if parts.fragment or "#" in url:
        return "no fragment in it"
    if not host:
        return "no host in it"
    if parts.scheme == "http" and not networks:
        return "must begin with https://"
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    return "" if may_reach(address, networks, plain=parts.scheme == "http") else "this address is not allowed"
