"""`GET /api/recommendations`, as a page of the shop asks it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.pipeline.learning.train import train
from aftercart.testing import engine
from aftercart.web.app import create_web
from aftercart.web.server import serving
from aftercart.web.suggestions.customer import sign_customer
from tests.cast import ADA, BIKE, MONDAY, Shop, clock_of, order, tell
from tests.recommendation.bike_shop import open_busy_shop
from tests.web.conftest import Site, lock_held

KEY, SECRET, SHOP = "key-of-the-pages-of-a-shop", "s" * 40, "https://www.example.com"
SOLD = {"BIKE": "Bikes", "TRAIL": "Bikes", "LAMP": "Lamps", "TORCH": "Lamps", "LOCK": "Locks", "MUG": "Gifts"}
PAST = [("BIKE", "LAMP")] * 3 + [("TRAIL", "LOCK")] * 2 + [("TRAIL", "TORCH")] + [("MUG",)] * 3
PATH = "/api/recommendations"


def sell(app: App, *skus: str) -> None:
    """An order of somebody new."""
    sell.count += 1  # type: ignore[attr-defined]
    number = sell.count  # type: ignore[attr-defined]
    lines = [{**BIKE, "sku": sku, "title": sku.title()} for sku in skus]
    order(app, f"past{number}", {"email": f"p{number}@example.com"}, lines)


sell.count = 0  # type: ignore[attr-defined]


def stock(app: App, sku: str, **changes: Any) -> None:
    about = {"sku": sku, "title": sku.title(), "category": SOLD[sku], "price": "20", "currency": "EUR"}
    tell(app, "product.updated", {**about, "url": f"https://www.example.com/{sku}", **changes})


@contextmanager
def opened(folder: Path, **settings: Any) -> Iterator[Site]:
    """An empty shop whose API is open, served with these settings."""
    usual = {"api_keys": f"another-key-0123456789 {KEY}", "api_origins": SHOP, "api_secret": f"{'n' * 32},{SECRET}"}
    files = Shop(folder / "shop").write().files
    about = {**usual, "api_per_minute": 10_000, **settings}
    with (
        engine(folder, SteppedClock(MONDAY), **files, **about) as app,
        serving(create_web(app)) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        yield Site(app, client)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Site]:
    with opened(tmp_path) as site:
        yield site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A shop of some orders, of which one is Ada's: she owns a mug. For tests that change nothing."""
    with opened(tmp_path_factory.mktemp("site")) as site:
        for sku in SOLD:
            stock(site.app, sku)
        for skus in PAST:
            sell(site.app, *skus)
        order(site.app, "a1", ADA, [{**BIKE, "sku": "MUG", "title": "Mug"}])
        yield site


