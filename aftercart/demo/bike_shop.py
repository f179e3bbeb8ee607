"""A synthetic bike shop: two years of orders by 5,000 people who do not exist.

Everything follows from the seed, on every machine. The people have a kind of riding, a favorite color and a size;
a bike calls for a helmet, a bottle cage for a bottle, a tire for a tube; consumables come back, seasons come and go,
and the shop grows. So a model has something true to find, and whoever looks at the mails can judge them.
"""

from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate
from random import Random
from unicodedata import normalize
from zoneinfo import ZoneInfo

from aftercart.demo.catalog import CURRENCY, RIDERS, Model, catalog
from aftercart.demo.shop import Customer, DemoShop, Line, Order, Product

NAME = "Aftercart Bikes"
SEED = 7
PEOPLE = 5_000
LAST_DAY = date(2026, 5, 31)
DAYS = 730

OPT_IN = 0.85
UNSUBSCRIBE = 0.035
"""Of those who opted in, so that about 3 % of all leave later."""
MEAN_GAP_DAYS = 165
GAP_AFTER_BIKE_DAYS = 21

FIRST_NAMES = (
    "Alex", "Robin", "Sam", "Charlie", "Noa", "Kim", "Sascha", "Toni", "Luca", "Andrea", "Camille", "Dominique",
    "Lilian", "Maxime", "Morgan", "Noor", "Jordan", "Taylor", "Jamie", "Rowan", "Quinn", "Ariel", "Mika", "Nikita",
    "Ashley", "Kai", "Jona", "Eike", "Guadalupe", "Trinidad", "Cruz", "René", "Hikaru", "Akira", "Ren", "Sol", "Rio",
    "Dakota", "Inge", "Skyler", "Lou", "Frédérique", "Sasha", "Amal",
)  # fmt: skip
HOMES = (
    ("fr-FR", "Europe/Paris", "FR", 18), ("de-DE", "Europe/Berlin", "DE", 24), ("es-ES", "Europe/Madrid", "ES", 14),
    ("en-IE", "Europe/Dublin", "IE", 8), ("en-GB", "Europe/London", "GB", 10), ("de-AT", "Europe/Vienna", "AT", 6),
    ("fr-BE", "Europe/Brussels", "BE", 4), ("de-CH", "Europe/Zurich", "CH", 4), ("en-US", "America/New_York", "US", 5),
    ("en-US", "America/Los_Angeles", "US", 3), ("fr-CA", "America/Toronto", "CA", 2),
    ("es-MX", "America/Mexico_City", "MX", 2),
)  # fmt: skip
"""Locale, time zone, country, and how many of a hundred live there."""
RIDER_SHARES = (0.3, 0.25, 0.3, 0.15)

MONTHS = (0.7, 0.75, 1.1, 1.3, 1.4, 1.35, 1.2, 1.05, 0.95, 0.8, 0.9, 1.05)
WEEKDAYS = (1.0, 0.9, 0.9, 0.95, 0.9, 1.1, 1.35)
HOURS = (1, 0, 0, 0, 0, 0, 1, 3, 5, 6, 6, 6, 8, 7, 5, 5, 6, 7, 8, 10, 12, 11, 7, 3)
SUMMER = {"Bottles", "Glasses", "Jerseys", "Shorts", "Caps", "Road Bikes", "Gravel Bikes"}
DARK_AND_WET = {"Lights", "Jackets", "Mudguards", "Care", "Gloves"}

WANTS = {
    "Bikes": 26.0, "Helmets": 3.0, "Jerseys": 4.0, "Shorts": 3.0, "Jackets": 3.5, "Gloves": 2.5, "Socks": 1.5,
    "Caps": 1.0, "Glasses": 2.0, "Tires": 6.0, "Tubes": 3.0, "Chains": 4.0, "Brake Pads": 3.0, "Bar Tape": 1.5,
    "Pedals": 2.0, "Saddles": 2.0, "Lights": 3.0, "Locks": 2.5, "Pumps": 2.0, "Bags": 3.0, "Computers": 2.0,
    "Tools": 1.5, "Care": 3.0, "Mudguards": 1.0, "Bells": 0.7, "Bottles": 1.5, "Bottle Cages": 1.5,
}  # fmt: skip
"""How often each kind of thing is what somebody came for. All bikes share one weight."""
CONSUMED = {"Tires", "Tubes", "Chains", "Brake Pads", "Bar Tape", "Care", "Socks", "Bottles"}
"""What the same person buys again. Of the rest they want a second one a tenth as often."""

