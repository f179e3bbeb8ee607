"""The mail services that Aftercart can send by: their keys, and what each can do for one mail. Pure.

The names of keys and options are Anymail's, the names in the environment those that the vendor's own tools use.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Idempotency(StrEnum):
    """Where a vendor takes a key with which it knows a mail again that it was given already."""

    NONE = "none"
    REQUEST_HEADER = "request_header"
    """`Idempotency-Key` on the request (Resend: 24 hours)."""
    MAIL_HEADER = "mail_header"
    """`idempotencyKey` among the headers of the mail (Brevo: a UUID, 15 minutes)."""


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
    idempotency: Idempotency = Idempotency.NONE

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
    Vendor("brevo", _key("BREVO"), switches_tracking=False, idempotency=Idempotency.MAIL_HEADER),
    Vendor(
        "mailersend",
        {"api_token": ("MAILERSEND_API_TOKEN", "MAILERSEND_API_KEY")},
        keeps_metadata=False,
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
        sets_itself=frozenset({"message-id", "list-id"}),
    ),
    Vendor(
        "mailtrap",
        _key("MAILTRAP", "api_token"),
        {"sandbox_id": ("MAILTRAP_SANDBOX_ID",)},
        most_tags=1,
        switches_tracking=False,
    ),
    Vendor("mandrill", {"api_key": ("MANDRILL_API_KEY", "MAILCHIMP_TRANSACTIONAL_API_KEY")}),
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
    Vendor("resend", _key("RESEND"), switches_tracking=False, idempotency=Idempotency.REQUEST_HEADER),
    Vendor(
        "scaleway",
        {"secret_key": ("SCALEWAY_SECRET_KEY", "SCW_SECRET_KEY"), "project_id": ("SCW_DEFAULT_PROJECT_ID",)},
        {"region": ("SCW_DEFAULT_REGION",)},
        switches_tracking=False,
    ),
    Vendor("sendgrid", _key("SENDGRID")),
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
