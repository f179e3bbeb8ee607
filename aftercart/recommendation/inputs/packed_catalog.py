"""A catalog in five arrays, so that processes that map them from files share one copy of it.

A product as an object takes about a kilobyte in each process; here it takes about a hundred bytes, once, and objects
are made of the few that somebody asks for.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache, partial
from typing import overload
from weakref import proxy
from zlib import crc32

import numpy as np
import numpy.typing as npt

from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import Ints

COLUMNS = ("title", "category", "department", "brand", "family", "color", "currency", "url", "image_url")
"""The columns of text beside the SKU, in the order of `numbers`."""

_NOT_KNOWN = np.iinfo(np.int64).min
_SLOTS_EACH, _OBJECTS = 2, 4_096
_ENCODING = ("utf-8", "surrogatepass")
"""Half a character, as JSON may bring one, comes back as it was."""


@dataclass(frozen=True, eq=False)
class PackedCatalog(Sequence[Product]):
    """The products by number.

    `keys`: their SKUs, all as wide as the longest. `slots`: a hash table of these, in which number n stands as n + 1.
    `text` holds the different values of each of COLUMNS, column by column, one after the other: string n is
    `text[starts[n]:starts[n + 1]]`. `strings[column, product]`: which string it is. `numbers`: price, stock and whether
    it is published.
    """

    keys: npt.NDArray[np.bytes_]
    slots: npt.NDArray[np.int32]
    text: npt.NDArray[np.uint8]
    starts: Ints
    strings: npt.NDArray[np.int32]
    numbers: Ints

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, place: int) -> Product: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Product, ...]: ...
    def __getitem__(self, place: int | slice) -> Product | tuple[Product, ...]:
        if isinstance(place, slice):
            return tuple(self[at] for at in range(len(self))[place])
        return self._product(range(len(self))[place])

    def __iter__(self) -> Iterator[Product]:
        return map(self._made, range(len(self)))

    def number(self, sku: str) -> int | None:
        """The number of a product; None: there is no such product."""
        key, keys, slots = sku.encode(*_ENCODING), self.keys, self._slots
        last = len(slots) - 1
        at = crc32(key) & last
        while number := slots[at]:
            if keys[number - 1] == key:
                return int(number) - 1
            at = (at + 1) & last
        return None

    def skus(self, items: Ints) -> list[str]:
        """The SKUs of products by number."""
        keys = self.keys[items].tolist()
        try:
            return [key.decode() for key in keys]  # in half the time
        except UnicodeDecodeError:
            return [key.decode(*_ENCODING) for key in keys]

    def values(self, column: str) -> tuple[list[str], npt.NDArray[np.int32]]:
        """The different values of a column, and which of them each product has."""
        if column == "sku":
            return self.skus(np.arange(len(self))), np.arange(len(self), dtype=np.int32)
        of_item = self.strings[COLUMNS.index(column)]
        first, last = int(of_item.min(initial=np.iinfo(np.int32).max)), int(of_item.max(initial=-1))
        return [self._string(number) for number in range(first, last + 1)], of_item - first

    @cached_property
    def _product(self) -> Callable[[int], Product]:
        """Few products are asked for again and again: what people have is compared with what they are offered.

        What is kept does not keep the catalog: it would be a cycle, and a worker hardly ever looks for cycles, so the
        files of each night's model would stay mapped beside those of the next.
        """
        return lru_cache(_OBJECTS)(partial(PackedCatalog._made, proxy(self)))

    def _made(self, item: int) -> Product:
        told = zip(COLUMNS, map(self._string, self.strings[:, item].tolist()), strict=True)
        price, stock, published = self.numbers[:, item].tolist()
        return Product(
            sku=self.keys[item].decode(*_ENCODING),
            price_minor=_known(price),
            stock=_known(stock),
            published=bool(published),
            cost_minor=None,  # a file of a model may lie where a database never would
            **dict(told),
        )

    def _string(self, number: int) -> str:
        return self.text[self.starts[number] : self.starts[number + 1]].tobytes().decode(*_ENCODING)

    @cached_property
    def _slots(self) -> memoryview:
        """One number out of a memoryview takes a fifth of the time of one out of an array."""
        return self.slots.data


ARRAYS = tuple(field.name for field in fields(PackedCatalog))


def packed(products: Sequence[Product]) -> PackedCatalog:
    """These products in arrays, numbered as they stand."""
    if isinstance(products, PackedCatalog):
        return products
    keys = [product.sku.encode(*_ENCODING) for product in products]
    strings: list[bytes] = []
    columns = np.empty((len(COLUMNS), len(products)), dtype=np.int32)
    for row, column in enumerate(COLUMNS):
        number: dict[str, int] = {}
        first = len(strings)
        columns[row] = [first + number.setdefault(getattr(product, column), len(number)) for product in products]
        strings += [value.encode(*_ENCODING) for value in number]
    return PackedCatalog(
        keys=np.array(keys, dtype=np.bytes_),
        slots=_hashed(keys),
        text=np.frombuffer(b"".join(strings), dtype=np.uint8),
        starts=np.concatenate(([0], np.cumsum([len(string) for string in strings], dtype=np.int64))),
        strings=columns,
        numbers=np.array([_numbers(product) for product in products], dtype=np.int64).reshape(-1, 3).T.copy(),
    )


def _hashed(keys: Sequence[bytes]) -> npt.NDArray[np.int32]:
    """Open addressing: whoever finds a place taken takes the next."""
    slots = [0] * (1 << max(_SLOTS_EACH * len(keys) - 1, 1).bit_length())
    last = len(slots) - 1
    for number, key in enumerate(keys, start=1):
        at = crc32(key) & last
        while slots[at]:
            at = (at + 1) & last
        slots[at] = number
    return np.array(slots, dtype=np.int32)


def _numbers(product: Product) -> tuple[int, int, int]:
    price, stock = product.price_minor, product.stock
    return (
        _NOT_KNOWN if price is None else price,
        _NOT_KNOWN if stock is None else stock,
        int(product.published),
    )


def _known(number: int) -> int | None:
    return None if number == _NOT_KNOWN else number
