from typing import Any

import pytest
from pydantic import ValidationError

from aftercart.campaigns.brand import Brand

WHOLE: dict[str, Any] = {
    "name": "Test Shop",
    "sender": "Test Shop <hello@mail.shop.test>",
    "postal_address": "Test Shop, 1 Main Street, Springfield",
    "time_zone": "Europe/Paris",
    "url": "https://www.shop.test/en",
}


def brand(**changes: Any) -> Brand:
    return Brand.model_validate(WHOLE | changes)


def test_the_mail_domain_is_that_of_the_sender() -> None:
    assert (brand().address, brand().domain) == ("hello@mail.shop.test", "mail.shop.test")


def test_the_mail_domain_of_any_script_stands_in_headers_in_ascii() -> None:
    read = brand(sender="Bücher <hello@Bücher.test>")
    assert (read.address, read.domain) == ("hello@Bücher.test", "xn--bcher-kva.test")


def test_answers_go_to_the_sender_unless_said_otherwise() -> None:
    assert brand().answers_to == "hello@mail.shop.test"
    assert brand(reply_to="service@shop.test").answers_to == "service@shop.test"


def test_links_may_lead_to_the_shop_itself_unless_said_otherwise() -> None:
    assert brand().link_hosts == ("shop.test",)
    assert brand(link_hosts=["Shop.test", "blog.test"]).link_hosts == ("shop.test", "blog.test")


def test_a_locale_is_kept_in_one_spelling() -> None:
    assert brand(locale="fr-FR").locale == "fr_FR"


def test_a_renamed_time_zone_is_accepted() -> None:
    """T33."""
    assert brand(time_zone="Europe/Kiev").time_zone == "Europe/Kiev"


def test_nothing_is_limited_unless_said_so() -> None:
    read = brand()
    assert (read.paused, read.holdout, read.frequency_cap, read.quiet_hours) == (False, 0.0, (), None)


def test_a_template_sees_plain_values() -> None:
    seen = brand(logo_url="https://www.shop.test/logo.png").for_templates()
    assert seen["logo_url"] == "https://www.shop.test/logo.png"
    assert {type(value) for value in seen.values()} == {str}


@pytest.mark.parametrize(
    ("locale", "otherwise", "name"),
    [
        ("fr_FR", "en_US", "Conseils"),
        ("fr-CA", "en_US", "Trucs"),
        ("de_DE", "fr_FR", "Conseils"),
        ("de", "ja_JP", "Tips"),
        ("", "", "Tips"),
    ],
)
def test_a_topic_is_named_in_the_readers_language_else_in_that_of_the_shop(
    locale: str, otherwise: str, name: str
) -> None:
    names = {"en": "Tips", "fr": "Conseils", "fr-CA": "Trucs"}
    (topic,) = brand(topics=[{"id": "tips", "name": names}]).topics
    assert topic.name.for_locale(locale, otherwise) == name
    assert Brand.model_validate(brand(topics=[topic]).model_dump(mode="json")).topics == (topic,)


def test_a_topic_may_have_one_name_for_all() -> None:
    (topic,) = brand(topics=[{"id": "tips", "name": "Tips", "description": "Once a month"}]).topics
    assert topic.name.for_locale("fr_FR", "de_DE") == "Tips"
    assert topic.description
    assert topic.description.for_locale("", "") == "Once a month"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"time_zone": "Europe/Pariss"}, "did you mean Europe/Paris?"),
        ({"sender": "Test Shop"}, "names no address"),
        ({"currency": "euro"}, "is no currency; write EUR"),
        ({"currency": "XYZ"}, "is no currency"),
        ({"sender": "A <a@shop.test>\nBcc: x@shop.test"}, "one line|no e-mail address"),
        ({"color": "#abc"}, "six digits"),
        ({"font": "'Segoe UI', serif"}, "no quotes"),
        ({"font": "serif; color: red"}, "no quotes"),
        ({"url": "www.shop.test"}, "is no web address"),
        ({"url": "javascript:alert(1)"}, "is no web address"),
        ({"url": "https://user:word@shop.test"}, "is no web address"),
        ({"link_hosts": ["https://shop.test/"]}, "is no host name"),
        ({"link_hosts": []}, "at least 1 item"),
        ({"locale": "english"}, "is no locale"),
        ({"postal_address": "here"}, "at least 10"),
        ({"holdout": "100%"}, "pause the campaign instead"),
        ({"holdout": "110%"}, "110% is more than everybody; write a share below 100%, such as 10%"),
        ({"campaign": "x"}, "Extra inputs"),
        ({"topics": [{"id": "tips", "name": "A"}, {"id": "tips", "name": "B"}]}, "the topic 'tips' stands there twice"),
        ({"topics": [{"id": "tips", "name": {"klingonese": "A"}}]}, "'klingonese' is no language; write it as en"),
        ({"topics": [{"id": "tips", "name": {"en": " "}}]}, "' ' is no text"),
        ({"topics": [{"id": "tips", "name": {}}]}, "says nothing"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        brand(**change)
