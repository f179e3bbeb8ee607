"""The mails there are to look at: every template, with each variant of its sample, in each of its languages."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from aftercart.delivery.base import Message
from aftercart.delivery.headers import marketing_headers
from aftercart.errors import TemplateError
from aftercart.ids import new_id
from aftercart.pipeline.sending.past_orders import PastOrder, PastOrders
from aftercart.preview.shop import Sender, ShopNow, stamp_of
from aftercart.preview.uses import Use
from aftercart.quantity import counted
from aftercart.recommendation.asking.request import Rules
from aftercart.rendering.authoring.includes import BODY, SUBJECT
from aftercart.rendering.authoring.source import template_names
from aftercart.rendering.authoring.words import OWN, languages
from aftercart.rendering.checking.check import check_template, read_sample
from aftercart.rendering.checking.lacking import as_given_to
from aftercart.rendering.checking.samples import VARIANTS, variant
from aftercart.rendering.fault import TemplateFault
from aftercart.rendering.renderer import Renderer
from aftercart.rendering.running.runtime import Rendered

PICTURES = 4
_NOBODYS = {"less_url": "https://mail.example.com/l/sample", "have_url": "https://mail.example.com/h/sample"}
_INVENTED_HOST = "https://shop.example.com/"
"""Of the pictures in samples: nobody has them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One mail to look at."""

    template: str
    sample: str = VARIANTS[0]
    locale: str = ""
    """Empty: that of the sample."""
    order: int | None = None
    """A real order, shown in place of the sample's."""
    use: str = ""
    """The step or the variant that it is a mail of; empty: of none, with the subject line of the template."""


