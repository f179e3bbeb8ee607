"""An edit of a campaign meets mails that are planned: told first, then done; on each kind of database."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from aftercart.bootstrap import App
from aftercart.campaigns.loader import load_campaigns
from aftercart.db.tables import decisions, exposures, orders, sends
from aftercart.enrollment.change import Effect
from aftercart.errors import ConfigError
from aftercart.pipeline.planning.effects import effects
from aftercart.pipeline.planning.replan import carry_out
from aftercart.pipeline.planning.withheld import Holds
from aftercart.testing import run_until
from tests.cast import (
    ADA,
    CHIKA,
    DAY,
    HOUR,
    MONDAY,
    Shop,
    Statements,
    campaign,
    clock_of,
    customer,
    fates,
    order,
    outbox,
    rows,
    tell,
)
from tests.pipeline.conftest import Open

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
"""10:00 in Paris, three days after Monday."""
SECOND = "  - {id: second, after: 9d, at: '10:00', valid_for: 2d, template: plain}"


def edited(shop: Shop, open_app: Open, start: datetime, text: str) -> App:
    """The engine, started again on edited files."""
    shop.write(text)
    return open_app(start)


def told(app: App) -> dict[tuple[str, str], int]:
    return {(step, str(effect)): count for (_, step, effect), count in effects(app).mails.items()}


def test_an_edit_that_says_the_same_changes_nothing(open_app: Open, shop: Shop) -> None:
    app = open_app()
    order(app, "1", ADA)
    before = rows(app, sends)
    app = edited(shop, open_app, MONDAY + HOUR, "# a remark\n" + campaign(after="3d"))
    assert told(app) == {("complements", "kept"): 1}
    assert not carry_out(app).changes_something
    assert rows(app, sends) == before
    assert len(rows(app, decisions)) == 1


def test_a_longer_delay_moves_what_is_planned_once_somebody_says_so(open_app: Open, shop: Shop) -> None:
    app = open_app()
    order(app, "1", ADA)
    order(app, "2", CHIKA)
    app = edited(shop, open_app, MONDAY + HOUR, campaign(after="5d"))
    found = effects(app)
    assert found.mails == {("accessories", "complements", Effect.RETIMED): 2}
    assert len(found.people) == 2
    assert next(row["due_at"] for row in rows(app, sends)) == DUE, "telling changes nothing"
    carry_out(app)
    assert told(app) == {("complements", "kept"): 2}
    new = app.campaigns.by_name["accessories"].version
    assert next((row["due_at"], row["config_version"]) for row in rows(app, sends)) == (DUE + 2 * DAY, new)
    run_until(app, DUE + DAY)
    assert outbox(app).messages == []
    run_until(app, DUE + 2 * DAY)
    assert len(outbox(app).messages) == 2


def test_many_enrollments_take_as_many_statements_as_few(open_app: Open, shop: Shop) -> None:
    """One after the other, twenty thousand of them kept the database from everybody else for minutes."""
    app, counts = open_app(), []
    for days, new in ((4, 2), (5, 0), (6, 20)):
        for _ in range(new):
            number = len(rows(app, orders))
            order(app, str(number), customer(number))
        shop.write(campaign(after=f"{days}d", more_steps=SECOND.replace("second", f"more_{days}")))
        app = open_app(MONDAY + HOUR)
        with Statements(app.db) as statements:
            carry_out(app)
        counts.append(len(statements))
    assert Counter(fates(app)) == {("scheduled", None): 2 * 22, ("canceled", "campaign_inactive"): 2 + 22}
    assert sum(row["reason"] == "edited" for row in rows(app, decisions)) == 2 + 2 + 22
    assert counts[1] == counts[2], "of two and of twenty-two enrollments"


def test_what_would_be_due_in_the_past_is_refused_and_nothing_happens(open_app: Open, shop: Shop) -> None:
    app = open_app()
    order(app, "1", ADA)
    app = edited(shop, open_app, MONDAY + 2 * DAY, campaign(after="1d"))
    before = rows(app, sends)
    assert told(app) == {("complements", "past"): 1}
    with pytest.raises(ConfigError, match="1 mail would be due in the past"):
        carry_out(app)
    assert rows(app, sends) == before


def test_a_new_step_is_planned_for_those_under_way_and_an_old_one_taken_away(open_app: Open, shop: Shop) -> None:
    app = open_app()
    order(app, "1", ADA)
    renamed = campaign().replace("id: complements", "id: other").replace("after: 3d", "after: 4d")
    app = edited(shop, open_app, MONDAY + HOUR, renamed)
    assert told(app) == {("complements", "canceled"): 1, ("other", "added"): 1}
    carry_out(app)
    assert fates(app) == [("canceled", "campaign_inactive"), ("scheduled", None)]
    run_until(app, DUE + DAY)
    assert fates(app)[1] == ("sent", "sent")
    assert rows(app, decisions)[1]["reason"] == "edited"


def test_a_new_step_that_would_be_over_already_is_not_sent(open_app: Open, shop: Shop) -> None:
    app = open_app()
    order(app, "1", ADA)
    early = campaign().replace("steps:", "steps:\n  - {id: early, after: 1d, at: '10:00', template: plain}")
    app = edited(shop, open_app, MONDAY + 2 * DAY, early)
    assert told(app)[("early", "missed")] == 1
    carry_out(app)
    assert [row["step"] for row in rows(app, sends)] == ["complements"]


def test_what_was_sent_is_not_planned_again(open_app: Open, shop: Shop) -> None:
    app = open_app()
    order(app, "1", ADA)
    shop.write(campaign(more_steps=SECOND))
    app = open_app(MONDAY + HOUR)
    carry_out(app)
    run_until(app, DUE)
    app = edited(shop, open_app, DUE + HOUR, campaign(after="4d", more_steps=SECOND))
    assert told(app) == {("second", "kept"): 1}
    carry_out(app)
    run_until(app, DUE + 5 * DAY)
    assert fates(app)[0] == ("sent", "sent")
    assert len(rows(app, sends)) == 2


def test_a_mail_that_has_been_put_off_keeps_its_new_time(open_app: Open, shop: Shop) -> None:
    app = open_app()
    order(app, "1", ADA)
    shop.write(campaign(status="paused"))
    app = open_app(DUE)
    run_until(app, DUE + timedelta(minutes=1))
    app = edited(shop, open_app, DUE + HOUR, campaign(after="4d"))
    assert told(app) == {("complements", "kept"): 1}


def test_an_edited_copy_is_told_of_before_it_is_in_place(open_app: Open, shop: Shop) -> None:
    app = open_app()
    order(app, "1", ADA)
    copy = Shop(shop.folder / "copy").write(campaign(template="offer")).template("offer", "<mjml></mjml>")
    templates = copy.files["templates_dir"]
    found = effects(app, load_campaigns(copy.files["campaigns_dir"], templates), templates)
    assert found.mails == {("accessories", "complements", Effect.KEPT): 1}
    assert found.new_content == {("accessories", "complements", Effect.KEPT): 1}
    assert app.campaigns.by_name["accessories"].steps[0].template == "plain"


def test_mails_whose_campaign_has_no_file_wait_for_it(open_app: Open, shop: Shop) -> None:
    app = open_app()
    order(app, "1", ADA)
    app = edited(shop, open_app, MONDAY + HOUR, campaign("other"))
    assert effects(app).waiting_for_file == {"accessories": 1}
    carry_out(app)
    assert fates(app) == [("scheduled", None)]


def test_mails_stay_where_the_new_trigger_has_not_happened(open_app: Open, shop: Shop) -> None:
    app = open_app()
    order(app, "1", ADA)
    app = edited(shop, open_app, MONDAY + HOUR, campaign().replace("order.completed", "order.delivered"))
    assert told(app) == {("complements", "kept"): 1}
    carry_out(app)
    assert fates(app) == [("scheduled", None)]


def test_a_person_of_two_addresses_is_one_person_whom_an_edit_touches(open_app: Open, shop: Shop) -> None:
    app = open_app()
    order(app, "1", ADA)
    tell(app, "customer.updated", {**ADA, "email": "ada@example.net"})
    clock_of(app).step(HOUR)
    order(app, "2", {**ADA, "email": "ada@example.net"})
    assert len({row["recipient_id"] for row in rows(app, sends)}) == 2
    app = edited(shop, open_app, MONDAY + 2 * HOUR, campaign(after="4d"))
    said = effects(app)
    assert (said.touched, len(said.people)) == (2, 1)


# ---------------------------------------------------------------- holdouts


def with_holdouts(shop: Shop, brand: str, campaigns: str) -> None:
    shop.write(campaign(holdout=campaigns), brand=f"holdout: {brand}\n")


@pytest.mark.parametrize(("brand", "campaigns"), [("50%", "0%"), ("0%", "50%")])
def test_whom_a_larger_holdout_keeps_back_is_told_and_so_it_comes(
    open_app: Open, shop: Shop, brand: str, campaigns: str
) -> None:
    app = open_app()
    people = [customer(number) for number in range(12)]
    for number, who in enumerate(people):
        order(app, str(number), who)
    with_holdouts(shop, brand, campaigns)
    app = open_app(MONDAY + HOUR)
    said = effects(app)
    kept_back = said.holdout["accessories", Holds.BACK]
    assert 0 < kept_back < 12
    assert (said.touched, len(said.people), said.holdout.total()) == (kept_back, kept_back, kept_back)
    assert not rows(app, exposures), "telling draws nothing that is kept"
    carry_out(app)
    assert effects(app).touched == 0, "once somebody has seen it, it is not new"
    run_until(app, DUE + HOUR)
    assert Counter(fates(app)) == {("skipped", "holdout"): kept_back, ("sent", "sent"): 12 - kept_back}


def test_whom_a_holdout_lets_go_is_told_and_who_was_drawn_before_stays(open_app: Open, shop: Shop) -> None:
    with_holdouts(shop, "0%", "50%")
    app = open_app()
    for number in range(12):
        order(app, str(number), customer(number))
    run_until(app, DUE + HOUR)
    for number in range(24):
        order(app, f"again{number}", customer(number))
    with_holdouts(shop, "0%", "1%")
    app = open_app(DUE + 2 * HOUR)
    drawn = {row["recipient_id"] for row in rows(app, exposures)}
    said = effects(app)
    let_go = said.holdout["accessories", Holds.NO_MORE]
    assert 0 < let_go < 12
    assert not said.people & drawn
    run_until(app, DUE + 4 * DAY)
    withheld = [r for r in rows(app, sends) if r["reason"] == "holdout" and r["due_at"] > DUE]
    assert {row["recipient_id"] for row in withheld} <= drawn
