"""Search attributes: the few things an operator looks for in the list of workflows."""

from __future__ import annotations

from temporalio.common import SearchAttributeKey

STAGE = SearchAttributeKey.for_keyword("AccordStage")
UNIT = SearchAttributeKey.for_keyword("AccordUnit")
TIER = SearchAttributeKey.for_keyword("AccordTier")
NEXT_DUE = SearchAttributeKey.for_datetime("AccordNextDue")
OVERDUE = SearchAttributeKey.for_bool("AccordOverdue")
