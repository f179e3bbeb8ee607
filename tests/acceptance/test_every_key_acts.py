"""A mutation check of the whole schema: take any key away from the files, and what comes of them is different.

Every key that the campaign file and the brand file accept is found in the schema. For each there is a scenario below:
a few lines of YAML in which the key says something, a short story in a shop, and what is seen of it. The story is told
twice, with the files as they are, and with files in which the one key is as if it were read and forgotten (its default
holds; a key that must be given says the first example of the schema). A key that does nothing shows the same both
times, and fails here; so does a key without a scenario.

How to add a key:

    @campaign_key("limits.my_key", 3, sees=["no_picks"], campaign={"steps[].after": "1d"})
    def it_does_what_it_says(shop: World) -> Any:
        shop.order()
        return shop.live(10).fates

- `campaign_key` or `brand_key`: the path of the key (`steps[].at`: of the first step), its value, what is seen of it.
- `campaign=`, `brand=`: other keys that the story needs; `other=`: a second campaign. The usual files stand in
  `yaml_keys.py`; their one mail is called `only` and is due three days after the order.
- A story may serve several keys: put one line above the other. It returns plain values and no ids, which are random.
- A story takes 0.05 s. What takes longer belongs into a test of its own.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aftercart.db.tables import attributions, exposures, orders, products, sends
from aftercart.reports.earned.experiments import experiments_of
from tests.acceptance.key_shop import Ground, World, world
from tests.acceptance.yaml_keys import SCENARIOS, S, Scenario, brand_key, campaign_key, every_key, without
from tests.cast import ADA, BEN, CHIKA, HELMET, MONDAY, customer, only_send, rows, tell, tell_shopify
from tests.intake.payloads import shopify_product

FROM_NOWHERE = {**ADA, "time_zone": None, "country": None}

# ---------------------------------------------------------------- the mutation check


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    opened = Ground(tmp_path_factory.mktemp("keys"))
    yield opened
    opened.close()


def test_every_key_has_a_scenario() -> None:
    keys = every_key()
    assert len(keys) > 60
    told = {scenario.key for scenario in SCENARIOS}
    assert [str(key) for key in keys if key not in told] == [], "the head of this file says how to add one"
    assert [str(key) for key in told if key not in keys] == []


def test_a_key_that_does_nothing_would_be_found(ground: Ground, tmp_path: Path) -> None:
    """The check itself, checked: a story that does not look at what the key does sees the same twice."""
    blind = next(one for one in SCENARIOS if one.key.path == "steps[].at")
    assert told_twice(ground, tmp_path, Scenario(blind.key, ada_gets_her_mail, blind.says, sees=1)) == (1, 1)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_key_that_is_taken_away_is_missed(ground: Ground, tmp_path: Path, scenario: Scenario) -> None:
    as_written, taken_away = told_twice(ground, tmp_path, scenario)
    assert as_written == scenario.sees
    assert taken_away != scenario.sees, f"{scenario.key} does nothing"


def told_twice(ground: Ground, folder: Path, scenario: Scenario) -> tuple[Any, Any]:
    """What is seen with the key, and without it."""
    key = next(key for key in every_key() if key == scenario.key)  # with its stand-in
    with world(ground, folder / "with", scenario.files) as shop:
        as_written = scenario.observe(shop)
    with world(ground, folder / "without", without(scenario.files, key)) as shop:
        return as_written, scenario.observe(shop)


def ada_gets_her_mail(shop: World) -> Any:
    shop.order()
    return len(shop.live(4).mails)


# ---------------------------------------------------------------- what a campaign is


@campaign_key("campaign", "mine", sees="mine.shop.test")
@brand_key("sender", "Bikes <bikes@my.test>", sees="mine.my.test")
def mails_say_the_list_they_belong_to(shop: World) -> Any:
    shop.order()
    return shop.live(4).mail.headers["List-Id"].strip("<>").rpartition("<")[2]


@campaign_key("status", "paused", sees=[])
def a_paused_campaign_takes_nobody(shop: World) -> Any:
    shop.order()
    return shop.fates


@campaign_key("trigger", "order.delivered", sees=[])
def an_order_that_has_not_arrived_starts_nothing(shop: World) -> Any:
    shop.order()
    return shop.live(4).fates


@campaign_key("steps[].asks_review", True, sees=["came_back"], campaign={"trigger": "order.delivered"})
def nobody_is_asked_for_a_review_after_a_goodwill(shop: World) -> Any:
    shop.order()
    tell(shop.app, "order.delivered", {"order_id": "1"})
    tell(shop.app, "order.refunded", {"order_id": "1", "amount": "5", "currency": "EUR"})
    return shop.live(4).fates


@campaign_key("class", "transactional", sees=["sent"])
def what_is_owed_needs_no_consent(shop: World) -> Any:
    shop.order("1", BEN)
    return shop.live(4).fates


# ---------------------------------------------------------------- who enters


@campaign_key("audience.bought.department", ["HELMET department"], sees=["helmet"])
@campaign_key("audience.bought.category", ["HELMET category"], sees=["helmet"])
@campaign_key("audience.bought.brand", ["HELMET brand"], sees=["helmet"])
@campaign_key("audience.bought.family", ["HELMET family"], sees=["helmet"])
@campaign_key("audience.bought.sku", ["HELMET"], sees=["helmet"])
@campaign_key("audience.not_bought.department", ["HELMET department"], sees=["bike"])
@campaign_key("audience.not_bought.category", ["HELMET category"], sees=["bike"])
@campaign_key("audience.not_bought.brand", ["HELMET brand"], sees=["bike"])
@campaign_key("audience.not_bought.family", ["HELMET family"], sees=["bike"])
@campaign_key("audience.not_bought.sku", ["HELMET"], sees=["bike"])
@campaign_key("audience.order_total.at_least", "500 EUR", sees=["bike"])
def what_was_bought_decides_who_enters(shop: World) -> Any:
    shop.sell("BIKE")
    shop.sell("HELMET")
    shop.order("bike")
    shop.order("helmet", CHIKA, HELMET)
    return entered(shop)


@campaign_key("audience.country", ["JP"], sees=["there"])
def where_it_ships_decides_who_enters(shop: World) -> Any:
    shop.order("here")
    shop.order("there", CHIKA)
    return entered(shop)


def entered(shop: World) -> list[str]:
    """The orders about which a mail is planned."""
    names = {row["id"]: row["shop_order_id"] for row in rows(shop.app, orders)}
    return sorted(names[row["order_id"]] for row in rows(shop.app, sends))


# ---------------------------------------------------------------- the mails


@campaign_key("steps[].id", "second", sees="second")
def a_mail_is_known_by_the_name_of_its_step(shop: World) -> Any:
    shop.order()
    return only_send(shop.app)["step"]


@campaign_key("steps[].after", "1d", sees="Tue 15:00")
@campaign_key("steps[].at", "18:30", sees="Thu 18:30")
def a_mail_is_due_when_its_step_says(shop: World) -> Any:
    shop.order()
    return shop.due


@campaign_key("steps[].valid_for", "1h", sees=["expired"])
def a_mail_that_comes_too_late_expires(shop: World) -> Any:
    shop.order()
    return shop.sleep(4).live(1).fates


@campaign_key("steps[].template", "other", sees="The other mail")
def a_mail_is_filled_from_its_template(shop: World) -> Any:
    shop.order()
    return shop.live(4).mail.subject


# ---------------------------------------------------------------- what they hand out

CODE, AN_HOUR = {"steps[].coupon.pool": "thanks"}, {"steps[].valid_for": "1h"}


@campaign_key("steps[].coupon.if_empty", "drop", sees=["no_coupon"], campaign={**CODE, **AN_HOUR})
def no_code_is_left_for_a_mail(shop: World) -> Any:
    shop.order()
    return shop.live(3.1).fates


@campaign_key("steps[].coupon.pool", "mine", sees=["no_coupon"])
@campaign_key("steps[].coupon.good_for", "9d", sees=["no_coupon"], campaign=CODE)
def a_code_of_another_pool_or_that_ends_too_soon_is_kept_back(shop: World) -> Any:
    shop.bring("A1", ends=MONDAY + timedelta(days=9))
    shop.order()
    return shop.live(3.01).fates


# ---------------------------------------------------------------- what they recommend

TWO = {"steps[].recommend.slots": 2}


@campaign_key("steps[].recommend.slots", 1, sees=1)
@campaign_key("steps[].recommend.price.at_most", "10%", sees=1)
@campaign_key("steps[].recommend.at_least", 4, sees=0)
@campaign_key("steps[].recommend.fallback", [], sees=0, campaign=TWO)
def so_many_products_are_shown(shop: World) -> Any:
    return len(recommended(shop))


@campaign_key("steps[].recommend.only.department", ["LAMP department"], sees=["Lamp"])
@campaign_key("steps[].recommend.only.category", ["LAMP category"], sees=["Lamp"])
@campaign_key("steps[].recommend.only.brand", ["LAMP brand"], sees=["Lamp"])
@campaign_key("steps[].recommend.only.family", ["LAMP family"], sees=["Lamp"])
@campaign_key("steps[].recommend.only.sku", ["LAMP"], sees=["Lamp"])
@campaign_key("steps[].recommend.without.department", ["LAMP department"], sees=["Lock", "Pump"])
@campaign_key("steps[].recommend.without.category", ["LAMP category"], sees=["Lock", "Pump"])
@campaign_key("steps[].recommend.without.brand", ["LAMP brand"], sees=["Lock", "Pump"])
@campaign_key("steps[].recommend.without.family", ["LAMP family"], sees=["Lock", "Pump"])
@campaign_key("steps[].recommend.without.sku", ["LAMP"], sees=["Lock", "Pump"])
def these_products_are_shown(shop: World) -> Any:
    return recommended(shop)


def recommended(shop: World) -> list[str]:
    """What the mail about Ada's bike shows, in a shop in which three things were bought with one before."""
    for sku, price in (("BIKE", "200.00"), ("LAMP", "20.00"), ("LOCK", "40.00"), ("PUMP", "40.00")):
        shop.sell(sku, price=price)
    lines = [{"sku": sku, "title": sku, "quantity": 1, "unit_price": "20"} for sku in ("BIKE", "LAMP", "LOCK", "PUMP")]
    shop.order("past", BEN, *lines)
    shop.order("1", ADA, {"sku": "BIKE", "title": "Bike", "quantity": 1, "unit_price": "200.00"})
    shop.live(4)
    return sorted({word for mail in shop.mails for word in mail.text.split()} & {"Lamp", "Lock", "Pump"})


