"""One installation under test: its processes, its mail server, its clock, and whatever is done to them."""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from types import MappingProxyType
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from aftercart.db import migrate
from aftercart.db.session import Database
from aftercart.db.tables import recipients, sends
from aftercart.ledger import store as ledger
from aftercart.ledger.states import OPEN
from aftercart.testing import GENERIC_SECRET, SECRET_KEY
from tests.cast import Shop
from tests.chaos.faults import FOR_EVER, Does, Fault
from tests.chaos.mail_server import MailServer
from tests.chaos.processes import Command, Forge, Processes
from tests.chaos.servers import until
from tests.chaos.shop import Door, address_of, is_poison, is_poisonous_mailbox, shop_files
from tests.chaos.told_clock import ToldClock
from tests.chaos.verdict import Verdict, judge
from tests.ports import free_port

MOST_ORDERS = 5_000
STRIDE, LONGEST = timedelta(seconds=5), timedelta(hours=1)
"""Retries of one moment stay a few seconds apart, as in life."""
STUCK_AFTER = 30
"""Strides beyond the use of the last mail. A message may be lost in each, and it is a minute until it is repeated."""
QUIET_S = 2.0
"""So long nothing has moved: what is still open waits for the clock."""


@dataclass
class Rig:
    """`explained`: addresses whose mail may be in doubt, because of what was done to the installation meanwhile.
    `hopeless`: addresses whose mails need not arrive, because of what was done to them. `cut`: connections to the mail
    server that were open when something broke.
    """

    folder: Path
    rng: random.Random
    server: MailServer
    processes: Processes
    clock: ToldClock
    door: Door
    db: Database
    shop: Shop
    kills: int = 0
    cut: int = 0
    explained: set[str] = field(default_factory=set)
    hopeless: set[str] = field(default_factory=set)
    _began: float = field(default_factory=monotonic)

    def start(self) -> None:
        """Run everything; return when the door is open."""
        self.processes.keep_up()
        until(self.door.is_ready, "the web process answers")

    def run(self, *arguments: str) -> None:
        """A command of the installation, to its end."""
        command = [sys.executable, "-c", "from aftercart.cli import main; main()", *arguments]
        done = subprocess.run(
            command, env=self.processes.environment, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    @contextmanager
    def trouble(self) -> Iterator[None]:
        """What is handed over meanwhile, or was when it began, may be in doubt."""
        began = monotonic()
        self.explained |= self.server.in_doubt(began)
        yield
        self.explained |= self.server.in_doubt(began)
        self.cut += self.server.connections_since(began)

    def kill(self, name: str) -> None:
        """SIGKILL for a process with all its children, or for one of these."""
        with self.trouble():
            children = self.processes.children(name)
            if children and self.rng.random() < 0.7:
                self.processes.kill_one(self.rng.choice(children))
            else:
                self.processes.kill(name)
        self.kills += 1

    def misbehave(self, order: int, fault: Fault) -> None:
        """The mail server does this to the mails of an order."""
        self.server.faults[address_of(str(order))] = fault
        if fault.is_final:
            self.hopeless.add(address_of(str(order)))
        if fault.leaves_in_doubt:
            self.explained.add(address_of(str(order)))

    def settle(self, shortest: timedelta = STRIDE) -> None:
        """Let time pass until every send has ended; in ever longer strides once only hopeless ones are left, and while
        a sender lets nothing through.

        How long it takes is up to the machine; but what is open long after the use of the last mail is stuck.
        """
        stride, overdue = shortest, 0
        while True:
            self._wait_until_nothing_moves()
            with self.db.read() as connection:
                wake = ledger.next_wake(connection)
                last_use = connection.execute(select(func.max(sends.c.valid_until))).scalar_one()
            if wake is None:
                return
            overdue += self.clock() > last_use
            assert overdue < STUCK_AFTER, f"not settled: {self._state()}\n{self.processes.logs()}"
            is_held = wake <= self.clock()  # it waits for its sender, not for its time
            self.clock.move_to(max(wake, self.clock()) + stride)
            if not self._there_is_hope():
                stride *= 4
            else:
                stride = min(4 * stride, LONGEST) if is_held else shortest

    def has_due_ones_at_rest(self) -> bool:
        """Whether there is something due that nobody works on: it waits for its sender."""
        self._wait_until_nothing_moves()
        return self._is_busy()

    def ended(
        self, scenario: str, posted: Sequence[int], planned: int | None = None, stride: timedelta = STRIDE
    ) -> Verdict:
        """Whatever broke runs again, and time passes. `planned`: the orders of which there are mails, if not all."""
        self.processes.keep_up()
        self.wait_until_planned(len(posted) if planned is None else planned)
        self.settle(stride)
        self.processes.stop()
        return self._judge(scenario, posted)

    def _judge(self, scenario: str, posted: Sequence[int]) -> Verdict:
        with self.db.read() as connection:
            return judge(
                connection,
                self.server,
                posted,
                self.explained,
                self.hopeless,
                self.cut,
                scenario=scenario,
                kills=self.kills,
                seconds=monotonic() - self._began,
            )

    def wait_until_planned(self, orders: int, seconds: float = 300) -> None:
        """Every order has become its sends."""
        until(lambda: self._count() >= 2 * orders, f"{orders} orders are planned", seconds)

    def _there_is_hope(self) -> bool:
        whose = select(recipients.c.email).join(sends, sends.c.recipient_id == recipients.c.id)
        with self.db.read() as connection:
            waiting = connection.execute(whose.where(sends.c.state.in_(OPEN)).distinct()).scalars()
            return not self.hopeless.issuperset(waiting)

    def _wait_until_nothing_moves(self, seconds: float = 300) -> None:
        """Nothing is due and nobody works, or nothing has changed for a while though somebody should."""
        deadline = monotonic() + seconds
        seen, since = self._state(), monotonic()
        while True:
            assert monotonic() < deadline, f"no rest: {seen}\n{self.processes.logs()}"
            sleep(0.1)
            self.processes.keep_up()
            now = self._state()
            if now != seen or self.server.bodies:
                seen, since = now, monotonic()
            elif not self._is_busy() or monotonic() - since > QUIET_S:
                return

    def _state(self) -> Any:
        moving = select(
            sends.c.state, sends.c.reason, func.count(), func.sum(sends.c.attempt), func.sum(sends.c.tries)
        ).group_by(sends.c.state, sends.c.reason)
        with self.db.read() as connection:
            return sorted(map(str, connection.execute(moving)))

    def _is_busy(self) -> bool:
        with self.db.read() as connection:
            return ledger.is_busy(connection, self.clock())

    def _count(self) -> int:
        try:
            with self.db.read() as connection:
                return int(connection.execute(select(func.count()).select_from(sends)).scalar_one())
        except OperationalError:
            return 0

    def open_sends(self) -> int:
        with self.db.read() as connection:
            waiting = select(func.count()).select_from(sends).where(sends.c.state.in_(OPEN))
            return int(connection.execute(waiting).scalar_one())


WORKER = ("celery", "-A", "workers", "worker", "--without-gossip", "--without-mingle")


def one_process(port: int) -> list[Command]:
    """Everything in `aftercart up`."""
    return [Command("up", ("aftercart", "up", "--port", str(port)))]


def a_fleet(port: int, delivering: int = 2) -> list[Command]:
    """As docs/operations.md has it, with a scheduler too many."""
    pools = ("-P", "threads", "-c", "4"), ("-c", "2")
    deliver = [
        Command(f"deliver-{n}", (*WORKER, "-Q", "deliver", *pools[n % 2], "--hostname", f"deliver{n}@%h"))
        for n in range(delivering)
    ]
    desk = Command("desk", (*WORKER, "-Q", "ingest,housekeeping", "-c", "2", "--hostname", "desk@%h"))
    beats = [Command(f"beat-{n}", ("celery", "-A", "workers", "beat", "--pidfile", f"beat-{n}.pid")) for n in range(2)]
    return [Command("web", ("aftercart", "web", "--port", str(port))), *deliver, desk, *beats]


@contextmanager
def rig(
    folder: Path,
    forge: Forge,
    server: MailServer,
    rng: random.Random,
    *,
    commands: Callable[[int], list[Command]] = one_process,
    database_url: str = "",
    broker_url: str = "inproc://",
    campaigns: Mapping[str, Any] = MappingProxyType({}),
    **environment: str,
) -> Iterator[Rig]:
    """An installation in an empty folder; nothing runs yet, and nothing afterwards."""
    folder.mkdir(parents=True)
    url = database_url or f"sqlite:///{folder / 'data' / 'aftercart.db'}"
    shop = shop_files(folder, **campaigns)
    clock = ToldClock(folder / "clock")
    clock.start()
    port = free_port()
    settings = {
        "data_dir": str(folder / "data"),
        "database_url": database_url,
        "broker_url": broker_url,
        "sender_url": server.url,
        "secret_key": SECRET_KEY,
        "generic_secret": GENERIC_SECRET,
        **{name: str(path) for name, path in shop.files.items()},
    }
    outside = {name: value for name, value in os.environ.items() if not name.startswith("AFTERCART_")}
    everything = {**outside, **{f"AFTERCART_{name.upper()}": value for name, value in settings.items()}, **environment}
    processes = Processes(forge, commands(port), folder, everything, folder / "clock")
    with closing(Database(url)) as db, closing(Door(port, clock)) as door:
        migrate.upgrade(db)
        made = Rig(folder, rng, server, processes, clock, door, db, shop)
        made.hopeless |= {address_of(str(number)) for number in filter(is_poison, range(MOST_ORDERS))}
        for number in filter(is_poisonous_mailbox, range(MOST_ORDERS)):
            made.misbehave(number, Fault("rcpt", Does.RESET, times=FOR_EVER))
        try:
            yield made
        finally:
            processes.kill_all()
