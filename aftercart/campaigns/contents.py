"""What a mail holds beside its template: which products, which code, which subject line."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from aftercart.campaigns.delay import Delay
from aftercart.campaigns.part import Part
from aftercart.campaigns.written import Percent, PositiveSpan, Slug, Words
from aftercart.recommendation.asking.request import MarginFloor, PriceCap, Rules, Source

DEFAULT_GOOD_FOR = "1d"

STRATEGIES = {
    "model": Source.LIGHTFM,
    "bought_together": Source.BOUGHT_TOGETHER,
    "category_best_sellers": Source.CATEGORY_BEST_SELLERS,
    "best_sellers": Source.BEST_SELLERS,
}
"""Who ranks the products of a mail, by its name in the file."""


def _one_line(text: str) -> str:
    if not text.strip() or "\n" in text or "\r" in text:
        raise ValueError("a subject is one line of text; write it on one line")
    return text.strip()


SubjectLine = Annotated[str, AfterValidator(_one_line)]


SkuText = Annotated[str, Field(min_length=1)]


class ProductFilter(Part):
    """Which products are meant. All keys given must match; within a key any of the values, upper or lower case."""

    department: Words | None = Field(
        default=None, description="Departments, as in your product data.", examples=[["Bikes"]]
    )
    category: Words | None = Field(default=None, description="Categories.", examples=[["Road Bikes", "Helmets"]])
    brand: Words | None = Field(default=None, description="Brands.", examples=[["Contoso"]])
    family: Words | None = Field(
        default=None, description="Families: all variants of one product.", examples=[["Road-550"]]
    )
    sku: Words | None = Field(default=None, description="Single products by their number.", examples=[["HL-U509"]])

    @model_validator(mode="after")
    def _says_something(self) -> "ProductFilter":
        if not self.by_key():
            raise ValueError("names no product; give at least one of department, category, brand, family, sku")
        return self

    def by_key(self) -> dict[str, tuple[str, ...]]:
        """The values asked for, by the name of the product field."""
        return {name: values for name in type(self).model_fields if (values := getattr(self, name))}


class Boosted(ProductFilter):
    """Products that a campaign raises in the ranking."""

    times: float = Field(
        default=2.0,
        gt=0,
        le=1_000,
        description="As if they were bought so many times as often; below 1 they are lowered.",
        examples=[3],
    )

    def by_key(self) -> dict[str, tuple[str, ...]]:
        """The values asked for, by the name of the product field."""
        return {name: values for name, values in super().by_key().items() if name != "times"}


class Price(Part):
    """What a recommended product may cost."""

    at_most: Percent = Field(
        description="Largest price, as a share of the dearest product of the order.", examples=["60%"]
    )


class Margin(Part):
    """How much of its price a recommended product must leave you."""

    at_least: Percent = Field(
        description="Smallest margin: what is left of the price once the cost is paid, as a share of the price.",
        examples=["20%"],
    )
    if_unknown: Literal["offer", "leave_out"] = Field(
        default="offer",
        description="What becomes of a product whose cost is not known. offer: it may be shown. leave_out: it is not "
        "(`cost_unknown`).",
        examples=["leave_out"],
    )

    @model_validator(mode="after")
    def _can_be_met(self) -> "Margin":
        if self.at_least >= 1:
            raise ValueError("leaves nothing that could be recommended; at_least is a share below 100%, such as 20%")
        return self


class Recommend(Part):
    """Which products a mail shows."""

    slots: int = Field(default=4, ge=1, le=12, description="How many products the mail shows at most.", examples=[4])
    at_least: int = Field(
        default=1, ge=1, description="With fewer products the mail is not sent (reason `no_picks`).", examples=[2]
    )
    only: ProductFilter | None = Field(default=None, description="Recommend only these products.")
    without: ProductFilter | None = Field(default=None, description="Never recommend these products.")
    price: Price | None = Field(default=None, description="What a recommended product may cost.")
    margin: Margin | None = Field(
        default=None, description="How much of its price a recommended product must leave you."
    )
    pinned: tuple[SkuText, ...] = Field(
        default=(),
        description="Products by their number that come first, in this order, each where the reader may be offered it: "
        "not owned, not offered lately, in stock, going with the order, within `only`, `without`, `price` and "
        "`margin`.",
        examples=[["HL-U509"]],
    )
    boosted: Boosted | None = Field(
        default=None,
        description="Products that rank higher (what earns you more, say) without coming first where they do not fit.",
    )
    strategy: Literal["model", "bought_together", "category_best_sellers", "best_sellers"] = Field(
        default="model",
        description="Who ranks the products: the trained model, what past orders held beside these products, or what "
        "sells best (of the categories that go with those of the order, or of all). `fallback` fills the slots that it "
        "leaves.",
        examples=["model"],
    )
    fallback: tuple[Literal["bought_together", "category_best_sellers", "best_sellers"], ...] = Field(
        default=("bought_together", "category_best_sellers", "best_sellers"),
        description="What fills slots that `strategy` cannot fill, in this order; [] leaves them empty. "
        "`category_best_sellers`: of the categories that go with those of the order.",
        examples=[["bought_together", "category_best_sellers", "best_sellers"]],
    )

    def rules(self) -> Rules:
        """The same, as recommendation takes it. In a mail every pick is a button, so each needs a page."""
        return Rules(
            slots=self.slots,
            at_least=self.at_least,
            only=self.only.by_key() if self.only else {},
            without=self.without.by_key() if self.without else {},
            price_at_most=PriceCap(percent=round(self.price.at_most * 100, 6)) if self.price else None,
            margin=MarginFloor(round(self.margin.at_least * 100, 6), self.margin.if_unknown == "offer")
            if self.margin
            else None,
            first=STRATEGIES[self.strategy],
            fallback=self.fallback,
            needs_url=True,
            pinned=self.pinned,
            boosted=self.boosted.by_key() if self.boosted else {},
            times=self.boosted.times if self.boosted else 1.0,
        )


class CouponRule(Part):
    """Which code a mail hands out."""

    pool: Slug = Field(
        description="The codes that it is taken from, as `aftercart import coupons --pool` names them. Each is handed "
        "out once.",
        examples=["thanks"],
    )
    if_empty: Literal["wait", "go_without", "drop"] = Field(
        default="wait",
        description="What becomes of a mail for which no code is left. wait: it waits for new ones (`no_coupon`), "
        "until it expires. go_without: it goes, and `coupon` is none in the template. drop: it ends.",
        examples=["wait"],
    )
    good_for: PositiveSpan = Field(
        default=Delay.parse(DEFAULT_GOOD_FOR),
        description="How long a code must still be good when the mail goes; one that ends sooner is not handed out. "
        f"Without it {DEFAULT_GOOD_FOR}.",
        examples=["7d"],
    )
