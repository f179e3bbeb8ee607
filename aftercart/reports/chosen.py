"""What a person chose on their preference page, and what they do not want to be offered, as a shop owner reads it."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, select

from aftercart.db.tables import preferences, recipients, refusals

Said = tuple[datetime, str, str]
"""When, the kind of moment, the sentence."""
_WHY = {"less_like_this": "less like this", "have_it": "I have it already"}


def chosen(connection: Connection, email: str) -> Iterator[Said]:
    """All of it, as it stands now."""
    theirs = recipients.c.email == email
    query = select(preferences).join(recipients, recipients.c.id == preferences.c.recipient_id).where(theirs)
    for row in connection.execute(query).mappings():
        parts = [
            f"at most {row['at_most']}" if row["at_most"] else "",
            f"no mail before {row['snoozed_until']:%Y-%m-%d %H:%M} UTC" if row["snoozed_until"] else "",
            f"language {row['locale']}" if row["locale"] else "",
            f"time zone {row['time_zone']}" if row["time_zone"] else "",
        ]
        what = ", ".join(filter(None, parts)) or "nothing of their own"
        yield row["updated_at"], "preference", f"Chosen on the preference page: {what}."
    query = select(refusals).join(recipients, recipients.c.id == refusals.c.recipient_id).where(theirs)
    for row in connection.execute(query).mappings():
        what = "Category" if row["kind"] == "category" else "Product"
        sentence = f"{what} “{row['value']}” is not offered to them any more: “{_WHY.get(row['why'], row['why'])}”."
        yield row["at"], "refusal", sentence
