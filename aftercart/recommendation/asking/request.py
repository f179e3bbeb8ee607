"""What is asked of recommendations, and what they answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Source(StrEnum):
    """Who proposed a pick."""

    LIGHTFM = "lightfm"
    BOUGHT_TOGETHER = "bought_together"
    CATEGORY_BEST_SELLERS = "category_best_sellers"
    """Of the categories that go with those of the anchors, what sells best lately."""
    BEST_SELLERS = "best_sellers"
    PINNED = "pinned"
    """The campaign itself: nobody ranked it."""


class Purpose(StrEnum):
    """What picks are for. What goes into one order and what is bought after it are weighed apart."""

    TOGETHER = "together"
    """To be bought along with the anchors: a product page, a checkout."""
    NEXT = "next"
    """To be bought after them, by somebody who has them."""
    MAIL = "mail"
    """Both: what it offers "because you bought this" should go with it, and be what its buyers take next."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A bought product. `price_minor`: what one cost, in the currency of the order."""

    sku: str
    price_minor: int = 0
    quantity: float = 1
    title: str = ""
    """As it stood on the order; shown where the product is not in the catalog."""


@dataclass(frozen=True, slots=True)
class PriceCap:
    """The dearest a pick may be: `percent` of the order's dearest anchor, or so many `minor` units. Both: both hold."""

    percent: float | None = None
    minor: int | None = None


@dataclass(frozen=True, slots=True)
class MarginFloor:
    """The least of its price that a pick must leave the shop. `keeps_unknown`: where nobody told its cost, it stays."""

    percent: float
    keeps_unknown: bool = True


@dataclass(frozen=True)
class Rules:
    """What a campaign asks for.

    `only` and `without` map category, department, brand, family or sku to values, compared without regard to case:
    a pick matches every key of `only` and none of `without`. `first`: who is asked first; `fallback`: who fills the
    slots that are left then, in this order. `at_least`: fewer picks are no use; the caller skips the mail then.
    `needs_url`: a pick is to be clicked, so it needs a web address. `pinned`: SKUs that come first, in this order,
    where no guard turns them away. What matches every key of `boosted` ranks as if it were bought `times` as often.
    """

    slots: int = 4
    at_least: int = 1
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    price_at_most: PriceCap | None = None
    margin: MarginFloor | None = None
    first: Source = Source.LIGHTFM
    fallback: tuple[str, ...] = (Source.BOUGHT_TOGETHER, Source.CATEGORY_BEST_SELLERS, Source.BEST_SELLERS)
    needs_url: bool = False
    pinned: tuple[str, ...] = ()
    boosted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    times: float = 1.0


@dataclass(frozen=True)
class Request:
    """One order to find complements for.

    `owned`: everything the person bought before, oldest first (the order itself may be in it). `exclude`: what must
    not be offered for other reasons: returned, offered lately. `refused` and `refused_categories`: what the person said
    that they do not want to see.
    """

    anchors: tuple[Anchor, ...]
    currency: str
    rules: Rules = field(default_factory=Rules)
    purpose: Purpose = Purpose.MAIL
    owned: tuple[str, ...] = ()
    exclude: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    refused_categories: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Pick:
    """A product chosen for a slot.

    `because`: the anchor that speaks for it most; empty for a best seller, which no purchase speaks for.
    `evidence`: facts to show, such as {"orders_together": 212, "rank": 1} (rank: place among the candidates of its
    source, before any guard).
    """

    sku: str
    title: str
    url: str
    image_url: str
    category: str
    price_minor: int
    currency: str
    because: str
    because_title: str
    source: Source
    score: float
    evidence: Mapping[str, Any]


@dataclass(frozen=True)
class Recommendation:
    """The picks, best first, and how many candidates each guard turned away.

    `served_by`: the version of the model, or "fallback" where none serves.
    """

    picks: tuple[Pick, ...]
    filtered: Mapping[str, int]
    served_by: str