COMPLEMENTS = {
    "Bikes": (("Helmets", 0.42), ("Bottle Cages", 0.26), ("Pedals", 0.16), ("Lights", 0.24), ("Locks", 0.24),
              ("Pumps", 0.16), ("Bags", 0.13), ("Mudguards", 0.10), ("Computers", 0.10), ("Jerseys", 0.12),
              ("Gloves", 0.10), ("Bells", 0.05)),
    "Bottle Cages": (("Bottles", 0.65),),
    "Bottles": (("Bottle Cages", 0.2),),
    "Helmets": (("Glasses", 0.18), ("Caps", 0.10), ("Gloves", 0.08)),
    "Tires": (("Tubes", 0.62), ("Tire Levers, Set of Three", 0.18), ("Pumps", 0.07)),
    "Tubes": (("Tire Levers, Set of Three", 0.15), ("Pumps", 0.12)),
    "Chains": (("Care", 0.45), ("Multi-Tool 17", 0.12)),
    "Brake Pads": (("Care", 0.18), ("Multi-Tool 17", 0.12)),
    "Jerseys": (("Shorts", 0.40), ("Socks", 0.22), ("Caps", 0.08)),
    "Shorts": (("Jerseys", 0.22), ("Socks", 0.25)),
    "Gloves": (("Socks", 0.12), ("Caps", 0.08)),
    "Jackets": (("Gloves", 0.20), ("Lights", 0.15), ("Mudguards", 0.10)),
    "Lights": (("Locks", 0.14),),
    "Locks": (("Lights", 0.14),),
    "Saddles": (("Bags", 0.15), ("Multi-Tool 17", 0.10)),
    "Race Saddle": (("Bags", 0.15), ("Bar Tape", 0.12), ("Multi-Tool 17", 0.10)),
    "Bar Tape": (("Race Saddle", 0.10), ("Multi-Tool 17", 0.10)),
    "Pedals": (("Multi-Tool 17", 0.12),),
    "Bags": (("Lights", 0.14), ("Locks", 0.10), ("Jackets", 0.06)),
    "Saddle Bag 0.8 l": (("Tools", 0.24), ("Tubes", 0.18)),
    "Hydration Backpack": (("Gloves", 0.16), ("Glasses", 0.12), ("Jackets", 0.10)),
    "Socks": (("Jerseys", 0.20), ("Shorts", 0.16), ("Caps", 0.10)),
    "Computers": (("Lights", 0.14),),
    "Mudguards": (("Lights", 0.15),),
    "Care": (("Multi-Tool 17", 0.10),),
}  # fmt: skip
"""What goes into the same basket, and how often: a kind of thing with a kind or, where that is too wide, one model.
What a bike called for in vain is wanted later."""
LEANINGS = {
    "Locks": (0.3, 0.3, 1.8, 0.6), "Bottle Cages": (1.4, 0.9, 0.25, 1.5), "Pedals": (1.6, 1.4, 0.2, 1.4),
    "Mudguards": (0.2, 0.4, 1.8, 0.9), "Bells": (0.1, 0.2, 2.4, 0.4), "Computers": (1.8, 0.8, 0.4, 1.4),
    "Jerseys": (1.6, 1.2, 0.3, 1.1), "Shorts": (1.5, 1.3, 0.3, 1.1), "Gloves": (1.0, 1.6, 0.5, 0.9),
    "Glasses": (1.4, 1.2, 0.3, 1.0), "Bar Tape": (1.6, 0.0, 0.0, 1.4), "Lights": (0.8, 0.6, 1.5, 0.9),
    "Bags": (0.7, 0.7, 1.4, 1.4), "Helmets": (1.1, 1.3, 0.7, 1.1),
}  # fmt: skip
"""How much more or less a road, mountain, city or gravel rider wants a kind of thing."""


def generate(seed: int = SEED, people: int = PEOPLE, last_day: date = LAST_DAY) -> DemoShop:
    """The whole synthetic shop, with two years of orders up to and including `last_day`. Equal seeds, equal shops."""
    dice = Random(seed)
    calendar = _Calendar.until(last_day)
    shelves = _shelves()
    shoppers = [_shopper(dice, number, shelves) for number in range(people)]
    end = datetime.combine(last_day, time.max, UTC)
    visits = sorted(
        (at, shopper.number, lines) for shopper in shoppers for at, lines in shopper.visits(calendar) if at <= end
    )
    first_visit = {number: placed_at for placed_at, number, _ in reversed(visits)}
    customers = {number: _customer(dice, shoppers[number], at, end) for number, at in sorted(first_visit.items())}
    orders = tuple(
        Order(str(10_001 + n), customers[number], placed_at, CURRENCY, lines)
        for n, (placed_at, number, lines) in enumerate(visits)
    )
    products = tuple(product for variants in catalog().values() for product in variants)
    return DemoShop(NAME, True, CURRENCY, products, tuple(customers.values()), orders)