# ---------------------------------------------------------------- limits


ONE_A_MONTH = {"limits.frequency_cap": ["1 per 30d"], "steps[].valid_for": "1d"}
TWO_MAILS = [{"id": f"d{day}", "after": f"{day}d", "valid_for": "1d", "template": "plain"} for day in (1, 5)]


@campaign_key("limits.frequency_cap", ["1 per 30d"], sees=["sent", "expired"], campaign={"steps[].valid_for": "1d"})
@brand_key("frequency_cap", ["1 per 30d"], sees=["sent", "expired"], campaign={"steps[].valid_for": "1d"})
@campaign_key("limits.on_cap", "drop", sees=["sent", "frequency_cap"], campaign=ONE_A_MONTH)
def a_second_mail_meets_the_cap(shop: World) -> Any:
    shop.order("1")
    shop.live(0.1).order("2", ADA, HELMET)
    return shop.live(10).fates


ONE_OF_BOTH = {"campaign": {"steps[].valid_for": "1d"}, "brand": {"frequency_cap": ["1 per 30d"]}}


def other(after: str, priority: int = 50) -> dict[str, Any]:
    return {
        "steps": [{"id": "only", "after": after, "valid_for": "1d", "template": "plain"}],
        "limits": {"priority": priority},
    }


@campaign_key("limits.priority", 90, sees={"mine": "sent", "other": "expired"}, **ONE_OF_BOTH, other=other("3d", 70))
@campaign_key(
    "limits.lookahead", "1h", sees={"mine": "sent", "other": "expired"}, **ONE_OF_BOTH, other=other("74h", 70)
)
@campaign_key(
    "counts",
    True,
    sees={"mine": "sent", "other": "expired"},
    campaign={"class": "transactional"},
    brand={"frequency_cap": ["1 per 30d"]},
    other=other("4d"),
)
@campaign_key(
    "topic",
    "tips",
    sees={"mine": "sent", "other": "sent"},
    campaign={"steps[].valid_for": "1d"},
    brand={"frequency_cap": ["1 per 30d per topic"]},
    other=other("4d"),
)
def one_of_two_mails_gets_the_slot(shop: World) -> Any:
    shop.order()
    shop.live(10)
    return {row["campaign"]: row["reason"] for row in rows(shop.app, sends)}


