"""What the scenarios share: one forge, one PostgreSQL, one seed, a folder and a database for each installation."""

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from aftercart.db.session import Database
from tests.chaos.mail_server import MailServer, mail_server
from tests.chaos.processes import Forge
from tests.chaos.rig import Rig, a_fleet, rig
from tests.chaos.servers import Broker, Postgres, RabbitMQ, Redis, postgres
from tests.chaos.troubles import LONGEST_S


class Lab:
    """Open while the `with` block lasts. `effort` scales how much happens: 1 is the long run."""

    def __init__(self, folder: Path, seed: str, effort: float = 1.0) -> None:
        self.folder, self.seed, self._effort = folder, seed, effort
        self._stack = ExitStack()
        self._postgres: Postgres | None = None

    def __enter__(self) -> "Lab":
        self._forge = self._stack.enter_context(Forge())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def much(self, count: int) -> int:
        """So much of it in a run of this effort, at least one."""
        return max(round(count * self._effort), 1)

    def rng(self, scenario: str) -> random.Random:
        """Each scenario has moments of its own, whichever others run."""
        return random.Random(f"{self.seed}/{scenario}")

    @property
    def postgres(self) -> Postgres:
        if self._postgres is None:
            self._postgres = self._stack.enter_context(postgres())
        return self._postgres

    @contextmanager
    def embedded(self, scenario: str, server: MailServer, **options: Any) -> Iterator[Rig]:
        """`aftercart up` on SQLite."""
        with rig(self.folder / scenario, self._forge, server, self.rng(scenario), **options) as made:
            yield made

    @contextmanager
    def fleet(
        self,
        scenario: str,
        server: MailServer,
        *,
        kind: Callable[[Path], Redis | RabbitMQ] = Redis,
        delivering: int = 2,
        **options: Any,
    ) -> Iterator[tuple[Rig, Broker]]:
        """Web, workers and two schedulers on PostgreSQL and a broker."""
        with tempfile.TemporaryDirectory() as folder, self._database() as url:
            broker = kind(Path(folder))
            broker.start()
            try:
                with rig(
                    self.folder / scenario,
                    self._forge,
                    server,
                    self.rng(scenario),
                    commands=lambda port: a_fleet(port, delivering),
                    database_url=url,
                    broker_url=broker.url,
                    **options,
                ) as made:
                    yield made, broker
            finally:
                broker.kill()

    @contextmanager
    def _database(self) -> Iterator[str]:
        name = f"chaos_{uuid4().hex}"
        self._administer(f"CREATE DATABASE {name}")
        yield self.postgres.url.replace("/postgres?", f"/{name}?")
        self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def _administer(self, statement: str) -> None:
        with closing(Database(self.postgres.url)) as admin:
            committing = admin.engine.execution_options(isolation_level="AUTOCOMMIT")
            with committing.connect() as connection:
                connection.exec_driver_sql(statement)


@contextmanager
def slow_server(rng: random.Random, longest_s: float = LONGEST_S, **options: Any) -> Iterator[MailServer]:
    """A mail server that thinks for a moment about each mail, so that there is a moment to die in."""
    with mail_server(answers_after_s=lambda: rng.random() * longest_s, **options) as server:
        yield server