# ---------------------------------------------------------------- when


@dataclass(frozen=True)
class _Calendar:
    """The shop's days, each with how busy it is: seasons and weekends. It grows because people come back."""

    first: date
    weights: tuple[float, ...]
    cumulative: tuple[float, ...]

    @classmethod
    def until(cls, last_day: date) -> "_Calendar":
        first = last_day - timedelta(days=DAYS - 1)
        days = [first + timedelta(days=n) for n in range(DAYS)]
        weights = tuple(MONTHS[day.month - 1] * WEEKDAYS[day.weekday()] for day in days)
        return cls(first, weights, tuple(accumulate(weights)))

    def day_of_joining(self, dice: Random) -> int:
        return bisect(self.cumulative, dice.random() * self.cumulative[-1])

    def month(self, day: int) -> int:
        return (self.first + timedelta(days=day)).month

    def instant(self, dice: Random, day: int, zone: ZoneInfo) -> datetime:
        """An instant on that day when people at home in `zone` shop."""
        hour = bisect(_HOURS, dice.random() * _HOURS[-1])
        local = datetime.combine(self.first + timedelta(days=day), time(hour, int(dice.random() * 60)), zone)
        return local.astimezone(UTC) + timedelta(seconds=int(dice.random() * 60))


_HOURS = tuple(accumulate(HOURS))


# ---------------------------------------------------------------- who


def _shopper(dice: Random, number: int, shelves: "_Shelves") -> "_Shopper":
    locale, zone, country, _ = dice.choices(HOMES, [home[3] for home in HOMES])[0]
    return _Shopper(
        number=number,
        dice=Random(dice.random()),
        shelves=shelves,
        rider=dice.choices(range(len(RIDERS)), RIDER_SHARES)[0],
        color=dice.choice(("Red", "Blue", "Green", "Black", "Teal", "Orange", "Sand", "Gray", "Yellow", "White")),
        size=dice.choices(range(3), (3, 4, 3))[0],
        home=(locale, zone, country),
    )


def _customer(dice: Random, shopper: "_Shopper", first_order: datetime, end: datetime) -> Customer:
    locale, zone, country = shopper.home
    name = dice.choice(FIRST_NAMES)
    opted_in = dice.random() < OPT_IN
    leaves = opted_in and dice.random() < UNSUBSCRIBE
    left_at = first_order + (end - first_order) * dice.random() if leaves else None
    number = 1001 + shopper.number
    return Customer(str(number), f"{_ascii(name)}.{number}@example.com", name, locale, zone, country, opted_in, left_at)


def _ascii(name: str) -> str:
    return normalize("NFKD", name).encode("ascii", "ignore").decode().lower()


# ---------------------------------------------------------------- what


Variants = tuple[Product, ...]


@dataclass(frozen=True)
class _Shelves:
    """The models of each category with, per kind of rider, the running sum of how much they are wanted."""

    models: dict[str, tuple[Variants, ...]]
    wanted: dict[str, tuple[tuple[float, ...], ...]]
    made_for: dict[str, int]
    """By family, for what is made for one kind of riding alone: which."""
    by_name: dict[str, Variants]
    """Each model by itself."""

    def pick(self, dice: Random, wanted: str, rider: int) -> Variants:
        """A model of a kind, or the one that is named."""
        if wanted in self.by_name:
            return self.by_name[wanted]
        sums = self.wanted[wanted][rider]
        return self.models[wanted][bisect(sums, dice.random() * sums[-1])]


def _shelves() -> _Shelves:
    by_category: dict[str, list[Model]] = {}
    for model in catalog():
        by_category.setdefault(_kind(model.category), []).append(model)
    models = {kind: tuple(catalog()[model] for model in models) for kind, models in by_category.items()}
    wanted = {
        kind: tuple(tuple(accumulate(model.riders[rider] for model in models)) for rider in range(len(RIDERS)))
        for kind, models in by_category.items()
    }
    made_for = {model.name: riding for model in catalog() if (riding := _only_riding(model)) is not None}
    by_name = {model.name: variants for model, variants in catalog().items()}
    return _Shelves(models, wanted, made_for, by_name)


def _only_riding(model: Model) -> int | None:
    second, first = sorted(model.riders)[-2:]
    return model.riders.index(first) if second <= first / 4 else None


def _kind(category: str) -> str:
    """The category as wishes name it: all bikes are one."""
    return "Bikes" if category.endswith(" Bikes") else category


