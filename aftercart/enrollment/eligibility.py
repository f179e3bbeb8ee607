"""May this order enter this campaign?

Consent is not asked here: it is decided at the gate when the mail is due, so that the would-be mail is on record and
somebody who agrees meanwhile gets it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aftercart.campaigns.audience import BoughtItem, matches
from aftercart.campaigns.schema import Campaign
from aftercart.money import Money
from aftercart.policy.reason import Reason

CLOCKS_DIFFER_BY = timedelta(days=1)
"""A shop's clock may run ahead of ours, and some write local time as UTC; what lies further ahead is no order date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """What there is to know about an order. `items`: what was bought and not sent back."""

    state: str
    """placed, completed, test, canceled or refunded."""
    ordered_at: datetime
    """When it was paid, as far as the shop tells; else when it was placed. Never when it was last changed."""
    delivered_at: datetime | None = None
    """When all of it had arrived, as far as the shop tells."""
    imported: bool
    email: str
    items: Sequence[BoughtItem]
    country: str
    total: Money

    def began(self, campaign: Campaign) -> datetime | None:
        """What the delays of a campaign count from; None: it has not happened."""
        return self.delivered_at if campaign.trigger == "order.delivered" else self.ordered_at


@dataclass(frozen=True, slots=True)
class Enter:
    """The order enters."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The order stays out."""

    reason: Reason


def may_enter(campaign: Campaign, order: OrderFacts, now: datetime, max_age: timedelta) -> Enter | Refuse:
    """Whether an order enters a campaign; the first reason against it wins. `max_age`: of what began it."""
    reason = _about_the_order(order, order.began(campaign), now, max_age) or _about_the_campaign(campaign, order)
    return Refuse(reason) if reason else Enter()


def _about_the_order(order: OrderFacts, began: datetime | None, now: datetime, max_age: timedelta) -> Reason | None:
    checks = (
        (order.imported, Reason.IMPORTED),
        (order.state == "canceled", Reason.ORDER_CANCELED),
        (order.state == "refunded", Reason.ORDER_REFUNDED),
        (order.state == "test", Reason.TEST_ORDER),
        (order.state != "completed", Reason.ORDER_NOT_COMPLETED),
        (order.ordered_at > now + CLOCKS_DIFFER_BY, Reason.ORDER_IN_FUTURE),
        (began is None, Reason.NOT_DELIVERED),
        (began is not None and began < now - max_age, Reason.ORDER_TOO_OLD),
        (not order.items, Reason.ITEMS_RETURNED),
        (not order.email, Reason.NO_EMAIL),
    )
    return next((reason for applies, reason in checks if applies), None)


def _about_the_campaign(campaign: Campaign, order: OrderFacts) -> Reason | None:
    if campaign.status == "paused":
        return Reason.CAMPAIGN_PAUSED
    if campaign.status != "active":
        return Reason.CAMPAIGN_INACTIVE
    if not matches(campaign.audience, order.items, country=order.country, total=order.total):
        return Reason.NOT_IN_AUDIENCE
    return None
