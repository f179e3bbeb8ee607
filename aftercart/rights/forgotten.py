"""Whether news is of somebody who was forgotten, and by whom nothing began anew since. Pure.

A record that is told late, or once more, begins nothing. An order that somebody places does: they come to the shop
again, and from then on their record may be told, too. What is from before they were forgotten stays forgotten.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aftercart.intake.changes import Buyer, Change, CustomerSeen, OrderSeen

Name = tuple[str, str]
"""A shop and the id of a customer there; of an address the shop is empty."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Names that were forgotten, and since when; `anew`: those of them that an order has brought back."""

    since: Mapping[Name, datetime] = field(default_factory=dict)
    anew: frozenset[Name] = frozenset()

    def are_told(self, shop: str, change: Change) -> bool:
        """Whether a change is news of such a person, of whom nothing may be kept."""
        match change:
            case OrderSeen(order) if order.buyer:
                return self.bars_order(shop, order.buyer, order.placed_at)
            case CustomerSeen(buyer, at):
                return self.bars_record(shop, buyer, at)
            case _:
                return False

    def bars_order(self, shop: str, buyer: Buyer, placed_at: datetime) -> bool:
        """Whether it was placed before its buyer was forgotten."""
        return any(placed_at < since for since in self._sinces(shop, buyer))

    def bars_record(self, shop: str, buyer: Buyer, at: datetime | None) -> bool:
        """Whether it is older than the forgetting, or nothing has begun since."""
        old = any(at <= since for since in self._sinces(shop, buyer)) if at else False
        gone = [name for name in names_of(shop, buyer) if name in self.since]
        return old or (bool(gone) and self.anew.isdisjoint(gone))

    def is_gone(self, name: Name) -> bool:
        """Whether they were forgotten, and nothing has begun since."""
        return name in self.since and name not in self.anew

    def with_orders(self, told: Iterable[tuple[str, Change]]) -> "Forgotten":
        """The same once these orders, by shop, have begun anew what they may."""
        if not self.since:
            return self
        begun = {
            name
            for shop, change in told
            if isinstance(change, OrderSeen) and change.order.buyer and not self.are_told(shop, change)
            for name in names_of(shop, change.order.buyer)
        }
        return Forgotten(self.since, self.anew | begun)

    def _sinces(self, shop: str, buyer: Buyer) -> list[datetime]:
        return [self.since[name] for name in names_of(shop, buyer) if name in self.since]


def names_of(shop: str, buyer: Buyer) -> list[Name]:
    """Under which names a shop speaks of somebody."""
    of_shop = [(shop, buyer.customer_id)] if buyer.customer_id else []
    return [*of_shop, ("", buyer.email)] if buyer.email else of_shop


def text_of(name: Name) -> str:
    """What of a name a hash is made of. No address has a blank in it."""
    shop, id_ = name
    return f"{shop} {id_}" if shop else id_
