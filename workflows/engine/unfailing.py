"""No workflow of Accord ever fails: a failed one would lose its clocks.

Workflow code that meets an unforeseen failure stops where it is: Temporal retries its task and shows the error until
the code is fixed or the fault is over. Cancelling and terminating manually stay possible.
"""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import CancelledError, FailureError
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)


class UnforeseenError(RuntimeError):
    """Workflow code met a failure that it did not handle."""


class _Unfailing(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> object:
        try:
            return await self.next.execute_workflow(input)
        except CancelledError:
            raise
        except FailureError as error:
            workflow.logger.error("unforeseen failure in a workflow: %s", type(error).__name__)
            raise UnforeseenError(type(error).__name__) from error


class Unfailing(Interceptor):
    """Lets the task of a workflow fail, never the workflow."""

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        """Return the interceptor around the workflow's code."""
        return _Unfailing
