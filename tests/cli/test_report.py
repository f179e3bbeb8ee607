"""`aftercart report`, as it is typed."""

import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from aftercart.campaigns.schema import Campaign
from aftercart.db.session import Database
from aftercart.db.tables import (
    attributions,
    campaign_versions,
    clicks,
    cohort_days,
    counted_weeks,
    exposures,
    orders,
    sends,
    weekly_domains,
    weekly_pairs,
    weekly_sources,
)
from aftercart.starter import init
from aftercart.testing import lay_down
from tests.commanded import aftercart
from tests.rows import MONDAY, Rows

OF = ("pairs", "cohorts", "domains", "recommendations")


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    """Ada's mail was sent and clicked; Ben's was not sent."""
    init(tmp_path)
    url = f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}"
    lay_down(url)
    with closing(Database(url)) as db:
        rows = Rows(db)
        for email, sent_at in (("ada@example.com", MONDAY), ("ben@example.com", None)):
            who = rows.recipient(email)
            send = rows.send(rows.order(who), who, sent_at)
            if sent_at:
                rows.link(send)
                rows.click(send, who, MONDAY)
    return tmp_path


def test_it_says_what_is_known_and_what_is_not(deployment: Path) -> None:
    told = aftercart(deployment, "report")
    assert told.returncode == 0, told.stderr
    assert "Nobody is held out yet" in told.stdout, "by this file somebody will be"
    assert "complements  2        1        1     0          1        0       –" in told.stdout


def test_the_same_for_machines(deployment: Path) -> None:
    (line,) = aftercart(deployment, "report", "accessories", "--json").stdout.splitlines()
    told = json.loads(line)
    assert (told["campaign"], told["total"]["sent"], told["total"]["clicked"]) == ("accessories", 1, 1)
    assert told["against_holdout"] == []


def test_machines_are_told_why_mails_did_not_go_and_what_the_others_earned(deployment: Path) -> None:
    with closing(Database(f"sqlite:///{deployment / 'data' / 'aftercart.db'}")) as db, db.write() as connection:
        connection.execute(update(sends).where(sends.c.sent_at.is_(None)).values(state="skipped", reason="no_consent"))
        mail, order = select(sends.c.id).where(sends.c.sent_at.is_not(None)), select(orders.c.id).limit(1)
        (send_id,), (order_id,) = connection.execute(mail).one(), connection.execute(order).one()
        credit = {"model": "last_click", "order_id": order_id, "send_id": send_id, "amount_minor": 900}
        credit |= {"reversed_minor": 100, "currency": "EUR", "created_at": MONDAY}
        connection.execute(insert(attributions).values(**credit, click_id=select(clicks.c.id).scalar_subquery()))
    (line,) = aftercart(deployment, "report", "accessories", "--json").stdout.splitlines()
    told = json.loads(line)
    for one in (told["total"], *told["stages"]):
        assert (one["withheld"], one["credited"]) == ({"no_consent": 1}, {"EUR": 800})


def test_a_campaign_that_never_planned_a_mail_is_not_known(deployment: Path) -> None:
    told = aftercart(deployment, "report", "nothing")
    assert told.returncode == 2
    assert "accessories" in told.stderr


def test_amounts_are_converted_by_rates_that_were_brought_in(deployment: Path) -> None:
    refused = aftercart(deployment, "report", "--in", "usd").stderr
    assert "import rates FILE --in USD" in " ".join(refused.replace("│", "").split())
    (deployment / "rates.csv").write_text("currency,date,worth\nEUR,2026-01-01,1.1\n")
    told = aftercart(deployment, "import", "rates", "rates.csv", "--in", "USD").stdout
    version = told.splitlines()[0].removeprefix("The version of these rates is ").rstrip(".")
    assert f"converted by the rates {version}" in aftercart(deployment, "report", "--in", "USD").stdout
    assert aftercart(deployment, "report", "--in", "USD", "--rates", "none").returncode == 2


