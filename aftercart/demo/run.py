"""The main job, start to end: a shop, a model, a week of real webhooks, real mails, people who click and buy.

1. Take the folder and the port, set up a stage, open the web app; import the shop's products and past orders, train.
2. Start the embedded engine beside a local SMTP server, with the clock at the start of the last week.
3. Replay the week (`replay.py`), then hold the books (`account.py`).
4. Print the table; stay up with the inbox, the clock running, until Ctrl-C.
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from socket import socket
from time import perf_counter
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from aftercart.bootstrap import App, build
from aftercart.clock import SteppedClock
from aftercart.demo import bike_shop, storefront
from aftercart.demo.account import Account, account
from aftercart.demo.address import FIRST_PORT, HOST, reserved
from aftercart.demo.afterwards import commands, worth_a_look
from aftercart.demo.dataset import read_dataset
from aftercart.demo.inbox import Inbox
from aftercart.demo.mailbox import Mailbox
from aftercart.demo.replay import Replay
from aftercart.demo.shop import DemoShop, write_orders, write_products
from aftercart.demo.smtp_server import SmtpServer
from aftercart.demo.stage import FOLDER, SECRETS, held, set_up
from aftercart.demo.storefront import Storefront
from aftercart.demo.table import Result, Stage, closing_table
from aftercart.demo.unmailed import unmailed_orders
from aftercart.demo.why import records_of
from aftercart.errors import ConfigError
from aftercart.logs import configure
from aftercart.money import Money
from aftercart.pipeline.incoming.load import load_orders, load_products
from aftercart.pipeline.learning.survey import survey
from aftercart.pipeline.learning.train import train
from aftercart.policy.frequency_cap import FrequencyCap
from aftercart.policy.reason import Reason
from aftercart.web.app import create_web
from aftercart.web.server import serving, url_of
from workers.embedded import Embedded

TRAINING_BUDGET_S = 25.0

T = TypeVar("T")


@dataclass(frozen=True)
class Wanted:
    """What to play, and where to show it.

    `data` None: the generated shop. `until`: the last day of the week to replay; None: the day of the last order.
    `stay`: until Ctrl-C.
    """

    data: Path | None = None
    until: date | None = None
    currency: str | None = None
    seed: int = 1
    people: int = bike_shop.PEOPLE
    host: str = HOST
    port: int | None = None
    stay: bool = False


def run(wanted: Wanted) -> Result:
    """Run the demo. Raises ConfigError on data that cannot be read, and where another demo plays in this folder."""
    with played(wanted) as demo:
        demo.tell_how_to_look_closer()
        if wanted.stay:
            demo.stay()
        return demo.result


@contextmanager
def played(wanted: Wanted) -> Iterator["Demo"]:
    """A demo that has played its week and printed its table, and still serves."""
    configure(own=logging.WARNING)
    with ExitStack() as stack:
        demo = Demo(stack, Console(highlight=False), wanted)
        demo.play()
        yield demo


class Demo:
    """One demo, and what it keeps open."""

    def __init__(self, stack: ExitStack, out: Console, wanted: Wanted) -> None:
        self.out = out
        self._stack, self._wanted = stack, wanted
        self._seconds: dict[str, float] = {}
        self.base_url = ""
        self.result: Result
        self._order_to_explain: str | None = None
        self._clock: SteppedClock

    def play(self) -> None:
        """Everything up to the table."""
        wanted = self._wanted
        self._stack.enter_context(held())
        address = self._address()
        shop = self._timed("reading" if wanted.data else "inventing a shop", lambda: _shop(wanted))
        shop = shop.moved_to(self.base_url + storefront.PATH)
        self._introduce(shop)
        self._clock = SteppedClock(shop.replay_starts_at)
        mailbox = Mailbox(clock=self._clock)
        self._stack.callback(mailbox.close)
        smtp = self._stack.enter_context(SmtpServer(mailbox.deposit))
        settings = set_up(shop, self.base_url, smtp.port, wanted.seed)
        app = build(settings, clock=self._clock)
        self._stack.callback(app.close)
        self._open(app, shop, mailbox, address)
        self._timed("importing the past", lambda: self._import(app, shop))
        self._timed("training", lambda: self._train(app))
        self._start(app)
        replay = self._timed("replaying a week", lambda: self._replay(app, shop, mailbox))
        with app.db.read() as connection:
            books = account(connection, replay.log, mailbox, _caps(app), shop.replay_starts_at)
        self._order_to_explain = worth_a_look(unmailed_orders(app.db), replay.log.bought)
        self.result = self._result(shop, books, len(replay.log.left))
        self.out.print(closing_table(self.result))

    def stay(self) -> None:
        """Leave the inbox open, with the clock running, until Ctrl-C."""
        self._clock.run()
        self.out.print(f"\nThe mails: [bold]{self.base_url}[/bold]")
        self.out.print(f"The orders that got none, and why: [bold]{self.base_url}/orders[/bold]")
        self.out.print("Ctrl-C ends the demo.")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            self.out.print("\nBye.")

    def tell_how_to_look_closer(self) -> None:
        """The commands that work on what the demo left, one of them for an order that got no mail."""
        self.out.print(f"\nThe engine's data, campaigns and templates stay in {FOLDER}. To look closer:")
        for command in commands(sys.argv[0], self._order_to_explain):
            self.out.print(f"  {command}", markup=False, soft_wrap=True)

    # ------------------------------------------------------------ steps

    def _address(self) -> socket:
        """Take the port before the work begins, and say where the inbox will be."""
        wanted = self._wanted
        listening = self._stack.enter_context(reserved(wanted.host, wanted.port, watched=wanted.stay))
        port = listening.getsockname()[1]
        self.base_url = url_of(listening)
        if wanted.stay:
            moved = f"Port {FIRST_PORT} is taken, so the" if port != (wanted.port or FIRST_PORT) else "The"
            self.out.print(f"{moved} inbox opens at [bold]{self.base_url}[/bold] and fills as the week is replayed.")
        return listening

    def _introduce(self, shop: DemoShop) -> None:
        kind = "a synthetic shop, made up from a seed" if shop.synthetic else "your orders"
        self.out.print(
            f"[bold]{shop.name}[/bold], {kind}: {len(shop.products):,} products, {len(shop.history):,} past orders to "
            f"learn from, {len(shop.last_week):,} orders to replay (the week from {shop.replay_starts_at:%-d %B %Y} on)."
        )

    def _import(self, app: App, shop: DemoShop) -> None:
        products, orders = FOLDER / "products.csv", FOLDER / "orders.csv.gz"
        write_products(shop, products, lambda picture: f"{self.base_url}/pictures/{picture}")
        write_orders(shop.history, orders)
        now = self._clock()
        load_products(app.db, products, now, currency=shop.currency)
        with self._bar("Importing past orders") as advance:
            report = load_orders(app.db, orders, now, app.address_hashes, currency=shop.currency, progress=advance)
        if report.bad:
            raise ConfigError(f"{report.bad} of the shop's past orders could not be imported: {report.faults[0]}")

    def _train(self, app: App) -> None:
        """All epochs for the generated shop, whose runs must agree; other shops may be large, so by the clock."""
        budget_s = TRAINING_BUDGET_S if self._wanted.data else None
        with self._bar("Training LightFM") as advance:
            report = train(
                app.db,
                app.settings.models_dir,
                app.clock,
                seed=self._wanted.seed,
                budget_s=budget_s,
                progress=advance,
            )
        self.out.print(report.summary)

    def _open(self, app: App, shop: DemoShop, mailbox: Mailbox, address: socket) -> None:
        """Open the doors for webhooks, links and whoever looks at the inbox."""
        inbox = Inbox(mailbox, records_of(app.db), shop=shop.name, synthetic=shop.synthetic)
        web = create_web(app, front=[*inbox.routes, *Storefront(shop).routes])
        web.add_exception_handler(404, inbox.not_found)
        host, port = address.getsockname()[:2]
        address.close()
        self._stack.enter_context(serving(web, host, port))

    def _start(self, app: App) -> None:
        engine = Embedded(app, concurrency=app.settings.workers)
        engine.start()
        self._stack.callback(engine.stop)

    def _replay(self, app: App, shop: DemoShop, mailbox: Mailbox) -> Replay:
        total = len(shop.last_week)
        with self._bar("Replaying the week") as advance:

            def progress(done: int, _: datetime) -> None:
                advance(min(done, total), total)

            replay = Replay(app, self._clock, shop, mailbox, self.base_url, SECRETS, self._wanted.seed, progress)
            replay.run()
        survey(app)  # what reports and the console tell week by week is there at once
        return replay

    # ------------------------------------------------------------ telling

    def _timed(self, phase: str, work: Callable[[], T]) -> T:
        start = perf_counter()
        done = work()
        self._seconds[phase] = perf_counter() - start
        return done

    @contextmanager
    def _bar(self, what: str) -> Iterator[Callable[[int, int], None]]:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.out, transient=not self.out.is_terminal) as bar:
            task = bar.add_task(f"{what:<22}", total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def _result(self, shop: DemoShop, books: Account, left: int) -> Result:
        return Result(
            shop=shop.name,
            synthetic=shop.synthetic,
            products=len(shop.products),
            past_orders=len(shop.history),
            orders_in=books.orders_in,
            bought_after_click=books.bought,
            not_enrolled={_in_words(reason): count for reason, count in books.refusals.items()},
            enrollments=books.enrollments,
            sends=_stages(books),
            mails_received=books.arrived,
            campaigns=books.campaigns,
            human_clicks=books.clicks.get("human", 0),
            machine_clicks=books.clicks.get("machine", 0),
            unsubscribed=left,
            attributed_orders=books.attributed_orders,
            attributed_bought=books.attributed_bought,
            attributed_revenue=Money(books.attributed_minor, shop.currency),
            orders_accounted_for=books.orders_in - books.undecided,
            seconds=self._seconds,
            faults=books.faults,
        )


def _shop(wanted: Wanted) -> DemoShop:
    if wanted.data:
        shop = read_dataset(wanted.data, wanted.currency)
    else:
        shop = bike_shop.generate(wanted.seed, people=wanted.people)
    return shop.ending_on(wanted.until) if wanted.until else shop


def _caps(app: App) -> Sequence[FrequencyCap]:
    each: list[set[Any]] = [set(campaign.limits.frequency_cap) for campaign in app.campaigns.by_name.values()]
    return sorted(set.intersection(*each), key=str) if each else []


def _stages(books: Account) -> list[Stage]:
    return [
        Stage(state, _in_words(reason or ""), count, books.kept if reason == Reason.EXPIRED else {})
        for (state, reason), count in sorted(books.sends.items(), key=lambda item: -item[1])
    ]


def _in_words(reason: str) -> str:
    return Reason(reason).value.replace("_", " ") if reason else ""
