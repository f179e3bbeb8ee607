"""What the frequency caps end beside the mail that met them: mails whose slot another took, and the rest of a run.

Runs in the transaction of the claim, which has locked the people and all that is planned for them.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.enrollment import store as enrollments
from aftercart.ledger import store as ledger
from aftercart.pipeline.planning.configuration import Configuration, keep_what_ended
from aftercart.pipeline.planning.planned import Planned
from aftercart.policy.decision import Skip, Verdict
from aftercart.policy.facts import Facts
from aftercart.policy.reason import DROPPED, Reason

Decided = tuple[Planned, Facts, Verdict]


def may_drop(app: App) -> bool:
    """Whether any campaign ends other mails than its own, so that more must be locked than what is due."""
    limits = [campaign.limits for campaign in app.campaigns.by_name.values()]
    return any(each.on_cap == "replace" or each.on_drop == "exit" for each in limits)


def drop(
    connection: Connection, under: Configuration, decided: Sequence[Decided], replaced: Collection[UUID], now: datetime
) -> None:
    """End the mails outside the batch that lost their slot and, where their campaign says `on_drop: exit`, what is left
    of each run that lost a mail."""
    taken = ledger.replace(connection, replaced, Reason.REPLACED)
    ledger.name_versions(connection, {row.id: under.of(row.campaign) for row in taken})
    made = [_ended(row.campaign, row.order_id, row.id, now) for row in taken]
    enrollments.complete(connection, (row.enrollment_id for row in taken), now)
    dropped = {(row.enrollment_id, row.campaign, row.order_id) for row in taken}
    dropped |= {(p.enrollment_id, p.campaign_name, p.order_id) for p, _, verdict in decided if _is_dropped(verdict)}
    exits = sorted(run for run in dropped if _exits(under, run[1]))
    keep_what_ended(connection, under, {row.campaign for row in taken} | {campaign for _, campaign, _ in exits}, now)
    made += [_exited(campaign, order_id, now) for _, campaign, order_id in exits]
    reasons = {run[0]: Reason.STEP_DROPPED for run in exits}
    ledger.cancel(connection, reasons, {id_: under.of(campaign) for id_, campaign, _ in exits})
    enrollments.exit_(connection, reasons, now)
    ledger.keep_decisions(connection, made)


def _is_dropped(verdict: Verdict) -> bool:
    return isinstance(verdict.answer, Skip) and verdict.answer.reason in DROPPED


def _exits(under: Configuration, campaign: str) -> bool:
    found = under.campaigns.by_name.get(campaign)
    return found is not None and found.limits.on_drop == "exit"


def _ended(campaign: str, order_id: int, send_id: UUID, now: datetime) -> ledger.Decision:
    return ledger.Decision(
        at=now,
        stage="gate",
        campaign=campaign,
        order_id=order_id,
        send_id=send_id,
        outcome="skip",
        reason=Reason.REPLACED,
    )


def _exited(campaign: str, order_id: int, now: datetime) -> ledger.Decision:
    return ledger.Decision(
        at=now,
        stage="enroll",
        campaign=campaign,
        order_id=order_id,
        outcome="skip",
        reason=Reason.STEP_DROPPED,
        inputs={"exited": True},
    )
