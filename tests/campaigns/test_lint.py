"""Each rule by the edit that breaks it."""

import sys
from typing import Any

import pytest

SECOND = """\
  - id: reminder
    after: 9d
    valid_for: 3d
    template: reviews
limits:
"""


def test_the_folder_as_it_stands_has_no_fault(folder: Any) -> None:
    assert folder.faults() == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "template: accessories",
            "template: welcome",
            "9:5: error: steps[0].template: there is no template 'welcome' — known: accessories, reviews",
        ),
        (
            "template: accessories",
            "template: accessories\n    asks_review: true",
            "10:5: error: steps[0].asks_review: a review is asked for after delivery, and this campaign begins with "
            "the payment — write trigger: order.delivered",
        ),
        ("template: accessories", "template: _layout", "9:5: error: steps[0].template: '_layout' is no plain name"),
        (
            "    valid_for: 3d\n",
            "",
            "5:5: error: steps[0].valid_for: a frequency cap (1 per 1d) could hold this mail again and again, "
            "so say how long it is worth sending — add valid_for: 3d, which is what holds where there is no cap",
        ),
        (
            "slots: 4",
            "slots: 4\n      at_least: 5",
            "12:7: error: steps[0].recommend.at_least: at least 5 products can never fill 4 slots",
        ),
        (
            '"10:00"',
            '"21:00"',
            "7:5: warning: steps[0].at: 21:00 lies in the quiet hours (21:00-08:00), so the mail waits until 08:00, "
            "and valid_for counts from then",
        ),
        (
            "  quiet_hours: 21:00-08:00\n",
            "  quiet_hours: 00:00-24:00 on mon\n  send_on: [mon]\n",
            "15:3: error: limits.send_on: leaves no moment of the week in which a mail may go out "
            "(quiet hours 00:00-24:00 on mon, only on mon)",
        ),
        (
            "holdout: 10%",
            "  send_on: [sat, sun, 2026-12-24]\n  not_on: [sat-sun]\nholdout: 10%",
            "15:3: error: limits.send_on: leaves no moment",
        ),
        (
            "holdout: 10%",
            "  send_on: []\nholdout: 10%",
            "15:3: error: limits.send_on: names no day, so no mail could ever go out — leave it out",
        ),
        (
            "holdout: 10%",
            "  not_on: [2026-12-25, 2026-12-32]\nholdout: 10%",
            "15:3: error: limits.not_on: 2026-12-32 is no date — write it as 2026-12-25",
        ),
        (
            "  quiet_hours: 21:00-08:00\n",
            "  quiet_hours: 21:00-08:00 on sunday\n",
            "14:3: error: limits.quiet_hours: 'sunday' is no day — write it as mon, mon-fri, 2026-12-25",
        ),
        (
            "limits:\n",
            SECOND.replace("reminder", "complements"),
            "12:5: error: steps[1].id: a step 'complements' stands above already",
        ),
        (
            "limits:\n",
            SECOND.replace("9d", "2d"),
            "13:5: error: steps[1].after: is due at 2d, not later than the step before it (3d)",
        ),
        (
            "limits:\n",
            SECOND.replace("9d", "3d"),
            "13:5: error: steps[1].after: is due at 3d, not later than the step before it (3d)",
        ),
        (
            "limits:\n",
            SECOND.replace("9d", "4d"),
            "8:5: note: steps[0].valid_for: is cut short: the step 'reminder' is due before 3d are over",
        ),
        (
            "holdout: 10%",
            "audience: {bought: {sku: [a]}, not_bought: {sku: [a]}}",
            "15:32: error: audience.not_bought: asks for orders without",
        ),
    ],
)
def test_an_edit_that_cannot_work_is_told(folder: Any, old: str, new: str, said: str) -> None:
    folder.edit(old, new)
    [fault] = folder.faults()
    assert fault.startswith(said)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("limits:\n", SECOND),
        ("limits:\n", SECOND.replace("9d", "3d\n    at: '15:00'").replace("valid_for: 3d", "valid_for: 1d")),
        ('"10:00"', '"08:00"'),
        ("after: 3d", "after: 36h"),
    ],
)
def test_an_edit_that_works_raises_no_error(folder: Any, old: str, new: str) -> None:
    folder.edit(old, new)
    assert [fault for fault in folder.faults() if "note:" not in fault] == []


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ("topic: tipps", "3:1: error: topic: brand.yaml lists no topic 'tipps' — did you mean tips?"),
        ("topic: offers", "3:1: error: topic: brand.yaml lists no topic 'offers' — write one of tips, news, or add it"),
        ("", "1:1: error: topic: brand.yaml lists no topic 'recommendations' — write one of tips, news, or add it"),
    ],
)
def test_a_topic_that_the_brand_does_not_list_is_told(folder: Any, topic: str, said: str) -> None:
    folder.edit("status: active\n", f"status: active\n{topic}\n")
    assert folder.faults() == []
    folder.edit(
        "name:", "topics: [{id: tips, name: Tips}, {id: news, name: {en: News, fr: Infos}}]\nname:", "brand.yaml"
    )
    [fault] = folder.faults()
    assert fault.startswith(said)
    folder.edit(f"status: active\n{topic}\n", "status: active\ntopic: news\n")
    assert folder.faults() == []


