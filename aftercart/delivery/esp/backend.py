"""Anymail's backend of a vendor, opened outside Django: one for each thread, with a gate in its connection."""

import threading
import warnings
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from aftercart.delivery.esp.vendors import Timeouts, Vendor
from aftercart.delivery.esp.wire import Gate, gated_session
from aftercart.errors import ConfigError, DeliveryError

RENEW_AFTER_S = 15.0
"""Age at which an idle connection is replaced. One that the vendor has closed meanwhile leaves a mail in doubt."""

_once = threading.Lock()


def open_backend(vendor: Vendor, options: Mapping[str, str], timeouts: Timeouts, gate: Gate) -> Any:
    """A backend that is ready to post. Raises ConfigError for options that it does not take."""
    make = import_module(vendor.backend).EmailBackend
    with _once, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Anymail supports SendGrid no longer; our contract tests hold it to its word
        try:
            backend = make(**(_for_boto(options, timeouts) if vendor.is_ses else _for_http(options, timeouts)))
        except (ValueError, TypeError) as err:
            raise ConfigError(f"esp://{vendor.name}: {err}") from err
    if vendor.is_ses:
        _open_boto(backend, gate)
    else:
        backend.session = gated_session(gate)
    return backend


def ready_django() -> None:
    """Give Django, which Anymail is made for, what it needs in a process that has no Django project."""
    from django.conf import settings  # only with the extra

    with _once:
        if not settings.configured:  # else somebody's project runs here, and its settings are none of our business
            settings.configure(USE_TZ=True)


def _for_http(options: Mapping[str, str], timeouts: Timeouts) -> dict[str, Any]:
    return {**options, "timeout": (timeouts.connect, timeouts.answer), "ignore_recipient_status": True}


def _for_boto(options: Mapping[str, str], timeouts: Timeouts) -> dict[str, Any]:
    config = {
        "connect_timeout": timeouts.connect,
        "read_timeout": timeouts.answer,
        "retries": {"total_max_attempts": 1},  # a second attempt might be a second mail
    }
    names = {"region_name": "region_name", "api_url": "endpoint_url"}
    names |= {name: name for name in ("aws_access_key_id", "aws_secret_access_key")}
    client = {names[option]: value for option, value in options.items() if option in names}
    further = {option: value for option, value in options.items() if option not in names}
    return {
        **further,
        "client_params": {**client, "config": config},
        "message_tag_name": "campaign",
        "ignore_recipient_status": True,
    }


@cache
def _boto_session() -> Any:
    """One for all: to read what it knows of Amazon takes a quarter of a second and some megabytes."""
    from boto3.session import Session

    return Session()


def _open_boto(backend: Any, gate: Gate) -> None:
    from botocore.exceptions import BotoCoreError

    try:
        _open_client(backend)
    except (BotoCoreError, ValueError) as err:  # no region, say
        raise ConfigError(f"esp://ses: {err} (write ?region_name=eu-west-1, or set AWS_REGION)") from err
    # Before it connects: where that fails, botocore says so by the class of its error.
    backend.client.meta.events.register("before-send.sesv2", lambda **_: gate.open())


def _open_client(backend: Any) -> None:
    with _once:  # a session may not make two clients at a time
        backend.client = _boto_session().client("sesv2", **backend.client_params)


def try_account(options: Mapping[str, str], timeouts: Timeouts) -> None:
    """Ask Amazon about the account that our keys belong to. Raises DeliveryError."""
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    given = _for_boto(options, timeouts)["client_params"]
    with _once:
        client = _boto_session().client("sesv2", **{**given, "config": Config(**given["config"])})
    try:
        client.get_account()
    except (BotoCoreError, ClientError) as err:
        raise DeliveryError(str(err), permanent=isinstance(err, ClientError)) from err
    finally:
        client.close()
