"""What the keys say of who enters a campaign, and of its mails. Told by `test_every_key_acts.py`."""

from datetime import timedelta
from typing import Any

from aftercart.db.tables import orders, sends
from tests.acceptance.key_shop import World
from tests.acceptance.yaml_keys import brand_key, campaign_key
from tests.cast import ADA, BEN, BIKE, CHIKA, HELMET, MONDAY, customer, only_send, rows, tell

# ---------------------------------------------------------------- what a campaign is


@campaign_key("campaign", "mine", sees="mine.shop.test")
@brand_key("sender", "Bikes <bikes@my.test>", sees="mine.my.test")
def mails_say_the_list_they_belong_to(shop: World) -> Any:
    shop.order()
    return shop.live(4).mail.headers["List-Id"].strip("<>").rpartition("<")[2]


@campaign_key("status", "paused", sees=[])
@campaign_key("status", "draft", sees=[])
def a_campaign_that_is_not_active_takes_nobody(shop: World) -> Any:
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


@campaign_key("steps[].unless_bought", "anything", sees=["bought_since", "sent"])
def who_has_bought_meanwhile_gets_the_mail_about_that_order_alone(shop: World) -> Any:
    shop.order()
    shop.live(1)
    shop.order("2")
    return shop.live(5).fates


@campaign_key("steps[].unless_bought", "the_same", sees=["sent", "bought_since", "sent"])
def what_was_bought_again_is_not_written_about(shop: World) -> Any:
    for number, line in enumerate((BIKE, HELMET, HELMET)):
        shop.order(str(number), ADA, line)
        shop.live(1)
    return shop.live(5).fates


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
@campaign_key("steps[].coupon.if_empty", "go_without", sees=["sent"], campaign={**CODE, **AN_HOUR})
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


MARGIN = {"steps[].recommend.margin.at_least": "20%"}


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
@campaign_key("steps[].recommend.margin.at_least", "80%", sees=["Pump"])
@campaign_key("steps[].recommend.margin.if_unknown", "leave_out", sees=["Lock"], campaign=MARGIN)
def these_products_are_shown(shop: World) -> Any:
    return recommended(shop)


FIRST = {"steps[].recommend.slots": 1}
LAMPS = {**FIRST, "steps[].recommend.boosted.sku": ["LAMP"]}


@campaign_key("steps[].recommend.pinned", ["PUMP"], sees=["Pump"], campaign=FIRST)
@campaign_key("steps[].recommend.boosted.department", ["PUMP department"], sees=["Pump"], campaign=FIRST)
@campaign_key("steps[].recommend.boosted.category", ["PUMP category"], sees=["Pump"], campaign=FIRST)
@campaign_key("steps[].recommend.boosted.brand", ["PUMP brand"], sees=["Pump"], campaign=FIRST)
@campaign_key("steps[].recommend.boosted.family", ["PUMP family"], sees=["Pump"], campaign=FIRST)
@campaign_key("steps[].recommend.boosted.sku", ["PUMP"], sees=["Pump"], campaign=FIRST)
@campaign_key("steps[].recommend.boosted.times", 0.5, sees=["Lock"], campaign=LAMPS)
def this_product_comes_first(shop: World) -> Any:
    return recommended(shop)


ALONE = {"steps[].recommend.slots": 1, "steps[].recommend.fallback": []}


@campaign_key("steps[].recommend.strategy", "bought_together", sees=["Lamp"], campaign=ALONE)
@campaign_key("steps[].recommend.strategy", "category_best_sellers", sees=["Torch"], campaign=ALONE)
@campaign_key("steps[].recommend.strategy", "best_sellers", sees=["Pump"], campaign=ALONE)
@campaign_key("steps[].recommend.fallback", ["bought_together"], sees=["Lamp"], campaign=TWO)
@campaign_key("steps[].recommend.fallback", ["category_best_sellers"], sees=["Torch"], campaign=FIRST)
@campaign_key("steps[].recommend.fallback", ["best_sellers"], sees=["Pump"], campaign=FIRST)
def who_chooses_is_as_the_campaign_says(shop: World) -> Any:
    """A lamp went with a bike; of what is like it a torch sells best, and of all there is a pump."""
    for sku, category in (("BIKE", "Bikes"), ("LAMP", "Lights"), ("TORCH", "Lights"), ("PUMP", "Tools")):
        shop.sell(sku, category=category)
    bike, lamp, torch, pump = (
        {"sku": sku, "title": sku.title(), "quantity": 1, "unit_price": "20"}
        for sku in ("BIKE", "LAMP", "TORCH", "PUMP")
    )
    shop.order("past", BEN, bike, lamp)
    for number, line in enumerate((torch, torch, *[pump] * 4)):
        shop.order(f"alone{number}", customer(number, accepts_marketing=False), line)
    shop.order("1", ADA, bike)
    shop.live(4)
    found = {word for mail in shop.mails if mail.recipient == ADA["email"] for word in mail.text.split()}
    return sorted(found & {"Lamp", "Torch", "Pump"})


def recommended(shop: World) -> list[str]:
    """What the mail about Ada's bike shows, in a shop in which three things were bought with one before."""
    for sku, price in (("BIKE", "200.00"), ("PUMP", "40.00")):
        shop.sell(sku, price=price)
    for sku, price, cost in (("LAMP", "20.00", "18.00"), ("LOCK", "40.00", "10.00")):
        shop.sell(sku, price=price, cost=cost)
    lines = [{"sku": sku, "title": sku, "quantity": 1, "unit_price": "20"} for sku in ("BIKE", "LAMP", "LOCK", "PUMP")]
    shop.order("past", BEN, *lines)
    shop.order("1", ADA, {"sku": "BIKE", "title": "Bike", "quantity": 1, "unit_price": "200.00"})
    shop.live(4)
    return sorted({word for mail in shop.mails for word in mail.text.split()} & {"Lamp", "Lock", "Pump"})
