"""The context: everything a template may use, and nothing else.

The pipeline fills it, `aftercart check` compares every template with it, and docs/templates.md prints it. Values are
str, int, float, bool, None, list and dict: no object of ours ever reaches a template.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NotRequired, TypedDict

from aftercart.errors import TemplateError

VERSION = 1
"""Of the context. Within a version it only grows: no value goes, changes its type, or may lack that never did
(docs/decisions/0023). tests/rendering/context_1.txt holds what was promised."""

CONFIRMATION = "confirm"
"""Name of the template that asks somebody to confirm their consent. It is about no order and has two links."""


class PriceContext(TypedDict):
    minor: int
    """Amount in minor units (cents, yen). Print it with `{{ pick.price|money }}`."""
    currency: str
    """ISO 4217 code."""


class BrandContext(TypedDict):
    name: str
    """The shop's name as customers know it."""
    url: str
    """Address of the shop's front page."""
    postal_address: str
    """The postal address that the law wants in every marketing mail."""
    logo_url: str | None
    """Address of the logo, or none: the name is printed then."""
    color: str
    """The brand's color as #rrggbb; buttons wear it with white letters."""
    font: str
    """The fonts of the mails, the dearest first, for a style: `font-family: {{ brand.font }}`."""
    email: str
    """Where recipients reach a person."""


class RecipientContext(TypedDict):
    first_name: str | None
    """As the shop knows it; often missing: `{{ recipient.first_name or "there" }}`."""
    locale: str
    """What money and dates follow: the recipient's, where the template has its language, or the brand's."""


class OrderLineContext(TypedDict):
    sku: str
    """The shop's article number."""
    title: str
    """The product's name at the time of the order."""
    quantity: int | float
    """How many were bought, less what came back."""
    price: PriceContext
    """Of one unit."""
    image_url: str | None
    """Picture of the product, or none."""
    url: str | None
    """Page of the product, or none."""


class OrderContext(TypedDict):
    id: str
    """The order number that the customer knows."""
    placed_at: str
    """When it was placed, as ISO 8601. Print it with `{{ order.placed_at|date }}`."""
    currency: str
    """ISO 4217 code."""
    lines: list[OrderLineContext]
    """What was bought, without what came back."""


class AnchorContext(TypedDict):
    sku: str
    """The shop's article number."""
    title: str | None
    """Its name, as in "because you bought ...", or none where neither the order nor the catalog has one."""


class RatingContext(TypedDict):
    value: float
    """Out of five. Print it with `{{ pick.rating.value|number }}`."""
    count: int | None
    """How many people rated it, or none where the shop does not say."""


class PickContext(TypedDict):
    slot: int
    """1 for the first pick."""
    sku: str
    """The shop's article number."""
    title: str
    """The product's name."""
    url: str
    """Page of the product; what has none is not picked. Links are tracked by themselves."""
    image_url: str | None
    """Picture of the product, or none: show a card that looks good without."""
    price: PriceContext
    """Today's price."""
    compare_at: PriceContext | None
    """The price to strike through, by the shop's word; none unless it is above today's."""
    rating: RatingContext | None
    """What its buyers think of it, or none: the shop does not say, or nobody has rated it."""
    because: AnchorContext | None
    """The bought product that it goes with, or none: no purchase speaks for a best seller."""
    description: str | None
    """What the shop says about it, or none."""
    category: str | None
    """The shop's category, or none."""
    less_url: str
    """"Less like this": a page whose one button keeps the product and its category from this person."""
    have_url: str
    """"I already have it": a page whose one button keeps the product from this person."""


class CouponContext(TypedDict):
    code: str
    """What the reader types in at the checkout; nobody else gets it."""
    expires_at: str | None
    """When it ends, as ISO 8601, or none: it does not. Print it with `{{ coupon.expires_at|date }}`."""


class LinksContext(TypedDict):
    unsubscribe: str
    """Leaves with one click. Every mail carries it, but for those of transactional campaigns; never tracked."""
    confirm: NotRequired[str]
    """Says yes, on a page with one button. Only in the template `confirm` (double opt-in)."""
    preferences: str
    """The page where the recipient chooses topics, how often, a break, language and time zone."""
    view: str
    """The same mail in a browser."""
    why: str
    """A page that says why the recipient got this mail."""


class CampaignContext(TypedDict):
    name: str
    """Name of the campaign."""
    step: str
    """Id of the step."""


class TemplateContext(TypedDict):
    brand: BrandContext
    """The shop that sends the mail."""
    recipient: RecipientContext
    """The person who reads it."""
    order: OrderContext
    """The order that started the campaign."""
    picks: list[PickContext]
    """The chosen products, best first: at least the step's `at_least`; none where the step has no `recommend`."""
    coupon: CouponContext | None
    """The code that the step hands out, or none: it has no `coupon`, or none was left (`if_empty: go_without`)."""
    links: LinksContext
    """What the recipient can do about these mails."""
    campaign: CampaignContext
    """Where this mail belongs."""


_SCALARS = frozenset({str, int, float, bool, type(None)})


def refuse_foreign_values(value: object) -> None:
    """Raises TemplateError naming the first value that is no plain data. Exact types: a subclass can bring code."""
    if not _is_plain(value):  # where it stands is looked for only then: this is asked of every mail
        _refuse(value, "")


def _is_plain(value: object) -> bool:
    kind = type(value)
    if kind in _SCALARS:
        return True
    if kind is list:
        items: Iterable[object] = value  # type: ignore[assignment]
    elif kind is dict:
        for key in value:  # type: ignore[attr-defined]
            if type(key) is not str or key[:1] == "_":
                return False
        items = value.values()  # type: ignore[attr-defined]
    else:
        return False
    for item in items:  # noqa: SIM110 - the generator of all() would take longer than the rest
        if type(item) not in _SCALARS and not _is_plain(item):
            return False
    return True


def _refuse(value: object, path: str) -> None:
    kind = type(value)
    if kind is dict:
        _refuse_in_mapping(value, path)  # type: ignore[arg-type]
    elif kind is list:
        for index, item in enumerate(value):  # type: ignore[arg-type, var-annotated]
            _refuse(item, f"{path}[{index}]")
    elif kind not in _SCALARS:
        fix = "only plain data may enter a template"
        raise TemplateError(f"the context holds a {kind.__name__} at {path}", fix=fix)


def _refuse_in_mapping(value: Mapping[Any, object], path: str) -> None:
    for key, item in value.items():
        if type(key) is not str or key.startswith("_"):
            raise TemplateError(f"the context holds the key {key!r} at {path or 'its top'}", fix="keys are plain names")
        _refuse(item, f"{path}.{key}" if path else key)
