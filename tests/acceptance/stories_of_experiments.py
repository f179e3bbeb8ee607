"""Stories for `test_every_key_acts.py`: what is tried in a step."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from aftercart.db.tables import exposures
from aftercart.reports.earned.experiments import experiments_of
from tests.acceptance.key_shop import World
from tests.acceptance.stories_of_limits import three_get_their_mail
from tests.acceptance.stories_of_mails import AN_HOUR, recommended
from tests.acceptance.yaml_keys import S, campaign_key
from tests.cast import ADA, BEN, HELMET, MONDAY, customer, rows

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


@variant_key("recommend.margin.at_least", "80%", sees=["Pump"])
@variant_key(
    "recommend.margin.if_unknown", "leave_out", sees=["Lock"], **{VARIANT + "recommend.margin.at_least": "20%"}
)
def these_products_are_shown_in_a_variant(shop: World) -> Any:
    return recommended(shop)


for name, values in ONLY.items():
    variant_key(name, values, sees=["Lamp"])(these_products_are_shown_in_a_variant)
for name, values in WITHOUT.items():
    variant_key(name, values, sees=["Lock", "Pump"])(these_products_are_shown_in_a_variant)


ONE = {"steps[].recommend.slots": 1}
FIRST = {VARIANT + "recommend.slots": 1}
BOOSTED = {f"recommend.boosted.{kind}": [f"PUMP {kind}"] for kind in KINDS} | {"recommend.boosted.sku": ["PUMP"]}
LAMPS = {**FIRST, VARIANT + "recommend.boosted.sku": ["LAMP"]}


@variant_key("recommend.pinned", ["PUMP"], sees=["Pump"], **FIRST)
@variant_key("recommend.boosted.times", 0.5, sees=["Lock"], **LAMPS)
def this_product_comes_first_in_a_variant(shop: World) -> Any:
    return recommended(shop)


for name, values in BOOSTED.items():
    variant_key(name, values, sees=["Pump"], **FIRST)(this_product_comes_first_in_a_variant)


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
