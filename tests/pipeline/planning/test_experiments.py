"""`experiment:` in a step, from the lot to the mail; on each kind of database."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from aftercart.bootstrap import App
from aftercart.campaigns.experiment import ExperimentGuard
from aftercart.db.tables import exposures, pauses, recipients, sends
from aftercart.enrollment.change import Effect
from aftercart.experiments import store as experiments
from aftercart.pipeline.learning.learn import learn
from aftercart.pipeline.planning.effects import effects
from aftercart.pipeline.planning.replan import carry_out
from aftercart.pipeline.recipients.permission import note_leaving
from aftercart.pipeline.upkeep.guard import resume
from aftercart.pipeline.upkeep.guard_arms import above, worse
from aftercart.pipeline.upkeep.tidy import tidy
from aftercart.policy.guard import Toll
from aftercart.reports.explain import explain
from aftercart.reports.words import in_words
from aftercart.testing import run_due, run_until
from tests.cast import ADA, BEN, DAY, HOUR, MONDAY, Shop, campaign, clock_of, customer, fates, order, outbox, rows
from tests.pipeline.conftest import Open

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
"""10:00 in Paris, three days after Monday."""
KEY = "step:accessories/complements/subject@1"


def trying(variant: str = 'subject: "Need a lamp?"', rest: str = "", *, holdout: str = "0%", weight: int = 1) -> str:
    """The usual campaign, with an experiment in its step."""
    experiment = f"experiment: {{name: subject, variants: [{{id: b, weight: {weight}, {variant}}}]{rest}}}"
    return campaign(holdout=holdout).replace("template: plain}", f"template: plain, {experiment}}}")


def people(app: App, count: int, start: int = 0) -> None:
    """Orders of so many people."""
    for number in range(start, start + count):
        order(app, f"o{number}", customer(number))


def arms(app: App, key: str = KEY) -> dict[int, str]:
    return {row["recipient_id"]: row["arm"] for row in rows(app, exposures) if row["experiment"] == key}


def counted(app: App, key: str = KEY) -> set[int]:
    return {r["recipient_id"] for r in rows(app, exposures) if r["experiment"] == key and r["counted_at"]}


def test_each_arm_gets_its_mail_and_a_person_stays_in_theirs(open_app: Open, shop: Shop) -> None:
    shop.write(trying())
    app = open_app()
    people(app, 8)
    drawn = arms(app)
    assert set(drawn.values()) == {"control", "b"}
    assert not counted(app), "nothing tells the arms apart before the gate"
    run_until(app, DUE)
    emails = {row["id"]: row["email"] for row in rows(app, recipients)}
    subjects = {message.recipient: message.subject for message in outbox(app).messages}
    assert len(subjects) == 8
    for id_, arm in drawn.items():
        assert (subjects[emails[id_]] == "Need a lamp?") is (arm == "b")
    assert counted(app) == set(drawn)
    shop.write(trying(weight=1000))
    app = open_app(DUE + HOUR)
    for number in range(4):
        order(app, f"again{number}", customer(number))
    people(app, 3, start=20)
    now = arms(app)
    assert {id_: now[id_] for id_ in drawn} == drawn
    assert {arm for id_, arm in now.items() if id_ not in drawn} == {"b"}


def test_two_profiles_of_one_address_are_in_one_arm(open_app: Open, shop: Shop) -> None:
    shop.write(trying())
    app = open_app()
    for number in range(5):
        who = customer(number)
        order(app, f"a{number}", who)
        order(app, f"b{number}", {**who, "id": f"other{number}", "email": who["email"].upper()})
    by_person: dict[int, set[str]] = {}
    for row in rows(app, sends):
        by_person.setdefault(row["recipient_id"], set()).add(row["variant"])
    assert len(by_person) == 5
    assert all(len(variants) == 1 for variants in by_person.values())


def test_who_is_mailed_in_no_arm_does_not_count(open_app: Open, shop: Shop) -> None:
    shop.write(trying(holdout="50%"))
    app = open_app()
    order(app, "ben", BEN)
    people(app, 8)
    run_until(app, DUE)
    held = {r["recipient_id"] for r in rows(app, exposures) if r["arm"] == "holdout"}
    got = {r["recipient_id"] for r in rows(app, sends) if r["state"] == "sent"}
    assert held
    assert counted(app) == got
    assert counted(app) | held < set(arms(app)), "Ben has a lot, too, and never counts"


def test_a_holdout_member_is_sent_nothing_of_the_campaign_ever_and_what_was_withheld_is_kept(
    open_app: Open, shop: Shop
) -> None:
    shop.write(campaign(holdout="50%"))
    app = open_app()
    people(app, 8)
    run_until(app, DUE)
    held = {r["recipient_id"] for r in rows(app, exposures) if r["arm"] == "holdout"}
    assert 0 < len(held) < 8
    shop.write(campaign(holdout="1%"))
    app = open_app(MONDAY + 40 * DAY)
    for number in range(8):
        order(app, f"again{number}", customer(number))
    run_until(app, MONDAY + 44 * DAY)
    emails = {row["id"]: row["email"] for row in rows(app, recipients)}
    mailed = {message.recipient for message in outbox(app).messages}
    assert not mailed & {emails[id_] for id_ in held}
    withheld = [r for r in rows(app, sends) if r["recipient_id"] in held]
    assert {(r["state"], r["reason"]) for r in withheld} == {("skipped", "holdout")}
    assert len(withheld) == 2 * len(held)


def test_a_delay_that_is_tried_moves_the_mail_and_counts_from_the_order(open_app: Open, shop: Shop) -> None:
    shop.write(trying("after: 5d"))
    app = open_app()
    people(app, 6)
    drawn = arms(app)
    due = {row["recipient_id"]: row["due_at"] for row in rows(app, sends)}
    assert due == {id_: DUE + (2 * DAY if arm == "b" else 0 * DAY) for id_, arm in drawn.items()}
    assert counted(app) == set(drawn)


def test_explain_says_which_arm_a_person_is_in(open_app: Open, shop: Shop) -> None:
    shop.write(trying(weight=1000))
    app = open_app()
    order(app, "1", ADA)
    run_until(app, DUE)
    with app.db.read() as connection:
        (story,) = explain(connection, "1").orders
    told = [line for moment in story.moments for line in in_words(moment.kind, moment.facts)]
    sentence = "In the experiment accessories/complements/subject@1 they are in the arm “b”."
    assert told.count(sentence) == 2, "when it was planned, and when it was decided"


def test_a_mail_for_somebody_else_has_no_lot(open_app: Open, shop: Shop) -> None:
    shop.write(trying(weight=1000))
    app = open_app()
    order(app, "1", {**ADA, "id": None, "email": "typo@example.com"})
    clock_of(app).step(HOUR)
    order(app, "1", {**ADA, "id": None}, placed_at=MONDAY.isoformat())
    run_until(app, DUE)
    (message,) = outbox(app).messages
    assert (message.recipient, message.subject) == ("ada@example.com", "About order 1")
    assert not counted(app)


# ---------------------------------------------------------------- edits


def test_plan_tells_what_an_edit_of_an_experiment_does_and_apply_does_it(open_app: Open, shop: Shop) -> None:
    app = open_app()
    people(app, 6)
    shop.write(trying())
    app = open_app(MONDAY + HOUR)
    told = effects(app)
    assert told.mails == {("accessories", "complements", Effect.VARIED): 6}
    assert [note for *_, note in told.experiments] == [
        "the experiment subject begins: lots are drawn for orders from now on, and for planned mails"
    ]
    assert not rows(app, exposures), "telling draws nothing that is kept"
    assert len(told.people) == 6
    carry_out(app)
    first = arms(app)
    assert told.new_content.total() == sum(arm == "b" for arm in first.values()), "the others stay as they stand"
    assert {r["recipient_id"]: r["variant"] for r in rows(app, sends)} == first
    assert effects(app).mails == {("accessories", "complements", Effect.KEPT): 6}
    shop.write(trying(rest=", version: 2"))
    app = open_app(MONDAY + 2 * HOUR)
    told = effects(app)
    (note,) = (note for *_, note in told.experiments)
    assert note == "subject draws lots anew as version 2; what version 1 came to stays"
    carry_out(app)
    again = arms(app, KEY.replace("@1", "@2"))
    assert told.new_content.total() == sum(again[id_] != arm for id_, arm in first.items())
    assert set(again) == set(first)
    assert again != first
    assert arms(app) == first


def test_without_apply_a_mail_of_an_experiment_that_is_gone_goes_as_the_step_stands(open_app: Open, shop: Shop) -> None:
    shop.write(trying(weight=1000))
    app = open_app()
    order(app, "1", ADA)
    shop.write(campaign())
    app = open_app(MONDAY + HOUR)
    assert effects(app).mails == {("accessories", "complements", Effect.VARIED): 1}
    run_until(app, DUE)
    assert [message.subject for message in outbox(app).messages] == ["About order 1"]
    assert not counted(app)


def test_what_decides_stays_as_it_was_when_the_experiment_began(open_app: Open, shop: Shop) -> None:
    shop.write(trying())
    app = open_app()
    people(app, 1)
    shop.write(trying(rest=", metric: revenue, control_weight: 3"))
    notes = [note for *_, note in effects(open_app(MONDAY + HOUR)).experiments]
    assert notes == [
        "subject: new people are shared out as control 75%, b 25%; who has a lot keeps it",
        "subject: metric stays as it was when it began, conversion; raise version to change it",
    ]


# ---------------------------------------------------------------- the guard


def test_a_variant_that_annoys_pauses_itself_and_its_mails_wait_for_a_person(open_app: Open, shop: Shop) -> None:
    shop.write(trying(rest=", guard: {unsubscribes: 5%, at_least: 3}"), brand="guard: {enabled: false}\n")
    app = open_app()
    people(app, 10)
    run_until(app, DUE)
    annoyed = [row["id"] for row in rows(app, sends) if row["variant"] == "b"]
    with app.db.write() as connection:
        for send_id in annoyed:
            note_leaving(connection, f"one_click:{send_id}", DUE)
    people(app, 6, start=30)
    with capture_logs() as logs:
        tidy(app)
    name = "accessories/complements/subject@1/b"
    assert [(row["scope"], row["name"]) for row in rows(app, pauses)] == [("variant", name)]
    (said,) = (line for line in logs if line["event"] == "paused_itself")
    assert said["log_level"] == "error"
    assert said["what"] == f"`aftercart resume {name}` lets it go on"
    run_until(app, DUE + 3 * DAY)
    new = Counter((row["variant"], row["reason"]) for row in rows(app, sends)[10:])
    assert set(new) == {("b", "guard"), ("control", "sent")}
    assert [pause.name for pause in resume(app, name, by="Grace")] == [name]
    run_due(app)
    assert {reason for _, reason in fates(app)} == {"sent"}
    tidy(app)
    assert [row["lifted_by"] for row in rows(app, pauses)] == ["Grace"], "what happened before counts no more"


LIMITS = ExperimentGuard.model_validate({"complaints": "50%", "unsubscribes": "50%"})


@pytest.mark.parametrize(
    ("mine", "control", "is_worse"),
    [
        (Toll(2000, 0, 60), Toll(2000, 0, 10), True),
        (Toll(2000, 0, 22), Toll(2000, 0, 20), False),
        (Toll(2000, 4, 0), Toll(2000, 0, 0), False),  # too few to tell
        (Toll(200, 0, 60), Toll(2000, 0, 10), False),  # below at_least
        (Toll(2000, 0, 10), Toll(2000, 0, 60), False),  # better
    ],
)
def test_a_variant_that_annoys_surely_more_than_control_is_found_below_any_limit(
    mine: Toll, control: Toll, *, is_worse: bool
) -> None:
    found = worse(LIMITS, mine, control, variants=1)
    assert (found is not None) is is_worse
    if found:
        assert "60 of 2,000 mails" in str(found)
        assert "and that of the control arm is 0.5%" in str(found)


def test_a_variant_is_above_its_limit_once_chance_is_shut_out() -> None:
    """Five in three hundred are more than one in a hundred, and may be chance."""
    limits = ExperimentGuard()
    assert above(limits, Toll(300, 0, 5)) is None
    assert str(above(limits, Toll(300, 0, 6))) == "unsubscribes came to 2% (6 of 300 mails), and the limit is 1%"
    assert above(limits, Toll(299, 0, 60)) is None, "below at_least"
    assert "complaints" in str(above(limits, Toll(3000, 9, 90))), "these come first"


def test_nine_people_who_leave_are_too_few_to_set_two_arms_apart() -> None:
    limits = ExperimentGuard.model_validate({"unsubscribes": "50%", "at_least": 1})
    assert worse(limits, Toll(20, 0, 9), Toll(1000), variants=1) is None
    assert worse(limits, Toll(20, 0, 10), Toll(1000), variants=1) is not None


# ---------------------------------------------------------------- bandits


def test_a_bandit_gives_new_people_more_of_what_sells_and_never_less_than_a_tenth(open_app: Open, shop: Shop) -> None:
    shop.write(trying(rest=", mode: bandit, window: 2d"))
    app = open_app()
    people(app, 16)
    run_until(app, DUE)
    before = arms(app)
    assert learn(app) == 0, "nobody's window is over"
    clock_of(app).step(HOUR)
    for number, id_ in enumerate(sorted(before)):
        if before[id_] == "b":
            order(app, f"again{number}", customer(number))
    run_until(app, DUE + 2 * DAY + HOUR)
    assert learn(app) == 1
    assert learn(app) == 0, "once a day"
    with app.db.read() as connection:
        shares = experiments.newest_shares(connection, KEY)
    assert shares is not None
    assert shares["b"] > 0.8
    assert shares["control"] >= 0.1
    people(app, 12, start=100)
    new = Counter(arm for id_, arm in arms(app).items() if id_ not in before)
    assert new["b"] >= 9
    assert {id_: arms(app)[id_] for id_ in before} == before


def test_where_nothing_is_tried_no_lot_is_drawn(open_app: Open) -> None:
    app = open_app()
    order(app, "1", ADA)
    (row,) = rows(app, sends)
    assert (row["experiment"], row["variant"], row["due_at"]) == (None, None, DUE)
    assert rows(app, exposures) == []
