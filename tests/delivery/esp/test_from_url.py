"""`esp://name?...`: what may stand there, and what the answer is to what may not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aftercart.delivery.esp.from_url import read_url
from aftercart.delivery.esp.vendors import VENDORS
from aftercart.delivery.senders import sender_from_url
from aftercart.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "environment", "options"),
    [
        ("esp://postmark?server_token=T", {}, {"server_token": "T"}),
        ("esp:postmark?server_token=T", {}, {"server_token": "T"}),
        ("esp://postmark", {"POSTMARK_SERVER_TOKEN": "T"}, {"server_token": "T"}),
        ("esp://postmark", {"POSTMARK_API_TOKEN": "T"}, {"server_token": "T"}),
        ("esp://postmark?server_token=U", {"POSTMARK_SERVER_TOKEN": "T"}, {"server_token": "U"}),
        (
            "esp://mailgun?api_url=https%3A%2F%2Fapi.eu.mailgun.net%2Fv3%2F",
            {"MAILGUN_API_KEY": "k+/="},
            {"api_key": "k+/=", "api_url": "https://api.eu.mailgun.net/v3/"},
        ),
        ("esp://mailjet", {"MJ_APIKEY_PUBLIC": "a", "MJ_APIKEY_PRIVATE": "b"}, {"api_key": "a", "secret_key": "b"}),
        ("esp://amazon-ses?region_name=eu-west-1", {}, {"region_name": "eu-west-1"}),
        ("esp://Unisender-Go?api_key=k&api_url=https://go1.unisender.ru/", {}, {"api_key": "k", "api_url": "https://go1.unisender.ru/"}),
    ],
)  # fmt: skip
def test_keys_are_found_in_the_url_and_in_the_vendor_s_own_variables(
    url: str, environment: dict[str, str], options: dict[str, str]
) -> None:
    assert read_url(url, environment)[1] == options


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("esp://pigeon", "known are brevo, mailersend, mailgun"),
        ("esp://", "known are brevo"),
        ("esp://postmark", r"needs server_token: \?server_token=... in the URL, or POSTMARK_SERVER_TOKEN or"),
        ("esp://s3cret@postmark", r"keys stand behind a \?, as in esp://postmark\?server_token=..."),
        ("esp://postmark?api_key=s3cret", "takes no api_key; it takes api_url, message_stream, server_token"),
        ("esp://postal?api_key=s3cret", "needs api_url"),
        ("esp://ses?aws_access_key_id=a&aws_secret_access_key=s3cret", "region_name=eu-west-1"),
    ],
)
def test_a_url_that_cannot_work_says_what_to_write_and_shows_no_key(
    url: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")  # where a region might stand
    with pytest.raises(ConfigError, match=says) as fault:
        sender_from_url(url)
    assert "s3cret" not in str(fault.value)


def test_the_name_of_a_sender_has_no_key_in_it() -> None:
    assert sender_from_url("esp://postmark?server_token=s3cret").name == "esp:postmark"


def test_every_vendor_is_described_in_the_documents() -> None:
    page = (Path(__file__).parents[3] / "docs" / "mail-services.md").read_text()
    for vendor in VENDORS.values():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{vendor.name}`"))
        for option, names in {**vendor.required, **vendor.optional}.items():
            assert option in row
            assert all(name in row for name in names), (vendor.name, names)


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, env=dict(os.environ)
    )


HIDDEN = "import sys; sys.modules['{}'] = None\nfrom aftercart.delivery.senders import sender_from_url\n"


@pytest.mark.parametrize(
    ("package", "url", "extra"),
    [("anymail", "esp://postmark?server_token=T", "esp"), ("boto3", "esp://ses?region_name=eu-west-1", "ses")],
)
def test_without_the_extra_the_error_names_it(package: str, url: str, extra: str) -> None:
    done = run(HIDDEN.format(package) + f"sender_from_url({url!r})")
    assert f"pip install 'aftercart[{extra}]'" in done.stderr


def test_without_a_mail_service_none_of_its_libraries_is_imported() -> None:
    code = "import aftercart.bootstrap, aftercart.web.app\nfrom aftercart.delivery.senders import sender_from_url\n"
    code += "sender_from_url('console:')\nimport sys; sys.exit('anymail' in sys.modules or 'requests' in sys.modules)"
    assert run(code).returncode == 0


def test_a_django_project_in_the_same_process_keeps_its_settings() -> None:
    code = "from django.conf import settings; settings.configure(TIME_ZONE='Asia/Tokyo', USE_TZ=True)\n"
    code += "from aftercart.delivery.senders import sender_from_url\n"
    code += "sender_from_url('esp://postmark?server_token=T')\nassert settings.TIME_ZONE == 'Asia/Tokyo'"
    done = run(code)
    assert done.returncode == 0, done.stderr