@dataclass
class _Shopper:
    """One person on their way through two years. Their dice are their own."""

    number: int
    dice: Random
    shelves: _Shelves
    rider: int
    color: str
    size: int
    home: tuple[str, str, str]
    owned: set[str] = field(default_factory=set)
    wishes: list[str] = field(default_factory=list)

    def visits(self, calendar: _Calendar) -> Iterator[tuple[datetime, tuple[Line, ...]]]:
        """Their orders, in the order of time."""
        zone, day = ZoneInfo(self.home[1]), calendar.day_of_joining(self.dice)
        while day < DAYS:
            if self.dice.random() * 1.9 < calendar.weights[day]:
                yield calendar.instant(self.dice, day, zone), self._basket(calendar.month(day))
                day += 1 + int(self.dice.expovariate(1 / self._mean_gap()))
            else:
                day += 1  # a quiet day for bike shops: perhaps tomorrow

    def _mean_gap(self) -> float:
        return GAP_AFTER_BIKE_DAYS if self.wishes else MEAN_GAP_DAYS

    def _basket(self, month: int) -> tuple[Line, ...]:
        anchor = self._take(self._want(month))
        basket = [anchor]
        for wanted in self._complements(_calls(anchor)):
            extra = self._take(wanted, anchor)
            basket.append(extra)
            basket += [self._take(more, extra) for more in self._complements(_calls(extra), 0.7)]
        distinct = {product.sku: product for product in basket}
        return tuple(Line(p.sku, self._quantity(p.category), p.price_minor) for p in distinct.values())

    def _want(self, month: int) -> str:
        """What they come for: what their new bike still lacks, or what their riding and the month suggest."""
        if self.wishes and self.dice.random() < 0.75:
            return self.wishes.pop(0)
        self.wishes.clear()
        weights = [weight * self._again(kind) for kind, weight in _wants(self.rider, month)]
        return self.dice.choices(tuple(WANTS), weights)[0]

    def _again(self, kind: str) -> float:
        if kind not in self.owned:
            return 1.0
        return 1.6 if kind in CONSUMED else 0.1

    def _leaning(self, kind: str) -> float:
        return LEANINGS[kind][self.rider] if kind in LEANINGS else 1.0

    def _complements(self, kind: str, zeal: float = 1.0) -> Sequence[str]:
        """What goes along. What a new bike called for in vain becomes a wish for later."""
        taken = []
        for other, chance in COMPLEMENTS.get(kind, ()):
            needed = other in CONSUMED or other not in self.owned
            if needed and self.dice.random() < chance * zeal * self._leaning(other):
                taken.append(other)
            elif needed and kind == "Bikes" and self.dice.random() < chance * self._leaning(other) * 0.8:
                self.wishes.append(other)
        return taken

    def _take(self, wanted: str, beside: Product | None = None) -> Product:
        """Choose one, to suit their riding, or that of the product it goes with: a road tube for a road tire."""
        riding = self.shelves.made_for.get(beside.family, self.rider) if beside else self.rider
        variants = self.shelves.pick(self.dice, wanted, riding)
        self.owned |= {wanted, _kind(variants[0].category)}
        if len(variants) == 1:
            return variants[0]
        liked = [self._liking(variant, beside.color if beside else self.color) for variant in variants]
        return self.dice.choices(variants, liked)[0]

    def _liking(self, variant: Product, near: str) -> float:
        """How well a variant suits them: their size, and the color of what it goes with or their favorite."""
        fits = 1.0 if not variant.size or variant.size in _SIZES[self.size] else 0.04
        return fits * (5.0 if variant.color == near else 2.5 if variant.color == self.color else 1.0)

    def _quantity(self, category: str) -> int:
        if category in ("Tires", "Tubes", "Socks") and self.dice.random() < 0.5:
            return 2
        return 1


def _calls(product: Product) -> str:
    """By which name of it COMPLEMENTS knows what goes with it."""
    return product.family if product.family in COMPLEMENTS else _kind(product.category)


@lru_cache(maxsize=12 * len(RIDERS))
def _wants(rider: int, month: int) -> tuple[tuple[str, float], ...]:
    """Each kind of thing with how much such a rider wants it in such a month."""
    leanings = {kind: LEANINGS[kind][rider] if kind in LEANINGS else 1.0 for kind in WANTS}
    return tuple((kind, weight * leanings[kind] * _season(kind, month)) for kind, weight in WANTS.items())


_SIZES = ({"S", "54", "S/M"}, {"M", "54", "S/M"}, {"L", "58", "L/XL"})


def _season(kind: str, month: int) -> float:
    warm = 4 <= month <= 8
    if kind in SUMMER or kind == "Bikes":
        return 1.4 if warm else 0.7
    if kind in DARK_AND_WET:
        return 0.7 if warm else 1.6
    return 1.0
