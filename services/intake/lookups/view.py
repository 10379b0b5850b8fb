"""Lookups as messages of the contract."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.rpc import code_pb2
from google.type.date_pb2 import Date
from pb.access.v1 import permission_pb2
from pb.lookup.v1 import lookup_pb2 as pb

from casework import names
from casework.clocks.rule import ALSO_BY_HAND, Consumer, PauseRule, RestartRule
from casework.clocks.rule_book import RuleBook, UnknownRule
from casework.door.category import Category, Question
from casework.door.field import FieldBook
from casework.errors import TEXTS, Reason
from casework.papers.forms import ORDERED, FormRule, Made, Need
from casework.units import Level, UnitTree, parent_code
from services.kit.catalogue import IMAGE, comments
from services.kit.numbers import numbers
from services.kit.rules.words import Called, WordBook
from services.kit.serving.errors import code_of
from services.kit.serving.grants import Grant

_PERMISSION: Any = permission_pb2.permission
_PUBLIC: Any = permission_pb2.public
_KINDS = dict(enumerate(Level, start=1))
LEVELS: dict[Level, int] = {level: number for number, level in _KINDS.items()}
"""Levels by their number in the contract: both are listed from the nation down."""
_FORMS = "mediation.DocumentForm"
_FORM_WORDS = {each.form.name: each.zh for each in ORDERED}


def levels(asked: Sequence[int]) -> set[Level]:
    """Return levels of the contract as those of the domain."""
    return {_KINDS[each] for each in asked}


def unit(code: str, tree: UnitTree) -> pb.Unit:
    """Return a unit, or a code that is no longer in use."""
    known, area = tree.known(code), tree.known(code.partition("-")[0])
    kind = tree.departments.get(code.partition("-")[2])
    own = known.name.removeprefix(area.name) if known is not area and "-" in code else ""
    message = pb.Unit(
        name=names.unit_name(code),
        zh=known.name,
        en=kind.en if kind else "",
        full_name=tree.place(code) + own,
        paper_name=tree.paper(code).full,
        parent=names.unit_name(parent_code(code) or ""),
        has_children=code in tree and bool(tree.children(code)),
        phone=tree.phone(code),
        successor=names.unit_name(tree.successor(code) or ""),
        retired=code not in tree,
        **numbers(level=LEVELS[known.level]),
    )
    if (dropped := tree.retired.get(code)) is not None and dropped.since is not None:
        since = dropped.since
        message.retire_date.CopyFrom(Date(year=since.year, month=since.month, day=since.day))
    return message


def category(found: Category, fields: FieldBook) -> pb.Category:
    """Return a category with its questions."""
    field = fields.named(found.id)
    return pb.Category(
        name=f"categories/{found.id}",
        zh=found.zh,
        en=found.en,
        parent=f"categories/{found.parent}" if found.parent else "",
        department=found.department or "",
        plan_type=found.template,
        field=field.key if field else "",
        field_zh=field.zh if field else "",
        field_en=field.en if field else "",
        questions=[_question(each) for each in found.questions],
    )


def _question(asked: Question) -> pb.CategoryQuestion:
    return pb.CategoryQuestion(
        code=asked.code,
        zh=asked.zh,
        en=asked.en,
        required=asked.required,
        choices=[pb.QuestionChoice(code=each.key, zh=each.zh, en=each.en) for each in asked.choices],
        **numbers(kind=asked.kind, fact=asked.fact),
    )


def reason(code: Reason) -> pb.RefusalReason:
    """Return a reason in words."""
    text = TEXTS[code]
    return pb.RefusalReason(code=code, zh=text.zh, en=text.en, grpc_code=code_pb2.Code.Name(code_of(text.kind)))


def form(rule: FormRule) -> pb.DocumentFormWords:
    """Return a form of documents."""
    return pb.DocumentFormWords(
        code=f"DOCUMENT_FORM_{rule.form.name}",
        zh=rule.zh,
        en=rule.en,
        required=rule.need is Need.MUST,
        filled=rule.made is not Made.SCANNED,
        with_dossier=rule.made is Made.WITH_DOSSIER,
        about=rule.about,
    )


def role(code: str, called: Called, grants: Sequence[Grant]) -> pb.Role:
    """Return a role with its permissions; a policy for nobody in particular is for everybody."""
    own = {p for each in grants for p in each.permissions if not each.parts and code in (each.roles or {code})}
    by_part = {p for each in grants for p in each.permissions if each.parts and code in each.roles}
    return pb.Role(
        code=code, zh=called[0], en=called[1], permissions=sorted(own), permissions_by_part=sorted(by_part - own)
    )


def part(code: str, called: Called, grants: Sequence[Grant]) -> pb.Role:
    """Return a part with what it permits."""
    found = {permission for each in grants if code in each.parts for permission in each.permissions}
    return pb.Role(code=code, zh=called[0], en=called[1], permissions_by_part=sorted(found))


def permissions(granted: Collection[str]) -> list[pb.Permission]:
    """Return permissions with the calls of the contracts that need them."""
    calls: dict[str, list[pb.PermittedCall]] = {code: [] for code in sorted(granted)}
    for file in _files():
        for service in file.service:
            for method in service.method:
                rule = method.options.Extensions[annotations_pb2.http]
                kind = rule.WhichOneof("pattern")
                name = f"{file.package}.{service.name}"
                calls.setdefault(method.options.Extensions[_PERMISSION], []).append(
                    pb.PermittedCall(
                        method=f"{name}/{method.name}",
                        rest=f"{kind.upper()} {getattr(rule, kind)}" if kind else "",
                        en=comments().get(f"{name}.{method.name}", ""),
                        public=method.options.Extensions[_PUBLIC],
                    )
                )
    return [pb.Permission(code=code, calls=found) for code, found in sorted(calls.items())]


def limits(book: RuleBook, place: str | None, on: date) -> Iterator[pb.TimeLimit]:
    """Yield the time limit of each name that is in force somewhere: at a place, or in the whole nation."""
    for name in book.names():
        try:
            rule = book.get(name, place, on)
        except UnknownRule:
            continue
        if rule.valid_on(on):
            by_hand = rule.trigger.consumer is Consumer.by_hand or name in ALSO_BY_HAND
            yield pb.TimeLimit(
                code=name, zh=rule.zh, en=rule.en, amount=rule.n, unit_of_time=rule.unit, basis=rule.basis,
                by_hand=by_hand, pause_causes=map(_cause, rule.pauses), restart_causes=map(_cause, rule.restarts),
            )  # fmt: skip


def _cause(rule: PauseRule | RestartRule) -> pb.LimitCause:
    return pb.LimitCause(code=rule.cause, zh=rule.zh, en=rule.en)


def code_lists(words: WordBook) -> Iterator[pb.CodeList]:
    """Yield each enum of the contracts that has words, by name."""
    found = {_short(file, each.name): (file, each) for file in _files() for each in file.enum_type}
    for name, (file, enum) in sorted(found.items()):
        if name in words.lists:
            yield _code_list(name, file, enum, words)


def _code_list(name: str, file: FileDescriptorProto, enum: EnumDescriptorProto, words: WordBook) -> pb.CodeList:
    schema, said = f"{file.package}.{enum.name}", words.lists[name]
    prefix = enum.value[0].name.removesuffix("UNSPECIFIED")
    called = _FORM_WORDS if name == _FORMS else said.codes
    return pb.CodeList(
        name=f"codeLists/{name}",
        schema=schema,
        zh=said.zh,
        en=comments().get(schema, ""),
        codes=[
            pb.Code(
                code=each.name,
                zh=called.get(each.name.removeprefix(prefix), ""),
                en=comments().get(f"{schema}.{each.name}", ""),
            )
            for each in enum.value[1:]
        ],
    )


def _files() -> list[FileDescriptorProto]:
    """Return the files of the contracts, without those of events: nobody sends them."""
    files = FileDescriptorSet.FromString(IMAGE.read_bytes()).file
    return [each for each in files if each.name.startswith("accord/") and "/events/" not in each.name]


def _short(file: FileDescriptorProto, name: str) -> str:
    """Return the name of an enum as words have it: `intake.Channel`."""
    return f"{file.package.split('.')[1]}.{name}"
