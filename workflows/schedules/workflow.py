"""The workflow that a schedule starts: it asks what is due and handles it, however often or late it was started."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.keeping import PATIENCE
    from workflows.messages import RUN_SCHEDULE

_TIMEOUT = timedelta(minutes=30)
_SIGN_OF_LIFE = timedelta(seconds=15)
"""How long to wait for a worker that was killed meanwhile; then another one continues."""


@workflow.defn(name="ScheduledWorkflow")
class ScheduledWorkflow:
    """One run of a schedule."""

    @workflow.run
    async def run(self, schedule: str) -> int:
        """Handle every due period that was not done, oldest first; return how many there were."""
        done: int = await workflow.execute_activity(
            RUN_SCHEDULE, schedule, result_type=int, start_to_close_timeout=_TIMEOUT,
            heartbeat_timeout=_SIGN_OF_LIFE, retry_policy=PATIENCE,
            summary=f"what is due of {schedule}",
        )  # fmt: skip
        return done
