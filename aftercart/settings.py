"""Every setting once: its type, its default, its line of documentation.

Read from the environment (prefix `AFTERCART_`) and from a `.env` file in the current folder; the environment wins.
An unknown `AFTERCART_` name or an odd value stops the start and says which.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from aftercart.errors import ConfigError
from aftercart.intake.signing import standard_key

PREFIX = "AFTERCART_"
BROKERS = ("inproc", "redis", "rediss", "amqp", "amqps")
"""What a broker's URL may begin with."""


_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_API_KEY = re.compile(r"[\w-]{16,}", re.ASCII)
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d+)?")


class Settings(BaseSettings):
    """The configuration of one installation. Build it with `read_settings`, which explains faults."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    data_dir: Path = Field(
        default=Path("data"),
        description="Folder for the SQLite files, models and caches, and for the copies of backtests while they run.",
    )
    database_url: str = Field(
        default="", description="sqlite:///FILE or postgresql://USER@HOST/NAME. Empty: SQLite under the data folder."
    )
    broker_url: str = Field(
        default="inproc://", description="inproc:// (one process), redis://HOST:6379/0 or amqp://USER:PASS@HOST//."
    )
    sender_url: str = Field(
        default="console:",
        description="smtp+starttls://USER:PASS@HOST:PORT, smtps://..., smtp://..., esp://NAME, file:DIR or console:. "
        "Several with blanks between them: the next takes over when one is out of order or used up.",
    )
    dkim_key_file: str = Field(default="", description="RSA key in PEM that signs the mails (DKIM). Empty: unsigned.")
    dkim_selector: str = Field(default="", description="Name under which DNS has its public half: NAME._domainkey.")
    secret_key: Annotated[tuple[str, ...], NoDecode] = Field(
        description="Secrets that sign links and assign holdouts, separated by commas, newest first."
    )
    erasure_keys: str = Field(
        default="",
        description="Old secrets, separated by commas, that sign nothing any more: people erased in their time are "
        "found by them.",
    )
    base_url: str = Field(default="http://127.0.0.1:8000", description="Public address of the links in the mails.")
    campaigns_dir: Path = Field(default=Path("campaigns"), description="Folder of brand.yaml and the campaign files.")
    templates_dir: Path = Field(default=Path("templates"), description="Folder of the mail templates.")
    generic_secret: str = Field(default="", description="Standard Webhooks secret (whsec_...) of the generic door.")
    shopify_secret: str = Field(default="", description="Client secret of the Shopify app that sends the webhooks.")
    woocommerce_secret: str = Field(default="", description="Secret typed into WooCommerce's webhook form.")
    esp_webhook_secrets: str = Field(
        default="", description="NAME=SECRET of each mail service that posts to /webhooks/esp/NAME, blanks between."
    )
    webhooks: str = Field(
        default="", description="NAME=URL of each endpoint that is told what happens, blanks between; https only."
    )
    webhook_secrets: str = Field(
        default="", description="NAME=whsec_... of each of them; several with commas between, newest first."
    )
    webhook_events: str = Field(
        default="", description="NAME=mail.sent,link.clicked: all that this endpoint is told. Not named: everything."
    )
    webhook_addresses: str = Field(
        default="", description="NAMEs of those that are told the e-mail address, too, blanks between. Empty: none."
    )
    webhooks_to_loopback: bool = Field(
        default=False, description="Whether an endpoint may be on this very machine, there without https, too."
    )
    analytics_id: str = Field(
        default="", description="Measurement id (G-...) of a Google Analytics stream that hears of mails. Empty: none."
    )
    analytics_secret: str = Field(default="", description="Its secret for the Measurement Protocol.")
    analytics_events: str = Field(
        default="mail.sent,link.clicked,person.unsubscribed", description="What it is told, with commas between."
    )
    analytics_url: str = Field(
        default="https://www.google-analytics.com/mp/collect",
        description="Where. https://region1.google-analytics.com/mp/collect collects within the EU.",
    )
    bounce_address: str = Field(
        default="", description="Where bounces return to, * for the mail's token: bounce-*@shop.example."
    )
    bounce_mailbox: str = Field(
        default="", description="imaps://USER:PASS@HOST/FOLDER in which the bounces arrive. Empty: none is read."
    )
    admin_password: str = Field(
        default="", description="Opens the console under /admin: 12 characters or more. Empty: it is closed."
    )
    api_keys: str = Field(
        default="",
        description="Keys that may ask GET /api/recommendations, blanks between. They stand in the shop's pages, so "
        "they are no secrets. Empty: it is closed.",
    )
    api_origins: str = Field(
        default="", description="Pages that may read its answers, blanks between: https://www.example.com."
    )
    api_secret: str = Field(
        default="", description="The shop's server signs its customers' ids with it, for answers of their own."
    )
    api_per_minute: int = Field(
        default=120, ge=1, description="How many questions a minute it takes from one address, in each web process."
    )
    max_body_bytes: int = Field(default=2_000_000, ge=10_000, description="Largest webhook body; larger ones get 413.")
    workers: int = Field(default=4, ge=1, le=64, description="Threads of the embedded engine that deliver.")
    max_order_age_days: int = Field(default=14, ge=1, description="Older orders are kept, but never start a campaign.")
    archive_after_days: int = Field(
        default=400, ge=100, description="When the particulars of what is over are packed and archived."
    )
    forget_after_days: int = Field(
        default=0, ge=0, description="When archives, and webhooks that failed, are deleted for good. 0: never."
    )
    hold_after_hours: int = Field(
        default=0,
        ge=0,
        description="After such a silence, mail that fell due meanwhile waits for `aftercart resume`. "
        "0: only where nothing vouches for the database.",
    )
    traces_url: str = Field(
        default="", description="OpenTelemetry collector (http://HOST:4318) for traces; needs `[otel]`. Empty: none."
    )
    train_at: str = Field(default="03:30", description="When a new model is trained each night, in UTC. Empty: never.")

    @field_validator("secret_key", mode="before")
    @classmethod
    def _split_keys(cls, value: Any) -> Any:
        return tuple(_parts(value)) if isinstance(value, str) else value

    @field_validator("secret_key")
    @classmethod
    def _strong_keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or min(map(len, value)) < 32:
            raise ValueError("needs at least one secret of 32 characters or more (`aftercart init` writes one)")
        return value

    @field_validator("admin_password")
    @classmethod
    def _long_password(cls, value: str) -> str:
        if 0 < len(value) < 12:
            raise ValueError("needs 12 characters or more, or none at all, which closes the console")
        return value

    @field_validator("api_keys")
    @classmethod
    def _long_keys(cls, value: str) -> str:
        if not all(_API_KEY.fullmatch(key) for key in value.split()):
            raise ValueError("each key needs 16 characters or more: letters, digits, - and _")
        return value

    @field_validator("api_origins")
    @classmethod
    def _origins(cls, value: str) -> str:
        if not all(_ORIGIN.fullmatch(origin) and _has_readable_port(origin) for origin in value.split()):
            raise ValueError("write each as https://www.example.com, as browsers do: small letters, and no path")
        return value

    @field_validator("api_secret")
    @classmethod
    def _strong_api_secret(cls, value: str) -> str:
        if value and min(map(len, _parts(value)), default=0) < 32:
            raise ValueError("needs 32 characters or more")
        return value

    @field_validator("base_url")
    @classmethod
    def _plain_base(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with https:// (or http:// on your own machine)")
        if any(character.isspace() for character in value):
            raise ValueError("must have no blank in it")
        parts = urlsplit(value)
        if "@" in parts.netloc:
            raise ValueError("must have no user and password in it: it stands in every mail")
        if parts.query or parts.fragment:
            raise ValueError("ends before ? and #: the paths of the links are appended to it")
        if not _has_server(value):
            raise ValueError("needs a host, as in https://mail.example.com")
        return value.rstrip("/")

    @field_validator("broker_url")
    @classmethod
    def _known_broker(cls, value: str) -> str:
        scheme, colon, _ = value.partition("://")
        if scheme not in BROKERS or not colon or not _has_readable_port(value):
            raise ValueError("write it as inproc:// (one process), redis://HOST:6379/0 or amqp://USER:PASS@HOST//")
        return value

    @field_validator("traces_url")
    @classmethod
    def _collector(cls, value: str) -> str:
        if value and not (value.startswith(("http://", "https://")) and _has_server(value)):
            raise ValueError("write it as http://HOST:4318, or leave it empty")
        return value

    @field_validator("train_at")
    @classmethod
    def _time_of_day(cls, value: str) -> str:
        if value and not _TIME.fullmatch(value):
            raise ValueError("write it as 03:30, or leave it empty")
        return value

    @field_validator("generic_secret")
    @classmethod
    def _standard_secret(cls, value: str) -> str:
        if not all(map(_is_standard_secret, _parts(value))):
            raise ValueError(
                "a Standard Webhooks secret is whsec_ and 24 to 64 random bytes in base64 (`aftercart init` writes one)"
            )
        return value

    @property
    def address_keys(self) -> tuple[str, ...]:
        """By which the hashes of erased addresses are made and found, newest first."""
        return (*self.secret_key, *_parts(self.erasure_keys))

    @property
    def api_secrets(self) -> tuple[str, ...]:
        """By which the ids of customers are signed; several while one takes another's place."""
        return tuple(_parts(self.api_secret))

    @property
    def database(self) -> str:
        """The URL of the main database."""
        return self.database_url or f"sqlite:///{self.data_dir / 'aftercart.db'}"

    @property
    def inbox(self) -> str:
        """The URL of the inbox: a file of its own on SQLite, the main database elsewhere."""
        if self.database.startswith("sqlite"):
            return f"sqlite:///{self.data_dir / 'inbox.db'}"
        return self.database

    def as_environment(self) -> dict[str, str]:
        """The variables that give a child process these settings."""
        values = self.model_dump() | {"secret_key": ",".join(self.secret_key)}
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items()}

    @property
    def models_dir(self) -> Path:
        return self.data_dir / "models"

    @property
    def cache_dir(self) -> Path:
        return self.data_dir / "cache"


