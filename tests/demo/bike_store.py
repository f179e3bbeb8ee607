"""Files of a shop that sells bikes, accessories and clothing, as somebody might have them: for `--data`.

Who buys a bike takes what belongs to it, and never a second bike. The last bikes are sold weeks before the last order,
so the last week shows nothing about them.
"""

import csv
import gzip
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random

LAST_BIKE = date(2021, 12, 28)
LAST_ORDER = date(2022, 1, 28)
DAYS = 120

# category, department, price, and how many models of it there are
SHELVES = (
    ("Road Bikes", "Bikes", 1700, 4), ("Mountain Bikes", "Bikes", 2300, 4), ("Touring Bikes", "Bikes", 1200, 3),
    ("Helmets", "Accessories", 35, 3), ("Bottles and Cages", "Accessories", 9, 3), ("Fenders", "Accessories", 22, 1),
    ("Tires and Tubes", "Accessories", 30, 4), ("Cleaners", "Accessories", 8, 1),
    ("Jerseys", "Clothing", 54, 3), ("Gloves", "Clothing", 24, 2), ("Caps", "Clothing", 9, 1),
    ("Vests", "Clothing", 63, 2),
)  # fmt: skip
WITH_A_BIKE = ("Helmets", "Bottles and Cages", "Fenders", "Jerseys", "Gloves", "Tires and Tubes")
ALONE = ("Tires and Tubes", "Helmets", "Jerseys", "Bottles and Cages", "Cleaners", "Vests", "Caps")

Row = tuple[object, ...]


def write_bike_store(folder: Path) -> Path:
    """Write the two files; the folder."""
    folder.mkdir()
    head = ("product_id", "title", "category", "department", "family", "price")
    _write(folder / "products.csv.gz", head, _products())
    columns = ("order_id", "customer_id", "timestamp", "product_id", "quantity", "unit_price")
    _write(folder / "transactions.csv.gz", columns, _lines())
    return folder


def _write(file: Path, head: Sequence[str], rows: Iterable[Row]) -> None:
    with gzip.open(file, "wt", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([head, *rows])


def _products() -> Iterator[Row]:
    for category, department, price, models in SHELVES:
        for model in range(models):
            yield (
                _sku(category, model),
                f"{category} {'ABCD'[model]}-{model}",
                category,
                department,
                _sku(category, model),
                price,
            )


def _sku(category: str, model: int) -> str:
    return f"{category[:2].upper()}-{category[-7:-4].upper()}-{model}"


def _lines() -> Iterator[Row]:
    """Twelve orders a day, a third of them with a bike as long as there are bikes, and each from somebody new."""
    dice, number = Random(5), 0
    for days_before in range(DAYS, -1, -1):
        day = LAST_ORDER - timedelta(days=days_before)
        for _ in range(12):
            number += 1
            for category in _basket(dice, bikes=day <= LAST_BIKE):
                price, models = next((price, models) for name, _, price, models in SHELVES if name == category)
                yield f"SO{number}", number, day.isoformat(), _sku(category, dice.randrange(models)), 1, price


def _basket(dice: Random, *, bikes: bool) -> list[str]:
    if bikes and dice.random() < 1 / 3:
        bike = dice.choice(("Road Bikes", "Mountain Bikes", "Touring Bikes"))
        return [bike, *(category for category in WITH_A_BIKE if dice.random() < 0.35)]
    return dice.sample(ALONE, dice.choice((1, 2, 2, 3)))