def asked(site: Site, *products: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    """A question with the key of the pages."""
    params = {"key": KEY, "product": list(products), **more}
    return site.client.get(PATH, params={k: v for k, v in params.items() if v is not None}, headers=headers)


def shown(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [product["sku"] for product in answer.json()["products"]]


def test_a_product_page_gets_what_goes_with_the_product(site: Site) -> None:
    answer = asked(site, "BIKE", k=3)
    assert answer.json() == {
        "kind": "goes_with",
        "model": "fallback",
        "personal": False,
        "products": [
            {
                "sku": sku,
                "title": sku.title(),
                "url": f"https://www.example.com/{sku}",
                "image_url": None,
                "category": SOLD[sku],
                "price": {"minor": 2000, "currency": "EUR", "text": "€20.00"},
                "because": "BIKE",
                "source": source,
            }
            for sku, source in (
                ("LAMP", "bought_together"),
                ("LOCK", "category_best_sellers"),
                ("TORCH", "category_best_sellers"),
            )
        ],
    }


def test_what_products_cost_the_shop_is_told_to_nobody(empty: Site) -> None:
    for sku in SOLD:
        stock(empty.app, sku, cost="12.37")
    sell(empty.app, "BIKE", "LAMP")
    for kind in (None, "bought_together", "best_sellers"):
        answer = asked(empty, "BIKE", kind=kind)
        assert "LAMP" in shown(answer)
        assert not {"12.37", "1237", "cost"} & set(re.findall(r"[\w.]+", answer.text))


def test_a_cart_is_answered_for_all_that_is_in_it_and_for_nothing_twice(site: Site) -> None:
    assert shown(asked(site, "BIKE", "LAMP", "BIKE", "unheard of")) == ["LOCK", "MUG"]


def test_bought_together_shows_that_alone(site: Site) -> None:
    assert shown(asked(site, "TRAIL", kind="bought_together")) == ["LOCK", "TORCH"]
    assert shown(asked(site, "MUG", kind="bought_together")) == []


def test_best_sellers_need_no_product_and_may_be_those_of_a_category(site: Site) -> None:
    assert shown(asked(site, kind="best_sellers", k=2)) == ["MUG", "BIKE"]
    assert shown(asked(site, kind="best_sellers", category="lamps")) == ["LAMP", "TORCH"]
    assert shown(asked(site, "LAMP", kind="best_sellers", category="Lamps")) == ["TORCH"]
    assert shown(asked(site, kind="best_sellers", category="no such")) == []


@pytest.mark.parametrize("key", [None, "", "another", f"{KEY}x"])
def test_without_the_key_nothing_is_told(site: Site, key: str | None) -> None:
    answer = asked(site, "BIKE", key=key)
    assert (answer.status_code, "products" in answer.json()) == (401, False)


def test_a_server_may_send_the_key_as_a_header(site: Site) -> None:
    assert shown(asked(site, "BIKE", key=None, headers={"Authorization": f"Bearer {KEY}"}))


def test_without_a_key_in_the_settings_there_is_no_such_page(tmp_path: Path) -> None:
    with opened(tmp_path, api_keys="") as site:
        assert {site.client.get(path).status_code for path in (PATH, f"{PATH}.js")} == {404}


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"product": []}, "product"),
        ({"product": ["x" * 201]}, "product"),
        ({"product": [str(n) for n in range(51)]}, "product"),
        ({"k": "0"}, "k"),
        ({"k": "25"}, "k"),
        ({"k": "four"}, "k"),
        ({"k": ["3", "4"]}, "k"),
        ({"kind": "similar"}, "kind"),
        ({"category": "x" * 201}, "category"),
        ({"sku": "BIKE"}, "sku"),
    ],
)
def test_what_is_asked_wrongly_is_told_by_its_field(site: Site, params: dict[str, Any], field: str) -> None:
    answer = asked(site, **{"product": ["BIKE"], **params})
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_who_asks_too_often_waits_and_nobody_else_does(tmp_path: Path) -> None:
    with opened(tmp_path, api_per_minute=3) as site:
        statuses = [asked(site, "BIKE").status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        assert 1 <= int(asked(site, "BIKE").headers["Retry-After"]) <= 20
        assert asked(site, "BIKE", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 200


def test_the_pages_of_the_shop_may_read_it_and_no_others(site: Site) -> None:
    ours, other = (asked(site, "BIKE", headers={"Origin": origin}) for origin in (SHOP, "https://example.org"))
    assert ours.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Access-Control-Allow-Origin" not in other.headers
    assert {answer.headers["Vary"] for answer in (ours, other)} == {"Origin"}
    wrong = asked(site, headers={"Origin": SHOP})
    assert (wrong.status_code, wrong.headers["Access-Control-Allow-Origin"]) == (422, SHOP), "else nobody sees why"
    before = site.client.options(PATH, headers={"Origin": SHOP, "Access-Control-Request-Method": "GET"})
    assert (before.status_code, before.headers["Access-Control-Allow-Headers"]) == (204, "Authorization")


def test_a_browser_that_has_the_answer_is_not_sent_it_again(site: Site) -> None:
    first = asked(site, "BIKE")
    again = asked(site, "BIKE", headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert first.headers["Cache-Control"] == "public, max-age=60"


def test_an_answer_is_kept_for_a_minute_but_what_changes_in_it_shows_at_once(empty: Site) -> None:
    app = empty.app
    for sku in ("LAMP", "TORCH", "LOCK"):
        stock(app, sku)
    for skus in (("LAMP", "LOCK"), ("LAMP", "LOCK"), ("TORCH",)):
        sell(app, *skus)
    first = asked(empty, kind="best_sellers")
    assert shown(first) == ["LAMP", "LOCK", "TORCH"]
    for _ in range(3):
        sell(app, "TORCH")
    assert shown(asked(empty, kind="best_sellers")) == ["LAMP", "LOCK", "TORCH"]
    clock_of(app).step(timedelta(seconds=61))
    assert shown(asked(empty, kind="best_sellers")) == ["TORCH", "LAMP", "LOCK"]
    stock(app, "LAMP", price="25")
    changed = asked(empty, kind="best_sellers", headers={"If-None-Match": first.headers["ETag"]})
    assert [product["price"]["minor"] for product in changed.json()["products"]] == [2000, 2500, 2000]
    stock(app, "LAMP", published=False)
    assert shown(asked(empty, kind="best_sellers")) == ["TORCH", "LOCK"]
    stock(app, "TORCH", stock=0)
    assert shown(asked(empty, kind="best_sellers")) == ["LOCK"]


def test_a_new_model_answers_at_once(tmp_path: Path) -> None:
    with engine(tmp_path, SteppedClock(MONDAY), api_keys=KEY) as app:
        open_busy_shop(app.db)
        with app.db.write() as connection:
            connection.exec_driver_sql("UPDATE products SET url = 'https://www.example.com/' || sku")
        with serving(create_web(app)) as url, httpx.Client(base_url=url, timeout=30) as client:
            site = Site(app, client)
            assert asked(site, "Road-Bike-0").json()["model"] == "fallback"
            report = train(app.db, app.settings.models_dir, app.clock)
            answer = asked(site, "Road-Bike-0").json()
    assert answer["model"] == report.version
    assert {product["source"] for product in answer["products"]} == {"lightfm"}


# ---------------------------------------------------------------- customers


def signed(customer: str = "1", until: datetime = MONDAY + timedelta(hours=1), secret: str = SECRET) -> str:
    return sign_customer(secret, customer, until)


def test_a_signed_customer_is_not_offered_what_they_own_and_no_cache_keeps_it(site: Site) -> None:
    answer = asked(site, "BIKE", customer=signed())
    assert "MUG" not in shown(answer)
    assert (answer.json()["personal"], answer.headers["Cache-Control"]) == (True, "private, no-store")
    assert "MUG" in shown(asked(site, "BIKE"))
    assert "MUG" in shown(asked(site, "BIKE", customer=signed("nobody we know")))


@pytest.mark.parametrize(
    "token",
    [
        "1",
        "1.1772463600.",
        signed(secret="x" * 40),
        signed().replace("1.", "2.", 1),
        signed(until=MONDAY + timedelta(days=32)),
        sign_customer(SECRET, "", MONDAY + timedelta(hours=1)),
        "é.1.é",
    ],
)
def test_nobody_learns_what_a_customer_owns_by_naming_them(site: Site, token: str) -> None:
    """The key is public: if it took any id, the gaps in its answers would tell what that person has bought."""
    answer = asked(site, "BIKE", customer=token)
    assert (answer.status_code, answer.json()["field"]) == (401, "customer")


def test_where_the_shop_has_no_secret_nobody_can_prove_who_they_are(tmp_path: Path) -> None:
    with opened(tmp_path, api_secret="") as site:
        assert asked(site, "BIKE", customer=signed(secret="")).status_code == 401


def test_a_page_left_open_shows_what_everybody_sees(site: Site) -> None:
    answer = asked(site, "BIKE", customer=signed(until=MONDAY))
    assert shown(answer) == shown(asked(site, "BIKE"))
    assert answer.json()["personal"] is False


def test_a_signature_by_either_of_two_secrets_holds(site: Site) -> None:
    for secret in ("n" * 32, SECRET):
        assert asked(site, "BIKE", customer=signed(secret=secret)).json()["personal"] is True


# ---------------------------------------------------------------- and beside that


def test_the_script_is_served(site: Site) -> None:
    script = site.client.get(f"{PATH}.js")
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert script.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "innerHTML" not in script.text


def test_somebody_who_writes_does_not_stand_in_the_way(site: Site) -> None:
    with lock_held(site.app.db):
        assert shown(asked(site, "BIKE"))
