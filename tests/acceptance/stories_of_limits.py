"""What the keys say of how many mails go, when, and to whom. Told by `test_every_key_acts.py`."""

from collections import Counter
from typing import Any

from aftercart.db.tables import attributions, sends
from tests.acceptance.key_shop import World
from tests.acceptance.yaml_keys import brand_key, campaign_key
from tests.cast import ADA, HELMET, customer, rows

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
    "limits.on_cap", "replace", sees={"mine": "sent", "other": "replaced"}, **ONE_OF_BOTH, other=other("74h", 30)
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

OF_ONE = {"guard.at_least_complaints": 1, "guard.at_least_unsubscribes": 1}
SOON = {"guard.at_least": 3, **OF_ONE}


@brand_key("guard.enabled", False, sees=[], brand=SOON)
@brand_key("guard.complaints", "50%", sees=[], brand=SOON)
@brand_key("guard.at_least", 3, sees=["brand", "campaign"], brand=OF_ONE)
@brand_key("guard.at_least_complaints", 1, sees=["brand", "campaign"], brand={"guard.at_least": 3})
@brand_key("guard.over", "1h", sees=[], brand=SOON)
def one_of_three_complains(shop: World) -> Any:
    three_get_their_mail(shop)
    shop.complain()
    return shop.pauses()


@brand_key("guard.unsubscribes", "50%", sees=[], brand=SOON)
@brand_key("guard.at_least_unsubscribes", 1, sees=["brand", "campaign"], brand={"guard.at_least": 3})
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
