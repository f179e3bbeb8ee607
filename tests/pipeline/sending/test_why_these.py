"""What the shipped mail says of its picks: never more than is known, and never an empty spot."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import picks
from aftercart.delivery.base import Message
from aftercart.rendering.checking.check import read_sample
from aftercart.rendering.renderer import Renderer
from aftercart.starter import shipped
from aftercart.testing import engine, run_until
from tests.cast import ADA, BIKE, DAY, MONDAY, Shop, campaign, order, outbox, rows, stock_up

STEP = "recommend: {slots: 2, at_least: 1}, template: accessories"
UNKNOWN = {"sku": "GIFT", "title": "Gift wrapping", "quantity": 1, "unit_price": "900.00"}
UNFINISHED = re.compile(r"(goes with|made for|because you bought|with your)( your)?\s*$", re.IGNORECASE | re.MULTILINE)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """A shop with the shipped template, in which a bike and a lamp went together once."""
    shop = Shop(tmp_path / "shop").write(campaign().replace("template: plain", STEP))
    shutil.copytree(shipped() / "templates", shop.folder / "templates", dirs_exist_ok=True)
    with engine(tmp_path, SteppedClock(MONDAY), **shop.files) as app:
        stock_up(app, ("LAMP", "LOCK"))
        for number in range(3):
            order(app, f"past{number}", {"email": f"past{number}@example.com"}, [BIKE, {**BIKE, "sku": "LAMP"}])
        order(app, "more", {"email": "more@example.com"}, [{**BIKE, "sku": "LOCK"}])
        yield app


def mail_about(app: App, line: dict[str, object]) -> Message:
    order(app, "1", ADA, [line])
    run_until(app, MONDAY + 4 * DAY)
    (mail,) = outbox(app).mails_to("ada@example.com")
    assert not UNFINISHED.search(mail.text)
    assert not UNFINISHED.search(mail.subject)
    return mail


def test_an_order_of_what_the_catalog_does_not_know_is_offered_what_is_popular(app: App) -> None:
    mail = mail_about(app, UNKNOWN)
    assert {row["because"] for row in rows(app, picks)} == {""}
    assert mail.subject == "Les favoris de Example Bikes"
    assert "Apprécié de nos clients" in mail.text
    assert mail.text.count("\napprécié de nos clients") == 2
    assert not re.search("va (bien )?avec|parce que vous avez acheté|choisi pour", mail.html, re.IGNORECASE)


def test_a_bought_product_that_the_catalog_knows_is_named(app: App) -> None:
    stock_up(app, ("BIKE",))
    mail = mail_about(app, {**BIKE, "title": ""})
    assert mail.subject == "Pour aller avec Bike"
    assert "parce que vous avez acheté Bike" in mail.text


@pytest.mark.parametrize("because", [None, {"sku": "BIKE", "title": None}])
def test_the_shipped_mail_has_words_for_every_pick(tmp_path: Path, because: dict[str, object] | None) -> None:
    """Also where one card has a reason and the next has none."""
    sample = read_sample(shipped() / "templates", "accessories")
    template = Renderer(shipped() / "templates", tmp_path).template("accessories", "en_US")
    for without in (slice(None), slice(1), slice(1, None)):
        picks = [dict(pick) for pick in sample["picks"]]
        for pick in picks[without]:
            pick["because"] = because
        mail = template.render({**sample, "picks": picks}, str)
        words = "goes with what you bought" if because else "popular with our customers"
        assert mail.text.count(words) == len(picks[without])
        assert not UNFINISHED.search(f"{mail.subject}\n{mail.preheader}\n{mail.text}")
