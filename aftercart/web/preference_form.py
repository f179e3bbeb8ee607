"""The form of the preference page: what it shows of a person, what it posts, and what was saved, in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from aftercart.intake.clean import WORDING_LENGTH, clean_text
from aftercart.pipeline.recipients.prefer import Person
from aftercart.policy.preferences import Choice, Pace, RefusalKind, Refused, months_from, worth_keeping
from aftercart.policy.suppression import SuppressionReason
from aftercart.policy.zones import known_zone, zone_of
from aftercart.web.form import Fields, only_value
from aftercart.web.languages import NAMES, language_of
from aftercart.web.recipient_pages import RecipientPages
from aftercart.web.topics import Topics

MOST_BYTES = 64_000
PACES = {"any": Pace.ANY, "week": Pace.WEEKLY, "month": Pace.MONTHLY}
SNOOZES = {"1": 1, "3": 3}
"""Value of the field → months."""
_SHOWN = {"topic": "topics_shown", "refuse": "refusals_shown"}
"""Name of the boxes → the hidden field that says that they were shown."""


@dataclass(frozen=True)
class PreferenceForm:
    """The form for readers of one language. `shop_zone`, `shop_locale`: for people of whom nothing is known."""

    pages: RecipientPages
    topics: Topics
    shop_zone: str
    shop_locale: str

    def facts(self, person: Person) -> dict[str, Any]:
        """What the page shows."""
        choice, zone = person.choice, self._zone(person)
        return {
            "email": person.email,
            "blocked": self._blocked(person.blocked_for),
            "topics": [
                (id_, self.topics.name(id_, self.pages), self.topics.description(id_, self.pages), id_ in choice.topics)
                for id_ in self.topics.ids(person.topic)
            ],
            "gets_mail": bool(choice.topics),
            "pace": next(name for name, pace in PACES.items() if pace is choice.at_most),
            "snoozed_until": choice.snoozed_until and choice.snoozed_until.isoformat(),
            "snoozed_until_day": choice.snoozed_until and self.pages.day(choice.snoozed_until, zone),
            "languages": [(code, name, code == self.pages.language) for code, name in NAMES.items()],
            "zone": zone,
            "zones": _zones_with(zone),
            "products": [
                (f"{product.refused.kind}:{product.refused.value}", product.title, product.refused in choice.refused)
                for product in person.products
            ],
        }

    def reader(self, fields: Fields, now: datetime) -> Callable[[Person], Choice]:
        """What the posted fields make of a person. What they do not name, or name oddly, stays as it is.

        An empty box posts nothing, so of a list that was shown a field of its own says so (`topics_shown`).
        """

        def choose(person: Person) -> Choice:
            if leaves(fields):
                return replace(person.choice, topics=frozenset())
            if only_value(fields, "answer") != "save":
                return person.choice
            zone, language = only_value(fields, "time_zone"), only_value(fields, "language")
            zone = zone if known_zone(zone) else self._zone(person)
            chosen = Choice(
                topics=self._topics(fields, person),
                at_most=PACES.get(only_value(fields, "pace"), person.choice.at_most),
                snoozed_until=self._snoozed(only_value(fields, "snooze"), person, zone, now),
                locale=language if language in NAMES else person.choice.locale,
                time_zone=zone,
                refused=_refusals(fields, person),
            )
            return self._without_what_is_known(chosen, person)

        return choose

    def wording(self, fields: Fields, person: Person, chosen: Choice) -> str:
        """What a person who got no mail had before their eyes when they chose topics, in the words of the page."""
        say = self.pages.words
        if only_value(fields, "undo") == "yes":
            return f"{self._nothing} [{say('Undo: as it was before')}]"
        asked = say("You get no marketing mail from us. To get some again, choose below what about.")
        boxes = (
            f"{'☑' if id_ in chosen.topics else '☐'} {self.topics.name(id_, self.pages)}"
            for id_ in self.topics.ids(person.topic)
        )
        return clean_text(f"{asked} {say('Mail about')} {' '.join(boxes)} [{say('Save')}]", WORDING_LENGTH)

    def saved(self, person: Person) -> list[str]:
        """All that stands now, a sentence each."""
        say, choice, zone = self.pages.words, person.choice, self._zone(person)
        about = self._about(person, choice)
        lines = [self._blocked(person.blocked_for)] if person.blocked_for else []
        if not person.blocked_for:
            lines.append(say("You get mail about: %(topics)s.", topics=about) if about else self._nothing)
        if choice.at_most is not Pace.ANY:
            weekly = choice.at_most is Pace.WEEKLY
            lines.append(say("At most once a week.") if weekly else say("At most once a month."))
        else:
            lines.append(say("As often as there is something to say."))
        if choice.snoozed_until:
            lines.append(say("No mail before %(day)s.", day=self.pages.day(choice.snoozed_until, zone)))
        lines.append(say("Language: %(language)s", language=NAMES[language_of(person.locale, self.shop_locale)]))
        lines.append(say("Time zone: %(zone)s", zone=zone))
        if refused := self.pages.listed(one.title for one in person.products if one.refused in choice.refused):
            lines.append(say("Not shown to you: %(products)s.", products=refused))
        return lines

    def fields(self, person: Person) -> list[tuple[str, str]]:
        """What the form would post for the person as they stand: with it a change is taken back."""
        choice = person.choice
        pace = next(name for name, pace in PACES.items() if pace is choice.at_most)
        return [
            ("answer", "save"),
            ("topics_shown", "yes"),
            ("refusals_shown", "yes"),
            *(("topic", id_) for id_ in sorted(choice.topics)),
            ("pace", pace),
            ("snooze", choice.snoozed_until.isoformat() if choice.snoozed_until else "none"),
            ("language", language_of(person.locale, self.shop_locale)),
            ("time_zone", self._zone(person)),
            *(("refuse", f"{one.kind}:{one.value}") for one in sorted(choice.refused)),
        ]

    @property
    def _nothing(self) -> str:
        return self.pages.words("You get no marketing mail from %(brand)s.", brand=self.pages.brand)

    def _about(self, person: Person, choice: Choice) -> str:
        chosen = (id_ for id_ in self.topics.ids(person.topic) if id_ in choice.topics)
        return self.pages.listed(self.topics.name(id_, self.pages) for id_ in chosen)

    def _topics(self, fields: Fields, person: Person) -> frozenset[str]:
        """Those chosen of all that can be; what was left out of a list that nobody saw was not left."""
        if not _has(fields, "topic"):
            return person.choice.topics
        return frozenset(fields.get("topic", ())) & set(self.topics.ids(person.topic))

    def _without_what_is_known(self, chosen: Choice, person: Person) -> Choice:
        """What is as the shop says follows the shop, also when it learns better: only what differs was chosen."""
        locale = "" if chosen.locale == language_of(person.known_locale, self.shop_locale) else chosen.locale
        default = self._zone_by(person.known_time_zone, person)
        return replace(chosen, locale=locale, time_zone="" if chosen.time_zone == default else chosen.time_zone)

    def _zone(self, person: Person) -> str:
        return self._zone_by(person.time_zone, person)

    def _zone_by(self, own: str, person: Person) -> str:
        """As the gate counts it: their own, else that of the place, else the shop's."""
        return str(zone_of(own=own, country=person.country, region=person.region, shop=self.shop_zone).zone)

    def _snoozed(self, value: str, person: Person, zone: str, now: datetime) -> datetime | None:
        if value in SNOOZES:
            return months_from(now, SNOOZES[value], ZoneInfo(zone))
        try:
            return worth_keeping(datetime.fromisoformat(value), now) if value != "none" else None
        except (ValueError, TypeError):  # TypeError: it has no time zone
            return person.choice.snoozed_until

    def _blocked(self, reason: SuppressionReason | None) -> str:
        say = self.pages.words
        match reason:
            case None:
                return ""
            case SuppressionReason.COMPLAINT:
                return say("We do not write to you, because a mail of ours was marked as spam.")
            case SuppressionReason.HARD_BOUNCE | SuppressionReason.SOFT_BOUNCES:
                return say("We do not write to you, because our mails to this address came back.")
            case _:
                return say("We do not write to this address.")


