"""Is this an order that a campaign asks for?"""

from collections.abc import Sequence
from dataclasses import dataclass

from aftercart.campaigns.contents import ProductFilter
from aftercart.campaigns.schema import Audience
from aftercart.money import Money


@dataclass(frozen=True, slots=True)
class BoughtItem:
    """A bought product as the catalog knows it; an unknown one has nothing but its number."""

    sku: str
    department: str = ""
    category: str = ""
    brand: str = ""
    family: str = ""


def matches(audience: Audience, items: Sequence[BoughtItem], *, country: str, total: Money) -> bool:
    """Whether an order is meant. `items`: what was bought and not sent back. `country`: where it ships to."""
    return (
        _bought(audience.bought, items)
        and not (audience.not_bought and _bought(audience.not_bought, items))
        and (audience.country is None or country.strip().upper() in audience.country)
        and _large_enough(audience, total)
    )


def is_meant(wanted: ProductFilter, item: BoughtItem) -> bool:
    """Whether a product matches every key of a filter, upper or lower case."""
    return all(
        getattr(item, key).strip().casefold() in {value.strip().casefold() for value in values}
        for key, values in wanted.by_key().items()
    )


def _bought(wanted: ProductFilter | None, items: Sequence[BoughtItem]) -> bool:
    return wanted is None or any(is_meant(wanted, item) for item in items)


def _large_enough(audience: Audience, total: Money) -> bool:
    """Amounts in different currencies cannot be compared, so another currency does not match."""
    if audience.order_total is None:
        return True
    least = audience.order_total.at_least
    return total.currency == least.currency and total.minor >= least.minor
