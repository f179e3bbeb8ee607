"""All measurements, in the order of a mail's way."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from aftercart.bench.backtest import backtest
from aftercart.bench.claim import claim
from aftercart.bench.click import click
from aftercart.bench.gate import gate
from aftercart.bench.ingest import ingest
from aftercart.bench.recommend import recommend
from aftercart.bench.render import render
from aftercart.bench.send import send
from aftercart.bench.tidy import tidy
from aftercart.bench.timing import Result

Measurement = Callable[[int, Path], Iterable[Result]]

MEASUREMENTS: dict[str, Measurement] = {
    "ingest": lambda rounds, folder: [ingest(rounds, folder)],
    "claim": lambda rounds, folder: [claim(rounds, folder)],
    "tidy": lambda rounds, folder: [tidy(rounds, folder)],
    "gate": gate,
    "recommend": recommend,
    "render": render,
    "send": send,
    "click": lambda rounds, folder: [click(rounds, folder)],
    "backtest": lambda rounds, folder: [backtest(rounds, folder)],
}


def measure(names: Sequence[str], rounds: int) -> Iterator[Result]:
    """The measurements asked for (all where none is named), each in a folder of its own that goes afterwards."""
    for name in names or MEASUREMENTS:
        with tempfile.TemporaryDirectory() as folder:
            yield from MEASUREMENTS[name](rounds, Path(folder))