def test_what_came_of_mails_is_told_week_by_week(deployment: Path) -> None:
    assert "once an hour" in aftercart(deployment, "report", "--of", "domains").stdout
    at = {"week": MONDAY.date(), "domain": "", "counted_at": MONDAY, "model": "m1", "source": "lightfm"}
    at |= {"campaign": "accessories", "because": "BIKE", "sku": "LAMP", "basis": "mailed", "day": MONDAY.date()}
    counts = {"sent": 9, "mails": 40, "clicked": 5, "people": 4, "refused": 1, "picks": 40, "hr10": 0.5, "ndcg10": 0.25}
    with closing(Database(f"sqlite:///{deployment / 'data' / 'aftercart.db'}")) as db, db.write() as connection:
        for table in (counted_weeks, weekly_pairs, weekly_sources, weekly_domains, cohort_days):
            row = {name: value for name, value in (at | counts).items() if name in table.c}
            connection.execute(insert(table), row | ({"currency": ""} if "currency" in table.c else {}))
    said = {of: aftercart(deployment, "report", "--from", "2026-03-01", "--of", of).stdout for of in OF}
    assert "small domains  9     1" in said["domains"]
    assert said["pairs"].count("BIKE    LAMP   40     5        0            1               0") == 2, "it annoys, too"
    assert "m1     chosen by the model  40     12.50%   0.00%   0.250                50.0%" in said["recommendations"]
    assert "2026-03-02  4       40     5        0     –" in said["cohorts"]
    as_json = {of: aftercart(deployment, "report", "--of", of, "--from", "2026-03-01", "--json").stdout for of in OF}
    lines = {of: json.loads(line) for of, line in as_json.items()}
    assert (lines["pairs"]["mails"], lines["domains"]["sent"], lines["recommendations"]["picks"]) == (40, 9, 40)
    assert (lines["cohorts"]["people"], lines["cohorts"]["weeks"][0]["mails"]) == (4, 40)
    refused = aftercart(deployment, "report", "accessories", "--of", "domains")
    assert refused.returncode == 2, "they are of all campaigns"
    assert "of all campaigns" in " ".join(refused.stderr.replace("│", "").split())


def test_what_an_experiment_came_to_is_told_by_arm(deployment: Path) -> None:
    key = "step:accessories/complements/subject@1"
    with closing(Database(f"sqlite:///{deployment / 'data' / 'aftercart.db'}")) as db:
        rows = Rows(db)
        tried = {"name": "subject", "variants": [{"id": "b", "subject": "B"}]}
        step = {"id": "complements", "after": "3d", "template": "plain", "experiment": tried}
        about = {"campaign": "accessories", "status": "active", "trigger": "order.completed", "steps": [step]}
        version = {"campaign": "accessories", "version": "v1", "first_seen_at": MONDAY}
        definition = Campaign.model_validate(about).definition()
        ids = [rows.recipient(f"p{number}@example.com") for number in range(4)]
        kept = {"config_hash": "v1", "at": MONDAY, "counted_at": MONDAY}
        with db.write() as connection:
            connection.execute(insert(campaign_versions).values(**version, definition=definition))
            connection.execute(
                insert(exposures),
                [{**kept, "experiment": key, "recipient_id": id_, "arm": "b" if id_ % 2 else "control"} for id_ in ids]
                + [{**kept, "experiment": "brand", "recipient_id": id_, "arm": "holdout"} for id_ in ids],
            )
        for id_ in ids[:2]:
            rows.order(id_, MONDAY + timedelta(days=1), shop_order_id=f"again{id_}")
    told = aftercart(deployment, "report").stdout
    assert "All campaigns together\n  Too early to say" in told
    assert "experiment complements/subject@1 (conversion, 14 days a person)\n  b: too few people to say" in told
    assert "b        50%    2       0         0      1        50.00%" in told
    everything, campaign = map(json.loads, aftercart(deployment, "report", "--json").stdout.splitlines())
    assert everything["brand"][0]["held_out"] == 4
    assert [arm["ordered"] for arm in campaign["experiments"][0]["arms"]] == [1, 1]
