"""From `esp://name?option=value&...` to the sender of that mail service."""

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

from aftercart.delivery.base import Message, Sender
from aftercart.delivery.esp.vendors import VENDORS, Timeouts, Vendor, vendor_called
from aftercart.delivery.mime import to_bytes
from aftercart.errors import ConfigError, MissingExtraError

EXAMPLE = "esp://postmark?server_token=..."


def esp_from_url(
    url: str,
    environment: Mapping[str, str],
    *,
    timeouts: Timeouts | None = None,
    encode: Callable[[Message], bytes] = to_bytes,
) -> Sender:
    """The sender that a URL names. What it leaves out is looked for in the environment.

    Raises ConfigError, which never shows a key, and MissingExtraError.
    """
    vendor, options = read_url(url, environment)
    try:
        from aftercart.delivery.esp.log import LOGS  # the extra may be missing
        from aftercart.delivery.esp.sender import AskableSender, EspSender

        kind = AskableSender if vendor.name in LOGS else EspSender
        return kind(vendor, options, timeouts=timeouts, encode=encode)
    except ImportError as err:
        raise MissingExtraError("ses" if vendor.is_ses else "esp", f"esp://{vendor.name}") from err


def vendor_of(url: str) -> Vendor | None:
    """The mail service that a sender's URL names; None where it names none."""
    parts = urlsplit(url)
    return vendor_called(parts.hostname or parts.path.strip("/")) if parts.scheme == "esp" else None


def read_url(url: str, environment: Mapping[str, str]) -> tuple[Vendor, dict[str, str]]:
    """The vendor and its options. Raises ConfigError."""
    parts = urlsplit(url)
    vendor = vendor_called(parts.hostname or parts.path.strip("/"))
    if vendor is None:
        raise ConfigError(f"esp: names no mail service that Aftercart knows; known are {', '.join(sorted(VENDORS))}")
    if "@" in parts.netloc or (parts.hostname and parts.path.strip("/")):
        raise ConfigError(f"esp://{vendor.name}: keys stand behind a ?, as in {EXAMPLE}")
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(given.keys() - vendor.options.keys()):
        raise ConfigError(
            f"esp://{vendor.name}: takes no {', '.join(unknown)}; it takes {', '.join(sorted(vendor.options))}"
        )
    found = {option: given.get(option) or _first(environment, names) for option, names in vendor.options.items()}
    for option, names in vendor.required.items():
        if not found[option]:
            where = f"?{option}=... in the URL" + (f", or {' or '.join(names)} in the environment" if names else "")
            raise ConfigError(f"esp://{vendor.name}: needs {option}: {where}")
    return vendor, {option: value for option, value in found.items() if value}


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")
