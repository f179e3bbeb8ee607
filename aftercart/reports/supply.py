"""Are there as many codes as mails will want?"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import Connection, func, select

from aftercart.campaigns.schema import Campaign, Step
from aftercart.coupons import store as coupons
from aftercart.coupons.coupon import Pool
from aftercart.db.tables import sends
from aftercart.experiments.key import CONTROL
from aftercart.ledger.states import SendState

AHEAD = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Supply:
    """How a pool stands beside what is asked of it.

    `wanted`: the mails that are planned with a code of it, or those that were planned in the last 30 days, whichever
    are more. `used_by`: the campaigns that are not drafts and hand it out.
    """

    pool: Pool
    wanted: int
    used_by: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether mails wait, end or go without a code because of it."""
        return bool(self.used_by) and not self.pool.left

    @property
    def is_short(self) -> bool:
        """Whether it will not last."""
        return self.pool.left < self.wanted


def supplies(connection: Connection, campaigns: Iterable[Campaign], now: datetime) -> list[Supply]:
    """Every pool that has codes or that a campaign asks for, by name."""
    running = [campaign for campaign in campaigns if campaign.status != "draft"]
    steps = {(c.campaign, step.id): _handed_out(step) for c in running for step in c.steps}
    pools = {pool for handed_out in steps.values() for pool in handed_out}
    users = {pool: tuple(sorted({name for (name, _), of in steps.items() if pool in of})) for pool in pools}
    wanted = _wanted(connection, steps, now)
    known = {pool.name: pool for pool in coupons.pools(connection, now)}
    names = sorted(known.keys() | users.keys())
    return [Supply(known.get(name, Pool(name, 0, 0, 0)), wanted[name], users.get(name, ())) for name in names]


def _handed_out(step: Step) -> dict[str, float]:
    """Pool → the share of the step's mails that carry a code of it; an experiment may use several."""
    found: defaultdict[str, float] = defaultdict(float)
    for arm, share in (step.experiment.shares if step.experiment else {CONTROL: 1.0}).items():
        if rule := step.varied(arm).coupon:
            found[rule.pool] += share
    return found


def _wanted(
    connection: Connection, steps: Mapping[tuple[str, str], Mapping[str, float]], now: datetime
) -> Counter[str]:
    if not any(steps.values()):
        return Counter()
    columns, names = (sends.c.campaign, sends.c.step), {name for (name, _), pools in steps.items() if pools}
    of_campaigns = select(*columns, func.count()).where(sends.c.campaign.in_(names)).group_by(*columns)
    planned, lately = Counter[str](), Counter[str]()
    for counts, condition in (
        (planned, sends.c.state == SendState.SCHEDULED),
        (lately, sends.c.created_at >= now - AHEAD),
    ):
        for campaign, step, number in connection.execute(of_campaigns.where(condition)):
            for pool, share in steps.get((campaign, step), {}).items():
                counts[pool] += ceil(number * share)
    return planned | lately
