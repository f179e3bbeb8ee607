"""What the guard looks at, and what it has paused."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, func, or_, select, true, update

from aftercart.db.chunks import CHUNK, chunks
from aftercart.db.tables import clicks, decisions, orders, recipients, sends
from aftercart.db.tables import pauses as pauses_table
from aftercart.policy.guard import PauseScope, Toll

REACHED = ("sent", "delivered", "complained")
"""States of mails that somebody may have read."""


@dataclass(frozen=True, slots=True)
class Pause:
    """What has paused itself: a campaign by its `name`, an arm of an experiment (`campaign/step/experiment@1/arm`), or
    (empty) the brand. `figures`: what it rests on."""

    scope: PauseScope
    name: str
    because: str
    at: datetime
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> tuple[PauseScope, str]:
        return self.scope, self.name

    @property
    def way_out(self) -> str:
        """What a person types to end it."""
        return f"`aftercart resume {self.name or '--brand'}` lets it go on"

    def __str__(self) -> str:
        match self.scope:
            case PauseScope.CAMPAIGN:
                what = f"the campaign {self.name} has"
            case PauseScope.VARIANT:
                what = f"the variant {self.name} has"
            case PauseScope.BRAND:
                what = "all mail has"
        return f"{what} paused itself: {self.because}"


def pauses(connection: Connection) -> list[Pause]:
    """What is paused now."""
    names = ("scope", "name", "because", "at", "figures")
    query = select(*(pauses_table.c[name] for name in names)).where(pauses_table.c.lifted_at.is_(None))
    rows = connection.execute(query.order_by(pauses_table.c.id))
    return [Pause(PauseScope(scope), *rest) for scope, *rest in rows]


def keep_pauses(connection: Connection, new: Sequence[Pause]) -> None:
    """Pause these."""
    if new:
        connection.execute(pauses_table.insert(), [{**asdict(pause), "lifted_by": ""} for pause in new])


def lift_pause(connection: Connection, scope: PauseScope, name: str, *, by: str, now: datetime) -> None:
    """End a pause, on somebody's word."""
    mine = (pauses_table.c.scope == scope, pauses_table.c.name == name, pauses_table.c.lifted_at.is_(None))
    connection.execute(update(pauses_table).where(*mine).values(lifted_at=now, lifted_by=by))


def lifted_since(connection: Connection, since: datetime) -> dict[tuple[PauseScope, str], datetime]:
    """When pauses were last ended, of those that were since an instant."""
    last = func.max(pauses_table.c.lifted_at)
    query = select(pauses_table.c.scope, pauses_table.c.name, last).where(pauses_table.c.lifted_at > since)
    rows = connection.execute(query.group_by(pauses_table.c.scope, pauses_table.c.name))
    return {(PauseScope(scope), name): at for scope, name, at in rows}


def tolls(connection: Connection, since: datetime) -> dict[str, Toll]:
    """What the mails that left since an instant did to people, by campaign."""
    complained = func.sum(case((sends.c.state == "complained", 1), else_=0))
    reached = (sends.c.sent_at > since, sends.c.state.in_(REACHED))
    query = select(sends.c.campaign, func.count(), complained).where(*reached).group_by(sends.c.campaign)
    counted = {campaign: (mails, int(complaints)) for campaign, mails, complaints in connection.execute(query)}
    left = _left(connection, since)
    return {campaign: Toll(*numbers, left[campaign]) for campaign, numbers in counted.items()}


def tolls_of_arms(connection: Connection, experiment: str, since: datetime) -> dict[str, Toll]:
    """What the mails of an experiment that left since an instant did to people, by arm."""
    complained = func.sum(case((sends.c.state == "complained", 1), else_=0))
    left = func.sum(case((_has_left(), 1), else_=0))
    mine = (sends.c.experiment == experiment, sends.c.sent_at > since, sends.c.state.in_(REACHED))
    query = select(sends.c.variant, func.count(), complained, left).where(*mine).group_by(sends.c.variant)
    return {arm: Toll(*map(int, numbers)) for arm, *numbers in connection.execute(query)}


def _has_left() -> Any:
    return select(decisions.c.id).where(decisions.c.send_id == sends.c.id, decisions.c.stage == "leave").exists()


def _left(connection: Connection, since: datetime) -> Counter[str]:
    """By campaign, from how many of its mails since then people have left.

    By what is kept beside the mail: a suppression goes when its person comes back or is forgotten.
    """
    mine = (sends.c.sent_at > since, _has_left())
    query = select(sends.c.campaign, func.count()).where(*mine).group_by(sends.c.campaign)
    return Counter(dict(connection.execute(query).all()))


def ignored(
    connection: Connection, persons: Mapping[int, int], since: datetime, but_not: Collection[str] = ()
) -> dict[int, int]:
    """How many mails each person was sent, under all their addresses, since they last clicked in one or ordered.

    Clicks of machines do not count. `persons`: as `persons_of` gives it; the answer is by person. `since`: older mails
    are not counted, because their clicks may be archived. `but_not`: campaigns whose mails are not counted.
    """
    found: dict[int, int] = {}
    for ids in chunks(persons.values(), CHUNK // 2):
        theirs = or_(recipients.c.id.in_(ids), recipients.c.merged_into.in_(ids))
        clicked = _last(clicks.c.recipient_id, clicks.c.at, clicks.c.verdict == "human", theirs)
        ordered = _last(orders.c.recipient_id, orders.c.placed_at, true(), theirs)
        query = (
            select(_PERSON, func.count())
            .select_from(sends)
            .join(recipients, recipients.c.id == sends.c.recipient_id)
            .outerjoin(clicked, clicked.c.person == _PERSON)
            .outerjoin(ordered, ordered.c.person == _PERSON)
            .where(
                theirs,
                sends.c.state.in_(REACHED),
                sends.c.sent_at > since,
                sends.c.campaign.not_in(sorted(but_not)),
                or_(clicked.c.last.is_(None), sends.c.sent_at > clicked.c.last),
                or_(ordered.c.last.is_(None), sends.c.sent_at > ordered.c.last),
            )
            .group_by(_PERSON)
        )
        found.update(dict(connection.execute(query).all()))
    return found


_PERSON = case((recipients.c.merged_into.is_(None), recipients.c.id), else_=recipients.c.merged_into)


def _last(recipient_id: Any, at: Any, condition: Any, theirs: Any) -> Any:
    query = select(_PERSON.label("person"), func.max(at).label("last")).join(
        recipients, recipients.c.id == recipient_id
    )
    return query.where(theirs, condition).group_by(_PERSON).subquery()
