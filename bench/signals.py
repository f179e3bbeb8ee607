"""What is a signal beyond "who bought what" worth? Each is put in or taken out by itself, on a folder of data.

    python -m bench.signals DIR [--inner]

One training serves all variants but those that change what LightFM is taught; for each the evidence is counted anew
and the weights are learned anew, inside the training time. Printed: NDCG@10 on basket / single / next 60 days, each by
the weights of the task, and next 60 days by the weights of a mail; and by how much it differs from the engine as it is,
with 95 % by bootstrap over the questions. `--inner` asks about the 30 days that lie 60 days before those of `aftercart
evaluate`: what is chosen is chosen there. Needs pandas.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from aftercart.recommendation.asking.request import Purpose
from aftercart.recommendation.counted.content import alike
from aftercart.recommendation.counted.ease import ease_links, orders_alone
from aftercart.recommendation.counted.evidence import Evidence, evidence_of
from aftercart.recommendation.counted.links import Links, followed
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import DAY_S, GUEST, Floats, Interactions, interactions
from aftercart.recommendation.inputs.features import vocabulary
from aftercart.recommendation.judging import evaluation
from aftercart.recommendation.judging.metrics import interval, ndcg
from aftercart.recommendation.judging.protocol import Case, Task, Window, cases_of, last_quarter
from aftercart.recommendation.learning.lesson import EASE_STRENGTH
from aftercart.recommendation.learning.strength import USUAL, wide_links
from aftercart.recommendation.learning.tuning import Tuner
from aftercart.recommendation.models.blend import UNTUNED
from aftercart.recommendation.models.lightfm_model import Embeddings, Recipe, Subject, Trainer
from aftercart.recommendation.models.model import Learned, Model
from aftercart.recommendation.ranking.scoring import by_lightfm

TASKS = (Task.BASKET, Task.SINGLE, Task.NEXT_60)
MAIL = "next 60 days, as a mail ranks"
ASKED = (*TASKS, MAIL)
MOST_CASES, SEED, YEAR = 2_000, 0, 365
TOGETHER, SELLING = 180.0, 30.0


@dataclass(frozen=True, eq=False)
class Past:
    """Orders, and beside them the same lines with their quantity in place of the price."""

    orders: Interactions
    quantities: Interactions
    returned: sp.csr_matrix
    """How often the customer of an order with product a sent b back."""

    def until(self, moment: int) -> "Past":
        return Past(self.orders.until(moment), self.quantities.until(moment), self.returned)


Variant = Callable[[Past], Evidence]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--inner", action="store_true")
    given = parser.parse_args()
    kept, all_lines = read(given.folder)
    if given.inner:
        end = kept.orders.last_order_at - 60 * DAY_S
        kept, all_lines = kept.until(end), all_lines.until(end)
    window = last_quarter(kept.orders)
    cases: dict[str, list[Case]] = {
        t: cases_of(kept.orders, window, t, np.random.default_rng(SEED), MOST_CASES) for t in TASKS
    }
    cases[MAIL] = [replace(case, question=replace(case.question, purpose=Purpose.MAIL)) for case in cases[Task.NEXT_60]]
    before = kept.until(window.start)
    taught = Taught(before.orders, Recipe())
    usual = asked(taught, before, as_it_is, cases)
    told("as it is", usual, usual)
    told(
        "no recency in LightFM",
        asked(Taught(before.orders, Recipe(half_life_days=1e9)), before, as_it_is, cases),
        usual,
    )
    for name, blanks in UNKNOWN.items():
        described = tuple(replace(product, **blanks) for product in before.orders.products)
        told(name, asked(Taught(before.orders, Recipe(), described), before, as_it_is, cases), usual)
    told("new products by their orders alone", asked(taught, before, as_it_is, cases, without="alike"), usual)
    for name, variant in VARIANTS.items():
        told(name, asked(taught, before, variant, cases), usual)
    if before.returned.nnz:
        told("returned lines teach, too", asked(taught, all_lines.until(window.start), as_it_is, cases), usual)
        told("a returned pair counts against", asked(taught, before, returns_against, cases), usual)


# ---------------------------------------------------------------- what is put in or taken out


def as_it_is(past: Past) -> Evidence:
    return evidence_of(past.orders)


def no_recency(past: Past) -> Evidence:
    return counted(past, together=1e9, selling=1e9)


def shorter(past: Past) -> Evidence:
    return counted(past, together=TOGETHER / 3)


def quantities_in_pairs(past: Past) -> Evidence:
    return counted(past, pair_line=np.log2(1 + past.quantities.price))


def quantities_in_selling(past: Past) -> Evidence:
    return counted(past, selling_line=past.quantities.price)


def season(past: Past) -> Evidence:
    """What sold in the weeks that follow this day, a year and two years ago, beside what sells lately."""
    found, orders = evidence_of(past.orders), past.orders
    age = (orders.last_order_at - orders.placed_at) / DAY_S
    ahead = (age % YEAR > YEAR - 45) & (age > YEAR / 2)
    baskets = orders.baskets.matrix(np.arange(orders.order_count), len(orders.products))
    return replace(found, selling=(found.selling + 0.3 * (baskets.T @ ahead)).astype(np.float32))


def returns_against(past: Past) -> Evidence:
    found = evidence_of(past.orders)
    row = np.repeat(np.arange(len(found.item_orders)), np.diff(found.pair_pointers))
    sent_back = np.asarray(past.returned[row, found.pair_items]).ravel()
    left = np.maximum(found.pair_counts - sent_back, 0) / found.pair_counts
    return replace(found, pair_weights=(found.pair_weights * left).astype(np.float32))


VARIANTS: Mapping[str, Variant] = {
    "no recency in pairs and best sellers": no_recency,
    "pairs fade three times as fast": shorter,
    "pairs count by quantities": quantities_in_pairs,
    "best sellers by units": quantities_in_selling,
    "best sellers by season, too": season,
}


UNKNOWN: Mapping[str, Mapping[str, Any]] = {
    "no price band": {"price_minor": None},
    "no category and department": {"category": "", "department": ""},
}
"""What LightFM and likeness are not told of products: LightFM learns by it what of which kind and price goes with
what."""


def counted(
    past: Past,
    together: float = TOGETHER,
    selling: float = SELLING,
    pair_line: Floats | None = None,
    selling_line: Floats | None = None,
) -> Evidence:
    """As `evidence_of`, with other half-lives in days, or with lines that weigh something."""
    orders, found = past.orders, evidence_of(past.orders)
    age = (orders.last_order_at - orders.placed_at) / DAY_S
    fading = np.maximum(0.5 ** (age / together), 1e-6)
    weighed = lines(orders, pair_line)
    pairs = (weighed.T @ (sp.diags(fading) @ weighed)).tocsr()
    pairs.sort_indices()
    row = np.repeat(np.arange(len(found.item_orders)), np.diff(found.pair_pointers))
    weights = np.asarray(pairs[row, found.pair_items]).ravel()
    of_item = (lines(orders, None).T @ fading)[row]
    trust = found.pair_counts / (found.pair_counts + 2.0)
    sold = lines(orders, selling_line).T @ np.maximum(0.5 ** (age / selling), 1e-6)
    return replace(
        found, pair_weights=(weights * trust / (of_item + 10.0)).astype(np.float32), selling=sold.astype(np.float32)
    )


def lines(orders: Interactions, weight: Floats | None) -> sp.csr_matrix:
    data = np.ones(len(orders.item)) if weight is None else weight
    return sp.csr_matrix((data, (orders.order_of_line, orders.item)), shape=(orders.order_count, len(orders.products)))


# ---------------------------------------------------------------- teaching and asking


class Taught:
    """What `learn` does, cut in two: the embeddings, then everything that is counted."""

    def __init__(self, orders: Interactions, recipe: Recipe, described: tuple[Product, ...] = ()) -> None:
        self._described = described or orders.products
        self.words, self.recipe = vocabulary(self._described), recipe
        trainer, metadata = Trainer(recipe, SEED), self.words.rows(self._described)
        self.window: Window = evaluation.last_weeks(orders)
        earlier, last = orders.until(self.window.start), max(1, round(recipe.epochs * 0.25))
        for _ in range(recipe.epochs - last):
            trainer.epoch(earlier, metadata)
        self.first = _as_they_stand(trainer, earlier, metadata)
        for _ in range(last):
            trainer.epoch(orders, metadata)
        self.final = _as_they_stand(trainer, orders, metadata)
        self._links: dict[tuple[int, int], Mapping[str, Links]] = {}

    def model(self, past: Past, embeddings: "Both", variant: Variant, without: str) -> Model:
        orders, (along, after) = past.orders, embeddings
        links = {name: found for name, found in self.links(orders).items() if name != without}
        learned = Learned(self.words, along, self.recipe.history, after, links, UNTUNED)
        return Model("signals", orders.products, variant(past), learned)

    def links(self, orders: Interactions) -> Mapping[str, Links]:
        key = (orders.order_count, len(orders.item))
        if key not in self._links:
            self._links[key] = {
                "ease": ease_links(orders_alone(orders), EASE_STRENGTH),
                "ease_wide": wide_links(orders, USUAL),
                "followed": followed(orders),
                "alike": alike(self.words, self._described),
            }
        return self._links[key]


Both = tuple[Embeddings, Embeddings | None]


def _as_they_stand(trainer: Trainer, orders: Interactions, metadata: sp.csr_matrix) -> Both:
    along, after = (trainer.embeddings(subject, orders.orders_of_item, metadata) for subject in Subject)
    assert along
    return along, after


Scored = Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]]


def asked(taught: Taught, past: Past, variant: Variant, cases: Mapping[str, list[Case]], without: str = "") -> Scored:
    """NDCG@10 of each question, by what is asked. `without`: links that are left out."""
    tested = taught.model(past.until(taught.window.start), taught.first, variant, without)
    held_out = evaluation.held_out(past.orders, taught.window, np.random.default_rng(SEED))
    assert tested.learned
    blend = Tuner(tested, tested.learned, [case for some in held_out.values() for case in some]).best()
    model = taught.model(past, taught.final, variant, without)
    assert model.learned
    model = replace(model, learned=replace(model.learned, blend=blend))
    return {task: np.array(list(scores(model, some))) for task, some in cases.items()}


def scores(model: Model, cases: list[Case]) -> Iterator[float]:
    for at in range(0, len(cases), 256):
        some = cases[at : at + 256]
        for ranking, case in zip(by_lightfm(model, [c.question for c in some], {}, 10), some, strict=True):
            yield ndcg(ranking.skus, case)


def told(name: str, found: Scored, usual: Scored) -> None:
    means = " / ".join(f"{found[task].mean():.3f}".lstrip("0") for task in ASKED)
    gains = [interval(found[task] - usual[task]) for task in ASKED]
    print(
        f"{name:<40}{means}   " + "  ".join(f"{g.mean:+.4f} [{g.low:+.4f}, {g.high:+.4f}]" for g in gains), flush=True
    )


# ---------------------------------------------------------------- reading


def read(folder: Path) -> tuple[Past, Past]:
    """Without the lines that were sent back in full, as the engine learns; and with them."""
    sold = pd.read_csv(folder / "transactions.csv.gz", dtype={"order_id": str, "customer_id": str, "product_id": str})
    about = pd.read_csv(folder / "products.csv.gz", dtype=str).fillna("")
    sold["customer_id"], sold["timestamp"] = sold.customer_id.fillna(""), pd.to_datetime(sold.timestamp)
    catalog = [product(row) for row in about.to_dict("records")]
    back = sent_back(folder, sold)
    number = {one.sku: at for at, one in enumerate(catalog)}
    returned = pairs_of(sold, back, number)
    return past_of(sold[~back], catalog, returned), past_of(sold, catalog, returned)


def product(row: Mapping[str, str]) -> Product:
    known = {name: row.get(name, "") for name in ("category", "department", "brand", "family", "color")}
    return Product(row["product_id"], row["title"], price_minor=round(float(row["price"] or 0) * 100), **known)


def past_of(sold: pd.DataFrame, catalog: list[Product], returned: sp.csr_matrix) -> Past:
    number = {one.sku: at for at, one in enumerate(catalog)}
    heads = sold.drop_duplicates("order_id")
    place = dict(zip(heads.order_id, range(len(heads)), strict=True))
    people = {person: at for at, person in enumerate(sorted(set(heads.customer_id) - {""}))}
    columns = (
        [int(moment.timestamp()) for moment in heads.timestamp],
        [people.get(person, GUEST) for person in heads.customer_id],
        [place[order] for order in sold.order_id],
        [number[sku] for sku in sold.product_id],
    )
    prices, quantities = sold.unit_price.to_list(), sold.quantity.to_list()
    return Past(interactions(catalog, *columns, prices), interactions(catalog, *columns, quantities), returned)


def sent_back(folder: Path, sold: pd.DataFrame) -> pd.Series:
    """Which lines were sent back in full: the newest line of that customer and product before it, if as many."""
    back = pd.Series(False, index=sold.index)
    file = folder / "cancellations.csv.gz"
    if not file.exists():
        return back
    gone = pd.read_csv(file, dtype={"customer_id": str, "product_id": str}).dropna(subset=["customer_id"])
    gone["timestamp"] = pd.to_datetime(gone.timestamp)
    of = {
        key: list(rows)
        for key, rows in sold[sold.customer_id != ""].groupby(["customer_id", "product_id"]).groups.items()
    }
    for row in gone.itertuples():
        earlier = [i for i in of.get((row.customer_id, row.product_id), ()) if sold.timestamp[i] <= row.timestamp]
        if earlier and -row.quantity >= sold.quantity[earlier[-1]]:
            back[earlier[-1]] = True
    return back


def pairs_of(sold: pd.DataFrame, back: pd.Series, number: Mapping[str, int]) -> sp.csr_matrix:
    kept = sold[~back].groupby("order_id").product_id.apply(list)
    rows, columns = [], []
    for order, sku in zip(sold[back].order_id, sold[back].product_id, strict=True):
        for beside in kept.get(order, ()):
            rows.append(number[beside])
            columns.append(number[sku])
    shape = (len(number), len(number))
    return sp.coo_matrix((np.ones(len(rows)), (rows, columns)), shape=shape).tocsr()


if __name__ == "__main__":
    main()
