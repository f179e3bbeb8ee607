"""The whole way from orders in the database to picks."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, insert, update
from structlog.testing import capture_logs

from aftercart.db.session import Database
from aftercart.db.tables import model_versions, products
from aftercart.errors import ModelError
from aftercart.pipeline.learning.train import train
from aftercart.recommendation.asking.question import Question
from aftercart.recommendation.asking.request import (
    Anchor,
    MarginFloor,
    PriceCap,
    Recommendation,
    Request,
    Rules,
    Source,
)
from aftercart.recommendation.inputs.catalog import Product, are_near_duplicates
from aftercart.recommendation.recommender import Recommender
from tests.recommendation.bike_shop import open_busy_shop, opened, sell, stock

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CASES = ("phone", "case1", "case2", "film1")
ACCESSORIES = {"department": ("Accessories", "Clothing")}


def request(*skus: str, rules: Rules | None = None, owned: tuple[str, ...] = ()) -> Request:
    anchors = tuple(Anchor(sku, 90_000) for sku in skus)
    return Request(anchors, "EUR", rules or Rules(only=ACCESSORIES), owned=owned)


def asked(recommender: Recommender, db: Database, *requests: Request) -> list[Recommendation]:
    with db.read() as connection:
        return recommender.recommend(connection, requests)


def skus(answer: Recommendation) -> list[str]:
    return [pick.sku for pick in answer.picks]


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a shop that has trained; copied for each test, as training takes its time."""
    folder = tmp_path_factory.mktemp("trained")
    db = opened(folder)
    open_busy_shop(db)
    train(db, folder / "models", lambda: NOW)
    db.close()
    return folder


@pytest.fixture
def a_trained_shop(trained_once: Path, tmp_path: Path) -> Iterator[Database]:
    """The bike shop with 200 orders and a model that serves."""
    shutil.copytree(trained_once, tmp_path, dirs_exist_ok=True)
    db = opened(tmp_path)
    yield db
    db.close()


@pytest.fixture
def trained(tmp_path: Path) -> Recommender:
    """Serves `a_trained_shop`."""
    return Recommender(tmp_path / "models")


@pytest.fixture
def untrained(tmp_path: Path) -> Recommender:
    return Recommender(tmp_path / "models")


