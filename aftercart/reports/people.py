"""What a person has told us, and what was asked of them: consent with what proves it, confirmations, suppressions."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from aftercart.db.tables import confirmations, consents, feedback, recipients, suppressions
from aftercart.policy.reason import Reason
from aftercart.reports.moment import Moment
from aftercart.reports.told import facts_of, sentence_of

BASES = {
    "double_opt_in": "confirmed from their mailbox (double opt-in)",
    "express": "they said so themselves (express)",
    "soft_opt_in": "a purchase of similar products, with a way to object (soft opt-in)",
    "implied": "a purchase and nothing more (implied)",
    "": "not stated on what it rests",
}
SCOPES = {"brand": "No marketing mail any more", "all": "No mail any more"}
ASKED = {
    "scheduled": "waits to be sent",
    "sending": "is being handed over",
    "sent": "was handed to the mail provider",
    "delivered": "was delivered",
    "bounced": "came back",
    "complained": "was marked as spam",
    "unknown": "broke off while it was handed over; it is not sent again",
    "failed": "could not be sent",
    "skipped": "was not sent",
}


def person_moments(connection: Connection, email: str) -> list[Moment]:
    """All of it, oldest first."""
    parts = (_consents, _questions, _reports, _suppressions)
    return sorted((moment for part in parts for moment in part(connection, email)), key=lambda moment: moment.at)


def _consents(connection: Connection, email: str) -> Iterable[Moment]:
    query = select(consents).join(recipients, recipients.c.id == consents.c.recipient_id)
    for row in connection.execute(query.where(recipients.c.email == email).order_by(consents.c.id)).mappings():
        facts: dict[str, Any] = {name: row[name] for name in ("wording", "ip", "undated")}
        if row["state"] != "denied":
            facts["basis"] = row["basis"]
        if row["expires_at"]:
            facts["expires_at"] = row["expires_at"].isoformat()
        sentence = f"Consent to marketing mail: {row['state']} (from {row['source']})."
        yield Moment(row["at"], "consent", sentence, facts=facts)


def _questions(connection: Connection, email: str) -> Iterable[Moment]:
    query = select(confirmations).join(recipients, recipients.c.id == confirmations.c.recipient_id)
    for row in connection.execute(query.where(recipients.c.email == email).order_by(confirmations.c.id)).mappings():
        sentence = f"The mail that asks them to confirm it {ASKED[row['state']]}."
        facts = {"response": row["response"], "reason": row["reason"]}
        yield Moment(row["sent_at"] or row["created_at"], "confirmation", sentence, reason=row["reason"], facts=facts)


def _reports(connection: Connection, email: str) -> Iterable[Moment]:
    """What was told about the mails that asked; that of other mails is told with their orders."""
    asked = select(feedback).join(confirmations, confirmations.c.id == feedback.c.send_id)
    theirs = asked.join(recipients, recipients.c.id == confirmations.c.recipient_id)
    for row in connection.execute(theirs.where(recipients.c.email == email).order_by(feedback.c.id)).mappings():
        told = {str(name): value for name, value in row.items()}
        about: dict[str, Any] = {"send_id": str(row["send_id"]), "reason": row["kind"], "facts": facts_of(told)}
        yield Moment(row["at"], "feedback", sentence_of(told), **about)


def _suppressions(connection: Connection, email: str) -> Iterable[Moment]:
    query = select(suppressions).where(suppressions.c.email == email).order_by(suppressions.c.id)
    for row in connection.execute(query).mappings():
        what = SCOPES.get(row["scope"], f"No mail about {row['topic']} any more")
        yield Moment(row["at"], "suppression", f"{what}: {row['reason'].replace('_', ' ')} (from {row['source']}).")


def consent_in_words(facts: Any) -> Iterable[str]:
    """What proves a word, a sentence each."""
    if "basis" in facts:
        yield f"It rests on: {BASES.get(facts['basis'], facts['basis'])}."
    yield f"They were asked: “{facts['wording']}”" if facts.get("wording") else ""
    yield f"From the address {facts['ip']}." if facts.get("ip") else ""
    yield "Nobody says when; this is when we heard of it." if facts.get("undated") else ""
    yield f"It ends on {facts['expires_at'][:10]}." if facts.get("expires_at") else ""


def confirmation_in_words(facts: Any) -> Iterable[str]:
    """Why it was not sent, and what the provider said."""
    if facts.get("reason") and facts["reason"] != Reason.SENT:
        yield Reason(facts["reason"]).sentence
    yield f"The provider said: {facts['response']}" if facts.get("response") else ""
