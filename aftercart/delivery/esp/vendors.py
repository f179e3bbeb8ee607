"""The mail services that Aftercart can send by: their keys, and what each can do for one mail. Pure.

The names of keys and options are Anymail's, the names in the environment those that the vendor's own tools use.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class Idempotency(StrEnum):
    """Where a vendor takes a key with which it knows a mail again that it was given already."""

    NONE = "none"
    REQUEST_HEADER = "request_header"
    """`Idempotency-Key` on the request (Resend)."""
    MAIL_HEADER = "mail_header"
    """`idempotencyKey` among the headers of the mail, a UUID (Brevo)."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds of silence after which a request is given up. Its mail is in doubt, so the answer has long."""

    connect: float = 10
    answer: float = 90


@dataclass(frozen=True, slots=True)
class Vendor:
    """One mail service."""

    name: str
    """As in `esp://name`; also Anymail's module, but for a few."""
    required: Mapping[str, tuple[str, ...]]
    """Keys that it cannot do without → the environment variables in which they are looked for."""
    optional: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    module: str = ""
    keeps_metadata: bool = True
    """Where not, the send's id goes out as a tag."""
    most_tags: int = 9
    switches_tracking: bool = True
    """Whether its own click and open tracking can be switched off for one mail."""
    sets_itself: frozenset[str] = frozenset()
    """Headers (in lower case) that it refuses to be given, and writes itself."""
    dkim_selectors: tuple[str, ...] = ()
    """The names under which it usually has its keys published; empty where it makes one up for each domain."""
    idempotency: Idempotency = Idempotency.NONE
    known_for: timedelta | None = None
    """How long it surely knows such a key: less than it promises, since what it counts from is a question and ours an
    answer that did not come."""

    @property
    def backend(self) -> str:
        """The module of Anymail's backend."""
        return f"anymail.backends.{self.module or self.name}"

    @property
    def options(self) -> dict[str, tuple[str, ...]]:
        """All that may stand in the URL, with its places in the environment."""
        return {"api_url": (f"{self.name.upper()}_API_URL",), **self.required, **self.optional}

    @property
    def is_ses(self) -> bool:
        """Amazon's is the one without a plain HTTP interface; boto3 speaks to it."""
        return self.name == "ses"


def _key(name: str, option: str = "api_key") -> dict[str, tuple[str, ...]]:
    return {option: (f"{name}_{option.upper()}",)}


_ALL = (
    Vendor(
        "brevo",
        _key("BREVO"),
        dkim_selectors=("brevo1", "brevo2", "mail"),
        switches_tracking=False,
        idempotency=Idempotency.MAIL_HEADER,
        known_for=timedelta(minutes=10),  # 15 by its change log, 30 by its guide
    ),
    Vendor(
        "mailersend",
        {"api_token": ("MAILERSEND_API_TOKEN", "MAILERSEND_API_KEY")},
        keeps_metadata=False,
        dkim_selectors=("mlsend", "mlsend2"),
        most_tags=5,
        sets_itself=frozenset({"message-id"}),
    ),
    Vendor("mailgun", _key("MAILGUN"), {"sender_domain": ("MAILGUN_SENDER_DOMAIN", "MAILGUN_DOMAIN")}),
    Vendor(
        "mailjet",
        {
            "api_key": ("MAILJET_API_KEY", "MJ_APIKEY_PUBLIC"),
            "secret_key": ("MAILJET_SECRET_KEY", "MJ_APIKEY_PRIVATE"),
        },
        most_tags=1,
        dkim_selectors=("mailjet",),
        sets_itself=frozenset({"message-id", "list-id"}),
    ),
    Vendor(
        "mailtrap",
        _key("MAILTRAP", "api_token"),
        {"sandbox_id": ("MAILTRAP_SANDBOX_ID",)},
        most_tags=1,
        switches_tracking=False,
    ),
    Vendor(
        "mandrill",
        {"api_key": ("MANDRILL_API_KEY", "MAILCHIMP_TRANSACTIONAL_API_KEY")},
        dkim_selectors=("mte1", "mte2", "mandrill"),
    ),
    Vendor(
        "postal",
        {**_key("POSTAL"), **_key("POSTAL", "api_url")},
        keeps_metadata=False,
        most_tags=1,
        switches_tracking=False,
    ),
    Vendor(
        "postmark",
        {"server_token": ("POSTMARK_SERVER_TOKEN", "POSTMARK_API_TOKEN")},
        {"message_stream": ("POSTMARK_MESSAGE_STREAM",)},
        most_tags=1,
    ),
    Vendor(
        "resend",
        _key("RESEND"),
        dkim_selectors=("resend",),
        switches_tracking=False,
        idempotency=Idempotency.REQUEST_HEADER,
        known_for=timedelta(hours=23),  # of 24
    ),
    Vendor(
        "scaleway",
        {"secret_key": ("SCALEWAY_SECRET_KEY", "SCW_SECRET_KEY"), "project_id": ("SCW_DEFAULT_PROJECT_ID",)},
        {"region": ("SCW_DEFAULT_REGION",)},
        switches_tracking=False,
    ),
    Vendor("sendgrid", _key("SENDGRID"), dkim_selectors=("s1", "s2")),
    Vendor(
        "ses",
        {},
        {
            "region_name": ("AWS_REGION", "AWS_DEFAULT_REGION"),
            "aws_access_key_id": (),  # boto3 finds these by itself, in the environment as in its other places
            "aws_secret_access_key": (),
            "configuration_set_name": ("SES_CONFIGURATION_SET",),
        },
        module="amazon_ses",
        switches_tracking=False,
    ),
    Vendor("sparkpost", _key("SPARKPOST"), {"subaccount": ("SPARKPOST_SUBACCOUNT",)}, most_tags=1),
    Vendor("unisender_go", {**_key("UNISENDER_GO"), **_key("UNISENDER_GO", "api_url")}),
)

VENDORS: Mapping[str, Vendor] = {vendor.name: vendor for vendor in _ALL}
ALIASES: Mapping[str, str] = {
    "amazon_ses": "ses",
    "amazonses": "ses",
    "sendinblue": "brevo",
    "unisendergo": "unisender_go",
}
"""Other names under which people know them."""


def vendor_called(name: str) -> Vendor | None:
    """The vendor of this name, however its words are joined."""
    plain = name.strip().lower().replace("-", "_")
    return VENDORS.get(ALIASES.get(plain, plain))
