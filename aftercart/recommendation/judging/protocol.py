"""What is asked when recommendations are put to the test: later orders, cut up into questions with known answers.

The protocol, with its reasons, is in docs/recommendations.md. Nothing of the time that is asked about was there to
learn from, and no product is asked for or ranked before it was first sold.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt

from aftercart.recommendation.asking.question import Question
from aftercart.recommendation.asking.request import Purpose
from aftercart.recommendation.inputs.dataset import DAY_S, Interactions, Ints

_TEST_DAYS, _FOLLOWED_DAYS = 30, 60
_NEVER = np.iinfo(np.int64).max


class Task(StrEnum):
    """A way of asking."""

    BASKET = "basket"
    """One product of an order is hidden, the others are given."""
    SINGLE = "single"
    """The order's dearest product is given, the others are hidden."""
    NEXT_30 = "next30"
    """The whole order is given; asked is what its customer bought for the first time within 30 days after it."""
    NEXT_60 = "next60"
    """The same within 60 days: what a mail after a purchase is for."""

    @property
    def in_words(self) -> str:
        """What is asked, for a person."""
        return _IN_WORDS[self]


_IN_WORDS = {
    Task.BASKET: "the missing product of an order",
    Task.SINGLE: "what else was ordered with the dearest product",
    Task.NEXT_30: "what was bought next, within 30 days",
    Task.NEXT_60: "what was bought next, within 60 days",
}


@dataclass(frozen=True)
class Window:
    """Orders placed from `start` until before `end` are asked about; nothing after `limit` is looked at. Seconds."""

    start: int
    end: int
    limit: int


@dataclass(frozen=True)
class Case:
    """One question, and the SKUs that answer it."""

    question: Question
    relevant: frozenset[str]


def last_quarter(past: Interactions) -> Window:
    """The first 30 of the last 90 days; the other 60 show what was bought next."""
    end = past.last_order_at
    start = end - (_TEST_DAYS + _FOLLOWED_DAYS) * DAY_S
    return Window(start, start + _TEST_DAYS * DAY_S, end)


def cases_of(
    past: Interactions, window: Window, task: Task, random: np.random.Generator, most: int, *, within_days: int = 0
) -> list[Case]:
    """Up to `most` cases, drawn at random among the orders of the window. `within_days` overrides how long after
    an order a next purchase counts."""
    asked = _Asked(past, window)
    orders = random.permutation(np.flatnonzero((past.placed_at >= window.start) & (past.placed_at < window.end)))
    found: list[Case] = []
    for order in orders.tolist():
        if len(found) == most:
            break
        found.extend(_cases(asked, order, task, random, within_days))
    return found


def _cases(asked: "_Asked", order: int, task: Task, random: np.random.Generator, within_days: int) -> Iterator[Case]:
    if task in (Task.NEXT_30, Task.NEXT_60):
        yield from asked.next_purchases(order, within_days or (30 if task is Task.NEXT_30 else 60))
        return
    items, prices = asked.basket(order)
    if len(items) < 2:
        return
    if task is Task.SINGLE:
        place = int(np.argmax(prices))
        yield asked.together(order, items[[place]], np.delete(items, place), Purpose.MAIL)
    else:
        place = int(random.integers(len(items)))
        yield asked.together(order, np.delete(items, place), items[[place]], Purpose.TOGETHER)


class _Asked:
    """The orders of a window, and what was on sale when they were placed."""

    def __init__(self, past: Interactions, window: Window) -> None:
        self._past, self._window = past, window

    @cached_property
    def _first_sold(self) -> Ints:
        first = np.full(len(self._past.products), _NEVER, dtype=np.int64)
        np.minimum.at(first, self._past.item, self._past.placed_at[self._past.order_of_line])
        return first

    @cached_property
    def _on_sale(self) -> npt.NDArray[np.bool_]:
        """Products sold before the window ends; shared by all its questions, for it may be long."""
        on_sale: npt.NDArray[np.bool_] = self._first_sold < self._window.end
        return on_sale

    @cached_property
    def _new(self) -> Ints:
        """Products first sold within the window, which some of its orders cannot have known."""
        return np.flatnonzero(self._on_sale & (self._first_sold > self._window.start))

    def basket(self, order: int) -> tuple[Ints, npt.NDArray[np.float32]]:
        """The products of an order and what they cost."""
        lines = slice(self._past.line_start[order], self._past.line_start[order + 1])
        return self._past.item[lines], self._past.price[lines]

    def together(self, order: int, anchors: Ints, relevant: Ints, purpose: Purpose) -> Case:
        """Given some products of an order, find others of it. The history keeps what is bought again now: without it
        whatever a person has and does not buy again would be told apart from the answer."""
        moment = int(self._past.placed_at[order])
        before = self._bought(order, moment - 1)
        history = before[~np.isin(before, anchors)]
        return self._case(anchors, history, anchors, relevant, moment, purpose)

    def next_purchases(self, order: int, within_days: int) -> Iterator[Case]:
        """Given an order, find what its customer bought next; nothing if that was nothing new."""
        moment = int(self._past.placed_at[order])
        until = moment + within_days * DAY_S
        if until > self._window.limit:
            return
        anchors, _ = self.basket(order)
        owned = self._bought(order, moment)
        later = self._bought(order, until)[len(owned) :]
        new = later[(self._first_sold[later] <= moment) & ~np.isin(later, owned)]
        if len(new):
            before = self._bought(order, moment - 1)
            history = before[~np.isin(before, anchors)]
            yield self._case(anchors, history, owned, new, moment, Purpose.NEXT)

    def _bought(self, order: int, until: int) -> Ints:
        """The lines of the order's customer up to a moment, oldest first."""
        past = self._past
        person = past.customer[order]
        first, last = np.searchsorted(past.customer, [person, person + 1])
        end = first + int(np.searchsorted(past.placed_at[first:last], until, side="right"))
        return past.item[past.line_start[first] : past.line_start[end]]

    def _case(self, anchors: Ints, history: Ints, banned: Ints, relevant: Ints, moment: int, purpose: Purpose) -> Case:
        unknown = self._new[self._first_sold[self._new] > moment]
        question = Question(
            anchors=self._skus(anchors),
            history=self._skus(history),
            banned=frozenset(self._skus(np.concatenate([banned, unknown]))),
            allowed=self._on_sale,
            purpose=purpose,
        )
        return Case(question, frozenset(self._skus(relevant)))

    def _skus(self, items: Ints) -> tuple[str, ...]:
        return tuple(self._past.products[item].sku for item in items.tolist())
