"""Whether news is of somebody who was forgotten, and by whom nothing began anew since. Pure.

A record that is told late, or once more, begins nothing. An order that somebody places does: they come to the shop
again, and from then on their record may be told, too. What is from before they were forgotten stays forgotten.
So it is with a shop of which all was erased, and with everybody of whom it told.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aftercart.intake.changes import Buyer, Change, Claim, CustomerSeen, OrderNoted, OrderReversed, OrderSeen

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


@dataclass(frozen=True, slots=True)
class ErasedShops:
    """Shops of which all was erased, and when. A time that a shop states counts as far as we had come to it."""

    since: Mapping[str, datetime] = field(default_factory=dict)

    def are_told(self, shop: str, change: Change, heard_at: datetime) -> bool:
        """Whether a change is of before. An order is of when it was placed, however often it is told again."""
        match change:
            case OrderSeen(order):
                return self.were_told(shop, heard_at, order.placed_at)
            case CustomerSeen(_, at) | OrderNoted(at=at):
                return self.were_told(shop, heard_at, at)
            case OrderReversed(_, reversals) if reversals:
                return self.were_told(shop, heard_at, max(one.happened_at or heard_at for one in reversals))
            case _:
                return self.were_told(shop, heard_at) and not isinstance(change, Claim)

    def were_told(self, shop: str, heard_at: datetime, at: datetime | None = None) -> bool:
        """Whether something that is as of `at`, or else of when we heard of it, is of before."""
        return shop in self.since and min(at or heard_at, heard_at) <= self.since[shop]


def names_of(shop: str, buyer: Buyer) -> list[Name]:
    """Under which names a shop speaks of somebody."""
    of_shop = [(shop, buyer.customer_id)] if buyer.customer_id else []
    return [*of_shop, ("", buyer.email)] if buyer.email else of_shop


def text_of(name: Name) -> str:
    """What of a name a hash is made of. No address has a blank in it."""
    shop, id_ = name
    return f"{shop} {id_}" if shop else id_
