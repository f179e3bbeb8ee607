"""The pages of a person's own, reached from the foot of a mail and from its picks: preferences, the mail in a browser,
why they got it, and what they say about a pick. Whoever opens one changes nothing; only its buttons act.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aftercart.bootstrap import App
from aftercart.errors import BadTokenError
from aftercart.pipeline.recipients.permission import Terms
from aftercart.pipeline.recipients.prefer import Person, Posted, find_person, keep_choice
from aftercart.pipeline.recipients.refuse import Offered, Wish, find_offered, keep_wish
from aftercart.pipeline.sending.copies import mail_as_sent
from aftercart.policy.preferences import RefusalWhy
from aftercart.reports.why import Why, why
from aftercart.rights.store import is_erased
from aftercart.tracking.tokens import PATHS, Purpose
from aftercart.web.answering import Answering, ip_of, start_of_body, token_of
from aftercart.web.form import Fields, only_value, read_form
from aftercart.web.preference_form import MOST_BYTES, PreferenceForm, leaves
from aftercart.web.recipient_pages import RecipientPages
from aftercart.web.topics import Topics
from aftercart.web.why_page import why_facts
from aftercart.web.word_writer import Word, WordWriter

SAYS = {Purpose.LESS: RefusalWhy.LESS_LIKE_THIS, Purpose.HAVE: RefusalWhy.HAVE_IT}


def person_routes(app: App, words: WordWriter, topics: Topics) -> list[Route]:
    """The routes under `/p/`, `/v/`, `/w/`, `/l/` and `/h/`."""
    preferences, reading = _Preferences(app, words, topics), _Reading(app, words, topics)
    says = {purpose: _Saying(app, words, purpose) for purpose in SAYS}
    return [
        Route(_path(Purpose.PREFERENCES), preferences.show, methods=["GET"]),
        Route(_path(Purpose.PREFERENCES), preferences.save, methods=["POST"]),
        Route(_path(Purpose.VIEW), reading.view, methods=["GET"]),
        Route(_path(Purpose.WHY), reading.why, methods=["GET"]),
        *(Route(_path(purpose), saying.ask, methods=["GET"]) for purpose, saying in says.items()),
        *(Route(_path(purpose), saying.say, methods=["POST"]) for purpose, saying in says.items()),
    ]


def _path(purpose: Purpose) -> str:
    return PATHS[purpose] + "{token}"


class _Preferences:
    def __init__(self, app: App, words: WordWriter, topics: Topics) -> None:
        self._app, self._topics = app, topics
        self._answering = Answering(app, words)

    @property
    def _terms(self) -> Terms:
        return Terms(self._app.brand.consent_rules, self._app.address_hashes)

    async def show(self, request: Request) -> Response:
        """The form, as it stands."""
        return await self._answering.read(self._show, request)

    async def save(self, request: Request) -> Response:
        """What was chosen is kept; the page says what, and takes it back on a second press."""
        fields = read_form(await start_of_body(request, MOST_BYTES))
        try:
            recipient_id, send_id = self._app.tokens.read_page(Purpose.PREFERENCES, token_of(request))
        except BadTokenError:
            return self._answering.pages(request).no_such_link()
        posted, topics, terms = self._posted(request, fields), self._topics.ids, self._terms
        word = Word(
            "preferences_saved",
            recipient_id,
            {"recipient_id": recipient_id, "send_id": str(send_id)},
            lambda connection: keep_choice(connection, recipient_id, send_id, posted, topics, terms),
        )
        return await self._answering.keep(word, request, lambda people: self._saved(request, people))

    def _show(self, request: Request) -> Response:
        recipient_id, send_id = self._app.tokens.read_page(Purpose.PREFERENCES, token_of(request))
        person = find_person(self._app.db, recipient_id, send_id, self._topics.ids, self._terms, self._app.clock())
        if person is None:
            return self._answering.pages(request).no_such_link()
        form = self._form(request, person.locale)
        return form.pages.preferences(form.facts(person))

    def _saved(self, request: Request, people: tuple[Person, Person] | None) -> Response:
        if people is None:
            return self._answering.pages(request).no_such_link()
        before, after = people
        form = self._form(request, after.locale)
        return form.pages.saved(
            form.saved(after), form.fields(before) if form.fields(before) != form.fields(after) else ()
        )

    def _posted(self, request: Request, fields: Fields) -> Posted:
        now = self._app.clock()
        return Posted(
            choose=self._form(request, "").reader(fields, now),
            wording=lambda person, chosen: self._form(request, person.locale).wording(fields, person, chosen),
            ip=ip_of(request),
            at=now,
            leaves=leaves(fields),
        )

    def _form(self, request: Request, locale: str) -> PreferenceForm:
        brand = self._app.brand
        return PreferenceForm(self._answering.pages(request, locale), self._topics, brand.time_zone, brand.locale)


class _Reading:
    def __init__(self, app: App, words: WordWriter, topics: Topics) -> None:
        self._app, self._topics = app, topics
        self._answering = Answering(app, words)

    async def view(self, request: Request) -> Response:
        """The mail as it was sent; 404 where it is no longer kept."""
        return await self._answering.read(self._view, request)

    async def why(self, request: Request) -> Response:
        """Why this mail went to this person."""
        return await self._answering.read(self._why, request)

    def _view(self, request: Request) -> Response:
        html = mail_as_sent(self._app, *self._app.tokens.read_page(Purpose.VIEW, token_of(request)))
        pages = self._answering.pages(request)
        return pages.no_such_link() if html is None else pages.mail(html)

    def _why(self, request: Request) -> Response:
        recipient_id, send_id = self._app.tokens.read_page(Purpose.WHY, token_of(request))
        with self._app.db.read() as connection:
            facts: Why | None = why(connection, recipient_id, send_id)
        if facts is None or is_erased(facts.email):
            return self._answering.pages(request).no_such_link()
        pages = self._answering.pages(request, facts.locale)
        return pages.why(why_facts(facts, pages, self._topics, self._app.brand.time_zone))


class _Saying:
    """One thing that can be said about a pick."""

    def __init__(self, app: App, words: WordWriter, purpose: Purpose) -> None:
        self._app, self._purpose = app, purpose
        self._answering = Answering(app, words)

    async def ask(self, request: Request) -> Response:
        """A page with one button."""
        return await self._answering.read(self._ask, request)

    async def say(self, request: Request) -> Response:
        """It is kept, or taken back with `answer=undo`."""
        undo = only_value(read_form(await start_of_body(request, MOST_BYTES)), "answer") == "undo"
        try:
            wish = self._wish(request, undo=undo)
        except BadTokenError:
            return self._answering.pages(request).no_such_link()
        ids = {"recipient_id": wish.recipient_id, "send_id": str(wish.send_id), "slot": wish.slot, "undo": undo}
        word = Word(wish.why.value, wish.recipient_id, ids, lambda connection: keep_wish(connection, wish))
        return await self._answering.keep(word, request, lambda offered: self._page(request, offered))

    def _ask(self, request: Request) -> Response:
        return self._page(request, find_offered(self._app.db, self._wish(request)))

    def _wish(self, request: Request, *, undo: bool = False) -> Wish:
        said = self._app.tokens.read_pick(self._purpose, token_of(request))
        return Wish(*said, SAYS[self._purpose], self._app.clock(), undo=undo)

    def _page(self, request: Request, offered: Offered | None) -> Response:
        if offered is None:
            return self._answering.pages(request).no_such_link()
        pages: RecipientPages = self._answering.pages(request, offered.locale)
        about: dict[str, Any] = {"has_it": self._purpose is Purpose.HAVE}
        show = pages.refused if offered.is_refused else pages.refuse
        return show(offered.title, offered.category, **about)
