"""`aftercart suppress` and `unsuppress`: whom not to mail, on a person's word.

Exit codes: 0 done, 1 it may not be lifted or there was nothing, 2 wrong usage.
"""

import sys
from typing import Annotated

import typer

from aftercart.cli.address import EmailArgument, normalized
from aftercart.cli.known import known_topic
from aftercart.policy.suppression import SuppressionReason

TopicOption = Annotated[str, typer.Option(help="Only marketing mail of this topic.")]
SAID = (SuppressionReason.MANUAL, SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINT)
WHY_NOT = {
    SuppressionReason.HARD_BOUNCE: "their mail server said that there is no such address",
    SuppressionReason.SOFT_BOUNCES: "five mails in a row came back",
    SuppressionReason.COMPLAINT: "they marked a mail as spam; to write again would be asking for the next complaint",
    SuppressionReason.ERASED: "they asked to be forgotten, which is for good",
}


def suppress(
    email: EmailArgument,
    reason: Annotated[SuppressionReason, typer.Option(help="manual, unsubscribed or complaint.")] = SAID[0],
    topic: TopicOption = "",
    marketing: Annotated[
        bool, typer.Option("--marketing", help="Only marketing mail; receipts and the like still go.")
    ] = False,
) -> None:
    """Mail an address no more: nothing at all, or only no marketing, or none of a topic."""
    from aftercart.cli.open import address_hashes, open_database
    from aftercart.clock import utc_now
    from aftercart.pipeline.recipients.listed import Listing, keep_listed
    from aftercart.policy.suppression import SuppressionScope

    if reason not in SAID:
        raise typer.BadParameter(f"{reason} is found out by the engine itself; say one of {', '.join(SAID)}")
    address = normalized(email)
    if topic:
        known_topic(topic)
        scope = SuppressionScope.TOPIC
    else:
        left = marketing or reason is SuppressionReason.UNSUBSCRIBED  # who leaves a newsletter still gets receipts
        scope = SuppressionScope.BRAND if left else SuppressionScope.ALL
    with open_database() as database, database.write() as connection:
        listing = Listing(address, scope, reason, topic=topic)
        keep_listed(connection, [listing], utc_now(), address_hashes(), "operator")
    print(f"{address} gets {_what(scope, topic)} any more ({reason}).")


def unsuppress(email: EmailArgument, topic: TopicOption = "") -> None:
    """Let an address be mailed again, where that is for a person to say. It gives nobody's consent."""
    from aftercart.cli.open import address_hashes, open_database
    from aftercart.policy import store

    address = normalized(email)
    with open_database() as database, database.write() as connection:
        found = store.suppressions_of(connection, [address], address_hashes()).get(address, ())
        chosen = [entry for entry in found if not topic or entry.topic == topic]
        for entry in chosen:
            if entry.reason.may_be_lifted:
                store.lift(connection, address, entry.scope, entry.topic, (entry.reason,))
    if not chosen:
        print(f"{address} is not on the list{f' for the topic {topic}' if topic else ''}.", file=sys.stderr)
        raise typer.Exit(1)
    stays = [entry for entry in chosen if not entry.reason.may_be_lifted]
    for entry in chosen:
        if entry not in stays:
            print(f"Lifted: {_what(entry.scope, entry.topic)} any more ({entry.reason}).")
    for entry in stays:
        print(f"Stays: {_what(entry.scope, entry.topic)} any more, because {WHY_NOT[entry.reason]}.", file=sys.stderr)
    if stays:
        raise typer.Exit(1)


def _what(scope: str, topic: str) -> str:
    return {"topic": f"no mail about {topic}", "brand": "no marketing mail"}.get(scope, "no mail at all")