def leaves(fields: Fields) -> bool:
    """Whether the button was pressed that leaves altogether."""
    return only_value(fields, "answer") == "leave"


@cache
def zones_by_continent() -> Mapping[str, list[str]]:
    """The zones that can be chosen, those of every country, as `zone.tab` of the time zone database lists them:
    (continent → zones)."""
    table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    names = sorted(row.split("\t")[2] for row in table.splitlines() if not row.startswith("#"))
    continents: dict[str, list[str]] = {}
    for name in names:
        continents.setdefault(name.partition("/")[0], []).append(name)
    return continents


def _zones_with(zone: str) -> Mapping[str, list[str]]:
    """The zones that can be chosen, and the one that somebody has: it may go by an old name (Europe/Kiev), or be no
    place. Where none is chosen, a browser posts the first of the list."""
    listed, continent = zones_by_continent(), zone.partition("/")[0]
    if zone in listed.get(continent, ()):
        return listed
    return {**listed, continent: sorted([*listed.get(continent, ()), zone])}


def _has(fields: Fields, name: str) -> bool:
    """Whether a list of boxes was posted, perhaps with all of them empty."""
    return name in fields or _SHOWN[name] in fields


def _refusals(fields: Fields, person: Person) -> frozenset[Refused]:
    if not _has(fields, "refuse"):
        return person.choice.refused
    return frozenset(filter(None, map(_refused, fields.get("refuse", ()))))


def _refused(written: str) -> Refused | None:
    kind, _, value = written.partition(":")
    return Refused(RefusalKind(kind), value) if kind in set(RefusalKind) and value else None
