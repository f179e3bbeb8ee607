"""What a mail said, kept so that its reader can look at it in a browser.

Not the HTML is kept but what the template was filled with, and each version of a template once: some hundred bytes a
mail in place of many thousand. Its links are signed anew when it is looked at, so no copy holds a token.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import select

from aftercart.bootstrap import App
from aftercart.db.tables import copies, links, sends, template_versions
from aftercart.rendering.running.runtime import Rendered, Template, rendered_again
from aftercart.tracking.links import LinkBook
from aftercart.tracking.tokens import PATHS, Purpose, TokenSigner

_MADE_ANEW = ("less_url", "have_url")
"""Fields of a pick that hold a token."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What one mail said. `template`: the row of its version."""

    content: bytes
    version: str
    template: Mapping[str, Any]


def copy_of(template: Template, context: Mapping[str, Any], rendered: Rendered, now: datetime) -> Copy:
    """What there is to keep of a mail that was just rendered."""
    facts = {name: value for name, value in context.items() if name != "links"}
    facts["picks"] = [{k: v for k, v in pick.items() if k not in _MADE_ANEW} for pick in context["picks"]]
    row = {"version": template.version, "name": template.name, "locale": template.locale}
    return Copy(
        _squeezed(to_json([rendered.preheader, facts])),
        template.version,
        {**row, "html": template.html_source, "first_seen_at": now},
    )


def _squeezed(text: bytes) -> bytes:
    """By zlib. A higher level takes three times as long and saves a twentieth; and for two kilobytes its usual window
    and tables cost ten times as much to set up as to use."""
    squeeze = zlib.compressobj(level=1, wbits=12, memLevel=4)
    return squeeze.compress(text) + squeeze.flush()


def page_links(base_url: str, tokens: TokenSigner, recipient_id: int, send_id: UUID) -> dict[str, str]:
    """`links` of the context: the pages of this person, reached from this mail."""
    pages = (Purpose.UNSUBSCRIBE, Purpose.PREFERENCES, Purpose.VIEW, Purpose.WHY)
    return {page.value: f"{base_url}{PATHS[page]}{tokens.page(page, recipient_id, send_id)}" for page in pages}


def pick_links(base_url: str, tokens: TokenSigner, recipient_id: int, send_id: UUID, slot: int) -> dict[str, str]:
    """What the reader can say about a pick."""
    return {
        f"{say.value}_url": f"{base_url}{PATHS[say]}{tokens.pick(say, recipient_id, send_id, slot)}"
        for say in (Purpose.LESS, Purpose.HAVE)
    }


def mail_as_sent(app: App, recipient_id: int, send_id: UUID) -> str | None:
    """The HTML of a mail as it went out. None: no copy of it is kept (any more)."""
    query = (
        select(
            sends.c.campaign,
            sends.c.subject,
            copies.c.content,
            template_versions.c.html,
            template_versions.c.locale,
        )
        .join(copies, copies.c.send_id == sends.c.id)
        .join(template_versions, template_versions.c.version == sends.c.template_version)
        .where(sends.c.id == send_id, sends.c.recipient_id == recipient_id)
    )
    with app.db.read() as connection:
        found = connection.execute(query).one_or_none()
        kept = connection.execute(
            select(links.c.position, links.c.url).where(links.c.send_id == send_id).order_by(links.c.position)
        ).all()
    if found is None:
        return None
    base_url, tokens = app.settings.base_url, app.tokens
    preheader, context = json.loads(zlib.decompress(found.content))
    context["links"] = page_links(base_url, tokens, recipient_id, send_id)
    context["picks"] = [
        {**pick, **pick_links(base_url, tokens, recipient_id, send_id, slot)}
        for slot, pick in enumerate(context["picks"], start=1)
    ]
    before = Rendered(found.subject or "", preheader, "", "")
    book = LinkBook(base_url, tokens, send_id, app.brand.link_hosts, utm_of(found.campaign))
    html = rendered_again(found.html, found.locale, context, before, book.track)
    if book.links == [tuple(row) for row in kept][: len(book.links)]:
        return html
    # Hosts of the brand have changed since, and with them which links are counted: these lead straight to the shop.
    return rendered_again(found.html, found.locale, context, before, lambda url: url)


def utm_of(campaign: str) -> dict[str, str]:
    """The parameters of links in the mails of a campaign."""
    return {"utm_source": "aftercart", "utm_medium": "email", "utm_campaign": campaign}
