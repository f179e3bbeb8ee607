"""The replay: the shop's last week happens again, and its recipients react, while the engine runs.

The engine's clock stands still except when this moves it, from one happening to the next; so a week of orders, the
days of delay and the days in which people click pass in a minute, and quiet hours and caps hold as in real life.
Everything goes over the wire: webhooks by HTTP, mails by SMTP, clicks and one-click unsubscribes by HTTP.
"""

import heapq
import http.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from time import monotonic, sleep
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import func, select

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db import inbox
from aftercart.db.tables import clicks, links, orders, sends
from aftercart.demo.mailbox import Entry, Mailbox
from aftercart.demo.payloads import Secrets, Webhook, customer_webhook, order_webhook
from aftercart.demo.people import Action, Deed, open_letter, plan, reacts
from aftercart.demo.shop import Customer, DemoShop, Line, Order
from aftercart.errors import AftercartError
from aftercart.ledger import store as ledger
from aftercart.pipeline.sending.dispatch import dispatch

ROUND = timedelta(hours=1)
"""Orders and due mails are worked off once an hour of the shop's time."""
PATIENCE_S = 120
FIRST_LOOK_S, LAST_LOOK_S = 0.005, 0.04
"""How long to wait before looking again whether the engine is done. Looking takes time from it: one process, one GIL."""

Happening = Callable[[], object]


@dataclass
class Log:
    """What the replay did, to be held against what the engine says."""

    orders: list[str] = field(default_factory=list)
    bought: set[str] = field(default_factory=set)
    """Of the orders, those that readers of the mails placed after a click."""
    no_mail: set[str] = field(default_factory=set)
    """Orders whose buyer had not agreed to mail."""
    left: dict[str, datetime] = field(default_factory=dict)
    """When people left, by address."""


@dataclass(frozen=True)
class Mail:
    """A mail that arrived. `name` is the same in every run: the order that it is about, its campaign and step."""

    entry: Entry
    send_id: UUID
    order_id: str
    name: str


