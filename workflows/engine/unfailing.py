"""No workflow of Accord ever fails: one that did would take its clocks along.

A workflow's code that meets a failure it did not foresee stops where it is: its task is tried again, with what it says
in the engine's own words, until the code is mended or the fault is over. Cancelling and ending by hand stay possible.
"""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import CancelledError, FailureError
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)


class UnforeseenError(RuntimeError):
    """A workflow's code met a failure that it did not handle."""


class _Unfailing(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        try:
            return await self.next.execute_workflow(input)
        except CancelledError:
            raise
        except FailureError as error:
            workflow.logger.error("a workflow met what it did not foresee: %s", type(error).__name__)
            raise UnforeseenError(type(error).__name__) from error


class Unfailing(Interceptor):
    """Lets the task of a workflow fail, never the workflow."""

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        """Return what stands around the workflow's code."""
        return _Unfailing
