"""When the mails of a campaign may go out: what its file says, and the brand file where that says nothing."""

from aftercart.campaigns.brand import Brand
from aftercart.campaigns.limits import Limits
from aftercart.policy.days import EVERY_DAY
from aftercart.policy.send_times import SendTimes


def send_times(limits: Limits | None, brand: Brand) -> SendTimes:
    """Quiet hours, weekdays and holidays of the campaign take the place of the brand's; dates are added to them."""
    own = limits or Limits()
    return SendTimes(
        quiet_hours=(brand.quiet_hours if own.quiet_hours is None else own.quiet_hours) or (),
        send_on=own.send_on or brand.send_on or EVERY_DAY,
        not_on=own.not_on | brand.not_on,
        not_on_holidays=brand.not_on_holidays if own.not_on_holidays is None else own.not_on_holidays,
    )