@campaign_key(
    "limits.on_drop",
    "exit",
    sees={"sent": 2, "frequency_cap": 1, "step_dropped": 1},
    campaign={"steps": TWO_MAILS, "limits.frequency_cap": ["1 per 1d"], "limits.on_cap": "drop"},
)
def what_follows_a_dropped_mail_goes_or_not(shop: World) -> Any:
    shop.order("1")
    shop.order("2", ADA, HELMET)
    return Counter(shop.live(10).fates)


@campaign_key("limits.quiet_hours", "12:00-18:00", sees="Thu 18:0")
@campaign_key("limits.send_on", ["mon", "sat"], sees="Sat 15:0")
@campaign_key("limits.not_on", ["2026-03-05 to 2026-03-07"], sees="Sun 15:0")
@campaign_key("limits.not_on_holidays", True, sees="Tue 15:0", campaign={"steps[].after": "35d"})
@brand_key("quiet_hours", "12:00-18:00", sees="Thu 18:0")
@brand_key("send_on", ["mon", "sat"], sees="Sat 15:0")
@brand_key("not_on", ["2026-03-05 to 2026-03-07"], sees="Sun 15:0")
@brand_key("not_on_holidays", True, sees="Tue 15:0", campaign={"steps[].after": "35d"})
def a_mail_is_planned_for_hours_and_days_on_which_it_may_go(shop: World) -> Any:
    """35 days after that Monday is Easter Monday, on which France rests. Within ten minutes: the rest is jitter."""
    shop.order()
    return shop.due[:-1]


