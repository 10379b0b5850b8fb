"""What every service's main builds from its settings before it serves."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Protocol

import grpc
import uvloop
from google.protobuf.descriptor import ServiceDescriptor

from services.kit.clock_service import ClockServicer, Consents, OpenMatter
from services.kit.clocks.clockwork import Clockwork
from services.kit.clocks.keeping import automatic_rules, keep_clocks
from services.kit.clocks.ledger import Pins
from services.kit.command import Consequence
from services.kit.rules import Rules, RulesError, load_rules
from services.kit.rules.officials import OfficialsFile
from services.kit.serving import telemetry
from services.kit.serving.access import Access, PolicyError
from services.kit.serving.businesstime import BusinessTime
from services.kit.serving.loops import Loops
from services.kit.serving.loops import Work as LoopWork
from services.kit.serving.maintenance import Maintenance
from services.kit.serving.request import named
from services.kit.serving.server import serve
from services.kit.serving.settings import ServiceSettings, read_settings
from services.kit.serving.tokens import TokenChecker
from services.kit.storage.database import Database, keep_room
from services.kit.storage.erasures import Erase, ErasureList, erase_again
from services.kit.storage.events import EventLog
from services.kit.storage.feed import FeedPulse, FeedServicer, Owner, keep_sealing
from services.kit.storage.histories import HistoryServicer, Leaves
from services.kit.storage.maintenance import keep_looking
from services.kit.storage.sealing import HeldKey, MasterKey, Sealer, SealError
from services.kit.storage.start_checks import await_right_key, name_missing

_STUBS = "_pb2_grpc"
Registration = tuple[ServiceDescriptor, Callable[[grpc.aio.Server], None]]


class Directory(named.Directory, Protocol):
    """Knows which resources a service has, and to which unit each belongs."""

    @property
    def owner(self) -> Owner:
        """Returns the unit that owns the history of a case or file, which decides who may read it."""
        ...


@dataclass(frozen=True)
class Parts:
    """What a service is built from."""

    settings: ServiceSettings
    database: Database
    time: BusinessTime
    pulse: FeedPulse
    rules: Rules
    sealer: Sealer
    clockwork: Clockwork
    pins: Pins
    erasures: ErasureList
    consequences: Mapping[str, Consequence] = field(default_factory=dict)
    """What follows from missed deadlines here, by rule."""


Keep = Callable[[Parts], Mapping[str, LoopWork]]
Ready = Callable[[Parts], Awaitable[None]]


async def _is_ready(parts: Parts) -> None:
    """Check nothing: most services have nothing of their own to check before they serve."""


def run(
    name: str, build: Callable[[Parts], list[Registration]], directory: Callable[[Database], Directory],
    heads: str, erase: Erase, keep: Keep = lambda parts: {}, ready: Ready = _is_ready,
) -> None:  # fmt: skip
    """Run a service until it is told to stop. A wrong setting, rule or policy ends it here, with what is wrong.

    `heads` is the table of its chains; `erase` erases again what a restored backup brought back; `keep` returns its own
    background loops, by name; `ready` checks what must be in order before anything is served, or ends the process.
    """
    settings = read_settings(ServiceSettings)
    telemetry.set_up(settings, name)
    try:
        rules = load_rules(settings.rules)
        rules = replace(rules, officials=OfficialsFile(settings.officials_file, rules.units))
        access = Access(settings.rules / "access", rules.units)
        sealer = Sealer(_master_key(settings))
        checker = TokenChecker(settings.trust_file, name, limits=settings.token_limits)
    except RulesError as error:
        raise SystemExit("\n".join(map(str, error.problems))) from None
    except (PolicyError, SealError, OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
    # What was loaded stays in memory: the collector need not visit it with every batch of rows.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(name, settings, build, directory, rules, sealer, access, checker, heads, erase, keep, ready))


def _master_key(settings: ServiceSettings) -> MasterKey:
    """Return the holder of the master key. To use a KMS, return its client here."""
    if settings.master_key is not None:
        return HeldKey.from_text(settings.master_key.get_secret_value())
    assert settings.master_key_file is not None, "settings see to that"
    return HeldKey.from_file(settings.master_key_file)


async def _serve(
    name: str,
    settings: ServiceSettings,
    build: Callable[[Parts], list[Registration]],
    directory: Callable[[Database], Directory],
    rules: Rules,
    sealer: Sealer,
    access: Access,
    checker: TokenChecker,
    heads: str,
    erase: Erase,
    keep: Keep,
    ready: Ready,
) -> None:
    database = Database(settings.database_url.get_secret_value(), settings.database_pool)
    time, pulse = BusinessTime.of(settings), FeedPulse()
    await await_right_key(database, name, sealer)
    await name_missing(database, name, rules.units)
    erasures = ErasureList(settings.erasures_file, name)
    await erase_again(database, heads, erasures, erase, time.now())
    clockwork, pins = Clockwork(rules), Pins(database)
    parts = Parts(settings, database, time, pulse, rules, sealer, clockwork, pins, erasures)
    await ready(parts)
    known = directory(database)
    services = [*build(parts), feed_service(name, parts, known.owner)]
    try:
        loops, maintenance = Loops(), Maintenance()
        loops.start("maintenance", lambda loop: keep_looking(loop, database, maintenance))
        loops.start("storage", lambda loop: keep_room(loop, database))
        loops.start("feed", lambda loop: keep_sealing(loop, database, pulse))
        loops.start("clocks", lambda loop: keep_clocks(loop, database, clockwork, pins, time, automatic_rules(rules)))
        for each, work in keep(parts).items():
            loops.start(each, work)
        await serve(settings, services, checker, access, loops, known, time, maintenance)
    finally:
        await database.close()


def served(servicer: object) -> Registration:
    """Return the service that a servicer serves, by the generated class it derives from, and how it is added."""
    base = next(each for each in type(servicer).__mro__ if each.__module__.endswith(_STUBS))
    add = getattr(import_module(base.__module__), f"add_{base.__name__}_to_server")
    contract = import_module(base.__module__.removesuffix(_STUBS) + "_pb2")
    service = contract.DESCRIPTOR.services_by_name[base.__name__.removesuffix("Servicer")]
    return service, lambda server: add(servicer, server)


def feed_service(name: str, parts: Parts, owner: Owner) -> Registration:
    """Return the feed of a service; `owner` returns the unit that owns the history of a case or file."""
    return served(FeedServicer(name, parts.database, parts.pulse, owner))


def history_service(name: str, parts: Parts, owner: Owner, leaves: Leaves) -> Registration:
    """Return what gives a service's histories to portable case files; `leaves` says what of them is shown."""
    file = parts.settings.portable_key_file
    return served(HistoryServicer(name, parts.database, parts.time, file, owner, leaves))


def clock_service(
    name: str, heads: str, parts: Parts, open_matter: OpenMatter, consents: Consents | None = None
) -> Registration:
    """Return the clock service of a service that owns clocks; `consents` returns who consented to more time."""
    return served(
        ClockServicer(
            name, parts.database, parts.time, EventLog(name, heads), parts.pulse, parts.clockwork, parts.pins,
            open_matter, parts.consequences, consents,
        )
    )  # fmt: skip
