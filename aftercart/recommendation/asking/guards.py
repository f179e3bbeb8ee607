"""May this product be offered to the buyer of this order? Pure; on the product's facts as they stand now."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache

from aftercart.recommendation.asking.request import Anchor, MarginFloor, PriceCap, Request, Rules
from aftercart.recommendation.inputs.catalog import Product, are_near_duplicates, differ_in_a_number
from aftercart.web_address import web_address

OfAPair = Callable[[str, str], bool]
Rivals = frozenset[tuple[str, str]]

MOST_OF_A_CATEGORY = 2


class Guard(StrEnum):
    """Why a candidate was turned away, in the order of the checks."""

    GONE = "gone"
    """No longer in the catalog, or not published."""
    IN_ORDER = "in_order"
    OWNED = "owned"
    EXCLUDED = "excluded"
    """Returned, or offered lately."""
    REFUSED = "refused"
    """The person said that they want it not, or nothing of its category."""
    OUT_OF_STOCK = "out_of_stock"
    NO_PRICE = "no_price"
    NO_URL = "no_url"
    """It has no page that a button in a mail could lead to."""
    FILTERED = "filtered"
    """Outside the campaign's `only`, or inside its `except`."""
    TOO_DEAR = "too_dear"
    CURRENCY_UNKNOWN = "currency_unknown"
    """The price rule compares with an anchor whose price is not known in the product's currency."""
    THIN_MARGIN = "thin_margin"
    """It leaves the shop less of its price than the campaign asks for."""
    COST_UNKNOWN = "cost_unknown"
    """The campaign wants a margin, and leaves out what it does not know the margin of."""
    NEAR_DUPLICATE = "near_duplicate"
    """The same thing as an anchor in another color or size."""
    SUBSTITUTE = "substitute"
    """Of the narrow category of an anchor, or of one that stands against it, and people do not buy both in one order;
    or, where the shop names no categories, bought instead of it."""
    MISFIT = "misfit"
    """It goes with things like an anchor, and not with this one: a tube of another size than the tire."""
    OWNED_ALIKE = "owned_alike"
    """The same thing as one that the person has, in another color or size, and people neither buy both in one order nor
    come back for the other."""
    ALIKE = "alike"
    """A near-duplicate of a product already chosen."""
    CATEGORY_FULL = "category_full"
    """Enough of its category are chosen; it comes in only where too few others are left."""


@dataclass(frozen=True)
class Basket:
    """The order as the guards see it. `anchor_products`: the catalog's rows of those anchors that have one.

    Of an anchor and a product past orders show: `often_together`: people buy both at once; `instead`: they buy one or
    the other; `misfit`: they buy things of both categories together, but not these two. `rivals`: pairs of categories
    that past orders keep apart (see `categories.py`). `taken`: categories of anchors of which people hardly ever buy
    more. `owned_products`: what the person bought last, if it is of a kind that people buy once.
    """

    request: Request
    anchor_products: tuple[Product, ...]
    often_together: OfAPair
    rivals: Rivals = frozenset()
    instead: OfAPair = lambda _anchor, _sku: False
    taken: frozenset[str] = frozenset()
    owned_products: tuple[Product, ...] = ()
    misfit: OfAPair = lambda _anchor, _sku: False

    @cached_property  # asked for each candidate
    def anchor_skus(self) -> frozenset[str]:
        return frozenset(anchor.sku for anchor in self.request.anchors)


def refusal(sku: str, product: Product | None, basket: Basket) -> Guard | None:
    """The first guard that turns the product away, or None. `product` None: no longer in the catalog."""
    if product is None or not product.published:
        return Guard.GONE
    of_the_person = _not_for_this_person(sku, product, basket)
    unfit = of_the_person or _not_for_sale(product, basket) or _no_complement(product, basket)
    return unfit or _owned_alike(product, basket)  # last: it compares with many, and few candidates come so far


def refusal_beside(product: Product, chosen: Sequence[Product], basket: Basket) -> Guard | None:
    """Whether the product adds nothing to what is chosen already: not four bottle cages."""
    if is_alike(product, chosen, basket):
        return Guard.ALIKE
    same = sum(product.category != "" and product.category == other.category for other in chosen)
    same += product.category in basket.taken
    return Guard.CATEGORY_FULL if same >= MOST_OF_A_CATEGORY else None


def is_alike(product: Product, others: Iterable[Product], basket: Basket) -> bool:
    """Whether it is the same thing as one of them. Where only a number tells two apart, people who buy both say that
    it names a model, not a size."""
    return any(
        are_near_duplicates(product, other)
        and not (differ_in_a_number(product, other) and basket.often_together(other.sku, product.sku))
        for other in others
    )