@campaign_key("holdout", "99%", sees=["holdout"])
@brand_key("holdout", "99%", sees=["holdout"])
def nearly_everybody_gets_nothing(shop: World) -> Any:
    shop.order()
    return shop.live(4).fates


@campaign_key("attribution.window", "9d", sees=1)
def an_order_a_week_after_the_click_is_credited(shop: World) -> Any:
    shop.order()
    shop.live(4).click()
    shop.live(7).order("2", ADA, HELMET)
    return len(rows(shop.app, attributions))


# ---------------------------------------------------------------- the shop


@brand_key("name", "Velo Unique", sees=["Velo Unique"])
@brand_key("postal_address", "7 Only Street, 75001 Paris", sees=["7 Only Street, 75001 Paris"])
@brand_key("color", "#123456", sees=["#123456"])
@brand_key("font", "Georgia, serif", sees=["Georgia, serif"])
@brand_key("logo_url", "https://bikes.test/logo.png", sees=["https://bikes.test/logo.png"])
@brand_key("locale", "de_DE", sees=["2. März 2026"])
def a_mail_shows_the_shop(shop: World) -> Any:
    shop.order("1", {**ADA, "locale": None})
    html = shop.live(4).mail.html
    shown = (
        "Velo Unique",
        "7 Only Street, 75001 Paris",
        "#123456",
        "https://bikes.test/logo.png",
        "2. März 2026",
        "Georgia, serif",
    )
    return [text for text in shown if text in html]


