"""What a reader can do from their mail: choose what they get and how often, and say what not to be offered."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from aftercart.campaigns.live import LOOK_AGAIN_S
from aftercart.db.tables import sends
from aftercart.pipeline import rights
from aftercart.policy.store import lift, suppress
from aftercart.policy.suppression import SuppressionReason, SuppressionScope
from aftercart.reports.explain import explain
from aftercart.testing import run_until
from tests.cast import ADA, BIKE, DAY, HOUR, clock_of, fates, order, outbox, rows
from tests.web.reader import DUE, Reader, as_seen, links_of, reading

ENGLISH = {**ADA, "locale": "en-GB"}


@pytest.fixture
def ada(tmp_path: Path) -> Iterator[Reader]:
    with reading(tmp_path, ENGLISH) as reader:
        yield reader


def second_order(reader: Reader, number: str = "1002") -> None:
    """Ada orders again; time passes until the mail about it is due and a bit."""
    order(reader.app, number, ENGLISH, [{**BIKE, "sku": "HELMET", "title": "Helmet"}])
    run_until(reader.app, reader.app.clock() + 8 * DAY)


# ---------------------------------------------------------------- opening


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_any_link_changes_nothing_however_often(ada: Reader, method: str) -> None:
    """T24: mail scanners open every link."""
    before = ada.said()
    for paths in links_of(ada.message).values():
        for path in paths * 2:
            assert ada.client.request(method, path).status_code in (200, 302)
    assert ada.said() == before


def test_no_page_runs_a_script_or_lets_itself_be_framed(ada: Reader) -> None:
    for kind in "pwlhuv":
        page = ada.get(kind)
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src ")
        assert "frame-ancestors 'none'" in policy
        assert "<script" not in page.text.lower()
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"


def test_the_pages_speak_the_readers_language_and_a_stranger_s_browser_s(tmp_path: Path) -> None:
    with reading(tmp_path) as ada:  # fr-FR
        page = ada.get("p")
        assert '<html lang="fr" dir="ltr">' in page.text
        assert "Ce qui va avec" in page.text
        assert "Moins d’articles" in ada.get("l").text
        assert "vous avez commandé chez Example Bikes" in ada.get("w").text
        nobody = ada.client.get("/p/nonsense", headers={"Accept-Language": "de-AT, en;q=0.5"})
        assert (nobody.status_code, "Dieser Link funktioniert nicht" in nobody.text) == (404, True)


# ---------------------------------------------------------------- choosing


def test_saving_a_form_that_was_not_touched_changes_nothing_but_says_how_it_stands(ada: Reader) -> None:
    saved = ada.press(ada.get("p"), "Save")
    assert "You get mail about: What goes with it, Tips." in saved.text
    assert "As often as there is something to say." in saved.text
    assert "Time zone: Europe/Paris" in saved.text
    assert "Undo" not in saved.text
    (row,) = ada.said()["preferences"]
    assert (row["locale"], row["time_zone"], row["at_most"], row["snoozed_until"]) == ("", "", "", None)
    assert ada.said()["suppressions"] == []


def test_the_zone_is_that_of_the_place_that_the_order_went_to(tmp_path: Path) -> None:
    """As the gate counts it, where neither shop nor reader named one."""
    nowhere = {**ENGLISH, "time_zone": "", "country": ""}
    with reading(tmp_path, nowhere, country="AU", region="WA") as ada:
        page = ada.get("p")
        assert "Time zone: Australia/Perth" in ada.press(page, "Save", snooze="1").text
        (row,) = ada.said()["preferences"]
        assert (row["time_zone"], row["snoozed_until"].isoformat()) == ("", "2026-04-04T16:00:00+00:00")
        ada.press(page, "Save", time_zone="Australia/Sydney")
        assert ada.said()["preferences"][0]["time_zone"] == "Australia/Sydney"


def test_what_was_chosen_is_said_exactly_acts_and_can_be_taken_back(ada: Reader) -> None:
    chosen = {"topic": ["recommendations"], "pace": "month", "snooze": "1", "language": "de"}
    more = {"time_zone": "Asia/Tokyo", "refuse": ["category:LAMP category"]}
    first = ada.get("p")
    saved = ada.press(first, "Save", **chosen, **more)
    for sentence in (
        "Sie bekommen E-Mails zu: What goes with it.",
        "Höchstens einmal im Monat.",
        "Keine E-Mail vor dem 5. April 2026.",
        "Sprache: Deutsch",
        "Zeitzone: Asia/Tokyo",
        "Nicht gezeigt wird Ihnen: LAMP category.",
    ):
        assert sentence in saved.text
    (kept,) = ada.said()["preferences"]
    assert (kept["locale"], kept["time_zone"], kept["at_most"]) == ("de", "Asia/Tokyo", "1 per 30d")
    assert kept["snoozed_until"].isoformat() == "2026-04-04T15:00:00+00:00", "midnight in Tokyo"
    assert [(s["scope"], s["topic"]) for s in ada.said()["suppressions"]] == [("topic", "tips")]
    undone = ada.press(saved, "Rückgängig: wie es vorher war")
    assert "You get mail about: What goes with it, Tips." in undone.text
    assert ada.said()["suppressions"] == ada.said()["refusals"] == []
    assert ada.get("p").text.partition("</style>")[2] == first.text.partition("</style>")[2]
    again = ada.press(undone, "Undo: as it was before")
    assert "Höchstens einmal im Monat." in again.text


def test_who_leaves_altogether_is_believed_and_may_come_back(ada: Reader) -> None:
    left = ada.press(ada.get("p"), "Unsubscribe from everything")
    assert "You get no marketing mail from Example Bikes." in left.text
    (entry,) = ada.said()["suppressions"]
    assert (entry["scope"], entry["reason"]) == ("brand", "unsubscribed")
    second_order(ada)
    assert fates(ada.app)[-1] == ("skipped", "unsubscribed")
    page = ada.get("p")
    assert "You get no marketing mail from us." in page.text
    back = ada.press(page, "Save", topic=["recommendations"])
    assert "You get mail about: What goes with it." in back.text
    assert [row["state"] for row in ada.said()["consents"]][-3:] == ["granted", "denied", "granted"]
    second_order(ada, "1003")
    assert fates(ada.app)[-1] == ("sent", "sent")


def test_a_yes_from_the_page_is_kept_with_what_it_said_when_and_from_where(tmp_path: Path) -> None:
    """As that of a form, in the words that the reader saw."""
    with reading(tmp_path) as ada:  # fr-FR
        left = ada.press(ada.get("p"), "Se désabonner de tout")
        clock_of(ada.app).step(HOUR)
        ada.press(left, "Annuler : revenir à l’état précédent")
        ada.press(ada.get("p"), "Se désabonner de tout")
        clock_of(ada.app).step(HOUR)
        ada.press(ada.get("p"), "Enregistrer", topic=["tips", "made-up"])
        undone, chosen = [row for row in ada.said()["consents"] if row["source"].startswith("preferences:")][1::2]
        assert (
            undone["wording"]
            == "Vous ne recevez pas de messages publicitaires de Example Bikes. [Annuler : revenir à l’état précédent]"
        )
        assert chosen["wording"] == (
            "Vous ne recevez pas de messages publicitaires de notre part. Pour en recevoir à nouveau, choisissez "
            "ci-dessous à quel sujet. Des messages au sujet de ☐ Ce qui va avec ☑ Tips [Enregistrer]"
        )
        evidence = [(row["state"], row["basis"], row["ip"], row["at"]) for row in (undone, chosen)]
        assert evidence == [("granted", "double_opt_in", "127.0.0.1", DUE + hours * HOUR) for hours in (1, 2)]


def test_no_topic_at_all_is_leaving(ada: Reader) -> None:
    assert "You get no marketing mail" in ada.press(ada.get("p"), "Save", topic=None).text
    assert [entry["scope"] for entry in ada.said()["suppressions"]] == ["brand"]


def test_mail_about_a_topic_that_was_left_does_not_go_and_other_mail_does(ada: Reader) -> None:
    ada.press(ada.get("p"), "Save", topic=["tips"])
    second_order(ada)
    assert fates(ada.app)[-1] == ("skipped", "unsubscribed")
    ada.press(ada.get("p"), "Save", topic=["tips", "recommendations"])
    second_order(ada, "1003")
    assert fates(ada.app)[-1] == ("sent", "sent")


def test_who_gets_no_mail_about_one_topic_by_an_operators_hand_still_leaves_the_others(ada: Reader) -> None:
    with ada.app.db.write() as connection:
        by_hand = (SuppressionReason.MANUAL, "operator", DUE, SuppressionScope.TOPIC, "tips")
        suppress(connection, ["ada@example.com"], *by_hand)
    page = ada.get("p")
    assert "We do not write to this address." not in page.text
    saved = ada.press(page, "Save", topic=["recommendations", "tips"])
    assert "You get mail about: What goes with it." in saved.text
    assert "You get no marketing mail" in ada.press(ada.get("p"), "Unsubscribe from everything").text
    second_order(ada)
    assert fates(ada.app)[-1] == ("skipped", "unsubscribed")


@pytest.mark.parametrize("reason", [SuppressionReason.MANUAL, SuppressionReason.IMPORTED])
def test_who_leaves_while_something_else_stops_their_mail_has_left(ada: Reader, reason: SuppressionReason) -> None:
    """It may be lifted, and then they must not be mailed."""
    page = ada.get("p")
    with ada.app.db.write() as connection:
        suppress(connection, ["ada@example.com"], reason, "test", DUE)
    ada.press(page, "Unsubscribe from everything")
    with ada.app.db.write() as connection:
        lift(connection, "ada@example.com", SuppressionScope.ALL, reasons=[reason])
    second_order(ada)
    assert fates(ada.app)[-1] == ("skipped", "unsubscribed")
    assert ada.said()["consents"][-1]["state"] == "denied"


def test_a_complaint_is_not_undone_by_a_form(ada: Reader) -> None:
    with ada.app.db.write() as connection:
        suppress(connection, ["ada@example.com"], SuppressionReason.COMPLAINT, "test", DUE)
    page = ada.get("p")
    assert "a mail of ours was marked as spam" in page.text
    ada.press(page, "Save", topic=["recommendations", "tips"])
    assert [entry["reason"] for entry in ada.said()["suppressions"]] == ["complaint"]
    assert [row["state"] for row in ada.said()["consents"]][-1] == "granted", (
        "as the shop had told it, and no later one"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"answer=save&answer=save",
        b"answer=other&topic=tips",
        b"answer=save&topic=recommendations&topic=tips&snooze=0001-01-01T00:00:00%2B00:00&pace=daily&time_zone=../x",
        b"answer=save&topic=recommendations&topic=tips&snooze=9999-12-31T23:59:59%2B00:00&refuse=sku:EVERYTHING",
        b"answer=save&topic=recommendations&topic=tips&snooze=2026-04-01&language=xx&refuse=x:y&refuse=:&refuse=sku:",
        b"&".join([b"topic=tips"] * 600),
    ],
)
def test_odd_forms_choose_nothing(ada: Reader, body: bytes) -> None:
    ada.press(ada.get("p"), "Save")
    before = ada.said()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ada.client.post(ada.path("p"), content=body, headers=headers).status_code == 200
    assert ada.said() == before


def test_a_field_that_is_not_named_stays_as_it_is(ada: Reader) -> None:
    chosen = {"language": "de", "time_zone": "Asia/Tokyo", "refuse": ["category:LAMP category"], "snooze": "1"}
    ada.press(ada.get("p"), "Save", topic=["tips"], pace="week", **chosen)
    before = ada.said()
    for body in ({"answer": "save"}, {"answer": "save", "pace": "week"}, {"answer": "save", "language": "de"}):
        assert ada.client.post(ada.path("p"), data=body).status_code == 200
        assert ada.said() == before, body
    ada.press(ada.get("p"), "Speichern", refuse=None)
    assert (ada.said()["refusals"], ada.said()["suppressions"]) == ([], before["suppressions"])


def test_topics_of_what_is_owed_are_offered_nowhere(
    ada: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {'value="tips"' in ada.get("p").text, "Only from" in ada.get("u").text} == {True}
    owed = "campaign: receipt\nstatus: active\nclass: transactional\ntopic: tips\ntrigger: order.completed\n"
    file = tmp_path / "shop" / "campaigns" / "receipt.yaml"
    file.write_text(owed + "steps: [{id: receipt, after: 1h, template: plain}]\n", encoding="utf-8")
    monkeypatch.setattr("aftercart.campaigns.live.monotonic", lambda: monotonic() + LOOK_AGAIN_S)
    assert {'value="tips"' in ada.get("p").text, "Only from" in ada.get("u").text} == {False}
    ada.press(ada.get("p"), "Save")
    assert ada.said()["suppressions"] == []


# ---------------------------------------------------------------- how often, and a break


def test_a_break_holds_a_mail_and_one_that_outlasts_it_ends_it_with_the_cause_kept(ada: Reader) -> None:
    ada.press(ada.get("p"), "Save", snooze="1")
    second_order(ada)
    assert fates(ada.app)[-1] == ("skipped", "expired")
    with ada.app.db.read() as connection:
        story = explain(connection, "1002").orders[0]
    said = [moment.sentence for moment in story.moments if moment.kind == "gate"][-1]
    assert "the person had asked for a break until then" in said
    clock_of(ada.app).move_to(datetime.fromisoformat("2026-04-05T12:00:00+00:00"))
    second_order(ada, "1003")
    assert fates(ada.app)[-1] == ("sent", "sent")


def test_at_most_once_a_week_is_a_cap_like_others(ada: Reader) -> None:
    ada.press(ada.get("p"), "Save", pace="week")
    for number in ("1002", "1003"):
        order(ada.app, number, ENGLISH, [{**BIKE, "sku": number, "title": "Thing"}])
    run_until(ada.app, DUE + 5 * DAY)
    assert len(outbox(ada.app).mails_to("ada@example.com")) == 1, "the window of the first is not over"
    run_until(ada.app, DUE + 10 * DAY)
    times = sorted(row["counted_at"] for row in rows(ada.app, sends) if row["counted_at"])
    assert all(later - earlier >= timedelta(days=7) for earlier, later in pairwise(times))


# ---------------------------------------------------------------- what not to be offered


def offered(reader: Reader, number: int) -> set[str]:
    """The products in a mail, by the pages that its links to the shop lead to."""
    message = outbox(reader.app).mails_to("ada@example.com")[number]
    return {sku for sku in ("Lamp", "Lock", "Pump", "Bell", "Rack") if f">{sku}</a>" in message.html}


@pytest.mark.parametrize(
    ("kind", "button", "kept"),
    [
        ("l", "Yes, less like this", [("sku", "less_like_this"), ("category", "less_like_this")]),
        ("h", "Yes, I have it already", [("sku", "have_it")]),
    ],
)
def test_what_a_reader_says_of_a_pick_is_kept_once_acts_and_can_be_taken_back(
    ada: Reader, kind: str, button: str, kept: list[tuple[str, str]]
) -> None:
    page = ada.get(kind)
    (title,) = [sku for sku in offered(ada, 0) if f"<bdi>{sku}</bdi>" in page.text]
    for _ in range(2):
        noted = ada.press(page, button)
        assert "Noted, thank you" in noted.text
    assert sorted((row["kind"], row["why"]) for row in ada.said()["refusals"]) == sorted(kept)
    assert "Noted, thank you" in ada.get(kind).text
    clock_of(ada.app).step(70 * DAY)  # long enough for everything to be offered again
    second_order(ada)
    assert title not in offered(ada, 1)
    assert offered(ada, 1)
    with ada.app.db.read() as connection:
        told = explain(connection, "1002").plain()
    decided = next(moment for moment in told["orders"][0]["moments"] if moment["reason"] == "allowed")
    assert title.upper() in decided["facts"]["refused"]
    with ada.app.db.read() as connection:
        (person,) = explain(connection, "ada@example.com").people
    assert any(f"“{title.upper()}” is not offered to them any more" in moment.sentence for moment in person.moments)
    assert ada.press(noted, "Undo: you may show it to me").status_code == 200
    assert ada.said()["refusals"] == []


def test_what_was_refused_stands_on_the_preference_page_and_can_be_let_in_there(ada: Reader) -> None:
    ada.press(ada.get("h"), "Yes, I have it already")
    page = ada.get("p")
    (row,) = ada.said()["refusals"]
    assert f'name="refuse" value="sku:{row["value"]}" checked' in page.text
    ada.press(page, "Save", refuse=None)
    assert ada.said()["refusals"] == []


# ---------------------------------------------------------------- forgotten


def test_to_who_was_erased_every_link_is_as_any_that_we_do_not_know(ada: Reader) -> None:
    unknown = ada.client.get("/w/nonsense")
    rights.erase(ada.app, "ada@example.com")
    before = ada.said()
    for kind in "pvwlhu":
        for answer in (ada.get(kind), *([] if kind in "vw" else [ada.client.post(ada.path(kind))])):
            assert answer.status_code == 404, kind
            assert answer.text.partition("</style>")[2] == unknown.text.partition("</style>")[2]
    assert ada.said() == before


# ---------------------------------------------------------------- both databases


def test_both_databases_keep_what_was_chosen_in_the_same_way(tmp_path: Path, database_url: str) -> None:
    with reading(tmp_path, ENGLISH, database_url=database_url) as ada:
        ada.press(ada.get("p"), "Save", topic=["tips"], pace="week", snooze="3")
        ada.press(ada.get("l"), "Yes, less like this")
        ada.client.post(ada.path("u"), data={"answer": "topic"})
        said: dict[str, Any] = ada.said()
        assert [(s["scope"], s["topic"]) for s in said["suppressions"]] == [("topic", "recommendations")]
        assert len(said["refusals"]) == 2
        assert said["preferences"][0]["at_most"] == "1 per 7d"
        assert ada.get("v").text == as_seen(ada.message.html)
        assert ada.get("w").status_code == 200
