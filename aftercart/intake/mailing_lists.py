"""What other mail services export of their lists → our words. Pure; a value that cannot be used raises
UnprocessableError.

Klaviyo: the suppressed profiles as CSV (reasons as in its API: HARD_BOUNCE, UNSUBSCRIBE ...), and profiles with their
`Email Marketing Consent`. Mailchimp: the audience export, a zip with one CSV for each of subscribed, unsubscribed and
cleaned; its times are UTC. Our own: `email` and what else is known.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum

from aftercart.consent.statement import Basis, ConsentState, ConsentStatement
from aftercart.errors import UnprocessableError
from aftercart.intake.changes import Buyer
from aftercart.intake.clean import WORDING_LENGTH, clean_email, clean_ip, clean_text
from aftercart.intake.reader import NO, YES, instant_in
from aftercart.intake.table_file import Columns

Values = tuple[str, ...]


class Service(StrEnum):
    """Whose export it is."""

    OWN = "own"
    KLAVIYO = "klaviyo"
    MAILCHIMP = "mailchimp"


@dataclass(frozen=True, slots=True)
class Listed:
    """An address that must not be mailed. `reason`: a word of ours (unsubscribed, hard_bounce, complaint, imported).

    `at` None: the file does not say since when. `topic`: only mail about it, where there is one.
    """

    email: str
    reason: str
    at: datetime | None = None
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file: its columns, and how a row of it is read. `box`: the column that says whether a row is meant,
    where a file need not have it; without it the file lists those who are."""

    columns: Columns
    listed: Callable[[Values, tzinfo], Listed] | None = None
    agreed: Callable[[Values, tzinfo], Buyer | None] | None = None
    box: str = ""

    def is_left_empty(self, values: Values, present: Collection[str]) -> bool:
        """Whether a row says neither yes nor no, in a file (of the columns `present`) where others do."""
        return self.box in present and not values[self.columns.all.index(self.box)].strip(" []")


KLAVIYO_REASONS = {
    "hard_bounce": "hard_bounce",
    "hard_bounced": "hard_bounce",
    "invalid_email": "hard_bounce",
    "bounced": "hard_bounce",
    "spam_complaint": "complaint",
    "marked_as_spam": "complaint",
    "unsubscribe": "unsubscribed",
    "unsubscribed": "unsubscribed",
    "user_suppressed": "imported",
    "manually_suppressed": "imported",
}
"""Theirs → ours; other words: imported."""
_WEIGHTIEST = ("complaint", "hard_bounce", "unsubscribed")
"""Of several reasons the first of these holds: it stops most, or says most."""
OWN_REASONS = frozenset({"unsubscribed", "hard_bounce", "complaint", "manual", "imported"})
KLAVIYO_STATES = {"subscribed": ConsentState.GRANTED, "unsubscribed": ConsentState.DENIED}
"""Their `Email Marketing Consent`; NEVER_SUBSCRIBED and other words say nothing."""


# ---------------------------------------------------------------- rows


def _own_listed(values: Values, zone: tzinfo) -> Listed:
    email, reason, at, topic = values
    word = reason.strip().lower() or "imported"
    if word not in OWN_REASONS:
        raise UnprocessableError("reason", f'"{clean_text(reason, 60)}" is none of {", ".join(sorted(OWN_REASONS))}')
    return Listed(_email(email), word, instant_in("at", at, zone), clean_text(topic, 100))


def _klaviyo_listed(values: Values, zone: tzinfo) -> Listed:
    """A profile may be suppressed for several reasons: `['UNSUBSCRIBE', 'HARD_BOUNCE']`."""
    email, reason, at, suppressions = values
    text = re.sub(r"[\s-]+", "_", (reason.strip() or suppressions).lower())
    ours = {KLAVIYO_REASONS.get(word) for word in re.findall(r"[a-z]+(?:_[a-z]+)*", text)}
    chosen = next((word for word in _WEIGHTIEST if word in ours), "imported")
    return Listed(_email(email), chosen, instant_in("at", at, zone))


def _mailchimp_left(values: Values, zone: tzinfo) -> Listed:
    email, at, why = values
    complained = "spam" in why.lower() or "abuse" in why.lower()
    return Listed(_email(email), "complaint" if complained else "unsubscribed", instant_in("UNSUB_TIME", at, zone))


def _mailchimp_cleaned(values: Values, zone: tzinfo) -> Listed:
    email, at = values
    return Listed(_email(email), "hard_bounce", instant_in("CLEAN_TIME", at, zone))


def _own_agreed(values: Values, zone: tzinfo) -> Buyer | None:
    email, said, at, basis, wording, ip, source, expires_at = values
    word = said.strip().lower() or "yes"
    if word not in YES | NO:
        raise UnprocessableError("accepts_marketing", f'"{clean_text(said, 60)}" is neither yes nor no')
    state = ConsentState.GRANTED if word in YES else ConsentState.DENIED
    statement = ConsentStatement(
        state,
        f"import:{clean_text(source, 100)}" if source.strip() else "import",
        instant_in("consent_at", at, zone),
        basis_of(basis) if state is ConsentState.GRANTED else Basis.UNSTATED,
        clean_text(wording, WORDING_LENGTH),
        clean_ip(ip),
        instant_in("consent_expires_at", expires_at, zone),
    )
    return Buyer(email=_email(email), consent=statement)


