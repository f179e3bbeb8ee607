"""What a model takes in memory: in one worker process, and in four that share it."""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from aftercart.bench.timing import Result
from aftercart.recommendation.asking.question import Question
from aftercart.recommendation.asking.request import Anchor, Request, Rules
from aftercart.recommendation.models import files
from aftercart.recommendation.models.model import Model
from aftercart.recommendation.ranking.fallback import RANKERS

WORKERS, _KIB = 4, 1024
_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)


def memory(name: str, model: Model, folder: Path) -> Result:
    """How many copies fit where four of them lay: four would make it 1, one that all share 4. Each page counts in equal
    parts for those that share it (PSS), and only what was added by loading the model and ranking by it for a mail."""
    checksum = files.save(model, folder)
    (alone,), several = (_taken(model, folder, checksum, count) for count in (1, WORKERS))
    return Result(
        name, "copies", WORKERS * alone / sum(several), "a copy for each", 1.0, 1,
        note=f"one process {_mb(alone)}, {WORKERS} together {_mb(sum(several))}",
    )  # fmt: skip


def _taken(model: Model, folder: Path, checksum: str, count: int) -> Sequence[int]:
    """Bytes that each of so many processes takes for it while the others have it, too."""
    fresh = get_context("spawn")
    pipes = [fresh.Pipe() for _ in range(count)]
    asked = model.products[0].sku
    workers = [fresh.Process(target=_work, args=(ours, folder, model.version, checksum, asked)) for _, ours in pipes]
    for worker in workers:
        worker.start()
    try:
        return list(_told([theirs for theirs, _ in pipes]))
    finally:
        for worker in workers:
            worker.join()


def _told(pipes: Sequence[Connection]) -> Iterator[int]:
    before = [pipe.recv() for pipe in pipes]
    for go_on in pipes:
        go_on.send(None)
    for ranked in pipes:
        ranked.recv()
    for measure in pipes:
        measure.send(None)
    after = [pipe.recv() for pipe in pipes]
    for leave in pipes:
        leave.send(None)
    yield from (later - earlier for earlier, later in zip(before, after, strict=True))


def _work(pipe: Connection, folder: Path, version: str, checksum: str, asked: str) -> None:
    with closing(pipe):
        pipe.send(_pss())
        pipe.recv()
        model = files.load(folder, version, checksum)
        _rank(model, asked)
        pipe.send(None)
        pipe.recv()
        pipe.send(_pss())
        pipe.recv()


def _rank(model: Model, asked: str) -> None:
    """As for a mail of a campaign with a filter, with a look at every table that guards and fallbacks ask."""
    allowed = model.allowed(Rules(only={"category": (next(iter(model.categories.names)),)}))
    for rank in RANKERS.values():
        rank(model, [Question((asked,), allowed=allowed)], {}, 10)
    model.basket_of(Request((Anchor(asked),), "EUR"), {asked: model.products[0]})


def _pss() -> int:
    found = _PSS.search(Path("/proc/self/smaps_rollup").read_bytes())
    return int(found[1]) * _KIB if found else 0


def _mb(size: float) -> str:
    return f"{size / 1e6:.0f} MB"