class Shelf:
    """The templates of a folder, read anew whenever one of them changes."""

    def __init__(
        self,
        templates_dir: Path,
        cache_dir: Path,
        shop: Callable[[], ShopNow] = ShopNow,
        orders: PastOrders | None = None,
        campaigns_dir: Path | None = None,
    ) -> None:
        """`shop`: what is known of it now. `orders`: real ones to look at. `campaigns_dir`: looked at for saved files,
        too.
        """
        self._dir, self._shop, self._orders = templates_dir, shop, orders
        self._watched = (templates_dir, campaigns_dir) if campaigns_dir else (templates_dir,)
        self._renderer = Renderer(templates_dir, cache_dir, monotonic=_always_later())

    @property
    def names(self) -> list[str]:
        """The templates, sorted."""
        return template_names(self._dir)

    def locales(self, name: str) -> list[str]:
        """The languages in which a template can be read; none where it has the one it is written in."""
        return sorted(languages(self._dir / name, self._dir), key=lambda tag: (tag != "en", tag))

    @property
    def orders(self) -> list[PastOrder]:
        """Real orders to look at, the newest first; none without a database."""
        return self._orders.recent() if self._orders else []

    def uses(self, name: str) -> list[Use]:
        """The mails that campaigns make of a template: steps, and variants of experiments."""
        return [use for use in self._shop().uses if use.template == name]

    def stamp(self) -> str:
        """Changes with every file that is saved."""
        return stamp_of(*self._watched)

    def rendered(self, wanted: Wanted, pictures: str = "") -> Rendered:
        """The mail. `pictures`: the address below which there are pictures for products of samples.

        Raises TemplateError.
        """
        context = as_given_to(wanted.template, self._values(wanted, pictures))
        reader = context["recipient"] = context.get("recipient") or {}
        locale = self.locale_for(wanted.template, wanted.locale or str(reader.get("locale") or self._shop().locale))
        reader["locale"] = locale
        template = self._renderer.template(wanted.template, locale, self._subject(wanted))
        too_few = self._too_few(wanted, len(context.get("picks") or ()))
        if too_few and wanted.use:
            raise too_few
        try:
            return template.render(context, str)
        except TemplateError as err:
            raise too_few or err from err

    def locale_for(self, name: str, locale: str) -> str:
        """The locale in which a reader gets the template. Raises TemplateError."""
        return self._renderer.locale_for(name, locale, self._shop().locale)

    def faults(self, name: str) -> list[TemplateFault]:
        """What `aftercart check` says about a template."""
        return check_template(self._dir, name)

    def source(self, file: str) -> str:
        """A file of the folder by its path below it. Raises TemplateError for any other."""
        path = (self._dir / file).resolve()
        if not path.is_file() or not path.is_relative_to(self._dir.resolve()):
            raise TemplateError(f"there is no file {file} in the templates folder")
        return path.read_text(encoding="utf-8", errors="replace")  # what is no UTF-8 is told as a fault, and shown

    def below(self, file: Path) -> str:
        """A file's path below the folder."""
        return str(file.resolve().relative_to(self._dir.resolve()))

    def files(self, name: str) -> list[str]:
        """The files that the author of a template wrote: subject and body, then the words."""
        words = (self.below(file) for file in sorted((self._dir / name / OWN).glob("*.txt")))
        return [f"{name}/{SUBJECT}", f"{name}/{BODY}", *words]

    def _subject(self, wanted: Wanted) -> str | None:
        return next((use.subject for use in self.uses(wanted.template) if use.key == wanted.use), None)

    def _rules(self, wanted: Wanted) -> Rules | None:
        """Of the step that was chosen; else of the first one that offers something in this template."""
        found = [use for use in self.uses(wanted.template) if use.rules]
        chosen = [use for use in found if use.key == wanted.use] or found
        return chosen[0].rules if chosen else None

    def _too_few(self, wanted: Wanted, picks: int) -> TemplateError | None:
        """That nobody would get this mail, as the step finds too little for what was bought."""
        rules = self._rules(wanted) if wanted.order is not None else None
        if rules is None or picks >= rules.at_least:
            return None
        fix = "choose another order, or look at what the step recommends"
        found = counted(picks, "product") if picks else "no product"
        return TemplateError(f"the step finds {found} for this order and asks for {rules.at_least}: no mail", fix=fix)

    def _values(self, wanted: Wanted, pictures: str) -> dict[str, Any]:
        sample = self._sample(wanted.template, pictures)
        if wanted.order is None:
            return variant(sample, wanted.sample)
        found = self._orders.context(wanted.order, self._rules(wanted)) if self._orders else None
        if found is None:
            raise TemplateError("this order is gone, or all of it went back", fix="choose another one")
        return {**sample, **found, "picks": [{**_NOBODYS, **pick} for pick in found["picks"]]}

    def _sample(self, name: str, pictures: str) -> dict[str, Any]:
        sample = read_sample(self._dir, name)
        if (brand := self._shop().brand) is not None:
            sample["brand"] = dict(brand)
        items = [*(sample.get("picks") or ()), *((sample.get("order") or {}).get("lines") or ())]
        for number, item in enumerate(items):
            if pictures and str(item.get("image_url") or "").startswith(_INVENTED_HOST):
                item["image_url"] = f"{pictures}/{number % PICTURES}.svg"
        return sample


def test_message(rendered: Rendered, sender: Sender, to: str, wanted: Wanted, now: datetime) -> Message:
    """A mail that goes to whoever makes it. Its subject says that it is a test, and its links lead nowhere real."""
    send_id: UUID = new_id()
    return Message(
        send_id=send_id,
        message_id=f"<{send_id}@{sender.domain}>",
        sender=sender.sender,
        recipient=to,
        subject=f"[Test] {rendered.subject}",
        html=rendered.html,
        text=rendered.text,
        date=now,
        headers=marketing_headers(
            unsubscribe_url="https://mail.example.com/u/sample",
            mailto=sender.answers_to,
            list_id=f"{wanted.template}.{sender.domain}",
            feedback_id=f"test:{wanted.template}:{sender.domain}",
        ),
    )


def _always_later() -> Any:
    """A clock by which every look finds the files worth looking at again."""
    return iter(_seconds()).__next__


def _seconds() -> Iterator[float]:
    second = 0.0
    while True:
        yield second
        second += 10
