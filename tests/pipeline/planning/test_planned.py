"""What is known about a planned mail: its order, what was sent back of it, its person."""

from sqlalchemy import insert, select

from aftercart.bootstrap import App
from aftercart.db.session import Database
from aftercart.db.tables import orders, sends
from aftercart.pipeline.planning.planned import Planned, lines_of, load
from aftercart.policy.store import persons_of
from tests.cast import ADA, BIKE, CHIKA, HELMET, MONDAY, order, refund, rows, tell


def loaded(app: App) -> list[Planned]:
    with app.db.read() as connection:
        found = rows(app, sends)
        person = persons_of(connection, {row["recipient_id"] for row in found})
        return load(connection, found, person, app.campaigns.by_name, app.brand.time_zone)


def test_what_was_sent_back_is_no_anchor_any_more(app: App) -> None:
    order(app, "1", ADA, [BIKE, {**HELMET, "quantity": 3}])
    refund(app, "1", "BIKE")
    refund(app, "1", "HELMET")
    (planned,) = loaded(app)
    assert [(line.sku, line.left) for line in planned.anchors] == [("HELMET", 2)]
    assert [line.sku for line in planned.lines] == ["BIKE", "HELMET"]


def test_a_return_without_a_quantity_takes_all_of_the_product(app: App) -> None:
    order(app, "1", ADA, [BIKE, {**HELMET, "quantity": 3}, HELMET])
    tell(app, "order.refunded", {"order_id": "1", "lines": [{"sku": "HELMET"}]})
    assert [line.sku for line in loaded(app)[0].anchors] == ["BIKE"]


def test_what_was_returned_and_then_refunded_is_gone_once(app: App) -> None:
    order(app, "1", ADA, [BIKE, {**HELMET, "quantity": 3}])
    back = {"order_id": "1", "lines": [{"sku": "HELMET", "quantity": 1}]}
    for type_ in ("order.returned", "order.refunded"):
        tell(app, type_, back)
        assert [(line.sku, line.left) for line in loaded(app)[0].anchors] == [("BIKE", 1), ("HELMET", 2)]
    tell(app, "order.refunded", {**back, "refund_id": "2"})
    assert [(line.sku, line.left) for line in loaded(app)[0].anchors] == [("BIKE", 1), ("HELMET", 1)]


def test_a_return_is_spread_over_lines_of_the_same_product(app: App) -> None:
    order(app, "1", ADA, [{**HELMET, "quantity": 2}, {**HELMET, "quantity": 2}])
    tell(app, "order.refunded", {"order_id": "1", "lines": [{"sku": "HELMET", "quantity": 3}]})
    assert [line.left for line in loaded(app)[0].lines] == [0, 1]


def test_mails_compete_by_priority_then_due_time(app: App) -> None:
    order(app, "1", ADA)
    order(app, "2", CHIKA)
    assert [planned.email for planned in loaded(app)] == ["chika@example.com", "ada@example.com"]


def test_the_zone_is_the_persons_own_else_that_of_the_parcel_else_the_shops(app: App) -> None:
    order(app, "1", {**CHIKA})
    order(app, "2", {**CHIKA, "id": "8", "email": "two@example.com", "time_zone": None})
    order(app, "3", {**CHIKA, "id": "9", "email": "three@example.com", "time_zone": None, "country": None})
    zones = {planned.email: (str(planned.zone.zone), planned.zone.source) for planned in loaded(app)}
    assert zones["chika@example.com"][0] == zones["two@example.com"][0] == "Asia/Tokyo"
    assert zones["three@example.com"][0] == "Europe/Paris"
    assert len({source for _, source in zones.values()}) == 3


def test_the_lines_of_thousands_of_orders_are_read_at_once(database: Database) -> None:
    """An import enrolls two thousand orders in one transaction, and no statement is too long for that."""
    row = {"shop": "generic", "state": "completed", "currency": "EUR", "total_minor": 1, "country": "", "region": ""}
    row |= {"placed_at": MONDAY, "source_updated_at": MONDAY, "imported": False}
    with database.write() as connection:
        connection.execute(insert(orders), [{**row, "shop_order_id": str(number)} for number in range(5_000)])
        about = {found.id: found for found in connection.execute(select(orders))}
        assert lines_of(connection, about) == {}