def test_a_topic_that_nobody_can_leave_is_told(folder: Any) -> None:
    folder.edit("name:", "topics: [{id: tips, name: Tips}, {id: orders, name: Orders}]\nname:", "brand.yaml")
    folder.edit("status: active\n", "status: active\ntopic: tips\n")
    receipt = "campaign: receipt\nstatus: active\nclass: transactional\ntopic: orders\ntrigger: order.completed\n"
    folder.write("receipt.yaml", receipt + "steps: [{id: one, after: 1h, template: reviews}]\n")
    [fault] = folder.faults()
    assert "warning: topics[1].id: only transactional mail is about it, so people cannot leave it" in fault
    folder.edit("topic: tips\n", "topic: orders\n")
    assert folder.faults() == []


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("recommend: {slots: 2}", "recommend: a mail that recommends something is marketing"),
        ("coupon: {pool: thanks}", "coupon: a mail that hands out a code is marketing"),
        ("asks_review: true", "asks_review: a mail that asks for a review is marketing"),
    ],
)
def test_what_is_marketing_goes_to_nobody_as_owed_to_them(folder: Any, key: str, said: str) -> None:
    text = "campaign: receipt\nstatus: active\nclass: transactional\ntrigger: order.delivered\n"
    folder.write("receipt.yaml", text + f"steps: [{{id: one, after: 1h, template: reviews, {key}}}]\n")
    assert [f"error: steps[0].{said}, whatever else it says" in fault for fault in folder.faults()] == [True]
    folder.edit("class: transactional\n", "", "receipt.yaml")
    assert not any("is marketing" in fault for fault in folder.faults())


def test_the_template_of_double_opt_in_is_none_for_a_campaign(folder: Any) -> None:
    folder.edit("template: accessories", "template: confirm")
    [fault] = folder.faults()
    assert fault.startswith("9:5: error: steps[0].template: 'confirm' is the template of double opt-in")
    (folder.root / "templates" / "confirm").mkdir()
    (folder.root / "templates" / "confirm" / "body.mjml").touch()
    assert folder.faults() == [fault]


def test_the_limits_of_the_brand_count_as_well(folder: Any) -> None:
    folder.edit("  frequency_cap: [1 per 1d]\n  quiet_hours: 21:00-08:00\n", "  priority: 1\n")
    folder.edit("    valid_for: 3d\n", "")
    folder.edit('"10:00"', '"07:00"')
    assert folder.faults() == []
    folder.edit("name:", "frequency_cap: [2 per 7d]\nquiet_hours: 22:00-08:00\nname:", "brand.yaml")
    assert [fault.split(": ")[1] for fault in folder.faults()] == ["error", "warning"]


