"""The campaigns and templates that ship with Aftercart, and a folder that works as it stands."""

import secrets
from base64 import b64encode
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from aftercart.errors import ConfigError

_ENV = """\
# Settings of this installation; a variable of the environment wins over a line here. Keep this file to yourself.

# Signs the links in the mails and assigns holdouts. To change it put a new one in front: NEW,OLD
AFTERCART_SECRET_KEY={secret_key}

# Your shop signs its webhooks with this (Standard Webhooks): POST {{BASE_URL}}/webhooks/generic
AFTERCART_GENERIC_SECRET={generic_secret}
# AFTERCART_SHOPIFY_SECRET=       # client secret of your Shopify app:   POST {{BASE_URL}}/webhooks/shopify
# AFTERCART_WOOCOMMERCE_SECRET=   # secret of your WooCommerce webhook:  POST {{BASE_URL}}/webhooks/woocommerce

# Opens the console: {{BASE_URL}}/admin, whatever the name
AFTERCART_ADMIN_PASSWORD={admin_password}

# What goes with a product, for the shop's own pages: GET {{BASE_URL}}/api/recommendations (docs/recommendations-api.md)
# AFTERCART_API_KEYS=       # stands in the pages
# AFTERCART_API_ORIGINS=    # https://www.example.com

# Where mails go. console: prints them; for real mail: smtp+starttls://USER:PASSWORD@smtp.example.com:587
AFTERCART_SENDER_URL=console:

# Where the links in the mails lead: the public address of `aftercart up`
AFTERCART_BASE_URL=http://127.0.0.1:8000
"""


def shipped() -> Path:
    """The folder that holds the shipped `campaigns` and `templates`: inside the wheel, or the source tree."""
    package = Path(str(files("aftercart")))
    in_wheel = package / "shipped"
    return in_wheel if in_wheel.is_dir() else package.parent


def init(directory: Path) -> list[Path]:
    """Write a deployment that works; returns the files.

    Raises ConfigError where one of them exists already, or cannot be written.
    """
    try:
        return _write(directory)
    except OSError as err:
        why = f"{err.strerror[:1].lower()}{err.strerror[1:]}" if err.strerror else str(err)
        raise ConfigError(f"nothing can be written to {directory} ({why}): choose another folder") from err


def _write(directory: Path) -> list[Path]:
    copies = {directory / relative: shipped() / relative for relative in _shipped_files()}
    env = directory / ".env"
    taken = [file for file in (*copies, env) if file.exists()]
    if taken:
        raise ConfigError(f"{taken[0]} exists already, and nothing is overwritten: choose another folder")
    for target, source in copies.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    _write_secretly(env, _new_env())
    return [*copies, env]


def _shipped_files() -> Iterator[Path]:
    root = shipped()
    for folder in ("campaigns", "templates"):
        files_inside = (file for file in sorted((root / folder).rglob("*")) if file.is_file())
        yield from (file.relative_to(root) for file in files_inside if not _is_hidden(file.relative_to(root)))


def _is_hidden(relative: Path) -> bool:
    return any(part.startswith((".", "__")) for part in relative.parts)


def _write_secretly(file: Path, text: str) -> None:
    """Readable by its owner alone from the first byte on."""
    file.touch(mode=0o600)
    file.write_text(text, encoding="utf-8")


def _new_env() -> str:
    password = secrets.token_urlsafe(15)
    return _ENV.format(secret_key=_secret_key(), generic_secret=_webhook_secret(), admin_password=password)


def _secret_key() -> str:
    return secrets.token_urlsafe(32)


def _webhook_secret() -> str:
    """A secret as Standard Webhooks writes it: 24 to 64 random bytes in base64 behind `whsec_`."""
    return f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
