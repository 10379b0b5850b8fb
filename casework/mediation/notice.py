"""Notices: what is written to whom on an event, when it may be sent, by which channel, and what counts as service.

Pure: rules and templates come from `rules/notices`, addresses and wishes from the services that own them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import IntEnum, StrEnum
from string import Formatter

from casework.clocks.calendar import LOCAL, Calendar
from casework.errors import CaseError, Reason, field_error

NAME = "name"
"""The one personal field of a template: filled in at the moment of sending, never stored."""
BUILT_IN = frozenset({NAME, "number", "unit", "date", "routes"})
"""Fields that every template may use."""
LANGUAGES = ("zh", "en")


class Channel(IntEnum):
    """A way to reach somebody; the numbers are those of the contract."""

    APP = 1
    SMS = 2
    EMAIL = 3
    PAPER = 4
    COUNTER = 5


AT_DESK = frozenset({Channel.PAPER, Channel.COUNTER})
"""Channels that need a person."""


class NoticeState(IntEnum):
    """State of a notice; the numbers are those of the contract."""

    DUE = 1
    AT_DESK = 2
    SENT = 3
    DELIVERED = 4
    READ = 5
    SERVED = 6
    DEEMED = 7
    FAILED = 8
    CANCELLED = 9


OPEN = frozenset({NoticeState.DUE, NoticeState.AT_DESK, NoticeState.FAILED})
"""States in which something remains to be done."""
SERVICE = frozenset({NoticeState.DELIVERED, NoticeState.READ, NoticeState.SERVED, NoticeState.DEEMED})
"""States that count as service."""


class Outcome(IntEnum):
    """The outcome of an attempt; the numbers are those of the contract."""

    ACCEPTED = 1
    REFUSED = 2
    UNAVAILABLE = 3
    QUIET = 4
    TO_DESK = 5
    EXHAUSTED = 6
    NOBODY = 7


class Receipt(IntEnum):
    """A receipt; the numbers are those of the contract."""

    POSTED = 1
    DELIVERED = 2
    READ = 3
    RETURNED = 4
    SERVED = 5


class Audience(StrEnum):
    """Whom a notice is for."""

    reporter = "reporter"
    parties = "parties"
    present = "present"
    """Parties that have not left the mediation."""
    taking_part = "taking_part"
    """Present parties that consented to mediation, without the one that is the reporter, who is told as such."""
    undecided = "undecided"
    """Present parties that have not consented to mediation."""
    invited = "invited"
    """Parties invited to the session of the event."""
    performer = "performer"
    """Who owes what the event is about."""
    beneficiary = "beneficiary"
    """Whom it is owed to."""
    bound = "bound"
    """Both of them."""
    asker = "asker"
    """The party of the event, which asked for it."""


OF_A_CLAUSE = frozenset({Audience.performer, Audience.beneficiary, Audience.bound})
"""Audiences that a clause names: the event names the clause, or an instalment of it as its subject."""


class Effect(StrEnum):
    """The effect of service besides restarting clocks."""

    rights_notice = "rights_notice"
    """The notice of rights of the party counts as served."""


class FieldKind(StrEnum):
    """How a field of an event is worded."""

    text = "text"
    time = "time"
    date = "date"
    unit = "unit"
    enum = "enum"
    cause = "cause"
    """The cause of a pause, as the rule of the clock words it."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours in which nothing is sent: from one full hour to another, also over midnight; none if they are the same."""

    start: int
    end: int

    def holds(self, hour: int) -> bool:
        """Return whether an hour is quiet."""
        if self.start <= self.end:
            return self.start <= hour < self.end
        return hour >= self.start or hour < self.end