def test_quiet_hours_that_leave_none_are_an_error(folder: Any) -> None:
    folder.edit("21:00-08:00", "[08:00-20:00, 20:00-08:00]")
    assert (
        "14:3: error: limits.quiet_hours: leaves no moment of the week in which a mail may go out (quiet hours "
        "08:00-20:00; 20:00-08:00) — allow another day of the week, or make the quiet hours shorter" in folder.faults()
    )


def test_days_of_the_campaign_and_of_the_brand_that_leave_none_are_told(folder: Any) -> None:
    folder.edit("name:", "not_on: [sat, sun]\nname:", "brand.yaml")
    assert folder.faults() == []
    folder.edit("holdout: 10%", "  send_on: [sat]\nholdout: 10%")
    [fault] = folder.faults()
    assert fault.startswith("15:3: error: limits.send_on: leaves no moment of the week")
    folder.edit("[sat, sun]", "[mon-sun]", "brand.yaml")
    assert [fault.split(": ")[:3] for fault in folder.faults()] == [
        ["15:3", "error", "limits.send_on"],
        ["brand.yaml:1:1", "error", "not_on"],
    ]


def test_public_holidays_without_the_package_are_told_with_the_fix(
    folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.edit("holdout: 10%", "  not_on_holidays: true\nholdout: 10%")
    folder.edit("name:", "not_on_holidays: true\nname:", "brand.yaml")
    assert folder.faults() == []
    monkeypatch.setitem(sys.modules, "holidays", None)
    assert folder.faults() == [
        "15:3: error: limits.not_on_holidays: public holidays are known only with an optional package, which is not "
        "installed — pip install 'aftercart[holidays]', or list the dates in not_on",
        "brand.yaml:1:1: error: not_on_holidays: public holidays are known only with an optional package, which is not "
        "installed — pip install 'aftercart[holidays]', or list the dates in not_on",
    ]


def test_a_sender_that_many_servers_refuse_is_told(folder: Any) -> None:
    folder.edit("hello@shop.test", "käufer@shop.test", "brand.yaml")
    (fault,) = folder.faults()
    assert fault.startswith("brand.yaml:2:1: warning: sender: käufer@shop.test has letters outside ASCII before the @")
    folder.edit("käufer@shop.test", "hello@bücher.test", "brand.yaml")
    assert folder.faults() == []


@pytest.mark.parametrize(("hours", "minutes"), [("10:01-10:00", 1), ("10:30-09:00", 90), ("11:59-10:00", 119)])
def test_quiet_hours_that_leave_hardly_any_are_told(folder: Any, hours: str, minutes: int) -> None:
    folder.edit('"10:00"', f'"{hours[6:]}"')
    folder.edit("21:00-08:00", hours)
    [fault] = folder.faults()
    assert fault.startswith(f"14:3: warning: limits.quiet_hours: leave {minutes} min a day in which a mail may go out")


def test_quiet_hours_of_the_brand_that_leave_hardly_any_are_told(folder: Any) -> None:
    folder.edit("name:", "quiet_hours: 08:00-07:59\nname:", "brand.yaml")
    [fault] = folder.faults()
    assert fault.startswith("brand.yaml:1:1: warning: quiet_hours: leave 1 min a day")


def test_two_hours_a_day_are_enough(folder: Any) -> None:
    folder.edit("21:00-08:00", "12:00-10:00")
    assert folder.faults() == []


def test_white_letters_must_be_readable_on_the_brands_color(folder: Any) -> None:
    folder.edit("name:", 'color: "#ffcc00"\nname:', "brand.yaml")
    [fault] = folder.faults()
    assert fault.startswith("brand.yaml:1:1: warning: color: white letters on #ffcc00 are hard to read")
    folder.edit("#ffcc00", "#767676", "brand.yaml")  # the lightest gray that passes WCAG AA under white
    assert folder.faults() == []


def test_the_shipped_sender_is_noted(folder: Any) -> None:
    folder.edit("hello@shop.test", "hello@example.com", "brand.yaml")
    [fault] = folder.faults()
    assert fault.startswith("brand.yaml:2:1: note: sender: hello@example.com is the example")
