"""Why something went, waits or did not go: the vocabulary of every decision."""

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """Why something went, waits or did not go: the one vocabulary of decisions, sends, reports and pages."""

    _sentence: str

    def __new__(cls, value: str, sentence: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member._sentence = sentence
        return member

    @property
    def sentence(self) -> str:
        """The reason as a shop owner says it."""
        return self._sentence

    # entering a campaign
    ENROLLED = "enrolled", "The order entered the campaign."
    IMPORTED = "imported", "The order was imported for learning; imported orders never send mail."
    ORDER_NOT_COMPLETED = "order_not_completed", "The order is not paid or not completed yet."
    TEST_ORDER = "test_order", "The order was only a test of the shop's checkout (Shopify marks it so)."
    ORDER_TOO_OLD = "order_too_old", "The order was placed or paid too long ago to start a campaign."
    ORDER_IN_FUTURE = "order_in_future", "The order carries a date in the future, which cannot be right."
    NO_EMAIL = "no_email", "The order has no e-mail address that mail can be sent to."
    NOT_IN_AUDIENCE = "not_in_audience", "The order is not one that the campaign's audience asks for."

    # the order or the campaign changed
    ORDER_CANCELED = "order_canceled", "The order was canceled."
    ORDER_REFUNDED = "order_refunded", "The order was refunded in full."
    ITEMS_RETURNED = (
        "items_returned",
        "Nothing is left that this mail could be about: it was all sent back, or the order names no products.",
    )
    NOT_DELIVERED = "not_delivered", "The order has not arrived yet, as far as the shop tells."
    CAME_BACK = "came_back", "Something of the order was refunded or sent back, and nobody is asked for a review then."
    ASKED_BEFORE = (
        "asked_before",
        "The person was asked for a review of all that they bought, and nobody is asked twice.",
    )
    BOUGHT_SINCE = "bought_since", "The person has bought again meanwhile, and the mail is for those who have not."
    CAMPAIGN_PAUSED = "campaign_paused", "The campaign is paused."
    CAMPAIGN_MISSING = "campaign_missing", "The campaign's file is not there, so its mails wait for it."
    CAMPAIGN_INACTIVE = "campaign_inactive", "The campaign is a draft, or this mail was taken out of it."
    GUARD = (
        "guard",
        "The campaign, its variant, or all mail has paused itself because too many people complained or left; "
        "`aftercart resume` lets it go on.",
    )
    CASE_OPEN = "case_open", "The shop is settling a support case about the order; its mails wait until it is closed."
    PAUSED = "paused", "All sending is switched off for now (`paused` in the brand file)."

    # time
    EXPIRED = "expired", "It could not go out while it was still worth sending."

    # permission
    NO_CONSENT = "no_consent", "The person has not agreed to marketing mail."
    UNSUBSCRIBED = "unsubscribed", "The person has unsubscribed."
    SUPPRESSED = "suppressed", "The address must not be mailed (it bounced, complained, or was put on the list)."
    ERASED = "erased", "The person asked to be forgotten."
    HOLDOUT = "holdout", "The person belongs to the group that gets nothing, to measure what the mails really earn."

    # content
    NO_PICKS = "no_picks", "Too few products were left to recommend."
    NO_COUPON = "no_coupon", "No code is left in the coupon pool; `aftercart import coupons` brings some."
    TEMPLATE_ERROR = "template_error", "The template could not be filled in; `aftercart check` says where."

    # waiting
    DAY_OFF = (
        "day_off",
        "No mail goes out on this day: the weekday, the date or a public holiday where the person lives.",
    )
    QUIET_HOURS = "quiet_hours", "It is too early or too late in the day where the person lives."
    SNOOZED = "snoozed", "The person asked for a break from our mails."
    FREQUENCY_CAP = "frequency_cap", "The person has had as many mails lately as the caps allow."
    OUTRANKED = "outranked", "A more important mail to the same person needs the slot."
    REPLACED = "replaced", "A more important mail to the same person took the slot, and its campaign says `replace`."
    STEP_DROPPED = (
        "step_dropped",
        "An earlier mail of the campaign was dropped by the frequency caps, and then the campaign ends (`on_drop`).",
    )

    # handing over
    ALLOWED = "allowed", "Nothing spoke against the mail; it was prepared and claimed for sending."
    SENT = "sent", "The mail was handed to the mail provider."
    PROVIDER_DEFERRED = "provider_deferred", "The mail could not be handed over yet; it is tried again."
    PROVIDER_THROTTLED = (
        "provider_throttled",
        "The mail provider has been given as much as it may be given for now; the mail waits for its turn.",
    )
    PROVIDER_DOWN = "provider_down", "The mail provider is out of order; the mail waits and nothing was tried with it."
    PROVIDER_REJECTED = "provider_rejected", "The mail provider does not take this mail."
    HARD_BOUNCE = "hard_bounce", "The address does not exist."
    DELIVERED = "delivered", "The recipient's mail server has the mail."
    BOUNCED = "bounced", "The mail came back; the address may be fine."
    COMPLAINED = "complained", "The reader marked the mail as spam."
    GAVE_UP = "gave_up", "The mail could not be handed over while it was still worth sending."
    UNKNOWN_OUTCOME = (
        "unknown_outcome",
        "The connection broke while the mail was handed over, so nobody knows whether it went; it is not sent again.",
    )

    # said by hand
    REPLANNED = "replanned", "Somebody asked for another try of this failed mail; everything is decided anew."
    EDITED = "edited", "The campaign was edited, and its planned mails follow the edit (`aftercart apply`)."
    SETTLED_SENT = "settled_sent", "Nobody knew whether the mail had gone; it has, as was found out."
    SETTLED_NOT_SENT = (
        "settled_not_sent",
        "Nobody knew whether the mail had gone; it has not, as was found out. `aftercart retry` can plan it anew.",
    )
    MAY_HAVE_BEEN_SENT = (
        "may_have_been_sent",
        "The database was set back or copied; the mail may have gone before, so it is not sent from here.",
    )
    LEFT_UNKNOWN = (
        "left_unknown",
        "Somebody looked into it; whether the mail went cannot be known. It is not sent again.",
    )


ASKED_AGAIN = frozenset(
    {
        Reason.PAUSED,
        Reason.GUARD,
        Reason.CASE_OPEN,
        Reason.CAMPAIGN_PAUSED,
        Reason.CAMPAIGN_MISSING,
        Reason.NO_COUPON,
        Reason.TEMPLATE_ERROR,
        Reason.ORDER_NOT_COMPLETED,
        Reason.NOT_DELIVERED,
    }
)
"""Reasons that end when a person acts. Such mails ask again every few minutes, which is no new decision each time."""
SAID_ONCE = ASKED_AGAIN | {Reason.OUTRANKED}
"""Reasons that go on the record once, however often a mail asks again meanwhile."""
DROPPED = frozenset({Reason.FREQUENCY_CAP, Reason.REPLACED})
"""Reasons for which the caps end a mail; `on_drop` says what becomes of those after it."""
CANCELING = frozenset(
    {
        Reason.TEST_ORDER,
        Reason.ORDER_CANCELED,
        Reason.ORDER_REFUNDED,
        Reason.ITEMS_RETURNED,
        Reason.CAME_BACK,
        Reason.BOUGHT_SINCE,
        Reason.CAMPAIGN_INACTIVE,
        Reason.STEP_DROPPED,
        Reason.ERASED,
    }
)
"""Reasons that take back the plan itself: the send ends as `canceled`, after all others as `skipped`."""