NEVER_QUIET = Quiet(0, 0)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a channel is tried, and how the wait grows."""

    attempts: int
    first: timedelta
    factor: int
    most: timedelta

    def wait(self, attempt: int, key: str) -> timedelta:
        """Return the wait after an attempt, from 1: growing, with up to a quarter more, fixed for this key."""
        grown = min(self.first * self.factor ** min(attempt - 1, 20), self.most)
        share = hashlib.sha256(f"{key}.{attempt}".encode()).digest()[0] / 255
        return grown * (1 + 0.25 * share)


@dataclass(frozen=True, slots=True)
class Words:
    """A text in Chinese and English."""

    zh: str
    en: str

    def in_(self, language: str) -> str:
        """Return it in a language."""
        return self.en if language == "en" else self.zh


@dataclass(frozen=True, slots=True)
class Template:
    """The wording of a notice."""

    subject: Words
    text: Words
    short: Words


@dataclass(frozen=True, slots=True)
class Text:
    """A notice in one language; the name of the person still stands as `{name}`."""

    subject: str
    text: str
    short: str


@dataclass(frozen=True, slots=True)
class NoticeRule:
    """Which notice an event requires."""

    name: str
    source: str
    event: str
    audience: Audience
    template: str
    channels: tuple[Channel, ...]
    quiet: Quiet
    working_days: bool
    basis: str
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Values of fields of which one must be there."""
    unless: Mapping[str, frozenset[str]] = field(default_factory=dict)
    has: tuple[str, ...] = ()
    fields: Mapping[str, tuple[str, FieldKind]] = field(default_factory=dict)
    """For each field of the template the field of the event, and how it is worded."""
    deemed: str = ""
    """Limit after which it counts as served once it was sent; empty for never."""
    restarts: tuple[str, ...] = ()
    """Limits whose running clocks restart with service."""
    serves: Effect | None = None
    encloses: tuple[str, ...] = ()
    """Keys of forms of which the one that was filed goes with the letter."""

    @property
    def needed(self) -> set[str]:
        """The fields of the event that its text is made of."""
        kinds = {kind for _, kind in self.fields.values()}
        return {name for name, _ in self.fields.values()} | ({"rule"} if FieldKind.cause in kinds else set())

    @property
    def proves(self) -> bool:
        """Whether something depends on its service, so that the case's history records it."""
        return bool(self.deemed or self.restarts or self.serves)

    def applies(self, said: Mapping[str, str]) -> bool:
        """Return whether an event with this payload requires it."""
        return (
            all(said.get(name) in values for name, values in self.when.items())
            and all(said.get(name) not in values for name, values in self.unless.items())
            and all(name in said for name in self.has)
        )

    def due(self, at: datetime, calendar: Calendar) -> datetime:
        """Return the first instant from `at` on that is no quiet hour and, if the rule says so, on a working day."""
        local = at.astimezone(LOCAL)
        while True:
            if self.working_days and not calendar.is_working(local.date()):
                local = _midnight(calendar.next_working(local.date()))
            elif self.quiet.holds(local.hour):
                local = awake(self.quiet, local)
            else:
                return local


class MissingField(ValueError):
    """A field of a template has no value in the notice."""


class NoticeBook:
    """The rules, templates and words of `rules/notices`."""

    def __init__(
        self, rules: Iterable[NoticeRule], templates: Mapping[str, Template], words: Mapping[str, Words],
        retry: Retry, heard_within: timedelta,
    ) -> None:  # fmt: skip
        self._rules = {rule.name: rule for rule in rules}
        self._templates = dict(templates)
        self._words = dict(words)
        self.retry = retry
        self.heard_within = heard_within
        """Events older than this are history: nobody is notified of them any more."""

    def __iter__(self) -> Iterator[NoticeRule]:
        """Iterate over the rules."""
        return iter(self._rules.values())

    def __len__(self) -> int:
        """Return how many rules there are."""
        return len(self._rules)

    def find(self, name: str) -> NoticeRule | None:
        """Return a rule; None if it is no longer there."""
        return self._rules.get(name)

    def on(self, source: str, event: str) -> list[NoticeRule]:
        """Return the rules for an event of a service."""
        return [rule for rule in self._rules.values() if (rule.source, rule.event) == (source, event)]

    def events(self, source: str) -> frozenset[str]:
        """Return the events of a service that some rule waits for."""
        return frozenset(rule.event for rule in self._rules.values() if rule.source == source)

    def text(
        self, template: str, rule: NoticeRule, language: str, said: Mapping[str, str], told: Mapping[str, str],
        unit_name: Callable[[str], str], cause_name: Callable[[str, str, str], str],
    ) -> Text:  # fmt: skip
        """Return a notice in a language; `told` are the built-in fields. MissingField names what has no value.

        `cause_name` words the cause of a pause, by limit, cause and language.
        """
        words = self._templates[template]
        values = {NAME: "{name}", **told}
        for name, (source, kind) in rule.fields.items():
            if source in said and kind is FieldKind.cause:
                values[name] = cause_name(said.get("rule", ""), said[source], language)
            elif source in said:
                values[name] = self._worded(said[source], kind, language, unit_name)
        return Text(*(_filled(each.in_(language), values) for each in (words.subject, words.text, words.short)))

    def uses(self, template: str, field: str) -> bool:
        """Return whether a template has a field."""
        words = self._templates[template]
        texts = (words.subject, words.text, words.short)
        return any(field in fields_of(each.in_(language)) for each in texts for language in LANGUAGES)

    def subject(self, rule: NoticeRule, language: str) -> str:
        """Return what a notice is called in a list."""
        return self._templates[rule.template].subject.in_(language)

    def _worded(self, value: str, kind: FieldKind, language: str, unit_name: Callable[[str], str]) -> str:
        if kind is FieldKind.time:
            return worded_time(datetime.fromisoformat(value), language)
        if kind is FieldKind.date:
            return worded_date(date.fromisoformat(value[:10]), language)
        if kind is FieldKind.unit:
            return unit_name(value)
        if kind is FieldKind.enum:
            return self._words[value].in_(language)
        return value


