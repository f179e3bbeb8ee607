"""The recommender as an offline benchmark wants it: data frames in, ranked lists out.

    class Recommender: fit(transactions, products), recommend(cases, k)
    class AsShown: the same, with what the guards leave of it: the ten that mails and checkouts would show

A case is {"items": [product], "customer_id": str, "timestamp": moment, "exclude": {product}}. Nothing but what the
engine itself does in `train` and `recommend --raw`: no database stands between, as there are no people to mail.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from aftercart.recommendation.asking.question import Question
from aftercart.recommendation.asking.request import Purpose
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import GUEST, Interactions, interactions
from aftercart.recommendation.learning.contest import shown
from aftercart.recommendation.learning.lesson import learn, started
from aftercart.recommendation.ranking.scoring import by_lightfm

_BATCH = 512
_COLUMNS = ("category", "department", "brand", "family", "color")


class Recommender:
    """One training, then as many questions as there are. Always the same seed."""

    def fit(self, transactions: pd.DataFrame, products: pd.DataFrame) -> None:
        """Learn from these lines of orders, over these products."""
        catalog = [_product(row) for row in products.to_dict("records")]
        past = _past(transactions, catalog)
        self.lesson = learn(past, "offline", seed=0, budget=started(None), progress=lambda _epoch, _epochs: None)
        self._bought = _purchases(transactions)

    def recommend(self, cases: Sequence[Mapping[str, Any]], k: int) -> list[list[str]]:
        """The best k products for each case, by the model alone."""
        purpose = self._purpose(cases)
        questions = [self._question(case, purpose) for case in cases]
        batches = (questions[at : at + _BATCH] for at in range(0, len(questions), _BATCH))
        rankings = (ranking for batch in batches for ranking in by_lightfm(self.lesson.model, batch, {}, k))
        return [[candidate.sku for candidate in ranking] for ranking in rankings]

    def _purpose(self, cases: Sequence[Mapping[str, Any]]) -> Purpose:
        """The benchmark asks one task at a time and does not say which. Where it bars what people own already, it
        asks for what they buy next; where it names one product of each order, for what a mail about that one offers."""
        histories = [(set(self._bought.get(case["customer_id"], ())) - set(case["items"]), case) for case in cases]
        barred = [history <= set(case["exclude"]) for history, case in histories if history]
        if barred and all(barred):
            return Purpose.NEXT
        return Purpose.MAIL if all(len(case["items"]) == 1 for case in cases) else Purpose.TOGETHER

    def _question(self, case: Mapping[str, Any], purpose: Purpose) -> Question:
        items = tuple(case["items"])
        banned = frozenset(case["exclude"]) | frozenset(items)
        return Question(items, self._bought.get(case["customer_id"], ()), banned, purpose=purpose)


class AsShown(Recommender):
    """What people would see: no near-duplicate or substitute of what they bought. Ten at most, whatever `k` is."""

    def recommend(self, cases: Sequence[Mapping[str, Any]], k: int) -> list[list[str]]:
        """The best of what the guards leave for each case."""
        purpose = self._purpose(cases)
        return [found[:k] for found in shown(self.lesson.model, [self._question(case, purpose) for case in cases])]


def _product(row: Mapping[str, str]) -> Product:
    known = {column: row.get(column) or "" for column in _COLUMNS}
    price = round(float(row["price"]) * 100) if row.get("price") else None
    return Product(sku=row["product_id"], title=row["title"], price_minor=price, **known)


def _past(lines: pd.DataFrame, catalog: Sequence[Product]) -> Interactions:
    number = {product.sku: place for place, product in enumerate(catalog)}
    orders = lines.drop_duplicates("order_id")
    place = dict(zip(orders.order_id, range(len(orders)), strict=True))
    people = {person: at for at, person in enumerate(sorted(set(orders.customer_id) - {""}))}
    return interactions(
        catalog,
        [int(moment.timestamp()) for moment in orders.timestamp],
        [people.get(person, GUEST) for person in orders.customer_id],
        [place[order] for order in lines.order_id],
        [number[product] for product in lines.product_id],
        [float(price or 0) * 100 for price in lines.unit_price],
    )


def _purchases(lines: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """What each customer bought, oldest first."""
    named = lines[lines.customer_id != ""].sort_values("timestamp", kind="stable")
    return {str(person): tuple(products) for person, products in named.groupby("customer_id").product_id}
