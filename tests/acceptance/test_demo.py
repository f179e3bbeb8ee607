"""`aftercart demo`: a week of a shop, start to end, with real webhooks, mails and clicks."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from aftercart.db.session import Database
from aftercart.db.tables import attributions, clicks, orders, picks, sends
from aftercart.demo.run import Wanted, run
from aftercart.errors import ConfigError
from workers.embedded import hold

LEFT = Path("data") / "demo" / "data" / "aftercart.db"
FEW = 500
"""People who make a shop of some thirty orders a week."""


@contextmanager
def looking_into(folder: Path) -> Iterator[Connection]:
    """What the demo's engine wrote, played in this folder."""
    with (
        closing(Database(f"sqlite:///{folder / 'data' / 'demo' / 'data' / 'aftercart.db'}")) as db,
        db.read() as open_db,
    ):
        yield open_db


def what_came_of_it(connection: Connection) -> list[tuple[object, ...]]:
    """Every mail, pick, click and credit, without the ids that are drawn at random."""
    order, of = orders.c.shop_order_id, sends.join(orders, orders.c.id == sends.c.order_id)
    asked = (
        select(order, sends.c.campaign, sends.c.state, sends.c.reason, sends.c.sent_at).select_from(of),
        select(order, picks.c.slot, picks.c.sku, picks.c.because, picks.c.source).select_from(of.join(picks)),
        select(order, clicks.c.position, clicks.c.at, clicks.c.verdict).select_from(of.join(clicks)),
        select(order, attributions.c.amount_minor).join(attributions, attributions.c.order_id == orders.c.id),
    )
    return [tuple(row) for query in asked for row in connection.execute(query.order_by(*query.selected_columns))]


def test_the_same_seed_gives_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results, stories = [], []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        results.append(replace(run(Wanted(seed=3, people=FEW)), seconds={}))
        with looking_into(tmp_path / name) as connection:
            stories.append(what_came_of_it(connection))
    assert results[0] == results[1]
    assert stories[0] == stories[1]
    assert results[0].mails_received
    assert results[0].human_clicks
    assert results[0].adds_up


@pytest.mark.parametrize(("folder", "does"), [("data/demo", "plays a demo"), ("data/demo/data", "runs an engine")])
def test_a_demo_leaves_the_folder_of_another_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, does: str
) -> None:
    monkeypatch.chdir(tmp_path)
    LEFT.parent.mkdir(parents=True)
    LEFT.write_bytes(b"what the other one serves")
    with hold(Path(folder)), pytest.raises(ConfigError) as refused:
        run(Wanted(people=FEW))
    assert f"process {os.getpid()} already {does} in {folder}: stop it first" in str(refused.value)
    assert "another folder" in str(refused.value)
    assert LEFT.read_bytes() == b"what the other one serves"