class Replay:
    """One run. `progress` is told how many of the week's orders are in, and where the shop's clock stands."""

    def __init__(
        self,
        app: App,
        clock: SteppedClock,
        shop: DemoShop,
        mailbox: Mailbox,
        base_url: str,
        secrets: Secrets,
        seed: int,
        progress: Callable[[int, datetime], None],
    ) -> None:
        self.log = Log()
        self._app, self._clock, self._shop, self._mailbox = app, clock, shop, mailbox
        self._secrets, self._seed, self._progress = secrets, seed, progress
        self._web = Browser(base_url)
        self._agenda: list[tuple[datetime, str, int, Happening]] = []
        self._count = count()
        self._customers = {order.customer.email: order.customer for order in shop.last_week}
        self._read = self._clicked = self._kept = 0

    def run(self) -> None:
        """Play until nothing is left to happen. Raises AftercartError when the engine stands still."""
        for order in self._shop.last_week:
            name = f"{order.placed_at.isoformat()} {order.id}"
            self._plan(_rounded(order.placed_at), name, partial(self._order, order))
        for customer in self._customers.values():
            self._plan_leaving(customer)
        while (instant := self._next()) is not None:
            self._clock.move_to(instant)
            self._happen(instant)
            self._settle()
            self._read_mails()
            self._progress(len(self.log.orders), instant)
        self._web.close()

    # ------------------------------------------------------------ time

    def _plan(self, at: datetime, name: str, happening: Happening) -> None:
        """`name` says what comes first of two happenings at the same instant: never which was heard of first."""
        heapq.heappush(self._agenda, (at, name, next(self._count), happening))

    def _plan_leaving(self, customer: Customer) -> None:
        """Somebody who leaves in the shop itself, during the replay."""
        if customer.unsubscribed_at and customer.unsubscribed_at >= self._shop.replay_starts_at:
            at = customer.unsubscribed_at
            self._plan(at, customer.email, lambda: self._leave_in_the_shop(customer, at))

    def _next(self) -> datetime | None:
        with self._app.db.read() as connection:
            wake = ledger.next_wake(connection)
        happening = self._agenda[0][0] if self._agenda else None
        instants = [instant for instant in (wake and _rounded(wake), happening) if instant]
        return max(min(instants), self._clock()) if instants else None

    def _happen(self, until: datetime) -> None:
        while self._agenda and self._agenda[0][0] <= until:
            *_, happening = heapq.heappop(self._agenda)
            happening()

    # ------------------------------------------------------------ the shop

    def _order(self, order: Order) -> str:
        """Post it; the id by which the engine knows it."""
        webhook = order_webhook(self._shop, order, self._secrets, self._clock())
        self._post(webhook)
        self.log.orders.append(webhook.order_id)
        if not order.customer.accepts_marketing(order.placed_at):
            self.log.no_mail.add(webhook.order_id)
        return webhook.order_id

    def _leave_in_the_shop(self, customer: Customer, at: datetime) -> None:
        self._post(customer_webhook(customer, at, self._secrets, self._clock()))

    def _post(self, webhook: Webhook) -> None:
        status = self._web.request("POST", webhook.path, dict(webhook.headers), webhook.body)
        if status != 200:
            raise AftercartError(f"the engine answered {status} to a webhook of the {webhook.shop} door")

    # ------------------------------------------------------------ the engine

    def _settle(self) -> None:
        """Wait until the engine has worked off what is due now."""
        self._wait_until(self._clicks_are_kept, "write down clicks")
        self._wait_until(self._inbox_is_empty, "take in webhooks")
        dispatch(self._app)  # at once, rather than when the scheduler's second is up
        self._wait_until(self._nothing_is_due, "send what is due")

    def _clicks_are_kept(self) -> bool:
        """Readers are sent on before that."""
        if self._kept < self._clicked:
            with self._app.db.read() as connection:
                self._kept = connection.execute(select(func.count()).select_from(clicks)).scalar_one()
        return self._kept >= self._clicked

    def _inbox_is_empty(self) -> bool:
        with self._app.inbox_db.read() as connection:
            return inbox.waiting(connection) == 0

    def _nothing_is_due(self) -> bool:
        with self._app.db.read() as connection:
            return not ledger.is_busy(connection, self._clock())

    @staticmethod
    def _wait_until(done: Callable[[], bool], what: str) -> None:
        deadline, pause = monotonic() + PATIENCE_S, FIRST_LOOK_S
        while not done():
            if monotonic() > deadline:
                raise AftercartError(f"the engine did not {what} within {PATIENCE_S} seconds; see its log above")
            sleep(pause)
            pause = min(pause * 1.5, LAST_LOOK_S)

    # ------------------------------------------------------------ the recipients

    def _read_mails(self) -> None:
        """Let everybody who got a mail since the last look decide what to do with it."""
        new = [self._mailbox.entry(number) for number in range(self._read + 1, len(self._mailbox) + 1)]
        self._read += len(new)
        for mail in self._named(new):
            if reacts(self._seed, mail.name):
                self._plan_reaction(mail)

    def _named(self, new: Sequence[Entry]) -> Iterator[Mail]:
        about = (
            select(sends.c.id, sends.c.campaign, sends.c.step, orders.c.shop_order_id)
            .join(orders, orders.c.id == sends.c.order_id)
            .where(sends.c.id.in_([entry.send_id for entry in new]))
        )
        with self._app.db.read() as connection:
            names = {row.id: row for row in connection.execute(about)} if new else {}
        for entry in new:
            if send := names.get(entry.send_id):
                name = f"{send.shop_order_id} {send.campaign} {send.step}"
                yield Mail(entry, send.id, send.shop_order_id, name)

    def _plan_reaction(self, mail: Mail) -> None:
        letter = open_letter(self._mailbox.raw(mail.entry.number))
        targets = self._targets(mail)
        products = [
            url for url in letter.links if (target := targets.get(_token(url))) and self._shop.product_at(target)
        ]
        actions = plan(
            self._seed,
            mail.name,
            mail.entry.received_at,
            products,
            all_links=letter.links,
            unsubscribe_url=letter.unsubscribe_url,
        )
        for n, action in enumerate(actions):
            self._plan(action.at, f"{mail.name} {n}", partial(self._act, action, mail))

    def _targets(self, mail: Mail) -> Mapping[str, str]:
        """Where the tracked links of a mail lead, by token. A person sees the product; we look it up."""
        with self._app.db.read() as connection:
            rows = connection.execute(select(links.c.position, links.c.url).where(links.c.send_id == mail.send_id))
            return {self._app.tokens.link(mail.send_id, position): url for position, url in rows}

    def _act(self, action: Action, mail: Mail) -> None:
        match action.deed:
            case Deed.CLICK | Deed.SCAN:
                status = self._web.request("GET", urlsplit(action.url).path, {"user-agent": action.user_agent})
                self._clicked += status == 302
            case Deed.LEAVE:
                form = {"content-type": "application/x-www-form-urlencoded", "user-agent": action.user_agent}
                self._web.request("POST", urlsplit(action.url).path, form, b"List-Unsubscribe=One-Click")
                self.log.left.setdefault(mail.entry.recipient, self._clock())
            case Deed.BUY:
                self._buy(action, mail)

    def _buy(self, action: Action, mail: Mail) -> None:
        product = self._shop.product_at(self._targets(mail).get(_token(action.url), ""))
        customer = self._customers.get(mail.entry.recipient)
        if product and customer:
            line = Line(product.sku, 1, product.price_minor)
            number = f"again-{mail.order_id}"
            self.log.bought.add(self._order(Order(number, customer, self._clock(), self._shop.currency, (line,))))


def _rounded(instant: datetime) -> datetime:
    """Up to the next full hour."""
    past = timedelta(seconds=instant.timestamp() % ROUND.total_seconds())
    return (instant + (ROUND - past if past else past)).astimezone(UTC)


def _token(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]


class Browser:
    """One kept connection, opened anew where the server has closed it (on a machine so busy that seconds went by
    without a request). Follows no redirect: whoever clicks has left us, and the shop's page is not in question."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S)

    def request(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> int:
        """The status of the answer."""
        try:
            return self._asked(method, path, headers, body)
        except ConnectionError:
            self._connection.close()
            return self._asked(method, path, headers, body)

    def _asked(self, method: str, path: str, headers: dict[str, str], body: bytes) -> int:
        self._connection.request(method, path, body or None, headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()
