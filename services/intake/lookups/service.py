"""The RPCs of lookups. They read rules and contracts, never a row: nothing private can get out here."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

from pb.lookup.v1 import lookup_pb2 as pb
from pb.lookup.v1 import lookup_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason
from casework.papers.forms import ORDERED
from casework.unit_finder import UnitFinder
from casework.units import is_code, level_of
from services.intake.lookups import view
from services.kit.composition import Parts
from services.kit.dates import today
from services.kit.servicer import Servicer
from services.kit.serving.access import Context, current_call
from services.kit.serving.grants import Grant, grants_of
from services.kit.storage import paging

_PAGE = 50
Answer = TypeVar("Answer", bound=Any)


class LookupServicer(Servicer, lookup_pb2_grpc.LookupServiceServicer):
    """Serves lookups. They are of no unit."""

    service = "intake"
    heads = "reports"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._finder = UnitFinder(self.rules.units)
        self._policies = parts.settings.rules / "access"

    async def ListUnits(self, request: pb.ListUnitsRequest, context: Context) -> pb.ListUnitsResponse:
        """Return units by place, beginning of the code, or words of the name."""
        _admit()
        size = request.page_size or _PAGE
        after = paging.read(request.page_token, "units", _code) or ""
        found = await asyncio.to_thread(self._found, request, after, size + 1)
        token = paging.following(found, size, "units", lambda code: code)
        units = [view.unit(code, self.rules.units) for code in found[:size]]
        return _versioned(pb.ListUnitsResponse(units=units, next_page_token=token))

    def _found(self, request: pb.ListUnitsRequest, after: str, most: int) -> list[str]:
        tree, begins = self.rules.units, request.code_prefix
        words = request.query.casefold().split()
        parent = names.last(request.parent) if request.parent or begins or words else names.ROOT_UNIT
        below = set(tree.children(parent)) if parent else None
        if below is not None and not words:
            codes: Iterable[str] = sorted(each for each in below if each > after)
        else:
            # Whatever is below a unit has its code in front.
            start = max(begins, "" if parent in ("", names.ROOT_UNIT) else parent, key=len)
            codes = (each for each in self._finder.find(words, start, after) if below is None or each in below)
        asked = view.levels(request.levels)
        shown = (each for each in codes if each.startswith(begins) and (not asked or level_of(each) in asked))
        # A code that is no longer in use is found by itself alone.
        retired = () if parent or words or asked else tree.retired
        dropped = [each for each in retired if each not in tree and each.startswith(begins) and each > after]
        return sorted([*islice(shown, most), *dropped])[:most]

    async def GetUnit(self, request: pb.GetUnitRequest, context: Context) -> pb.Unit:
        """Return a unit."""
        _admit()
        return _versioned(view.unit(self.known(request.name, "name"), self.rules.units))

    async def ListCategories(self, request: pb.ListCategoriesRequest, context: Context) -> pb.ListCategoriesResponse:
        """Return the categories of matters."""
        _admit()
        return _copy(self._categories)

    async def ListRefusalReasons(
        self, request: pb.ListRefusalReasonsRequest, context: Context
    ) -> pb.ListRefusalReasonsResponse:
        """Return the reasons for which a call is refused."""
        _admit()
        return _versioned(pb.ListRefusalReasonsResponse(reasons=[view.reason(each) for each in sorted(Reason)]))

    async def ListDocumentForms(
        self, request: pb.ListDocumentFormsRequest, context: Context
    ) -> pb.ListDocumentFormsResponse:
        """Return the forms of documents."""
        _admit()
        return _versioned(pb.ListDocumentFormsResponse(forms=[view.form(each) for each in ORDERED]))

    async def ListRoles(self, request: pb.ListRolesRequest, context: Context) -> pb.ListRolesResponse:
        """Return roles and parts with what the policies grant to them."""
        _admit()
        return _copy(self._roles)

    async def ListPermissions(self, request: pb.ListPermissionsRequest, context: Context) -> pb.ListPermissionsResponse:
        """Return the permissions with the calls that need them."""
        _admit()
        return _copy(self._permissions)

    async def ListTimeLimits(self, request: pb.ListTimeLimitsRequest, context: Context) -> pb.ListTimeLimitsResponse:
        """Return the time limits in force today."""
        _admit()
        unit = self.known(request.unit, "unit") if request.unit else None
        found = view.limits(self.rules.clocks, unit, today(self.time.now()))
        return _versioned(pb.ListTimeLimitsResponse(limits=found))

    async def ListCodeLists(self, request: pb.ListCodeListsRequest, context: Context) -> pb.ListCodeListsResponse:
        """Return all code lists."""
        _admit()
        return _copy(self._code_lists)

    async def GetCodeList(self, request: pb.GetCodeListRequest, context: Context) -> pb.CodeList:
        """Return a code list."""
        _admit()
        found = self._lists.get(request.name)
        if found is None:
            raise CaseError(Reason.NOT_FOUND, request.name)
        return _versioned(_copy(found))

    # What neither a request nor a day changes is put together once: whoever has no account may ask for it as well.

    @cached_property
    def _categories(self) -> pb.ListCategoriesResponse:
        found = [view.category(each, self.rules.fields) for each in self.rules.categories]
        return _versioned(pb.ListCategoriesResponse(categories=found))

    @cached_property
    def _roles(self) -> pb.ListRolesResponse:
        words, grants = self.rules.words, self._grants
        roles = [view.role(code, called, grants) for code, called in words.roles.items()]
        parts = [view.part(*each, grants) for each in words.parts.items()]
        return _versioned(pb.ListRolesResponse(roles=roles, parts=parts))

    @cached_property
    def _permissions(self) -> pb.ListPermissionsResponse:
        granted = {permission for each in self._grants for permission in each.permissions}
        return _versioned(pb.ListPermissionsResponse(permissions=view.permissions(granted)))

    @cached_property
    def _code_lists(self) -> pb.ListCodeListsResponse:
        return _versioned(pb.ListCodeListsResponse(code_lists=self._lists.values()))

    @cached_property
    def _grants(self) -> tuple[Grant, ...]:
        return tuple(grants_of(self._policies))

    @cached_property
    def _lists(self) -> dict[str, pb.CodeList]:
        return {each.name: each for each in view.code_lists(self.rules.words)}


def _code(value: object) -> str:
    """Return the code of a unit; ValueError if the value is none."""
    if not is_code(code := paging.key(value)):
        raise ValueError
    return code


def _admit() -> None:
    """Let everybody through who has the permission: that is all, by the policies."""
    current_call().require(names.ROOT_UNIT)


def _versioned(answer: Answer) -> Answer:
    """Set the version of an answer: the hash of what it says."""
    answer.etag = hashlib.sha256(answer.SerializeToString(deterministic=True)).hexdigest()[:16]
    return answer


def _copy(answer: Answer) -> Answer:
    """Return a copy of an answer that is kept: entries may be taken out of what is returned."""
    copy = type(answer)()
    copy.CopyFrom(answer)
    return copy
