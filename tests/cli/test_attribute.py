"""`attribute`, as it is typed."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from aftercart.db.session import Database
from aftercart.starter import init
from tests.cli.conftest import Typed
from tests.commanded import aftercart
from tests.rows import MONDAY, Rows


@pytest.fixture
def rows(tmp_path: Path, typed: Typed) -> Iterator[Rows]:
    init(tmp_path)
    with closing(Database(f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}")) as database:
        assert typed("db", "upgrade").exit_code == 0
        yield Rows(database)


def test_orders_are_credited_in_another_way_and_shown(tmp_path: Path, rows: Rows) -> None:
    ada = rows.recipient()
    mail = rows.send(rows.order(ada), ada)
    rows.click(mail, ada, MONDAY + timedelta(hours=1))
    rows.order(ada, MONDAY + timedelta(days=20), total_minor=2_500)
    assert "No order is credited" in aftercart(tmp_path, "attribute").stdout
    done = aftercart(tmp_path, "attribute", "--touch", "first_click", "--window", "30d", "--json")
    assert json.loads(done.stdout) == {
        "model": "first_click:30d", "campaign": "accessories", "currency": "EUR", "orders": 1, "net_minor": 2_500,
    }  # fmt: skip
    shown = aftercart(tmp_path, "attribute", "--touch", "first_click", "--window", "30d").stdout
    assert "first_click:30d" in shown
    assert "2,500" in shown


@pytest.mark.usefixtures("rows")
def test_a_window_that_is_none_is_refused(typed: Typed) -> None:
    refused = typed("attribute", "--window", "soon")
    assert refused.exit_code == 2
    assert "--window" in refused.output
