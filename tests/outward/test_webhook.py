from datetime import UTC, datetime

import pytest
from standardwebhooks import WebhookVerificationError

from aftercart.errors import ConfigError
from aftercart.ids import new_id
from aftercart.outward.happening import EVERY, Happening
from aftercart.outward.webhook import webhooks_from
from tests.outward.receiver import OLD_SECRET, SECRET, Told

URL = "https://crm.example/hooks?key=a=b"


def test_what_stands_in_the_settings_is_what_there_is() -> None:
    found = webhooks_from(
        f"crm={URL} stock=https://stock.example", f"crm={SECRET} stock={SECRET}", "stock=order.credited", "crm"
    )
    assert [found["crm"].url, found["stock"].url] == [URL, "https://stock.example"]
    assert (found["crm"].happenings, found["crm"].tells_address) == (EVERY, True)
    assert (found["stock"].happenings, found["stock"].tells_address) == ((Happening.ORDER_CREDITED,), False)


@pytest.mark.parametrize(
    ("webhooks", "secrets", "events", "addresses", "says"),
    [
        ("https://crm.example", "", "", "", "AFTERCART_WEBHOOKS: write it as NAME=URL"),
        ("crm=http://crm.example", f"crm={SECRET}", "", "", "crm must be told over https://"),
        ("crm=http://127.0.0.1:9", f"crm={SECRET}", "", "", "AFTERCART_WEBHOOKS_TO_LOOPBACK=true"),
        ("crm=https://a@crm.example", f"crm={SECRET}", "", "", "the address of crm is none"),
        (f"crm={URL} crm={URL}", f"crm={SECRET}", "", "", "crm stands there twice"),
        (f"crm={URL}", "", "", "", "AFTERCART_WEBHOOK_SECRETS: crm needs a secret"),
        (f"crm={URL}", "crm=whsec_c2hvcnQ=", "", "", "24 to 64 random bytes"),
        (f"crm={URL}", f"crm={SECRET} erp={SECRET}", "", "", "AFTERCART_WEBHOOK_SECRETS: AFTERCART_WEBHOOKS names no"),
        (f"crm={URL}", f"crm={SECRET}", "crm=mail.send", "", "there are mail.sent, mail.delivered"),
        (f"crm={URL}", f"crm={SECRET}", "", "erp", "AFTERCART_WEBHOOK_ADDRESSES: AFTERCART_WEBHOOKS names no erp"),
    ],
)
def test_what_cannot_be_right_is_refused_with_the_name_of_the_setting(
    webhooks: str, secrets: str, events: str, addresses: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says.replace(".", r"\.")) as caught:
        webhooks_from(webhooks, secrets, events, addresses)
    assert SECRET not in str(caught.value)


def test_while_secrets_are_changed_both_of_them_verify_the_same_message() -> None:
    webhook = webhooks_from(f"crm={URL}", f"crm={SECRET},{OLD_SECRET}")["crm"]
    request = webhook.request(new_id(), b'{"type":"test"}', datetime.now(UTC))
    told = Told("/", dict(request.headers), request.body)
    for secret in (SECRET, OLD_SECRET):
        assert told.verified(secret) == {"type": "test"}
    with pytest.raises(WebhookVerificationError):
        told.verified("whsec_" + "A" * 32)


def test_a_webhook_never_shows_its_secret() -> None:
    webhook = webhooks_from(f"crm={URL}", f"crm={SECRET}")["crm"]
    assert repr(webhook) == "Webhook(crm)"
