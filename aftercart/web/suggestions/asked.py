"""What stands in the address of a question, made sure of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from aftercart.pipeline.learning.suggest import Kind, Wanted

MOST_PRODUCTS, LONGEST = 50, 200
MOST, USUAL = 24, 4
KNOWN = ("key", "kind", "product", "category", "customer", "k")


class AskedWronglyError(Exception):
    """A parameter is not as it should be; `field` names it, the message says how to write it."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was written. `customer`: signed, or so it claims."""

    wanted: Wanted
    customer: str


def read_question(query: QueryParams) -> Asked:
    """Raises AskedWronglyError."""
    given = {name: query.getlist(name) for name in query}
    for name in given:
        if name not in KNOWN:
            raise AskedWronglyError(name, f"there is no such parameter; there are {', '.join(KNOWN)}")
    kind = _kind(_only(given, "kind"))
    products = tuple(sorted({sku for sku in given.get("product", ()) if sku}))
    if not products and kind is not Kind.BEST_SELLERS:
        raise AskedWronglyError(
            "product", "name the product of the page, or those of the cart: product=SKU&product=SKU"
        )
    if len(products) > MOST_PRODUCTS or max(map(len, products), default=0) > LONGEST:
        raise AskedWronglyError("product", f"{MOST_PRODUCTS} products at most, {LONGEST} letters each")
    category = _short(given, "category")
    wanted = Wanted(kind, products, category, _number(_only(given, "k")))
    return Asked(wanted, _only(given, "customer"))


def _only(given: Mapping[str, Sequence[str]], name: str) -> str:
    values = given.get(name, ())
    if len(values) > 1:
        raise AskedWronglyError(name, "write it once")
    return values[0] if values else ""


def _short(given: Mapping[str, Sequence[str]], name: str) -> str:
    value = _only(given, name)
    if len(value) > LONGEST:
        raise AskedWronglyError(name, f"{LONGEST} letters at most")
    return value


def _kind(written: str) -> Kind:
    if written and written not in set(Kind):
        raise AskedWronglyError("kind", f"there are {', '.join(Kind)}")
    return Kind(written or Kind.GOES_WITH)


def _number(written: str) -> int:
    if not written:
        return USUAL
    if not (written.isascii() and written.isdigit() and len(written) < 4 and 1 <= int(written) <= MOST):
        raise AskedWronglyError("k", f"a number from 1 to {MOST}")
    return int(written)
