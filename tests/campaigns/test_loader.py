from typing import Any

import pytest

from aftercart.errors import ConfigError


def test_a_folder_becomes_a_brand_and_its_campaigns(folder: Any) -> None:
    campaigns = folder.load()
    assert campaigns.brand.name == "Test Shop"
    assert list(campaigns.by_name) == ["accessories"]
    assert campaigns.attribution_windows["accessories"].days == 5


def test_a_comment_or_another_order_of_keys_keeps_the_version(folder: Any) -> None:
    """T45."""
    before = folder.load().by_name["accessories"].version
    folder.edit("status: active\ntrigger: order.completed\n", "trigger: order.completed   # when\nstatus: active\n")
    assert folder.load().by_name["accessories"].version == before
    folder.edit("after: 3d", "after: 4d")
    assert folder.load().by_name["accessories"].version != before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("holdout: 10%", "holdot: 10%", "15:1: error: holdot: there is no such key — did you mean holdout?"),
        (
            "      slots: 4",
            "      slot: 4",
            "11:7: error: steps[0].recommend.slot: there is no such key — did you mean slots?",
        ),
        ("status: active", "status: activ", "2:1: error: status: 'activ' means nothing here — did you mean active?"),
        ("    after: 3d\n", "", "5:5: error: steps[0].after: is missing — add steps[0].after: 3d"),
        (
            "after: 3d",
            "after: 3",
            "6:5: error: steps[0].after: '3' is no time span — write it as 3d, 2w, 72h, 90m or 5s",
        ),
        (
            "1 per 1d",
            "0 per 1d",
            "13:19: error: limits.frequency_cap[0]: a cap of 0 would hold every mail for ever — leave",
        ),
        ("[1 per 1d]", "1 per 1d", "13:3: error: limits.frequency_cap: '1 per 1d' is no list — write [1 per 1d]"),
        ("21:00-08:00", "08:00-08:00", "14:3: error: limits.quiet_hours: start and end are the same, so no mail could"),
        (
            "10%",
            "100%",
            "15:1: error: holdout: a holdout of 100% sends nothing to anybody — pause the campaign instead",
        ),
        ("campaign: accessories", "campaign: 7", "1:1: error: campaign: 7 is no text — put it in quotes"),
        (
            "slots: 4",
            "slots: 40",
            "11:7: error: steps[0].recommend.slots: 40 is too much — write 12 or less",
        ),
        (
            "slots: 4",
            "slots: four",
            "11:7: error: steps[0].recommend.slots: 'four' is no whole number — write, for example, 4",
        ),
        (
            "slots: 4",
            "slots: .inf",
            "11:7: error: steps[0].recommend.slots: inf is no whole number — write, for example, 4",
        ),
        (
            "slots: 4",
            "boosted: {times: lots, brand: [A]}",
            "11:17: error: steps[0].recommend.boosted.times: 'lots' is no number — write, for example, 3",
        ),
        (
            "slots: 4",
            "boosted: {times: 0, brand: [A]}",
            "11:17: error: steps[0].recommend.boosted.times: 0 is too little — write more than 0",
        ),
        ("after: 3d", "after:", "6:5: error: steps[0].after: says nothing — write, for example, 3d"),
        ("steps:\n", "stepz:\n", "4:1: error: stepz: there is no such key — did you mean steps?"),
        (
            "holdout: 10%",
            "audience: everyone",
            "15:1: error: audience: keys were expected here — give it the keys bought, not_bought, country,",
        ),
        (
            "slots: 4",
            "price: 60%",
            "11:7: error: steps[0].recommend.price: keys were expected here — write it as {at_most: 60%}",
        ),
        (
            "slots: 4",
            "fallback: [bestsellers]",
            "11:18: error: steps[0].recommend.fallback[0]: 'bestsellers' means nothing here — did you mean best_s",
        ),
        (
            "campaign: accessories",
            f"campaign: {'a' * 61}",
            "1:1: error: campaign: is longer than 60 characters — shorten it",
        ),
        (
            "    after: 3d\n    at",
            "    after: [3d]\n    at",
            "6:5: error: steps[0].after: ['3d'] is no text — write, for example, 3d",
        ),
        (
            "template: accessories",
            "template: accesories",
            "9:5: error: steps[0].template: there is no template 'accesories' — did you mean accessories?",
        ),
    ],
)
def test_a_fault_names_line_column_key_and_fix(folder: Any, old: str, new: str, said: str) -> None:
    folder.edit(old, new)
    [fault] = folder.faults()
    assert fault.startswith(said)