def fits(product: Product, rules: Rules) -> bool:
    """Whether a product passes a campaign's `only` and `except`."""
    return all(_matches(product, key, values) for key, values in rules.only.items()) and not any(
        _matches(product, key, values) for key, values in rules.without.items()
    )


@lru_cache(maxsize=65_536)
def has_page(url: str) -> bool:
    """Whether a link to it can stand in a mail."""
    return web_address(url.strip()) is not None


def _matches(product: Product, key: str, values: Sequence[str]) -> bool:
    return str(getattr(product, key)).casefold() in {value.casefold() for value in values}


def _not_for_this_person(sku: str, product: Product, basket: Basket) -> Guard | None:
    if sku in basket.anchor_skus:
        return Guard.IN_ORDER
    if sku in basket.request.owned:
        return Guard.OWNED
    if sku in basket.request.exclude:
        return Guard.EXCLUDED
    refused = sku in basket.request.refused or product.category in basket.request.refused_categories
    return Guard.REFUSED if refused else None


def _owned_alike(product: Product, basket: Basket) -> Guard | None:
    alike = (owned for owned in basket.owned_products if are_near_duplicates(product, owned))
    return Guard.OWNED_ALIKE if any(not basket.often_together(owned.sku, product.sku) for owned in alike) else None


def _not_for_sale(product: Product, basket: Basket) -> Guard | None:
    if product.stock is not None and product.stock <= 0:
        return Guard.OUT_OF_STOCK
    if not product.price_minor or product.price_minor < 0:
        return Guard.NO_PRICE
    if basket.request.rules.needs_url and not has_page(product.url):
        return Guard.NO_URL
    if not fits(product, basket.request.rules):
        return Guard.FILTERED
    rules = basket.request.rules
    over = _over(rules.price_at_most, product, product.price_minor, basket) if rules.price_at_most else None
    return over or (_leaves_too_little(rules.margin, product, product.price_minor) if rules.margin else None)


def _over(cap: PriceCap, product: Product, price_minor: int, basket: Basket) -> Guard | None:
    if cap.minor is not None and price_minor > cap.minor:
        return Guard.TOO_DEAR
    if cap.percent is None:
        return None
    dearest = max((_price_in(product.currency, anchor, basket) for anchor in basket.request.anchors), default=0)
    if not dearest:
        return Guard.CURRENCY_UNKNOWN
    return Guard.TOO_DEAR if price_minor * 100 > cap.percent * dearest else None


def _leaves_too_little(floor: MarginFloor, product: Product, price_minor: int) -> Guard | None:
    if product.cost_minor is None:
        return None if floor.keeps_unknown else Guard.COST_UNKNOWN
    return Guard.THIN_MARGIN if (price_minor - product.cost_minor) * 100 < floor.percent * price_minor else None


def _price_in(currency: str, anchor: Anchor, basket: Basket) -> int:
    """What an anchor costs in `currency`: as paid, else as the catalog has it, else 0 (not known)."""
    if currency in ("", basket.request.currency):
        return anchor.price_minor
    listed = (p for p in basket.anchor_products if p.sku == anchor.sku and p.currency == currency)
    return next((product.price_minor or 0 for product in listed), 0)


def _no_complement(product: Product, basket: Basket) -> Guard | None:
    anchors = basket.anchor_products
    if is_alike(product, anchors, basket):
        return Guard.NEAR_DUPLICATE
    rivals = [anchor for anchor in anchors if product.category and anchor.category == product.category]
    if any(not basket.often_together(rival.sku, product.sku) for rival in rivals):
        return Guard.SUBSTITUTE
    # One anchor that it goes with is enough: a tube for the tire, though there is a bike in the order as well.
    if anchors and all(_stand_against(product, anchor, basket) for anchor in anchors):
        return Guard.SUBSTITUTE
    return Guard.MISFIT if _fits_none(product, anchors, basket) else None


def _fits_none(product: Product, anchors: Sequence[Product], basket: Basket) -> bool:
    """Whether there is a kind of anchor that it does not fit: levers do not make a tube fit the tire beside them."""
    unfit = [anchor for anchor in anchors if basket.misfit(anchor.sku, product.sku)]
    return any(not _fits_another(product, anchor.category, anchors, basket) for anchor in unfit)


def _fits_another(product: Product, category: str, anchors: Sequence[Product], basket: Basket) -> bool:
    return any(anchor.category == category and basket.often_together(anchor.sku, product.sku) for anchor in anchors)


def _stand_against(product: Product, anchor: Product, basket: Basket) -> bool:
    if product.category and anchor.category:
        return (anchor.category, product.category) in basket.rivals
    return basket.instead(anchor.sku, product.sku)