@brand_key("reply_to", "service@bikes.test", sees="service@bikes.test")
def answers_go_where_the_shop_reads_them(shop: World) -> Any:
    shop.order()
    return shop.live(4).mail.headers.get("Reply-To")


@brand_key("url", "https://mine.test", sees=["https://mine.test/a"], brand={"link_hosts": ["partner.test"]})
@brand_key("link_hosts", ["partner.test"], sees=["https://bikes.test/a"])
def links_that_are_not_counted_lead_straight_on(shop: World) -> Any:
    shop.order()
    urls = ("https://partner.test/b", "https://bikes.test/a", "https://mine.test/a")
    return [url for url in urls if f'"{url}"' in shop.live(4).mail.html]


@brand_key("time_zone", "Asia/Tokyo", sees="Thu 03:00", campaign={"steps[].at": "11:00"})
def who_comes_from_nowhere_lives_where_the_shop_is(shop: World) -> Any:
    shop.order("1", FROM_NOWHERE)
    return shop.due


@brand_key("currency", "CHF", sees={"CHF"})
def product_news_without_a_currency_is_in_the_shops_own(shop: World) -> Any:
    tell_shopify(shop.app, "products/update", shopify_product())
    return {row["currency"] for row in rows(shop.app, products)}


@brand_key("paused", True, sees=["paused"])
def the_kill_switch_holds_everything(shop: World) -> Any:
    shop.order()
    return shop.live(3.02).fates


# ---------------------------------------------------------------- permission

TIPS_AND_NEWS = [("tips", "Tips", "All about bikes"), ("news", "News", "")]
TWO_TOPICS = {
    "campaign": {"topic": "news"},
    "brand": {
        "topics": [{"id": "tips", "name": "Tips", "description": "All about bikes"}, {"id": "news", "name": "News"}]
    },
}


@brand_key("double_opt_in", True, sees=["no_consent"])
@brand_key("implied_consent_expires", "1d", sees=["no_consent"])
def a_yes_may_not_be_enough(shop: World) -> Any:
    shop.order()
    return shop.live(4).fates


@brand_key("topics[].id", "tips", **TWO_TOPICS, sees=TIPS_AND_NEWS)
@brand_key("topics[].name", "Tips", **TWO_TOPICS, sees=TIPS_AND_NEWS)
@brand_key("topics[].description", "All about bikes", **TWO_TOPICS, sees=TIPS_AND_NEWS)
def people_choose_from_topics(shop: World) -> Any:
    shop.order()
    return shop.live(4).topics()


# ---------------------------------------------------------------- what annoys people

SOON = {"guard.at_least": 3}


@brand_key("guard.enabled", False, sees=[], brand=SOON)
@brand_key("guard.complaints", "5%", sees=[], brand=SOON)
@brand_key("guard.at_least", 3, sees=["brand", "campaign"])
@brand_key("guard.over", "1h", sees=[], brand=SOON)
def one_of_three_complains(shop: World) -> Any:
    three_get_their_mail(shop)
    shop.complain()
    return shop.pauses()


@brand_key("guard.unsubscribes", "5%", sees=[], brand=SOON)
def one_of_three_leaves(shop: World) -> Any:
    three_get_their_mail(shop)
    shop.leave()
    return shop.pauses()


def three_get_their_mail(shop: World) -> None:
    for number in range(3):
        shop.order(str(number), customer(number))
    shop.live(4)


@brand_key(
    "guard.tighten_after",
    1,
    sees={"sent": 1, "expired": 1},
    campaign={"steps": TWO_MAILS},
    brand={"frequency_cap": ["1 per 3d"]},
)
def who_ignores_a_mail_gets_fewer(shop: World) -> Any:
    shop.order()
    return Counter(shop.live(10).fates)


