"""For each RPC of lookups a good request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from pb.lookup.v1 import lookup_pb2 as pb

from tests.conftest import COUNTY

CALLS = tuple(method.name for method in pb.DESCRIPTOR.services_by_name["LookupService"].methods)
"""About no unit's matters: everybody may read them."""
Maker = Callable[[Any, str], Message]


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC."""
    return {
        "ListUnits": filled(pb.ListUnitsRequest, parent=lambda w: f"units/{COUNTY}"),
        "GetUnit": filled(pb.GetUnitRequest, name=lambda w: f"units/{COUNTY}"),
        "ListCategories": filled(pb.ListCategoriesRequest),
        "ListRefusalReasons": filled(pb.ListRefusalReasonsRequest),
        "ListDocumentForms": filled(pb.ListDocumentFormsRequest),
        "ListRoles": filled(pb.ListRolesRequest),
        "ListPermissions": filled(pb.ListPermissionsRequest),
        "ListTimeLimits": filled(pb.ListTimeLimitsRequest, unit=lambda w: f"units/{COUNTY}"),
        "ListCodeLists": filled(pb.ListCodeListsRequest),
        "GetCodeList": filled(pb.GetCodeListRequest, name=lambda w: "codeLists/intake.Channel"),
    }