@contextmanager
def counted_queries(db: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield seen
    event.remove(db.engine, "before_cursor_execute", note)


def test_a_bike_brings_accessories_for_its_way_of_riding(trained: Recommender, a_trained_shop: Database) -> None:
    answer = asked(trained, a_trained_shop, request("Road-Bike-0"))[0]
    assert len(answer.picks) == 4
    assert {pick.sku.split("-")[0] for pick in answer.picks} == {"Road"}
    assert {(pick.because, pick.because_title, pick.source) for pick in answer.picks} == {
        ("Road-Bike-0", "Road Alto Bike", Source.LIGHTFM)
    }
    assert all(pick.evidence["orders_together"] > 0 for pick in answer.picks)


def test_a_product_withdrawn_now_is_not_offered_a_second_later(trained: Recommender, a_trained_shop: Database) -> None:
    first = asked(trained, a_trained_shop, request("Road-Bike-0"))[0].picks[0]
    with a_trained_shop.write() as connection:
        connection.execute(update(products).where(products.c.sku == first.sku).values(published=False))
    answer = asked(trained, a_trained_shop, request("Road-Bike-0"))[0]
    assert first.sku not in skus(answer)
    assert answer.filtered["gone"] == 1


def test_a_pick_carries_the_price_of_the_moment(trained: Recommender, a_trained_shop: Database) -> None:
    with a_trained_shop.write() as connection:
        connection.execute(update(products).values(price_minor=4_242, url="https://shop.example/x"))
    picks = asked(trained, a_trained_shop, request("Road-Bike-0"))[0].picks
    assert {(pick.price_minor, pick.currency, pick.url) for pick in picks} == {(4_242, "EUR", "https://shop.example/x")}


def test_the_number_of_queries_does_not_grow_with_the_batch(trained: Recommender, a_trained_shop: Database) -> None:
    asked(trained, a_trained_shop, request("Road-Bike-0"))
    counts = []
    for size in (2, 200):
        with counted_queries(a_trained_shop) as seen:
            asked(trained, a_trained_shop, *[request(f"Road-Bike-{n % 2}") for n in range(size)])
        counts.append(len([statement for statement in seen if statement.startswith("SELECT")]))
    assert counts[0] == counts[1] <= 4


sku = st.sampled_from(
    [f"{ride}-{part}-{n}" for ride in ("Road", "Touring") for part in ("Bike", "Pump") for n in (0, 1)]
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    anchors=st.lists(st.one_of(sku, st.just("unknown")), min_size=1, max_size=3, unique=True),
    owned=st.lists(sku, max_size=3),
    slots=st.integers(1, 6),
    percent=st.one_of(st.none(), st.integers(1, 100)),
)
def test_no_pick_ever_breaks_a_promise(
    trained: Recommender,
    a_trained_shop: Database,
    anchors: list[str],
    owned: list[str],
    slots: int,
    percent: int | None,
) -> None:
    cap = PriceCap(percent=percent) if percent else None
    rules = Rules(slots=slots, only=ACCESSORIES, price_at_most=cap)
    picks = asked(trained, a_trained_shop, request(*anchors, rules=rules, owned=tuple(owned)))[0].picks
    shown = [pick.sku for pick in picks]
    assert len(shown) == len(set(shown)) <= slots
    assert not set(shown) & {*anchors, *owned}
    assert all(pick.because in anchors or pick.source is Source.BEST_SELLERS for pick in picks)
    assert all(pick.price_minor * 100 <= (percent or 100) * 90_000 for pick in picks)
    assert not any(part in pick.sku for pick in picks for part in ("Bike",))
    bought = [Product(anchor, anchor) for anchor in anchors]
    assert not any(are_near_duplicates(Product(pick.sku, pick.sku), one) for pick in picks for one in bought)


def test_an_empty_shop_has_no_picks_and_no_error(untrained: Recommender, db: Database) -> None:
    answer = asked(untrained, db, request("anything"))[0]
    assert (answer.picks, answer.served_by) == ((), "fallback")
    assert asked(untrained, db) == []


def test_without_a_model_what_was_bought_together_serves(untrained: Recommender, a_busy_shop: Database) -> None:
    answer = asked(untrained, a_busy_shop, request("Road-Bike-0"))[0]
    assert {pick.source for pick in answer.picks} == {Source.BOUGHT_TOGETHER}
    assert answer.served_by == "fallback"


def test_the_fallbacks_are_the_campaigns(untrained: Recommender, a_busy_shop: Database) -> None:
    sellers = request("Road-Bike-0", rules=Rules(only=ACCESSORIES, fallback=("best_sellers",)))
    nobody = request("Road-Bike-0", rules=Rules(only=ACCESSORIES, fallback=()))
    answers = asked(untrained, a_busy_shop, sellers, nobody)
    assert {pick.source for pick in answers[0].picks} == {Source.BEST_SELLERS}
    assert {pick.because for pick in answers[0].picks} == {""}
    assert answers[1].picks == ()


def test_an_order_of_unknown_things_gets_best_sellers(trained: Recommender, a_trained_shop: Database) -> None:
    answer = asked(trained, a_trained_shop, request("unheard of"))[0]
    assert {pick.source for pick in answer.picks} == {Source.BEST_SELLERS}
    assert len(answer.picks) == 4


def test_a_product_newer_than_the_model_is_understood_by_its_metadata(
    trained: Recommender, a_trained_shop: Database
) -> None:
    stock(
        a_trained_shop,
        [Product("new", "Touring Brisa Bike", "Bikes", "Bikes", "Brisa", price_minor=95_000, currency="EUR")],
    )
    answer = asked(trained, a_trained_shop, request("new"))[0]
    assert answer.picks[0].source is Source.LIGHTFM
    assert answer.picks[0].sku.startswith("Touring")
    assert answer.picks[0].because_title == "Touring Brisa Bike"


def test_what_a_person_has_is_not_offered_in_another_color(untrained: Recommender, db: Database) -> None:
    stock(db, [Product(one, one, family=one.rstrip("12"), price_minor=100, currency="EUR") for one in CASES])
    sell(db, [(person, NOW, ["phone", case]) for person, case in enumerate(["case1", "case2", "film1"] * 4)])
    anew, theirs = (request("phone", rules=Rules(slots=3), owned=owned) for owned in ((), ("case1",)))
    answers = asked(untrained, db, anew, theirs)
    assert {sku.rstrip("12") for sku in skus(answers[0])} == {"case", "film"}
    assert skus(answers[1]) == ["film1"]
    assert answers[1].filtered == {"owned_alike": 1}


def numbered(db: Database, *titles: str, orders: int) -> None:
    """A shop that names products by numbers, knows neither categories nor families, and sells all of them at once."""
    stock(db, [Product(title, title, price_minor=100, currency="EUR") for title in titles])
    sell(db, [(person, NOW, titles) for person in range(orders)])


def test_models_that_are_told_apart_by_their_numbers_are_offered_beside_each_other(
    untrained: Recommender, db: Database
) -> None:
    numbered(db, "Ink 301", "Ink 302", "Ink 303", orders=1)
    assert skus(asked(untrained, db, request("Ink 301", rules=Rules()))[0]) == ["Ink 302", "Ink 303"]


@pytest.mark.parametrize(("orders", "offered"), [(1, []), (6, ["Filter 2", "Filter 3"])])
def test_short_numbers_tell_products_apart_where_people_buy_both(
    orders: int, offered: list[str], untrained: Recommender, db: Database
) -> None:
    """They may be sizes, and nobody wants a shirt in 40 and in 42."""
    numbered(db, "Filter 1", "Filter 2", "Filter 3", orders=orders)
    answer = asked(untrained, db, request("Filter 1", rules=Rules()))[0]
    assert skus(answer) == offered
    assert answer.filtered.get("near_duplicate", 0) == 2 - len(offered)


@pytest.mark.parametrize(
    "titles", [("Bottle 2 l", "Bottle 3 l"), ("Blue filter 1", "Red filter 1"), ("Filter", "Filter")]
)
def test_what_differs_in_more_or_less_than_a_number_stays_a_variant(
    titles: tuple[str, str], untrained: Recommender, db: Database
) -> None:
    stock(db, [Product(sku, title, price_minor=100, currency="EUR") for sku, title in zip("ab", titles, strict=True)])
    sell(db, [(person, NOW, ["a", "b"]) for person in range(6)])
    assert skus(asked(untrained, db, request("a", rules=Rules()))[0]) == []


def test_what_a_campaign_pins_comes_first_where_it_may_be_offered(
    trained: Recommender, a_trained_shop: Database
) -> None:
    new = Product("new", "Light", "Lights", "Accessories", price_minor=900, currency="EUR")
    stock(a_trained_shop, [new, replace(new, sku="gone", stock=0, title="Bell")])
    pins = ("gone", "Road-Bike-1", "new", "Touring-Pump-1", "Road-Bottle-0", "unheard of")
    asks = request("Road-Bike-0", rules=Rules(only=ACCESSORIES, pinned=pins), owned=("Road-Bottle-0",))
    answer = asked(trained, a_trained_shop, asks)[0]
    assert skus(answer)[:2] == ["new", "Touring-Pump-1"]
    assert [pick.source for pick in answer.picks] == [Source.PINNED] * 2 + [Source.LIGHTFM] * 2
    assert answer.picks[0].evidence["orders"] == 0
    assert {guard: answer.filtered[guard] for guard in ("out_of_stock", "filtered", "owned", "gone")} == {
        "out_of_stock": 1,
        "filtered": 1,
        "owned": 1,
        "gone": 1,
    }


@pytest.mark.parametrize("first", [source for source in Source if source is not Source.PINNED])
def test_what_a_campaign_boosts_moves_up_by_whoever_ranks(
    trained: Recommender, a_trained_shop: Database, first: Source
) -> None:
    def ranked(**rules: Any) -> dict[str, float]:
        asks = request("Road-Bike-0", rules=Rules(slots=12, only=ACCESSORIES, first=first, fallback=(), **rules))
        return {pick.sku: pick.score for pick in asked(trained, a_trained_shop, asks)[0].picks}

    plain = ranked()
    last = list(plain)[-1]
    raised = ranked(boosted={"sku": (last,)}, times=1_000.0)
    assert next(iter(raised)) == last
    kept = plain.keys() & raised.keys() - {last}
    assert {sku: raised[sku] for sku in kept} == pytest.approx({sku: plain[sku] for sku in kept})
    by_how_much = raised[last] - plain[last] if first is Source.LIGHTFM else raised[last] / plain[last]
    assert by_how_much == pytest.approx(np.log(1_000) if first is Source.LIGHTFM else 1_000, rel=1e-3)


@pytest.mark.parametrize("first", [Source.BOUGHT_TOGETHER, Source.CATEGORY_BEST_SELLERS, Source.BEST_SELLERS])
def test_what_leaves_enough_is_found_behind_hundreds_that_sell_better(
    untrained: Recommender, db: Database, first: Source
) -> None:
    part = Product("", "", "Parts", price_minor=100, currency="EUR")
    thin = [replace(part, sku=f"thin{n}", title=f"thin{n}", cost_minor=90) for n in range(900)]
    fat = [replace(part, sku=sku, title=sku, cost_minor=40) for sku in ("pump", "lock")]
    stock(db, [replace(part, sku="bike", title="bike", category="Bikes"), *thin, *fat])
    order = ["bike", *(product.sku for product in thin)]
    sell(db, [(1, NOW, order), (2, NOW, order), (3, NOW, ["bike", "pump", "lock"])])
    rules = Rules(slots=2, margin=MarginFloor(50, keeps_unknown=False), first=first, fallback=())
    answer = asked(untrained, db, request("bike", rules=rules))[0]
    assert sorted(skus(answer)) == ["lock", "pump"]
    assert answer.filtered["thin_margin"] == 900


TIRES = ("Road tire", "Trail tire")
TUBES = {"Road tire": "Slim tube", "Trail tire": "Wide tube"}


def sell_tires(db: Database, times: int, *also: tuple[str, str]) -> None:
    """Each with the tube that fits it, so many times; and what else was bought together, once each."""
    kinds = {**dict.fromkeys(TIRES, "Tires"), **dict.fromkeys(TUBES.values(), "Tubes"), "Pump": "Pumps"}
    stock(db, [Product(name, name, kind, price_minor=100, currency="EUR") for name, kind in kinds.items()])
    carts = [[tire, TUBES[tire]] for tire in TIRES] * times + [list(pair) for pair in also]
    sell(db, [(person, NOW, cart) for person, cart in enumerate(carts)])


def test_a_tire_brings_no_tube_that_does_not_fit_it(untrained: Recommender, db: Database) -> None:
    sell_tires(db, 50, ("Road tire", "Wide tube"), *[("Road tire", "Pump"), ("Wide tube", "Pump")] * 9)
    alone, with_a_pump = asked(
        untrained, db, request("Road tire", rules=Rules()), request("Road tire", "Pump", rules=Rules())
    )
    assert sorted(skus(alone)) == ["Pump", "Slim tube"]
    assert skus(with_a_pump) == ["Slim tube"], "though people buy such tubes with pumps"
    assert (alone.filtered["misfit"], with_a_pump.filtered["misfit"]) == (1, 1)


def test_a_tube_that_fits_one_of_two_tires_is_offered(untrained: Recommender, db: Database) -> None:
    sell_tires(db, 50)
    both = asked(untrained, db, request("Road tire", "Trail tire", rules=Rules()))[0]
    assert sorted(skus(both)) == ["Slim tube", "Wide tube"]


@pytest.mark.parametrize(("times", "mixed"), [(15, 0), (50, 10)])
def test_few_orders_or_some_that_hold_both_do_not_tell_that_two_things_do_not_fit(
    times: int, mixed: int, untrained: Recommender, db: Database
) -> None:
    sell_tires(db, times, *[("Road tire", "Wide tube")] * mixed)
    answer = asked(untrained, db, request("Road tire", rules=Rules(fallback=("category_best_sellers",))))[0]
    assert sorted(skus(answer)) == ["Slim tube", "Wide tube"]


def test_new_orders_are_counted_without_a_model(untrained: Recommender, db: Database) -> None:
    stock(db, [Product(one, one, price_minor=100, currency="EUR") for one in ("bike", "cage")])
    everything = Rules()
    assert asked(untrained, db, request("bike", rules=everything))[0].picks == ()
    sell(db, [(1, NOW, ["bike", "cage"])])
    assert skus(asked(untrained, db, request("bike", rules=everything))[0]) == ["cage"]


def test_a_new_version_serves_from_the_next_batch_on(
    trained: Recommender, a_trained_shop: Database, tmp_path: Path
) -> None:
    before = asked(trained, a_trained_shop, request("Road-Bike-0"))[0].served_by
    report = train(a_trained_shop, tmp_path / "models", lambda: NOW.replace(day=2), seed=9)
    after = asked(trained, a_trained_shop, request("Road-Bike-0"))[0].served_by
    assert before != after == report.version


def test_a_version_with_damaged_files_is_not_served_and_logged_once(
    trained: Recommender, a_trained_shop: Database
) -> None:
    good = asked(trained, a_trained_shop, request("Road-Bike-0"))[0].served_by
    row = {
        "version": "v-broken",
        "state": "serving",
        "trained_at": NOW.replace(year=2027),
        "checksum": "x",
        "facts": {},
    }
    with a_trained_shop.write() as connection:
        connection.execute(insert(model_versions), [row])
    with capture_logs() as logs:
        answers = [asked(trained, a_trained_shop, request("Road-Bike-0"))[0] for _ in range(3)]
    assert {answer.served_by for answer in answers} == {good}
    assert [(line["event"], line["version"]) for line in logs] == [("model_not_served", "v-broken")]


def test_a_fresh_process_with_damaged_files_falls_back(a_busy_shop: Database, untrained: Recommender) -> None:
    row = {"version": "v-broken", "state": "serving", "trained_at": NOW, "checksum": "x", "facts": {}}
    with a_busy_shop.write() as connection:
        connection.execute(insert(model_versions), [row])
    with capture_logs():
        answers = [asked(untrained, a_busy_shop, request("Road-Bike-0"))[0] for _ in range(2)]
    assert [answer.served_by for answer in answers] == ["fallback", "fallback"]
    assert all(answer.picks for answer in answers)


def test_many_threads_get_the_same_answer(trained: Recommender, a_trained_shop: Database) -> None:
    expected = skus(asked(trained, a_trained_shop, request("Road-Bike-0"))[0])
    found: list[list[str]] = []

    def work() -> None:
        found.extend(skus(asked(trained, a_trained_shop, request("Road-Bike-0"))[0]) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 30


def test_raw_ranking_knows_no_guard(trained: Recommender, a_trained_shop: Database) -> None:
    question = Question(("Road-Bike-0",), banned=frozenset({"Road-Bike-0"}))
    with a_trained_shop.read() as connection:
        ranking = trained.rank(connection, [question], 100)[0]
    assert len(ranking) == 29
    assert [candidate.rank for candidate in ranking] == list(range(1, 30))


def test_raw_ranking_needs_a_model(untrained: Recommender, a_busy_shop: Database) -> None:
    with a_busy_shop.read() as connection, pytest.raises(ModelError, match="aftercart train"):
        untrained.rank(connection, [Question(("Road-Bike-0",))], 5)