def environment() -> dict[str, str]:
    """The environment, and below it `.env`: there the keys of mail services stand under their vendors' names."""
    return {name: value for name, value in _env_file_names(Path(".env")).items() if value} | dict(os.environ)


def _parts(value: str) -> list[str]:
    """What stands between commas, without blanks; empty parts are none."""
    return [part.strip() for part in value.split(",") if part.strip()]


def _has_server(url: str) -> bool:
    return bool(urlsplit(url).hostname) and _has_readable_port(url)


def _has_readable_port(url: str) -> bool:
    try:
        urlsplit(url).port  # noqa: B018  # it is read here, and not before
    except ValueError:
        return False
    return True


def _is_standard_secret(secret: str) -> bool:
    try:
        return 24 <= len(standard_key(secret)) <= 64
    except ValueError:
        return False


def read_settings(**overrides: Any) -> Settings:
    """The settings of this process. Raises ConfigError that names the variable and what is wrong with it."""
    _refuse_unknown(os.environ, "the environment")
    _refuse_unknown(_env_file_names(Path(".env")), ".env")
    try:
        return Settings(**overrides)
    except ValidationError as err:
        faults = [f"{PREFIX}{str(fault['loc'][0]).upper()}: {_in_words(fault)}" for fault in err.errors()]
        raise ConfigError("; ".join(faults)) from err


def _in_words(fault: Mapping[str, Any]) -> str:
    """What is wrong, and what to write. Only of numbers and of yes or no is the value shown: others may be secrets."""
    given, limits = fault["input"], fault.get("ctx", {})
    match fault["type"]:
        case "missing":
            return "is not set (`aftercart init DIR` writes a working .env)"
        case "int_parsing" | "int_from_float" | "int_type" | "int_parsing_size":
            default = Settings.model_fields[fault["loc"][0]].default
            return f"{given!r} is no whole number: write one, such as {default}, or take the setting out"
        case "greater_than_equal":
            return f"{given} is too little: write {limits['ge']} or more"
        case "less_than_equal":
            return f"{given} is too much: write {limits['le']} or less"
        case "bool_parsing" | "bool_type":
            return f"{given!r} is neither true nor false: write true or false"
        case _:
            return str(fault["msg"]).removeprefix("Value error, ")


def _refuse_unknown(names: Mapping[str, Any], where: str) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in names:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise ConfigError(f"{name} in {where}: there is no such setting (known: {', '.join(sorted(known))})")


def _env_file_names(file: Path) -> Mapping[str, Any]:
    return dotenv_values(file, encoding="utf-8", interpolate=False) if file.is_file() else {}
