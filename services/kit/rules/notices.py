"""Reads rules/notices: which events call for which notice to whom, and its templates in both languages."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Annotated, Literal

from google.api import resource_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from pydantic import Field, StringConstraints

from casework.clocks.rule_book import RuleBook
from casework.mediation.notice import (
    BUILT_IN,
    LANGUAGES,
    OF_A_CLAUSE,
    Audience,
    Channel,
    Effect,
    FieldKind,
    NoticeBook,
    NoticeRule,
    Quiet,
    Retry,
    Template,
    Words,
    fields_of,
)
from casework.papers.forms import ORDERED
from services.kit.rules.document import Document, Location
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import Entry, LimitName, Loose, Text

TEMPLATES = "notices/templates/"
SERVED = "served"
"""The cause for which a limit must allow a restart, so that service may restart it."""
DISCREET = "discreet"
"""The template for those who asked that notices do not say what they are about."""
_MOST = 500
"""Characters of a short message at most."""
_KINDS = {"google.protobuf.Timestamp": FieldKind.time, "google.type.Date": FieldKind.date}

Long = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
Hour = Annotated[int, Field(ge=0, le=23)]
ChannelName = Literal["app", "sms", "email", "paper", "counter"]


class WordsEntry(Entry):
    """A text in each language."""

    zh: Long
    en: Long


class TemplateEntry(Entry):
    """The wording of a notice; without `short` a short message says the whole text."""

    subject: WordsEntry
    text: WordsEntry
    short: WordsEntry | None = None


class TemplatesFile(Entry):
    """A file of rules/notices/templates/."""

    version: Text
    templates: Annotated[dict[LimitName, TemplateEntry], Field(min_length=1)]


class QuietEntry(Entry):
    """Hours in which nothing is sent."""

    start: Hour
    until: Hour


class RetryEntry(Entry):
    """How often a channel is tried, and after how many minutes."""

    attempts: Annotated[int, Field(ge=1, le=20)]
    first_minutes: Annotated[int, Field(ge=1, le=1440)]
    factor: Annotated[int, Field(ge=1, le=10)]
    most_minutes: Annotated[int, Field(ge=1, le=10_080)]


_FORMS = {rule.key for rule in ORDERED}


class NoticeEntry(Entry):
    """A notice: the event that calls for it, for whom, by which channels."""

    name: LimitName
    source: Literal["intake", "mediation"]
    event: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]{2,60}$")]
    when: dict[LimitName, list[str]] = Field(default_factory=dict)
    unless: dict[LimitName, list[str]] = Field(default_factory=dict)
    has: list[LimitName] = Field(default_factory=list)
    audience: Annotated[Audience, Loose]
    template: LimitName
    fields: dict[LimitName, LimitName] = Field(default_factory=dict)
    channels: Annotated[list[ChannelName], Field(min_length=1)]
    quiet: QuietEntry | None = None
    working_days: bool = False
    deemed: LimitName | None = None
    restarts: list[LimitName] = Field(default_factory=list)
    serves: Annotated[Effect, Loose] | None = None
    encloses: list[LimitName] = Field(default_factory=list)
    basis: Text


class NoticesFile(Entry):
    """rules/notices/notices.yaml."""

    version: Text
    heard_within_days: Annotated[int, Field(ge=1, le=365)]
    quiet: QuietEntry
    retry: RetryEntry
    words: dict[Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]+$")], WordsEntry] = Field(
        default_factory=dict
    )
    notices: Annotated[list[NoticeEntry], Field(min_length=1)]


def read_notices(folder: RulesFolder) -> tuple[NoticeBook, Document] | None:
    """Return the rules with the document they are in, or None with problems."""
    before = len(folder.problems)
    templates: dict[str, Template] = {}
    places: dict[str, tuple[Document, Location]] = {}
    for path in (name for name in folder.files("notices") if name.startswith(TEMPLATES) and name.endswith(".yaml")):
        worded = folder.document(path)
        file = worded.validate(TemplatesFile, folder.problems) if worded else None
        for name, entry in file.templates.items() if worded and file else ():
            assert worded is not None
            if name in templates:
                folder.problems.append(worded.problem(("templates", name), f"{name!r} is the name of two templates"))
            templates[name], places[name] = _template(entry), (worded, ("templates", name))
            _check_template(entry, worded, ("templates", name), folder)
    document = folder.document("notices/notices.yaml")
    content = document.validate(NoticesFile, folder.problems) if document else None
    if document is None or content is None:
        return None
    words = {name: Words(each.zh, each.en) for name, each in content.words.items()}
    rules: list[NoticeRule] = []
    for number, each in enumerate(content.notices):
        if each.name in {rule.name for rule in rules}:
            folder.problems.append(document.problem(("notices", number, "name"), f"{each.name!r} is listed twice"))
        if rule := _rule(each, number, content, document, folder):
            rules.append(rule)
            _check_fields(rule, each, number, document, folder, templates, places, words)
    used = {rule.template for rule in rules} | {DISCREET}
    if len(folder.problems) == before:
        for name, (where, location) in places.items():
            if name not in used:
                folder.problems.append(where.problem(location, "no notice uses this template"))
        if DISCREET not in templates:
            folder.problems.append(document.problem(("notices",), f"the template {DISCREET!r} is missing"))
    if len(folder.problems) > before:
        return None
    retry = Retry(
        content.retry.attempts, timedelta(minutes=content.retry.first_minutes), content.retry.factor,
        timedelta(minutes=content.retry.most_minutes),
    )  # fmt: skip
    return NoticeBook(rules, templates, words, retry, timedelta(days=content.heard_within_days)), document


def check_limits(book: NoticeBook, document: Document, limits: RuleBook, folder: RulesFolder) -> None:
    """Add a problem for every limit that a notice names and that is not there, or does not restart with service."""
    known = set(limits.names())
    for number, rule in enumerate(book):
        for field, names in (("deemed", [rule.deemed] if rule.deemed else []), ("restarts", rule.restarts)):
            for name in names:
                place: Location = ("notices", number, field)
                if name not in known:
                    folder.problems.append(document.problem(place, f"no limit has the name {name!r}"))
                elif field == "restarts" and limits.get(name).restart(SERVED) is None:
                    message = f"the limit {name!r} does not restart for the cause {SERVED!r}"
                    folder.problems.append(document.problem(place, message))


@cache
def _events(service: str) -> Mapping[str, Descriptor]:
    """Return the events of a service, by type."""
    found: dict[str, Descriptor] = {}
    for package in (f"pb.{service}.events.v1", "pb.clock.events.v1"):
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
            if module.name.endswith("_pb2"):
                found |= importlib.import_module(f"{package}.{module.name}").DESCRIPTOR.message_types_by_name
    return found


def _kind(field: FieldDescriptor) -> FieldKind:
    if field.enum_type is not None:
        return FieldKind.enum
    if field.message_type is not None:
        return _KINDS.get(field.message_type.full_name, FieldKind.text)
    if field.name == "cause":
        return FieldKind.cause
    resource: str = field.GetOptions().Extensions[resource_pb2.resource_reference].type
    return FieldKind.unit if resource == "accord/Unit" else FieldKind.text


def _rule(
    entry: NoticeEntry, number: int, content: NoticesFile, document: Document, folder: RulesFolder
) -> NoticeRule | None:
    place: Location = ("notices", number)
    event = _events(entry.source).get(entry.event)
    if event is None:
        message = f"{entry.source} has no event {entry.event!r} (docs/events.md)"
        folder.problems.append(document.problem((*place, "event"), message))
        return None
    if entry.audience is not Audience.reporter and entry.source == "intake":
        message = "parties are known to mediation only; the audience of an event of intake is the reporter"
        folder.problems.append(document.problem((*place, "audience"), message))
    if entry.audience is Audience.reporter and (entry.deemed or entry.restarts or entry.serves):
        message = "what is served is served on parties, not on the reporter"
        folder.problems.append(document.problem((*place, "audience"), message))
    if entry.audience is Audience.invited and "session" not in event.fields_by_name:
        folder.problems.append(document.problem((*place, "audience"), f"{entry.event} names no session"))
    if entry.audience in OF_A_CLAUSE and not {"clause", "subject"} & set(event.fields_by_name):
        folder.problems.append(document.problem((*place, "audience"), f"{entry.event} names no clause"))
    if entry.audience is Audience.asker and "party" not in event.fields_by_name:
        folder.problems.append(document.problem((*place, "audience"), f"{entry.event} names no party"))
    for form in entry.encloses:
        if form.replace("_", "-") not in _FORMS:
            message = f"{form!r} is no form of a dossier (casework/papers/forms.py)"
            folder.problems.append(document.problem((*place, "encloses"), message))
    known = event.fields_by_name
    named = [("when", name) for name in entry.when] + [("unless", name) for name in entry.unless]
    for field, name in (*named, *(("has", name) for name in entry.has)):
        if name not in known:
            folder.problems.append(document.problem((*place, field), f"{entry.event} has no field {name!r}"))
    for field, asked in (("when", entry.when), ("unless", entry.unless)):
        for name, values in asked.items():
            options = known[name].enum_type if name in known else None
            for value in (each for each in values if options is not None and each not in options.values_by_name):
                folder.problems.append(document.problem((*place, field, name), f"{value!r} is no value of {name}"))
    fields: dict[str, tuple[str, FieldKind]] = {}
    for name, source in entry.fields.items():
        if source in known:
            fields[name] = source, _kind(known[source])
        else:
            message = f"{entry.event} has no field {source!r}"
            folder.problems.append(document.problem((*place, "fields", name), message))
    quiet = entry.quiet or content.quiet
    return NoticeRule(
        entry.name, entry.source, entry.event, entry.audience, entry.template,
        tuple(Channel[each.upper()] for each in entry.channels), Quiet(quiet.start, quiet.until), entry.working_days,
        entry.basis, {name: frozenset(values) for name, values in entry.when.items()},
        {name: frozenset(values) for name, values in entry.unless.items()}, tuple(entry.has), fields,
        entry.deemed or "", tuple(entry.restarts), entry.serves,
        tuple(entry.encloses),
    )  # fmt: skip


def _check_fields(
    rule: NoticeRule, entry: NoticeEntry, number: int, document: Document, folder: RulesFolder,
    templates: Mapping[str, Template], places: Mapping[str, tuple[Document, Location]], words: Mapping[str, Words],
) -> None:  # fmt: skip
    """Every field of the template has a value in this notice, and every field of the notice is used and worded."""
    if entry.template not in templates:
        message = f"no template has the name {entry.template!r}"
        folder.problems.append(document.problem(("notices", number, "template"), message))
        return
    template, (where, location) = templates[entry.template], places[entry.template]
    given, used = BUILT_IN | rule.fields.keys(), set[str]()
    for part, texts in (("subject", template.subject), ("text", template.text), ("short", template.short)):
        for language in LANGUAGES:
            named = _named(texts.in_(language))
            used |= named
            for name in sorted(named - given):
                message = f"{{{name}}} has no value in the notice {rule.name!r}"
                folder.problems.append(where.problem((*location, part, language), message))
    for name, (source, kind) in rule.fields.items():
        place: Location = ("notices", number, "fields", name)
        if name not in used:
            folder.problems.append(document.problem(place, f"the template {entry.template!r} does not use {{{name}}}"))
        if kind is FieldKind.enum:
            options = _events(rule.source)[rule.event].fields_by_name[source].enum_type
            values = options.values if options is not None else ()
            for value in (each.name for each in values if each.number and each.name not in words):
                folder.problems.append(document.problem(place, f"`words` does not say {value} in both languages"))


def _check_template(entry: TemplateEntry, document: Document, place: Location, folder: RulesFolder) -> None:
    for part, texts in (("subject", entry.subject), ("text", entry.text), ("short", entry.short or entry.text)):
        for language in LANGUAGES:
            words: str = getattr(texts, language)
            where = (*place, part, language) if part != "short" or entry.short else (*place, "text", language)
            try:
                fields_of(words)
            except ValueError as error:
                folder.problems.append(document.problem(where, f"cannot be filled: {error}"))
            if part == "subject" and "\n" in words:
                folder.problems.append(document.problem(where, "must be one line"))
            if part == "short" and entry.short and len(words) > _MOST:
                folder.problems.append(document.problem(where, f"must not be longer than {_MOST} characters"))


def _named(text: str) -> set[str]:
    try:
        return fields_of(text)
    except ValueError:
        return set()


def _template(entry: TemplateEntry) -> Template:
    subject, text, short = (Words(each.zh, each.en) for each in (entry.subject, entry.text, entry.short or entry.text))
    return Template(subject, text, short)
