"""What the gate has to know about the people of a batch, looked up in one query a table however many there are."""

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.campaigns.brand import Brand
from aftercart.campaigns.schema import Campaign
from aftercart.consent import store as consent
from aftercart.consent.statement import ConsentState
from aftercart.pipeline.planning.planned import Planned
from aftercart.policy import store as policy
from aftercart.policy.competition import Rival
from aftercart.policy.frequency_cap import Counted, FrequencyCap, reach
from aftercart.policy.reason import ASKED_AGAIN
from aftercart.policy.suppression import Suppression, SuppressionReason, SuppressionScope
from aftercart.rights.store import is_erased


@dataclass(frozen=True)
class People:
    """What the database says about the people of a batch, looked up now."""

    consent: Mapping[int, ConsentState]
    suppressions: Mapping[int, tuple[Suppression, ...]]
    person: Mapping[int, int]
    """Recipient id → the id that stands for the person, in `counted` and `rivals`."""
    addresses: Mapping[int, str]
    """By recipient id, also the other ones of these people."""
    counted: dict[int, list[Counted]]
    """Grows while a batch is asked."""
    rivals: dict[int, list[Rival]]
    """Shrinks while a batch is asked."""
    replaced: set[UUID] = field(default_factory=set)
    """Planned mails whose slot a more important one took; grows while a batch is asked."""
    pauses: Mapping[str, str] = field(default_factory=dict)
    """Why campaigns, arms of experiments, or (under the empty name) all mail have paused themselves."""
    tired: frozenset[int] = frozenset()
    """Who has ignored so many mails that the caps tighten."""

    def person_of(self, planned: Planned) -> int:
        """The id that stands for the person the mail goes to."""
        return self.person.get(planned.recipient_id, planned.recipient_id)

    def counted_for(self, planned: Planned) -> list[Counted]:
        """The mails that hold a slot of the person."""
        return self.counted.get(self.person_of(planned), [])

    def addresses_by_person(self) -> dict[int, dict[int, str]]:
        """By the id that stands for the person: their addresses by recipient id, the oldest first."""
        found: defaultdict[int, dict[int, str]] = defaultdict(dict)
        for id_ in sorted(self.addresses):
            found[self.person[id_]][id_] = self.addresses[id_]
        return found

    def rivals_of(self, planned: Planned) -> list[Rival]:
        """What else is planned for the person, and the mail itself."""
        return self.rivals.get(self.person_of(planned), [])


NOBODY = People(consent={}, suppressions={}, person={}, addresses={}, counted={}, rivals={})
"""For checks that ask nothing about people."""
FORGOTTEN = Suppression(SuppressionScope.ALL, SuppressionReason.ERASED, datetime.min.replace(tzinfo=UTC))
"""Of everybody who was erased: they have no address any more by which an entry could be found."""


def look_up_permissions(connection: Connection, app: App, person: Mapping[int, int], now: datetime) -> People:
    """Consent and suppression of everybody in `person`, and pauses: enough for what is asked before any content."""
    addresses = policy.addresses_of(connection, person)
    suppressions = policy.suppressions_of_persons(connection, person, addresses, app.address_hashes)
    return People(
        consent=consent.standings(connection, person, now, app.brand.consent_rules),
        suppressions=suppressions | {id_: (FORGOTTEN,) for id_, email in addresses.items() if is_erased(email)},
        person=person,
        addresses=addresses,
        counted={},
        rivals={},
        pauses={pause.name: pause.because for pause in policy.pauses(connection)},
    )


def look_up(
    connection: Connection, app: App, batch: Sequence[Planned], person: Mapping[int, int], now: datetime
) -> People:
    """The same, with cap slots and rivals: slots as far back as the caps of any of them look."""
    known = look_up_permissions(connection, app, person, now)
    known = dataclasses.replace(known, tired=_tired(connection, app, person, now))
    rivals = _rivals(connection, app, batch, known, now)
    all_caps = [caps_of(app.brand, planned, known.tired) for planned in batch]
    all_caps += [rival.caps for waiting in rivals.values() for rival in waiting]
    since = now - max(map(reach, all_caps), default=timedelta(0))
    counted: defaultdict[int, list[Counted]] = defaultdict(list)
    for who, mails in policy.counted_sends(connection, person, since, now, app.db.boot_id).items():
        counted[who] += mails
    return dataclasses.replace(known, counted=counted, rivals=rivals)


def _rivals(
    connection: Connection, app: App, batch: Sequence[Planned], people: People, now: datetime
) -> dict[int, list[Rival]]:
    """Only mails that compete for slots. One that waits for somebody to act (a pause, a broken template) must not hold
    others. Topic, priority and caps are those that the campaign has now, and the person's own caps are among them."""
    person, lookahead = people.person, max((planned.lookahead for planned in batch), default=timedelta(0))
    chosen = {person[planned.recipient_id]: planned.at_most for planned in batch}
    tired = {person[recipient_id] for recipient_id in people.tired}
    running = {n: c for n, c in app.campaigns.by_name.items() if c.status == "active" and n not in people.pauses}
    compete = {name: campaign for name, campaign in running.items() if campaign.takes_slots}
    found = policy.planned_sends(connection, person, now + lookahead, now, compete, but_not=ASKED_AGAIN)
    return {
        who: [
            dataclasses.replace(
                rival,
                topic=compete[rival.campaign].topic,
                priority=compete[rival.campaign].limits.priority,
                caps=_caps_of(app.brand, compete[rival.campaign], chosen.get(who, ()), is_tired=who in tired),
            )
            for rival in waiting
        ]
        for who, waiting in found.items()
    }


def _tired(connection: Connection, app: App, person: Mapping[int, int], now: datetime) -> frozenset[int]:
    """Who has ignored too many marketing mails; nobody is expected to click in a receipt."""
    limit = app.brand.guard.tighten_after
    if limit is None:
        return frozenset()
    since = now - timedelta(days=app.settings.archive_after_days)
    ignored = policy.ignored(connection, person, since, app.campaigns.owed)
    return frozenset(id_ for id_, who in person.items() if ignored.get(who, 0) >= limit)


def caps_of(brand: Brand, planned: Planned, tired: Collection[int]) -> tuple[FrequencyCap, ...]:
    """The caps that a mail must keep; `tired`: people for whom they tighten."""
    return _caps_of(brand, planned.campaign, planned.at_most, is_tired=planned.recipient_id in tired)


def _caps_of(
    brand: Brand, campaign: Campaign | None, at_most: Iterable[str], *, is_tired: bool
) -> tuple[FrequencyCap, ...]:
    """Those of the brand and the campaign, and those that the person chose; none for what is owed."""
    if campaign and campaign.mail_class == "transactional":
        return ()
    shop = campaign.caps_beside(brand.frequency_cap) if campaign else brand.frequency_cap
    caps = (*shop, *map(FrequencyCap.parse, at_most))
    return tuple(cap.halved() for cap in caps) if is_tired else caps
