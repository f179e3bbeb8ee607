"""What others can be told of. The words are a promise (docs/outgoing-webhooks.md): receivers compare with them."""

from enum import StrEnum


class Happening(StrEnum):
    MAIL_SENT = "mail.sent"
    """A provider has taken it."""
    MAIL_DELIVERED = "mail.delivered"
    """Its provider reports that the recipient's server has it; those that report nothing leave it at sent."""
    LINK_CLICKED = "link.clicked"
    """By a person, as far as can be told; never by a machine."""
    PERSON_UNSUBSCRIBED = "person.unsubscribed"
    ORDER_CREDITED = "order.credited"
    """A later order is to a mail's credit, by the rule of docs/reports.md."""


EVERY = tuple(Happening)