# ---------------------------------------------------------------- what is tried

EXPERIMENT, VARIANT = "steps[].experiment.", "steps[].experiment.variants[]."
TRIED = {EXPERIMENT + "name": "try", VARIANT + "id": "b", VARIANT + "weight": 999}
"""Nearly everybody gets the variant, which still has to change something."""
ANOTHER = {**TRIED, VARIANT + "subject": "Another subject"}


def variant_key(name: str, says: Any, *, sees: Any, **beside: Any) -> Callable[[S], S]:
    """A scenario in which a variant says something."""
    return campaign_key(VARIANT + name, says, sees=sees, campaign={**TRIED, **beside})


def experiment_key(name: str, says: Any, *, sees: Any, **beside: Any) -> Callable[[S], S]:
    """A scenario in which the experiment around a variant with another subject says something."""
    return campaign_key(EXPERIMENT + name, says, sees=sees, campaign={**ANOTHER, **beside})


@campaign_key("steps[].subject", "Just for you", sees="Just for you")
@variant_key("subject", "Tried", sees="Tried")
@variant_key("template", "other", sees="The other mail")
@variant_key(
    "weight", 999, sees="Another subject", **{VARIANT + "subject": "Another subject", EXPERIMENT + "version": 2}
)
@experiment_key("control_weight", 1000, sees="The plain mail", **{VARIANT + "weight": 1})
def a_mail_has_the_subject_of_its_arm(shop: World) -> Any:
    shop.order()
    return shop.live(4).mail.subject


@variant_key("after", "1d", sees="Tue 15:00")
@variant_key("at", "18:30", sees="Thu 18:30")
def a_mail_is_due_when_its_arm_says(shop: World) -> Any:
    shop.order()
    return shop.due


@variant_key("coupon.if_empty", "drop", sees=["no_coupon"], **{VARIANT + "coupon.pool": "thanks", **AN_HOUR})
def no_code_is_left_for_a_variant(shop: World) -> Any:
    shop.order()
    return shop.live(3.1).fates


@variant_key("coupon.pool", "mine", sees=["no_coupon"])
@variant_key("coupon.good_for", "9d", sees=["no_coupon"], **{VARIANT + "coupon.pool": "thanks"})
def a_code_of_another_pool_is_kept_back_from_a_variant(shop: World) -> Any:
    shop.bring("A1", ends=MONDAY + timedelta(days=9))
    shop.order()
    return shop.live(3.01).fates


@variant_key("recommend.slots", 1, sees=1)
@variant_key("recommend.price.at_most", "10%", sees=1)
@variant_key("recommend.at_least", 4, sees=0)
@variant_key("recommend.fallback", [], sees=0, **{VARIANT + "recommend.slots": 2})
def so_many_products_are_shown_in_a_variant(shop: World) -> Any:
    return len(recommended(shop))


KINDS = ("department", "category", "brand", "family")
ONLY = {f"recommend.only.{kind}": [f"LAMP {kind}"] for kind in KINDS} | {"recommend.only.sku": ["LAMP"]}
WITHOUT = {f"recommend.without.{kind}": [f"LAMP {kind}"] for kind in KINDS} | {"recommend.without.sku": ["LAMP"]}


def these_products_are_shown_in_a_variant(shop: World) -> Any:
    return recommended(shop)


for name, values in ONLY.items():
    variant_key(name, values, sees=["Lamp"])(these_products_are_shown_in_a_variant)
for name, values in WITHOUT.items():
    variant_key(name, values, sees=["Lock", "Pump"])(these_products_are_shown_in_a_variant)


ONE = {"steps[].recommend.slots": 1}


