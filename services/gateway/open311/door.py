"""The door's routes: discovery, services, requests, tokens, updates. Each asks intake and writes what it answers."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import Message
from pb.intake.v1 import intake_pb2, public_pb2, reporter_pb2

from casework.clocks.calendar import LOCAL
from casework.door.category import Kind, instant_of
from casework.door.receipt import normal_form
from casework.errors import CaseError
from services.gateway.edge import Checker, visitor
from services.gateway.open311.filing import (
    NAMES,
    category_of,
    code_of,
    names_of,
    notice,
    report_of,
    service_of,
    unknown,
)
from services.gateway.open311.formats import LANGUAGES, ROOT, Format, Value, headers_of, moment, refusal, written
from services.gateway.open311.forms import Form, asked, sent
from services.gateway.open311.keys import Keys, Sender, refused
from services.gateway.rest.backend import Backend
from services.gateway.rest.contract import Contract
from services.gateway.rest.exchange import Exchange
from services.gateway.rest.problem import Fault, Problem, of_rpc, refuse, wrong_field
from services.gateway.rest.routes import Route
from services.gateway.rest.template import decode_segment
from services.gateway.settings import GatewaySettings
from services.gateway.visitors import FILE, LIST, UPDATES, Guard
from services.kit.instants import stamp
from services.kit.pictures import MOST, upright
from services.kit.serving.limits import Rate, Use
from services.kit.serving.settings import Profile

Serve: TypeAlias = Callable[[Exchange, str], Awaitable[tuple[str, Value]]]
"""Serves a request, given the last part of its path without its ending: returns root element and content."""
_SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"
_RPCS = {
    name: f"accord.intake.v1.{service}.{name}"
    for service, names in {
        "PublicReportService": ("ListPublicServices", "ListPublicReports", "ListPublicUpdates"),
        "IntakeService": ("FileReport", "GetReceipt"),
        "ReporterService": ("AddPhoto", "AddToReport"),
    }.items()
    for name in names
}
_DATATYPES = {
    Kind.STRING: "string", Kind.NUMBER: "number", Kind.DATETIME: "datetime", Kind.TEXT: "text",
    Kind.ONE_OF: "singlevaluelist", Kind.SOME_OF: "multivaluelist",
}  # fmt: skip
_HINTS = {
    Kind.NUMBER: ("非负整数", "A whole number, not negative"),
    Kind.DATETIME: ("日期时间，例如 2026-01-02T08:00:00+08:00", "A date and time, as in 2026-01-02T08:00:00+08:00"),
}
_STATUSES = {"open": public_pb2.PUBLIC_STATUS_OPEN, "closed": public_pb2.PUBLIC_STATUS_CLOSED}
_NUMBER = re.compile(r"[0-9]{6}-[12][0-9]{3}-[0-9]{6,9}")
_MOST_NUMBERS, _MOST_LISTED = 200, 1000
_LONGEST_PHOTO = 3 * 1024 * 1024


class Door:
    """Serves Open311, by intake's public RPCs."""

    def __init__(
        self,
        contract: Contract,
        backends: dict[str, Backend],
        settings: GatewaySettings,
        checker: Checker,
        guards: dict[str, list[Guard]],
    ) -> None:
        rpcs = {rpc.full_name: rpc for rpc in contract.rpcs}
        self._calls: dict[str, Callable[..., Any]] = {
            name: backends["intake"].callable(rpcs[full]) for name, full in _RPCS.items()
        }
        self._settings = settings
        self._keys = Keys(settings.open311_keys_file, settings.limit_rate_partner, checker, guards[FILE])
        self._guards = {name: guards.get(full, []) for name, full in _RPCS.items() if full in (LIST, UPDATES)}
        self._codes, self._guesses = Rate(settings.limit_rate_code), Rate(settings.limit_rate_guess)
        key = settings.client_key_file
        self._secret = hashlib.blake2b(key.read_bytes() if key else b"", person=b"open311").digest()
        self._looking = asyncio.Semaphore(2)
        """Photos that are looked at together; more wait."""

    def routes(self) -> Iterator[tuple[str, str, Route]]:
        """Yield method, path and route of everything that is served."""
        for form in Format:
            yield "GET", f"{ROOT}/discovery.{form}", self._route("discovery", self._discovery, charset="")
            for language in LANGUAGES:
                at = f"{ROOT}/{language}/v2"
                yield "GET", f"{at}/services.{form}", self._route("services", self._services)
                yield "GET", f"{at}/requests.{form}", self._route("requests", self._list)
                yield "POST", f"{at}/requests.{form}", self._route("requests", self._file)
                yield "GET", f"{at}/servicerequestupdates.{form}", self._route("updates", self._updates)
                yield "POST", f"{at}/servicerequestupdates.{form}", self._route("updates", self._add)
        for language in LANGUAGES:
            at = f"{ROOT}/{language}/v2"
            yield "GET", f"{at}/services/*", self._route("services/*", self._definition)
            yield "GET", f"{at}/requests/*", self._route("requests/*", self._one)
            yield "GET", f"{at}/tokens/*", self._route("tokens/*", self._token)
        for method in ("GET", "POST"):
            yield method, f"{ROOT}/**", self._route("**", self._nowhere)

    @staticmethod
    def _route(name: str, serve: Serve, charset: str = "; charset=utf-8") -> Route:
        async def endpoint(exchange: Exchange, parts: list[str]) -> None:
            if parts[1] in LANGUAGES:
                exchange.language = parts[1]
            last, _, ending = parts[-1].rpartition(".")
            if ending not in list(Format):
                raise refuse("NO_SUCH_PATH")
            root, value = await serve(exchange, _decoded(last))
            form = Format(ending)
            await exchange.answer(200, headers_of(form, charset), written(form, root, value))

        return Route(f"{ROOT}/{name}", False, endpoint, Use.CALL, "intake", refusal)

    async def _nowhere(self, exchange: Exchange, last: str) -> tuple[str, Value]:
        raise refuse("NO_SUCH_PATH")

    async def _discovery(self, exchange: Exchange, last: str) -> tuple[str, Value]:
        told = await self._ask(exchange, "ListPublicServices", public_pb2.ListPublicServicesRequest())
        changed, base = moment(told.change_time), f"{exchange.scope['scheme']}://{self._host(exchange)}{ROOT}"
        kind = "production" if self._settings.profile is Profile.PRODUCTION else "test"
        endpoints = [
            {
                "specification": _SPECIFICATION,
                "url": f"{base}/{language}/v2",
                "changeset": changed,
                "type": kind,
                "formats": [each.media_type for each in reversed(Format)],
            }
            for language in LANGUAGES
        ]
        return "discovery", {
            "changeset": changed, "contact": told.contact, "key_service": told.key_service, "endpoints": endpoints,
        }  # fmt: skip

    def _host(self, exchange: Exchange) -> str:
        """Return the host as the caller reaches it."""
        host = exchange.headers.get(b"host", b"").decode("latin-1")
        return host if re.fullmatch(r"[A-Za-z0-9.:\[\]-]{1,255}", host) else self._settings.listen

    async def _services(self, exchange: Exchange, last: str) -> tuple[str, Value]:
        return "services", [_service(each) for each in await self._offered(exchange, _unit(asked(exchange)))]

    async def _definition(self, exchange: Exchange, last: str) -> tuple[str, Value]:
        form = asked(exchange)
        form.fields["service_code"] = [last]
        service = service_of(form, await self._offered(exchange, _unit(form)))
        attributes = [_attribute(each, order, exchange.language) for order, each in enumerate(service.questions, 1)]
        return "service_definition", {"service_code": last, "attributes": attributes}

    async def _offered(self, exchange: Exchange, unit: str) -> list[public_pb2.PublicService]:
        request = public_pb2.ListPublicServicesRequest(unit=unit)
        return list((await self._ask(exchange, "ListPublicServices", request)).services)

    async def _list(self, exchange: Exchange, last: str) -> tuple[str, Value]:
        form = asked(exchange)
        request = public_pb2.ListPublicReportsRequest(unit=_unit(form))
        request.page_size, request.skip = _page(form)
        numbers = form.listed("service_request_id")
        if len(numbers) > _MOST_NUMBERS:
            raise wrong_field("service_request_id", f"至多 {_MOST_NUMBERS} 个。", f"At most {_MOST_NUMBERS}.")
        if numbers:
            request.numbers.extend(each for each in numbers if _NUMBER.fullmatch(each))
            if not request.numbers:
                await self._offered(exchange, request.unit)
                return "service_requests", []
        else:
            await self._narrow(exchange, request, form)
        _span(form, request)
        found = await self._ask(exchange, "ListPublicReports", request)
        return "service_requests", [_request(each) for each in found.reports]

    async def _narrow(self, exchange: Exchange, request: public_pb2.ListPublicReportsRequest, form: Form) -> None:
        """Ask for some services and some statuses only, if the program does; raise Problem for one that is unknown."""
        if codes := form.listed("service_code"):
            offered = {code_of(each.category) for each in await self._offered(exchange, request.unit)}
            for code in codes:
                if code not in offered:
                    raise unknown("service_code", code)
            request.categories.extend(map(category_of, codes))
        for status in form.listed("status"):
            if status.lower() not in _STATUSES:
                raise wrong_field("status", "应为 open 或 closed。", "Must be open or closed.")
            request.statuses.append(_STATUSES[status.lower()])

    async def _one(self, exchange: Exchange, last: str) -> tuple[str, Value]:
        request = public_pb2.ListPublicReportsRequest(unit=_unit(asked(exchange)))
        if _NUMBER.fullmatch(last):
            request.numbers.append(last)
            found = await self._ask(exchange, "ListPublicReports", request)
            if found.reports:
                return "service_requests", [_request(found.reports[0])]
        raise unknown("service_request_id", last)

    async def _token(self, exchange: Exchange, last: str) -> tuple[str, Value]:
        """A token is the code of a receipt: whoever has it may learn the number."""
        _unit(asked(exchange))
        code = normal_form(last)
        await self._guesses.count(visitor(exchange.scope).subject)
        await self._codes.count(code or last)
        if code is None:
            raise unknown("token", last)
        receipt = await self._ask(exchange, "GetReceipt", intake_pb2.GetReceiptRequest(name=f"receipts/{last}"), NAMES)
        number = receipt.report.removeprefix("reports/")
        return "service_requests", [{"service_request_id": number, "token": last}]

    async def _file(self, exchange: Exchange, last: str) -> tuple[str, Value]:
        form = await sent(exchange, self._settings)
        unit = _unit(form)
        service = service_of(form, await self._offered(exchange, unit))
        report = report_of(form, unit, service, exchange.language)
        sender = await self._keys.sender(exchange, form)
        await self._must_be_photos(form.files)
        key, own = self._key_of(exchange, form, sender)
        request = intake_pb2.FileReportRequest(report=report, request_id=key)
        filed = await self._ask(exchange, "FileReport", request, names_of(service), sender.authorization)
        for place, photo in enumerate(form.files):
            add = reporter_pb2.AddPhotoRequest(
                parent=filed.report.name, content=photo, request_id=self._derived(key, str(place))
            )
            await self._ask(exchange, "AddPhoto", add, NAMES, f"Bearer {filed.access_token}")
        told = {"token": filed.report.receipt_code} if service.receipt_first else {
            "service_request_id": filed.report.name.removeprefix("reports/")
        }  # fmt: skip
        said = notice(filed.report, exchange.language, words=own)
        return "service_requests", [{**told, "service_notice": said, "account_id": None}]

    async def _must_be_photos(self, files: list[bytes]) -> None:
        """Raise Problem if intake would refuse one of these files, before anything is filed: nothing is half taken."""
        if len(files) > MOST:
            raise wrong_field("media", f"至多 {MOST} 张。", f"At most {MOST} photos.")
        for each in files:
            if len(each) > _LONGEST_PHOTO:
                raise wrong_field("media", "每张至多 3 MiB。", "At most 3 MiB each.")
            try:
                async with self._looking:
                    await asyncio.to_thread(upright, each)
            except CaseError as error:
                raise wrong_field("media", error.message("zh"), error.message("en")) from None

    def _key_of(self, exchange: Exchange, form: Form, sender: Sender) -> tuple[str, bool]:
        """Return the key of a filing, and whether it is the program's own, which then is a secret of its own.

        Without one, the same words from the same sender on the same day are one report: most programs send again what
        was not answered, and have no key to say so.
        """
        if given := exchange.header(b"idempotency-key"):
            return given, True
        day = datetime.now(UTC).astimezone(LOCAL).date().isoformat()
        fields = [f"{name}={value}" for name, values in sorted(form.fields.items()) for value in values]
        told = [each for each in fields if not each.startswith("api_key=")]
        files = [hashlib.sha256(each).hexdigest() for each in form.files]
        return self._derived(sender.name, day, *told, *files), False

    def _derived(self, *parts: str) -> str:
        digest = hashlib.blake2b(key=self._secret, digest_size=32)
        for each in parts:
            digest.update(len(each.encode()).to_bytes(8, "big") + each.encode())
        return f"open311-{digest.hexdigest()}"

    async def _updates(self, exchange: Exchange, last: str) -> tuple[str, Value]:
        form = asked(exchange)
        request = public_pb2.ListPublicUpdatesRequest(unit=_unit(form))
        request.page_size, request.skip = _page(form)
        _span(form, request)
        found = await self._ask(exchange, "ListPublicUpdates", request)
        return "service_request_updates", [_update(each) for each in found.updates]

    async def _add(self, exchange: Exchange, last: str) -> tuple[str, Value]:
        """Words are added by whoever may: the reporter with the token of the receipt, an office with its own."""
        form = await sent(exchange, self._settings)
        _unit(form)
        sender = await self._keys.sender(exchange, form)
        if not sender.account:
            raise refused(
                "补充情况需要令牌：凭回执码和口令取得，或者用账号的令牌。",
                "To add words needs a token: of the receipt, by its code and second factor, or of an account.",
            )
        number, text = form.one("service_request_id"), form.one("description")
        if not _NUMBER.fullmatch(number):
            raise unknown("service_request_id", number)
        if not text:
            raise wrong_field("description", "必填。", "Is required.")
        key, _ = self._key_of(exchange, form, sender)
        request = reporter_pb2.AddToReportRequest(name=f"reports/{number}", text=text, request_id=key)
        await self._ask(exchange, "AddToReport", request, NAMES, sender.authorization)
        return "service_request_updates", [{"update_id": f"{number}.{self._derived(key)[-16:]}"}]

    async def _ask(
        self, exchange: Exchange, call: str, request: Message, names: dict[str, str] = NAMES, authorization: str = ""
    ) -> Any:
        """Return intake's answer; raise a Problem whose fields are named as in Open311."""
        if b"authorization" not in exchange.headers:
            for guard in self._guards.get(call, ()):
                await guard.admit(exchange)
        metadata = (("authorization", authorization or exchange.authorization), *exchange.metadata()[1:])
        timeout = exchange.timeout(self._settings.request_timeout)
        try:
            return await self._calls[call](request, timeout=timeout, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            problem = of_rpc(error, renamed=names)
        if problem.reason == "UNKNOWN_UNIT":
            raise unknown("jurisdiction_id", _code(request))
        if problem.reason == "DOOR_CLOSED":
            # With the telephone to call.
            raise Problem(404, "NOT_FOUND", faults=(Fault("jurisdiction_id", problem.zh, problem.en),))
        if problem.reason.startswith("CHALLENGE_"):
            raise refused("此处提交须有密钥。", "To file here needs a key.")
        if problem.reason == "NOT_FOUND" and call == "GetReceipt":
            raise unknown("token", str(getattr(request, "name", "")).removeprefix("receipts/"))
        raise problem


def _decoded(segment: str) -> str:
    try:
        return decode_segment(segment)
    except UnicodeDecodeError:
        raise refuse("INVALID_UTF8") from None


def _code(request: Message) -> str:
    """Return the code of the unit that a request is about."""
    about: Message = request.report if isinstance(request, intake_pb2.FileReportRequest) else request
    return str(getattr(about, "unit", "")).removeprefix("units/")


def _unit(form: Form) -> str:
    """Return the unit of the jurisdiction; raise Problem where none is named, or none can be called so."""
    code = form.one("jurisdiction_id")
    if not code:
        raise wrong_field("jurisdiction_id", "必填：行政区划代码。", "Is required: an administrative code.")
    if not re.fullmatch(r"[0-9]{2,12}", code):
        raise unknown("jurisdiction_id", code)
    return f"units/{code}"


def _page(form: Form) -> tuple[int, int]:
    """Return page size and how many come before; raise Problem."""
    found = {}
    for name, default, most in (("page", 1, 1_000), ("page_size", _MOST_LISTED, _MOST_LISTED)):
        text = form.one(name) or str(default)
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
            raise wrong_field(name, f"应为 1 到 {most}。", f"Must be from 1 to {most}.")
        found[name] = int(text)
    return found["page_size"], (found["page"] - 1) * found["page_size"]


def _span(form: Form, request: public_pb2.ListPublicReportsRequest | public_pb2.ListPublicUpdatesRequest) -> None:
    """Fill in from when until when; raise Problem for a date that is none."""
    for name, field in (("start_date", request.start_time), ("end_date", request.end_time)):
        text = form.one(name)
        if not text:
            continue
        given = stamp(instant_of(text))
        if given is None:
            raise wrong_field(name, "应形如 2026-01-02T08:00:00Z。", "Must look like 2026-01-02T08:00:00Z.")
        field.CopyFrom(given)


def _service(service: public_pb2.PublicService) -> dict[str, Value]:
    return {
        "service_code": code_of(service.category),
        "service_name": service.display_name,
        "description": service.display_name,
        "metadata": bool(service.questions),
        "type": "batch" if service.receipt_first else "realtime",
        "keywords": ", ".join(service.keywords),
        "group": service.group,
    }


def _attribute(question: public_pb2.PublicQuestion, order: int, language: str) -> dict[str, Value]:
    kind = Kind(question.kind)
    hint = _HINTS.get(kind)
    told: dict[str, Value] = {
        "variable": True,
        "code": question.code,
        "datatype": _DATATYPES[kind],
        "required": question.required,
        "datatype_description": hint[language == "en"] if hint else None,
        "order": order,
        "description": question.question,
    }
    if question.choices:
        told["values"] = [{"key": each.key, "name": each.display_name} for each in question.choices]
    return told


def _request(report: public_pb2.PublicReport) -> dict[str, Value]:
    located = report.HasField("location")
    return {
        "service_request_id": report.number,
        "status": "closed" if report.closed else "open",
        "status_notes": report.status,
        "service_name": report.category_display_name,
        "service_code": code_of(report.category),
        "description": None,
        "agency_responsible": report.unit_display_name,
        "service_notice": None,
        "requested_datetime": moment(report.receive_time),
        "updated_datetime": moment(report.update_time),
        "expected_datetime": moment(report.due_time) if report.HasField("due_time") else None,
        "address": report.area_display_name or None,
        "address_id": report.area or None,
        "zipcode": None,
        "lat": report.location.latitude if located else None,
        "long": report.location.longitude if located else None,
        "media_url": None,
    }


def _update(update: public_pb2.PublicUpdate) -> dict[str, Value]:
    return {
        "update_id": update.key,
        "service_request_id": update.number,
        "status": "closed" if update.closed else "open",
        "updated_datetime": moment(update.update_time),
        "description": update.status,
        "media_url": None,
    }
