"""Rounds and periods: what begins with a campaign, and what follows at the end of one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from casework import names
from casework.supervision.prevention.campaign import CampaignState, round_end
from services.escalation.prevention.campaigns import store
from services.escalation.prevention.campaigns.models import Campaign
from services.kit import dates
from services.kit.clocks.clocks import Firing
from services.kit.command import Consequence, Work
from services.kit.storage.events import NewEvent


async def begin(work: Work, row: Campaign, first: date) -> Campaign:
    """Begin the next round on a day, or the period if there are no rounds; return the campaign's new row."""
    nth, last = row.round + 1, round_end(first, row.end_on, row.round_days)
    rule = "campaign_round" if row.round_days else "campaign_end"
    clock = await work.start_clock(
        row.number, f"round-{nth}", rule, subject=names.file_name(row.number), unit=row.unit, at=work.now,
        until=dates.last_second(last),
    )  # fmt: skip
    return await store.change(work.connection, row, round=nth, round_end_on=last, **clock.shown())


async def over(work: Work, firing: Firing) -> None:
    """Begin the next round while the period continues; afterwards the report is due.

    After an outage the next round is today's: past days are skipped.
    """
    number = names.number_of(firing.subject)
    row = await store.get(work.connection, number)
    if row.state is not CampaignState.RUNNING or firing.key != f"round-{row.round}":
        return
    await work.stop(number, f"round-{row.round}")
    assert row.round_end_on is not None, "a round that is over had a last day"
    first = max(row.round_end_on + timedelta(days=1), dates.today(work.now))
    if first <= row.end_on:
        row = await begin(work, row, first)
        await work.append(NewEvent(number, "CampaignRoundBegan", row.unit, {"round": row.round}))
        return
    clock = await work.start_clock(
        number, "report-1", "campaign_report", subject=names.file_name(number), unit=row.unit, at=work.now
    )
    row = await store.change(work.connection, row, state=CampaignState.REPORTING, **clock.shown())
    await work.append(NewEvent(number, "CampaignOver", row.unit, {"round": row.round}))


CONSEQUENCES: Mapping[str, Consequence] = {"campaign_round": over, "campaign_end": over}
"""The consequences of the end of a round or a period, by rule."""
