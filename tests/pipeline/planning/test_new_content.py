"""Templates and the brand file are edited while mails are planned, and every mail names what it was decided under."""

from typing import Any

import pytest

from aftercart.bootstrap import App
from aftercart.db.tables import campaign_versions, configurations, sends
from aftercart.enrollment.change import Effect
from aftercart.pipeline.planning.effects import effects
from aftercart.pipeline.planning.new_content import Cause
from aftercart.pipeline.planning.replan import carry_out
from aftercart.pipeline.planning.waiting import Held
from aftercart.testing import run_due, run_until
from tests.cast import ADA, CHIKA, DAY, HOUR, MONDAY, Shop, campaign, customer, fates, only_send, order, rows
from tests.pipeline.conftest import Open

ONCE = "[1 per 7d]"
KEPT = ("accessories", "complements", Effect.KEPT)


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Its mails can be read in French and English, in a layout."""
    shop = Shop(tmp_path_factory.mktemp("shop")).write(campaign())
    body = (shop.folder / "templates" / "plain" / "body.mjml").read_text()
    shop.template("plain", body.replace("Shop</a>", "Shop</a> {{ words.hello }}"))
    for language, text in (("en", "Hello"), ("fr", "Bonjour")):
        words(shop, language, text)
    return shop


def words(shop: Shop, language: str, text: str) -> None:
    folder = shop.folder / "templates" / "plain" / "words"
    folder.mkdir(exist_ok=True)
    (folder / f"{language}.txt").write_text(f"hello = {text}\n")


def test_words_are_new_for_those_who_read_them_and_once_applied_they_are_not_new(open_app: Open, shop: Shop) -> None:
    app = open_app()
    order(app, "1", ADA)
    order(app, "2", CHIKA)
    planned = {row["configuration"] for row in rows(app, sends)}
    words(shop, "fr", "Salut")
    app = open_app(MONDAY + HOUR)
    told = effects(app)
    assert (told.mails, told.new_content, len(told.people)) == ({KEPT: 2}, {KEPT: 1}, 1)
    assert told.causes == {KEPT: {Cause.TEMPLATE}}
    due = [row["due_at"] for row in rows(app, sends)]
    assert carry_out(app).changes_something
    assert not effects(app).changes_something
    assert [row["due_at"] for row in rows(app, sends)] == due
    kept = [row["version"] for row in rows(app, configurations)]
    assert len(planned) == 1
    assert {row["configuration"] for row in rows(app, sends)} == set(kept)
    assert len(kept) == 2


def test_a_color_is_new_in_all_mails_and_a_zone_moves_those_of_people_without_one(open_app: Open, shop: Shop) -> None:
    app = open_app()
    order(app, "1", ADA)
    order(app, "2", customer(7, time_zone="", country=""))
    write_brand(shop, 'color: "#aa0000"\n')
    told = effects(open_app(MONDAY + HOUR))
    assert (told.mails, told.causes) == ({KEPT: 2}, {KEPT: {Cause.BRAND}})
    write_brand(shop, "", zone="America/New_York")
    app = open_app(MONDAY + HOUR)
    moved = ("accessories", "complements", Effect.RETIMED)
    assert effects(app).mails == {KEPT: 1, moved: 1}
    carry_out(app)
    assert effects(app).mails == {KEPT: 2}
    assert rows(app, sends)[1]["due_at"] - rows(app, sends)[0]["due_at"] == 6 * HOUR


def write_brand(shop: Shop, lines: str, zone: str = "Europe/Paris") -> None:
    file = shop.folder / "campaigns" / "brand.yaml"
    kept = [line for line in file.read_text().splitlines() if not line.startswith(("time_zone:", "color:"))]
    file.write_text("\n".join([*kept, f"time_zone: {zone}"]) + "\n" + lines)


def test_a_mail_names_what_it_was_decided_under_also_where_nobody_has_entered_since(open_app: Open, shop: Shop) -> None:
    app = open_app()
    order(app, "1", ADA)
    planned = only_send(app)["configuration"]
    file = shop.folder / "campaigns" / "0.yaml"
    file.write_text(file.read_text().replace("priority: 50", "priority: 60"))
    app = open_app(MONDAY + HOUR)
    run_until(app, MONDAY + 4 * DAY)
    sent = only_send(app)
    assert sent["state"] == "sent"
    assert sent["configuration"] != planned
    decided = {row["version"]: row for row in rows(app, configurations)}[sent["configuration"]]
    assert decided["campaigns"] == {"accessories": sent["config_version"]}
    assert decided["templates"]["plain"].keys() == {"en", "fr"}
    assert decided["brand"]["name"] == app.brand.name
    assert sent["config_version"] in {row["version"] for row in rows(app, campaign_versions)}


@pytest.mark.parametrize(
    ("edit", "fate"),
    [
        ({"holdout": "99.9%"}, ("skipped", "holdout")),
        ({"after": "3d", "status": "draft", "priority": 60}, ("canceled", "campaign_inactive")),
        ({"caps": "[1 per 30d]"}, ("skipped", "expired")),
    ],
    ids=["withheld", "canceled", "expired"],
)
def test_a_mail_that_does_not_go_names_what_that_was_decided_under(
    open_app: Open, shop: Shop, edit: dict[str, Any], fate: tuple[str, str]
) -> None:
    app = open_app()
    order(app, "1", ADA)
    run_until(app, MONDAY + 4 * DAY)
    order(app, "2", ADA)
    planned = rows(app, sends)[1]
    shop.write(campaign(**edit))
    app = open_app(MONDAY + 5 * DAY)
    run_until(app, MONDAY + 12 * DAY)
    ended = rows(app, sends)[1]
    assert (ended["state"], ended["reason"]) == fate
    assert ended["config_version"] == app.campaigns.by_name["accessories"].version != planned["config_version"]
    assert ended["config_version"] in {row["version"] for row in rows(app, campaign_versions)}
    decided = {row["version"]: row for row in rows(app, configurations)}[ended["configuration"]]
    assert decided["campaigns"] == {"accessories": ended["config_version"]}


def test_a_mail_whose_campaign_is_gone_names_the_files_without_it(open_app: Open, shop: Shop) -> None:
    app = open_app()
    order(app, "1", ADA)
    planned = only_send(app)
    shop.write(campaign("another"))
    app = open_app(MONDAY + 8 * DAY)
    run_due(app)
    ended = only_send(app)
    assert (ended["state"], ended["reason"], ended["config_version"]) == (
        "skipped",
        "expired",
        planned["config_version"],
    )
    decided = {row["version"]: row for row in rows(app, configurations)}[ended["configuration"]]
    assert decided["campaigns"].keys() == {"another"}


def test_a_mail_that_apply_cancels_names_the_edit(open_app: Open, shop: Shop) -> None:
    app = open_app()
    order(app, "1", ADA)
    shop.write(campaign().replace("id: complements", "id: other"))
    app = open_app(MONDAY + HOUR)
    carry_out(app)
    canceled, added = rows(app, sends)
    assert (canceled["state"], added["state"]) == ("canceled", "scheduled")
    assert canceled["configuration"] == added["configuration"]
    assert canceled["config_version"] == added["config_version"]


def test_mails_that_caps_end_beside_another_name_what_that_was_decided_under(open_app: Open, shop: Shop) -> None:
    """One that made way, and the rest of its run."""
    more = "  - {id: second, after: 9d, at: '10:00', valid_for: 2d, template: plain}"
    low = campaign("low", priority=10, at='"12:00"', caps=ONCE, more_steps=more)
    high = campaign("high", priority=90, caps=ONCE)
    shop.write(low, high)
    app = open_app()
    order(app, "1", ADA)
    planned = {row["configuration"] for row in rows(app, sends)}
    shop.write(low.replace("priority: 10", "priority: 10, on_drop: exit"), high.replace("90", "90, on_cap: replace"))
    app = open_app(MONDAY + HOUR)
    run_until(app, MONDAY + 4 * DAY)
    assert sorted(fates(app)) == [("canceled", "step_dropped"), ("sent", "sent"), ("skipped", "replaced")]
    ended = {row["configuration"] for row in rows(app, sends)}
    assert len(ended) == 1
    assert ended.isdisjoint(planned)
    versions = {row["campaign"]: row["config_version"] for row in rows(app, sends)}
    assert versions == {name: each.version for name, each in app.campaigns.by_name.items()}


def test_a_pause_is_no_edit(app: App, open_app: Open, shop: Shop) -> None:
    order(app, "1", ADA)
    write_brand(shop, "paused: true\n")
    told = effects(open_app(MONDAY + HOUR))
    assert (told.mails, told.changes_something) == ({KEPT: 1}, False)
    assert told.waiting.keys() == {("accessories", Held.ALL_PAUSED)}