@campaign_key("steps[].recommend.strategy", "best_sellers", sees=["Pump"], campaign=ONE)
@variant_key("recommend.strategy", "best_sellers", sees=["Pump"], **{VARIANT + "recommend.slots": 1})
def what_sells_best_is_shown_and_not_what_goes_with_it(shop: World) -> Any:
    for sku in ("BIKE", "LAMP", "PUMP"):
        shop.sell(sku)
    bike, lamp, pump = (
        {"sku": sku, "title": sku.title(), "quantity": 1, "unit_price": "20"} for sku in ("BIKE", "LAMP", "PUMP")
    )
    shop.order("past", BEN, bike, lamp)
    for number in range(3):
        shop.order(f"pump{number}", customer(number, accepts_marketing=False), pump)
    shop.order("1", ADA, bike)
    mail = next(mail for mail in shop.live(4).mails if mail.recipient == ADA["email"])
    return sorted({"Lamp", "Pump"} & set(mail.text.replace("Bike", "").split()))


@experiment_key("name", "mine", sees="step:mine/only/mine@1/b")
@experiment_key("version", 3, sees="step:mine/only/try@3/b")
@variant_key("id", "mine", sees="step:mine/only/try@1/mine", **{VARIANT + "subject": "Another subject"})
def a_lot_is_kept_under_the_name_of_its_experiment(shop: World) -> Any:
    shop.order()
    (row,) = rows(shop.app, exposures)
    return f"{row['experiment']}/{row['arm']}"


@experiment_key("metric", "revenue", sees=("revenue", "test", None, 1))
@experiment_key("mode", "bandit", sees=("conversion", "bandit", None, 1))
@experiment_key("people", 500, sees=("conversion", "test", 500, 1))
@experiment_key("window", "2d", sees=("conversion", "test", None, 0))
def a_report_judges_as_the_file_says(shop: World) -> Any:
    shop.order()
    shop.live(6).order("2", ADA, HELMET)
    shop.live(20)
    with shop.app.db.read() as connection:
        (found,) = experiments_of(connection, "mine", "EUR", shop.app.clock())
    return found.metric, found.mode, found.planned, sum(arm.ordered for arm in found.arms)


NO_OTHER_GUARD = {"guard.enabled": False}
FEW = {EXPERIMENT + "guard.at_least": 3}


@campaign_key(EXPERIMENT + "guard.complaints", "50%", sees=[], campaign={**ANOTHER, **FEW}, brand=NO_OTHER_GUARD)
@campaign_key(EXPERIMENT + "guard.at_least", 3, sees=["variant"], campaign=ANOTHER, brand=NO_OTHER_GUARD)
def one_of_three_complains_of_a_variant(shop: World) -> Any:
    three_get_their_mail(shop)
    shop.complain()
    return shop.pauses()


@campaign_key(EXPERIMENT + "guard.unsubscribes", "50%", sees=[], campaign={**ANOTHER, **FEW}, brand=NO_OTHER_GUARD)
def one_of_three_leaves_a_variant(shop: World) -> Any:
    three_get_their_mail(shop)
    shop.leave()
    return shop.pauses()


# ---------------------------------------------------------------- senders

ONE_A_DAY = {"senders[].limits": ["1 per day"]}
NEW = {"senders[].warm_up.since": "2026-03-05", "senders[].warm_up.per_day": [1]}
TO_EXAMPLES = {"senders[].mailboxes[].domains": ["example.com"], "senders[].mailboxes[].limits": ["1 per day"]}


@brand_key("senders[].limits", ["1 per day"], sees=2)
@brand_key("senders[].name", "first", sees=3, brand=ONE_A_DAY)
@brand_key("senders[].warm_up.since", "2026-03-05", sees=2, brand=NEW)
@brand_key("senders[].warm_up.per_day", [1], sees=2, brand=NEW)
@brand_key("senders[].mailboxes[].domains", ["example.com"], sees=2, brand=TO_EXAMPLES)
@brand_key("senders[].mailboxes[].limits", ["1 per day"], sees=2, brand=TO_EXAMPLES)
def of_three_mails_so_many_leave_through_two_senders(shop: World) -> Any:
    for number in range(3):
        shop.order(str(number), customer(number))
    return len(shop.live(3).mails)
