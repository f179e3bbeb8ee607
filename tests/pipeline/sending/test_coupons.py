"""A code belongs to one mail: taken with the claim, kept through every try, free again where the mail never left."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import chain
from pathlib import Path

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.coupons import store as coupons
from aftercart.coupons.coupon import Code
from aftercart.db.tables import coupons as coupons_table
from aftercart.db.tables import decisions, sends
from aftercart.delivery.base import Outcome
from aftercart.pipeline.rights import erase
from aftercart.pipeline.sending.hand_over import hand_over
from aftercart.pipeline.sending.send import contents_for, reserve
from aftercart.reports.explain import explain
from aftercart.reports.words import in_words
from aftercart.testing import engine, run_due, run_until
from tests.cast import (
    ADA,
    BODY,
    CHIKA,
    DAY,
    HELMET,
    HOUR,
    MONDAY,
    Shop,
    answer,
    campaign,
    clock_of,
    customer,
    fates,
    only_send,
    order,
    outbox,
    refund,
    rows,
)

SHOWN = "<mj-text>{% if coupon %}Code {{ coupon.code }}.{% if coupon.expires_at %} Until {{ coupon.expires_at|date }}.{% endif %}{% else %}No code.{% endif %}</mj-text>"  # noqa: E501
DUE = MONDAY + 3 * DAY


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


def with_coupon(shop: Shop, rule: str = "pool: thanks", **changes: str) -> None:
    """A campaign whose one mail carries a code, three days after the order."""
    written = campaign(after="72h", at="null", quiet="null", **changes)  # type: ignore[arg-type]
    shop.write(written.replace("template: plain", f"template: plain, coupon: {{{rule}}}"))
    shop.template("plain", BODY.replace("<mj-text>Hi", f"{SHOWN}<mj-text>Hi"))


Open = Callable[..., App]


@pytest.fixture
def opened(shop: Shop, tmp_path: Path, database_url: str) -> Iterator[Open]:
    """An engine whose mail follows a rule."""
    with ExitStack() as engines:

        def open_app(*rule: str, **changes: str) -> App:
            with_coupon(shop, *rule, **changes)
            entered = engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files)
            return engines.enter_context(entered)

        yield open_app


@pytest.fixture
def app(opened: Open) -> App:
    return opened()


def bring(app: App, *codes: str, ends: datetime | None = None, pool: str = "thanks") -> None:
    with app.db.write() as connection:
        coupons.add_codes(connection, pool, [Code(code, ends) for code in codes], app.clock())


def given_codes(app: App) -> list[str]:
    """The codes that some mail holds, or held when it failed."""
    return [row["code"] for row in rows(app, coupons_table) if row["given_at"]]


def words_of(app: App, address: str) -> str:
    with app.db.read() as connection:
        found = explain(connection, address)
    return " ".join(
        chain.from_iterable(
            (moment.sentence, *in_words(moment.kind, moment.facts)) for moment in found.orders[0].moments
        )
    )


# ---------------------------------------------------------------- in the mail


def test_each_mail_carries_a_code_of_its_own(app: App) -> None:
    bring(app, "AAA", "BBB", "CCC")
    order(app, "1", ADA)
    order(app, "2", CHIKA)
    run_until(app, DUE)
    shown = sorted(mail.text.partition("Code ")[2][:3] for mail in outbox(app).messages)
    assert len(set(shown)) == 2
    assert sorted(given_codes(app)) == shown


def test_the_end_of_a_code_is_told_in_the_mail(app: App) -> None:
    bring(app, "AAA", ends=MONDAY + 30 * DAY)
    order(app, "1", {**ADA, "locale": "en-GB"})
    run_until(app, DUE)
    assert "Code AAA. Until 1 April 2026." in outbox(app).messages[0].text


def test_explain_tells_the_code_of_a_mail_that_carries_one(app: App) -> None:
    bring(app, "AAA")
    order(app, "1", ADA)
    run_until(app, DUE)
    assert "It carries the code AAA of the pool “thanks”." in words_of(app, "ada@example.com")


def test_a_mail_that_has_to_wait_takes_no_code_yet(opened: Open) -> None:
    """Or people who wait for weeks would empty the pool."""
    app = opened("pool: thanks", caps="[1 per 1d]")
    bring(app, "AAA", "BBB")
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    run_until(app, DUE + HOUR)
    assert sorted(fates(app)) == [("scheduled", "frequency_cap"), ("sent", "sent")]
    assert len(given_codes(app)) == 1
    (waits,) = [row for row in rows(app, decisions) if row["outcome"] == "defer"]
    assert waits["inputs"]["pool"] == "thanks"
    assert "coupon" not in waits["inputs"]


# ---------------------------------------------------------------- none is left


def test_without_codes_a_mail_waits_for_new_ones(app: App) -> None:
    order(app, "1", ADA)
    run_until(app, DUE + HOUR)
    assert fates(app) == [("scheduled", "no_coupon")]
    bring(app, "AAA")
    run_until(app, DUE + 2 * HOUR)
    assert fates(app) == [("sent", "sent")]


def test_and_expires_with_the_cause_on_record(opened: Open) -> None:
    app = opened(valid_for="2h")
    order(app, "1", ADA)
    run_until(app, DUE + 3 * HOUR)
    assert fates(app) == [("skipped", "expired")]
    assert "no code was left in the coupon pool until then" in words_of(app, "ada@example.com")


def test_it_may_go_without(opened: Open) -> None:
    app = opened("pool: thanks, if_empty: go_without")
    order(app, "1", ADA)
    run_until(app, DUE)
    assert "No code." in outbox(app).messages[0].text


def test_or_end(opened: Open) -> None:
    app = opened("pool: thanks, if_empty: drop")
    order(app, "1", ADA)
    run_until(app, DUE)
    assert fates(app) == [("skipped", "no_coupon")]


@pytest.mark.parametrize(("good_for", "fate"), [("7d", "sent"), ("8d", "no_coupon")])
def test_no_code_is_handed_out_that_ends_too_soon(opened: Open, good_for: str, fate: str) -> None:
    app = opened(f"pool: thanks, good_for: {good_for}")
    bring(app, "AAA", ends=DUE + 7 * DAY)
    order(app, "1", {**ADA, "time_zone": "UTC"})
    run_until(app, DUE)
    assert only_send(app)["reason"] == fate


def test_codes_of_another_pool_are_none(app: App) -> None:
    bring(app, "AAA", pool="other")
    order(app, "1", ADA)
    run_until(app, DUE)
    assert fates(app) == [("scheduled", "no_coupon")]


# ---------------------------------------------------------------- tries, and failures


def test_a_mail_that_is_tried_again_keeps_its_code(app: App) -> None:
    """Somebody may report of the first try after all; then the reader holds this one."""
    bring(app, *(f"C{number}" for number in range(50)))
    outbox(app).answers = {"ada@example.com": [answer(Outcome.DEFERRED), answer(Outcome.DEFERRED)]}
    order(app, "1", ADA)
    run_until(app, DUE)
    (first,) = given_codes(app)
    run_until(app, DUE + 6 * HOUR)
    assert only_send(app)["tries"] == 3
    assert f"Code {first}." in outbox(app).messages[0].text
    assert given_codes(app) == [first]


def test_the_code_of_a_mail_that_nobody_took_goes_to_the_next(app: App) -> None:
    bring(app, "ONLY")
    outbox(app).answers = {"ada@example.com": [answer(Outcome.REJECTED)]}
    order(app, "1", ADA)
    run_until(app, DUE)
    assert only_send(app)["state"] == "failed"
    order(app, "2", CHIKA)
    run_until(app, DUE + 3 * DAY)
    assert "Code ONLY." in outbox(app).mails_to("chika@example.com")[0].text


def test_the_code_of_a_mail_in_doubt_is_given_to_nobody_else(app: App) -> None:
    bring(app, "ONLY")
    outbox(app).answers = {"ada@example.com": [answer(Outcome.UNKNOWN)]}
    order(app, "1", ADA)
    run_until(app, DUE)
    order(app, "2", CHIKA)
    run_until(app, DUE + 3 * DAY)
    assert fates(app) == [("unknown", "unknown_outcome"), ("scheduled", "no_coupon")]


def test_a_mail_that_is_refunded_between_two_tries_leaves_its_code(app: App) -> None:
    bring(app, "ONLY")
    outbox(app).answers = {"ada@example.com": [answer(Outcome.DEFERRED)]}
    order(app, "1", ADA)
    run_until(app, DUE)
    refund(app, "1")
    order(app, "2", CHIKA)
    run_until(app, DUE + 3 * DAY)
    assert fates(app) == [("canceled", "order_refunded"), ("sent", "sent")]


def test_the_code_of_somebody_who_was_erased_is_given_to_nobody_else(app: App) -> None:
    bring(app, "ONLY")
    order(app, "1", ADA)
    run_until(app, DUE)
    erase(app, "ada@example.com")
    (code,) = rows(app, coupons_table)
    assert code["send_id"] is None
    order(app, "2", CHIKA)
    run_until(app, DUE + 3 * DAY)
    assert fates(app)[1] == ("scheduled", "no_coupon")


# ---------------------------------------------------------------- many workers


def test_of_two_workers_that_prepared_the_same_code_one_gets_it(app: App) -> None:
    """The other's mail stays as it was, and finds another code in its next turn."""
    bring(app, "ONLY")
    order(app, "1", ADA)
    order(app, "2", CHIKA)
    clock_of(app).move_to(DUE)
    first, second = (row["id"] for row in rows(app, sends))
    prepared = {id_: contents_for(app, [id_]) for id_ in (first, second)}
    claimed = [reserve(app, [id_], prepared[id_]) for id_ in (first, second)]
    assert [len(found) for found in claimed] == [1, 0]
    bring(app, "NEXT")
    hand_over(app, claimed[0])
    run_due(app)
    assert [state for state, _ in fates(app)] == ["sent", "sent"]
    assert len(given_codes(app)) == 2


def test_a_template_error_takes_no_code(shop: Shop, app: App) -> None:
    bring(app, "AAA")
    shop.template("plain", BODY.replace("Hi {{", "Hi {{ recipient.last_name }} {{"))
    order(app, "1", ADA)
    run_until(app, DUE)
    assert fates(app) == [("scheduled", "template_error")]
    assert given_codes(app) == []


def test_a_code_that_came_back_is_given_once_all_others_are_gone(app: App) -> None:
    bring(app, "AAA", "BBB")
    outbox(app).answers = {"ada@example.com": [answer(Outcome.REJECTED)]}
    order(app, "1", ADA)
    run_until(app, DUE)
    (back,) = given_codes(app)
    readers = [customer(number) for number in range(2)]
    for number, who in enumerate(readers):
        order(app, f"c{number}", who)
        run_until(app, clock_of(app)() + 3 * DAY)
    shown = [outbox(app).mails_to(who["email"])[0].text.partition("Code ")[2][:3] for who in readers]
    assert shown == [next(code for code in ("AAA", "BBB") if code != back), back]