def fields_of(text: str) -> set[str]:
    """Return the fields that a text names; ValueError if it cannot be filled."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def _filled(text: str, values: Mapping[str, str]) -> str:
    if missing := sorted(fields_of(text) - values.keys()):
        raise MissingField(missing[0])
    return text.format_map(values)


def worded_date(day: date, language: str) -> str:
    """Return a day in words."""
    return f"{day.day} {day:%B} {day.year}" if language == "en" else f"{day.year}年{day.month}月{day.day}日"


def worded_time(at: datetime, language: str) -> str:
    """Return an instant in words, in local time; the last second of a day is that day."""
    local = at.astimezone(LOCAL)
    day = worded_date(local.date(), language)
    if local.time() == time(23, 59, 59):
        return day
    return f"{day}, {local:%H:%M}" if language == "en" else f"{day}{local.hour}时{local.minute:02}分"


def awake(quiet: Quiet, at: datetime) -> datetime:
    """Return `at`, or the end of the quiet hours that it is in."""
    local = at.astimezone(LOCAL)
    if not quiet.holds(local.hour):
        return local
    end = datetime.combine(local.date(), time(quiet.end), LOCAL)
    return end if end > local else end + timedelta(days=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LOCAL)


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a person wants to be reached, and by which channels they can be."""

    known: frozenset[Channel]
    """Channels for which there is an address."""
    wanted: tuple[Channel, ...] = ()
    never: frozenset[Channel] = frozenset()
    quiet: Quiet = NEVER_QUIET


def choose(
    channels: Sequence[Channel], wishes: Wishes, exhausted: Collection[Channel], served: Collection[Channel]
) -> Channel | None:
    """Return the channel to try next; None if every one was tried. `served` are the channels that the operator has.

    Wishes go before the rule; unwanted channels are never used. If nothing could be tried, because no address or no
    such channel is known, it waits at the counter.
    """
    usable = (wishes.known & frozenset(served) | {Channel.COUNTER}) - wishes.never - frozenset(exhausted)
    found = next((each for each in wishes.wanted or channels if each in usable), None)
    if found is None and not exhausted and Channel.COUNTER in usable:
        return Channel.COUNTER
    return found


_POSSIBLE: dict[Receipt, frozenset[NoticeState]] = {
    Receipt.POSTED: frozenset({NoticeState.AT_DESK}),
    Receipt.DELIVERED: frozenset({NoticeState.SENT}),
    Receipt.READ: frozenset({NoticeState.SENT, NoticeState.DELIVERED}),
    Receipt.RETURNED: frozenset({NoticeState.SENT, NoticeState.DELIVERED}),
    Receipt.SERVED: OPEN | {NoticeState.SENT, NoticeState.DELIVERED},
}


def after_receipt(state: NoticeState, kind: Receipt) -> NoticeState:
    """Return the state after a receipt; WRONG_STATE if there can be none. A returned one is due again."""
    if state not in _POSSIBLE[kind]:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {kind.name}", state=state.name)
    return {
        Receipt.POSTED: NoticeState.SENT,
        Receipt.DELIVERED: NoticeState.DELIVERED,
        Receipt.READ: NoticeState.READ,
        Receipt.RETURNED: NoticeState.DUE,
        Receipt.SERVED: NoticeState.SERVED,
    }[kind]


_OF_A_GATEWAY = frozenset({Receipt.DELIVERED, Receipt.READ, Receipt.RETURNED})


def must_be_of_a_gateway(kind: Receipt, channel: Channel | None) -> None:
    """Raise unless a gateway may record this receipt: it reports on messages, never on letters on paper."""
    if kind not in _OF_A_GATEWAY:
        raise CaseError(Reason.PERMISSION_DENIED)
    if channel is None or channel in AT_DESK:
        raise CaseError(Reason.WRONG_STATE, channel.name if channel else "")


_ON_ITS_WAY = frozenset({NoticeState.DUE, NoticeState.AT_DESK, NoticeState.SENT})
_HEARD = timedelta(hours=1)
"""How long after it was asked for a notice is surely written."""


def may_ask_again(now: datetime, asked_at: datetime | None, states: Iterable[NoticeState]) -> bool:
    """Return whether a person may request service by a channel: not while an earlier request is being sent."""
    if asked_at is not None and now < asked_at + _HEARD:
        return False
    return not _ON_ITS_WAY & set(states)


def asked_for(rule: NoticeRule, said: Mapping[str, str]) -> Channel | None:
    """Return the channel requested, for a notice to the person who requested it; None for any other notice."""
    name = said.get("channel", "").removeprefix("CONTACT_CHANNEL_")
    return Channel[name] if rule.audience is Audience.asker and name in Channel.__members__ else None


def must_be_reachable(channel: Channel, wishes: Wishes) -> None:
    """Raise unless a person can be served by a channel: not if refused, or if no address is known."""
    if channel in wishes.never:
        raise field_error("channel", Reason.INVALID_FIELD, "this party asked never to be reached by it")
    if channel is not Channel.COUNTER and channel not in wishes.known:
        raise field_error("channel", Reason.INVALID_FIELD, "no address that may be used is known for it")