def test_all_faults_are_told_at_once(folder: Any) -> None:
    folder.edit("10%", "ten")
    folder.edit("at: ", "att: ")
    folder.edit("Europe/Paris", "Europe/Pari", "brand.yaml")
    assert len(folder.faults()) == 3
    with pytest.raises(ConfigError, match=r"(?s)accessories.yaml:7:5: .*accessories.yaml:15:1: .*brand.yaml:4:1: "):
        folder.load()


def test_a_fault_in_one_of_two_entries_is_told_once(folder: Any) -> None:
    folder.edit("holdout: 10%", "audience: {country: [XX]}")
    [fault] = folder.faults()
    assert "audience.country[0]: 'XX' is no country code" in fault


def test_an_unknown_time_zone_is_an_error(folder: Any) -> None:
    folder.edit("Europe/Paris", "Europe/Pariss", "brand.yaml")
    assert folder.faults() == [
        "brand.yaml:4:1: error: time_zone: 'Europe/Pariss' is no time zone — did you mean Europe/Paris?"
    ]


@pytest.mark.parametrize("since", ["soon", "1.5", "[2026-03-01]", "2026-02-30", "2026-03-01T10:00:00Z"])
def test_what_is_no_day_is_said_so(folder: Any, since: str) -> None:
    senders = f"senders: [{{name: console, warm_up: {{since: {since}}}}}]\n"
    folder.edit("time_zone:", senders + "time_zone:", "brand.yaml")
    [fault] = folder.faults()
    assert "is no day — write, for example, 2026-03-01" in fault


def test_two_campaigns_need_two_names(folder: Any) -> None:
    folder.write("more.yaml", (folder.root / "campaigns" / "accessories.yaml").read_text())
    [fault] = folder.faults()
    assert fault.startswith(
        "more.yaml:1:1: error: campaign: 'accessories' is the name of the campaign in accessories.yaml too"
    )


def test_a_missing_brand_and_an_empty_file_are_errors(folder: Any) -> None:
    (folder.root / "campaigns" / "brand.yaml").unlink()
    folder.write("accessories.yaml", "# nothing yet\n")
    assert [fault.partition(" — ")[0] for fault in folder.faults()] == [
        " error: is empty",
        "brand.yaml: error: the brand file is missing",
    ]


def test_a_file_that_is_not_read_is_told(folder: Any) -> None:
    folder.write("reviews.yml", "campaign: reviews\n")
    assert folder.faults() == [
        "reviews.yml: warning: is not read: campaign files end in .yaml — rename it to reviews.yaml"
    ]
    assert list(folder.load().by_name) == ["accessories"]


def test_a_list_instead_of_keys_is_an_error(folder: Any) -> None:
    folder.write("accessories.yaml", "- a\n- b\n")
    [fault] = folder.faults()
    assert fault.startswith("1:1: error: keys were expected here — give it the keys campaign, status, trigger")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: Test Shop\n", "", "1:1: error: name: is missing — add name: Example Bikes"),
        ("name: Test Shop\n", "name:\n", "1:1: error: name: says nothing — write, for example, Example Bikes"),
        ("name:", "color: #1f4b99\nname:", '1:1: error: color: says nothing — write, for example, "#1f4b99"'),
        (
            "name:",
            "paused: maybe\nname:",
            "1:1: error: paused: 'maybe' is neither true nor false — write true or false",
        ),
        ("name:", "currency: EURO\nname:", "1:1: error: currency: 'EURO' is no currency — write EUR"),
        (
            "name:",
            "reply_to: Ada <ada@shop.test>\nname:",
            "1:1: error: reply_to: 'Ada <ada@shop.test>' is no e-mail address",
        ),
        (
            "Test Shop, 1 Main Street, Springfield",
            "here",
            "3:1: error: postal_address: says too little — write, for example, 1 Main Street",
        ),
    ],
)
def test_a_fault_of_the_brand_shows_how_to_write_it(folder: Any, old: str, new: str, said: str) -> None:
    folder.edit(old, new, "brand.yaml")
    [fault] = folder.faults()
    assert fault.startswith(f"brand.yaml:{said}")
    assert " — " in fault


WRONG_VALUES = ["", "[]", "{}", "x", "-1", "2.5", "[x]", "{x: y}", "999999999999d", "true", "[[1]]", "0"]


@pytest.mark.parametrize("value", WRONG_VALUES)
@pytest.mark.parametrize(
    "line",
    ["campaign: accessories", "status: active", "after: 3d", "valid_for: 3d", "template: accessories", "slots: 4",
     "frequency_cap: [1 per 1d]", "quiet_hours: 21:00-08:00", "holdout: 10%"],
)  # fmt: skip
def test_whatever_is_wrong_there_is_a_fix(folder: Any, line: str, value: str) -> None:
    folder.edit(line, f"{line.partition(':')[0]}: {value}")
    assert [fault.message for fault in folder.inspect().faults if not fault.fix] == []
