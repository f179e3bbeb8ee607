from contextlib import closing
from socket import AF_INET, SOCK_DGRAM, socket

import pytest

from aftercart.doctor.dns import check_dns
from tests.doctor.name_server import Zone, asking, name_server

SOUND: Zone = {
    ("shop.com", "MX"): ["10 mx.shop.com."],
    ("shop.com", "TXT"): ['"v=spf1 include:spf.provider.com ~all"', '"google-site-verification=1"'],
    ("s1._domainkey.shop.com", "TXT"): ['"v=DKIM1; k=rsa; p=MIGf" "MA0GCSq"'],
    ("_dmarc.shop.com", "TXT"): ['"v=DMARC1; p=quarantine"'],
}


def levels(zone: Zone, domain: str = "shop.com", selectors: tuple[str, ...] = ("s1",)) -> dict[str, str]:
    with name_server(zone) as resolver:
        return {one.check: one.level for one in check_dns(domain, selectors, resolver)}


def test_a_domain_that_may_send_is_fine() -> None:
    assert levels(SOUND) == dict.fromkeys(("dns mx", "dns spf", "dns dkim", "dns dmarc"), "fine")


@pytest.mark.parametrize(
    ("change", "check", "level"),
    [
        ({("shop.com", "TXT"): []}, "dns spf", "fault"),
        ({("shop.com", "TXT"): ['"v=spf1 -all"', '"v=spf1 ~all"']}, "dns spf", "fault"),
        ({("shop.com", "TXT"): ['"v=spf1 +all"']}, "dns spf", "fault"),
        ({("shop.com", "MX"): []}, "dns mx", "warn"),
        ({("shop.com", "MX"): ["0 ."]}, "dns mx", "warn"),
        ({("s1._domainkey.shop.com", "TXT"): []}, "dns dkim", "fault"),
        ({("s1._domainkey.shop.com", "TXT"): ['"v=DKIM1; p="']}, "dns dkim", "fault"),
        ({("_dmarc.shop.com", "TXT"): []}, "dns dmarc", "fault"),
        ({("_dmarc.shop.com", "TXT"): ['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"']}, "dns dmarc", "fault"),
    ],
)
def test_each_fault_is_told_and_only_that(change: Zone, check: str, level: str) -> None:
    found = levels({**SOUND, **change})
    assert found.pop(check) == level
    assert set(found.values()) == {"fine"}


@pytest.mark.parametrize("domain", ["mail.shop.com", "news.mail.shop.com"])
def test_a_subdomain_is_under_the_policy_of_the_domain_above(domain: str) -> None:
    found = levels({**SOUND, (domain, "TXT"): ['"v=spf1 -all"']}, domain=domain)
    assert found["dns dmarc"] == "fine"


def test_without_a_selector_nobody_can_look_for_the_key() -> None:
    assert levels(SOUND, selectors=())["dns dkim"] == "warn"


def test_a_machine_without_a_name_server_is_told_so() -> None:
    with closing(socket(AF_INET, SOCK_DGRAM)) as deaf:
        deaf.bind(("127.0.0.1", 0))
        found = list(check_dns("shop.com", (), asking(deaf.getsockname()[1]), within_s=0.5))
    assert [(one.check, one.level) for one in found] == [("dns", "warn")]


def test_the_domain_that_the_starter_writes_is_known_for_an_example() -> None:
    [only] = check_dns("example.com")
    assert only.level == "warn"
    assert "brand.yaml" in only.do


def test_the_usual_names_of_a_mail_service_s_keys_are_looked_at_where_none_is_told() -> None:
    with name_server(SOUND) as resolver:
        for usual, level in ((("mte1", "s1"), "fine"), (("mte1", "mte2"), "warn")):
            found = {one.check: one for one in check_dns("shop.com", (), resolver, usual=usual)}["dns dkim"]
            assert found.level == level
    assert "mte1._domainkey, mte2._domainkey" in found.found