def _klaviyo_agreed(values: Values, zone: tzinfo) -> Buyer | None:
    """Who agreed and is suppressed there for all that (the address bounced, say) says nothing here."""
    email, word, at, first_name, suppressions = values
    state = KLAVIYO_STATES.get(word.strip().lower())
    if state is None or (state is ConsentState.GRANTED and suppressions.strip(" []")):
        return None
    said = ConsentStatement(state, "klaviyo", instant_in("Email Marketing Consent Timestamp", at, zone))
    return Buyer(email=_email(email), first_name=clean_text(first_name, 100), consent=said)


def _mailchimp_agreed(values: Values, zone: tzinfo) -> Buyer | None:
    """Their confirm time is also set where nobody confirmed (an import, a single opt-in): then it proves nothing."""
    email, opted_in, opted_in_from, confirmed, confirmed_from, first_name = values
    asked_at, asked_from = instant_in("OPTIN_TIME", opted_in, zone), clean_ip(opted_in_from)
    at, from_ = instant_in("CONFIRM_TIME", confirmed, zone), clean_ip(confirmed_from)
    if asked_at and at and from_ and at > asked_at:
        said = ConsentStatement(ConsentState.GRANTED, "mailchimp", at, Basis.DOUBLE_OPT_IN, ip=from_)
    elif asked_at and asked_from:
        said = ConsentStatement(ConsentState.GRANTED, "mailchimp", asked_at, Basis.EXPRESS, ip=asked_from)
    else:
        said = ConsentStatement(ConsentState.GRANTED, "mailchimp", asked_at or at)
    return Buyer(email=_email(email), first_name=clean_text(first_name, 100), consent=said)


# ---------------------------------------------------------------- kinds of files

_EMAIL = {"email": ("email address", "e-mail", "$email", "email_address")}
OWN_LISTED = Kind(
    Columns(("email",), ("reason", "at", "topic"), {**_EMAIL, "at": ("suppressed_at", "date")}), listed=_own_listed
)
OWN_AGREED = Kind(
    Columns(
        ("email",),
        (
            "accepts_marketing", "consent_at", "consent_basis", "consent_wording", "consent_ip", "consent_source",
            "consent_expires_at",
        ),
        {**_EMAIL, "consent_at": ("subscribed_at", "opt_in_at", "opted_in_at")},
    ),
    agreed=_own_agreed,
    box="accepts_marketing",
)  # fmt: skip
KLAVIYO_LISTED = Kind(
    Columns(
        ("email",),
        ("reason", "at", "suppressions"),
        {
            **_EMAIL,
            "suppressions": ("email suppressions",),
            "reason": ("suppression reason", "email suppression reason"),
            "at": ("timestamp", "suppressed at", "suppression timestamp", "date suppressed", "date", "created"),
        },
    ),
    listed=_klaviyo_listed,
    box="suppressions",
)
KLAVIYO_AGREED = Kind(
    Columns(
        ("email", "state"),
        ("at", "first_name", "suppressions"),
        {
            **_EMAIL,
            "suppressions": ("email suppressions", "email suppression reason", "suppression reason"),
            "state": ("email marketing consent", "email consent", "state"),
            "at": ("email marketing consent timestamp", "email consent timestamp", "consent timestamp"),
            "first_name": ("first name",),
        },
    ),
    agreed=_klaviyo_agreed,
)
_MAILCHIMP_EMAIL = {"email": ("email address", "email")}
"""A field that the shop added may be called Email, too, and hold another address."""
MAILCHIMP: Mapping[str, Kind] = {
    "unsubscribed": Kind(
        Columns(
            ("email", "at"),
            ("why",),
            {**_MAILCHIMP_EMAIL, "at": ("unsub_time",), "why": ("unsub_reason",)},
        ),
        listed=_mailchimp_left,
    ),
    "cleaned": Kind(
        Columns(("email", "at"), (), {**_MAILCHIMP_EMAIL, "at": ("clean_time",)}), listed=_mailchimp_cleaned
    ),
    "subscribed": Kind(
        Columns(
            ("email", "optin_time"),
            ("optin_ip", "confirm_time", "confirm_ip", "first_name"),
            {**_MAILCHIMP_EMAIL, "first_name": ("first name",)},
        ),
        agreed=_mailchimp_agreed,
    ),
}
"""By how the name of the file begins; the non-subscribed say nothing. Those who must not be mailed stand first."""


def mailchimp_kind(name: str) -> Kind | None:
    """What a CSV of the audience export holds, by its name (`unsubscribed_email_audience_export_1f2e.csv`)."""
    return next((kind for beginning, kind in MAILCHIMP.items() if name.lower().startswith(beginning)), None)


def basis_of(word: str) -> Basis:
    """A basis as it is written in a file. Raises UnprocessableError: another word might pass for a stronger one."""
    text = word.strip().lower()
    if text not in frozenset(Basis):
        known = ", ".join(filter(None, Basis))
        raise UnprocessableError("consent_basis", f'"{clean_text(word, 60)}" is none of {known}')
    return Basis(text)


def _email(text: str) -> str:
    email = clean_email(text)
    if email is None:
        shown = clean_text(text, 60)
        raise UnprocessableError("email", f'"{shown}" is no address' if shown else "is missing")
    return email
