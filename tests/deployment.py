"""A shop owner's installation: a folder from `aftercart init`, processes that run on it, and the shop beside it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx

from aftercart.db.session import Database
from aftercart.intake.signing import sign_generic
from aftercart.reports import sends as report
from aftercart.starter import init
from tests.commanded import aftercart
from tests.forked import Forked, fork
from tests.intake.payloads import body, generic, generic_order

NONE_KEPT = httpx.Limits(max_keepalive_connections=0)
BIN = Path(os.environ.get("INSTALLED", Path(sys.executable).parent))
"""The commands of the installation: those of this environment, or of another (`INSTALLED`: a fresh one, say)."""
UP, WEB = (["aftercart", command, "--port", "0"] for command in ("up", "web"))
SERVING = re.compile(r'"url": "http://127\.0\.0\.1:(\d+)", "event": "serving"')
CAMPAIGN = """\
campaign: accessories
status: active
trigger: order.completed
steps:
  - id: complements
    after: 1s
    valid_for: 1h
    template: accessories
    recommend: {slots: 2, at_least: 1}
"""
PRODUCTS = {
    "BIKE-1": ("Road bike", "Bikes", "900.00"),
    "LAMP-1": ("Lamp", "Lights", "25.00"),
    "LOCK-1": ("Folding lock", "Locks", "40.00"),
    "BELL-1": ("Brass bell", "Bells", "9.00"),
}


@dataclass
class Process:
    """A process of the installation and what it writes. Its log is kept in a file."""

    popen: subprocess.Popen[bytes] | Forked
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def events(self) -> list[dict[str, Any]]:
        """The lines of its log. Fails on a line that is no event."""
        return [json.loads(line) for line in self.log.splitlines()]

    def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 60) -> int:
        """Signal it and wait; its exit code."""
        self.popen.send_signal(how)
        return self.ended(seconds)

    def ended(self, seconds: float = 60) -> int:
        """Its exit code, once it has done what a signal told it to."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            raise AssertionError(f"it did not end within {seconds} s:\n{self.log}") from None

    def kill(self) -> None:
        """End it as a power cut does."""
        self.popen.kill()
        self.popen.wait()


@dataclass
class Deployment:
    """One installation. `env` is added to its processes' environment; the port is the one that a process took last.

    `forks`: its processes start at once, though not as somebody would start them: it takes an interpreter that has
    imported everything already. Those of another environment never do.
    """

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    port: int = 0
    forks: bool = "INSTALLED" not in os.environ
    _started: int = 0
    _client: httpx.Client = field(default_factory=lambda: httpx.Client(verify=False, timeout=30, limits=NONE_KEPT))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def secret(self) -> str:
        found = re.search(r"^AFTERCART_GENERIC_SECRET=(\S+)$", (self.folder / ".env").read_text(), re.MULTILINE)
        assert found is not None
        return found[1]

    def environment(self) -> dict[str, str]:
        outside = {name: value for name, value in os.environ.items() if not name.startswith("AFTERCART_")}
        return {**outside, **self.env}

    def start(self, command: Sequence[str]) -> Process:
        """Start a command of the installation's virtual environment in its folder."""
        self._started += 1
        log_file = self.folder / f"{command[0]}-{self._started}.log"
        log_file.touch()
        if self.forks:
            nothing = Path(os.devnull)
            return Process(fork(command, self.folder, self.environment(), (nothing, nothing, log_file)), log_file)
        return Process(self._typed(command, log_file), log_file)

    def _typed(self, command: Sequence[str], log_file: Path) -> subprocess.Popen[bytes]:
        with log_file.open("wb") as log:
            return subprocess.Popen(
                [str(BIN / command[0]), *command[1:]],
                cwd=self.folder,
                env=self.environment(),
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `aftercart` with arguments to its end."""
        if self.forks:
            return aftercart(self.folder, *arguments, **self.env)
        return subprocess.run(
            [str(BIN / "aftercart"), *arguments],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    @contextmanager
    def running(self, *commands: Sequence[str]) -> Iterator[list[Process]]:
        """Several commands beside each other; whatever still runs at the end is killed."""
        processes: list[Process] = []
        try:
            processes += [self.start(command) for command in commands]
            yield processes
        finally:
            for process in processes:
                if process.popen.poll() is None:
                    process.kill()

    @contextmanager
    def up(self) -> Iterator[Process]:
        """`aftercart up`, once it answers."""
        with self.running(UP) as [process]:
            self.wait_until_ready(process)
            yield process

    def wait_until_ready(self, process: Process, seconds: float = 180) -> None:
        """Return once the web process answers."""
        deadline = monotonic() + seconds
        while process.popen.poll() is None and monotonic() < deadline:
            if serving := SERVING.search(process.log):
                self.port = int(serving[1])
                if self._is_ready():
                    return
            sleep(0.05)
        raise AssertionError(f"it is not ready after {seconds} s:\n{process.log}")

    def _is_ready(self) -> bool:
        try:
            return self._client.get(f"{self.url}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def post(self, payload: dict[str, Any], webhook_id: str) -> int:
        """A signed webhook; the status of the answer, 0 if there was none."""
        content = body(payload)
        headers = sign_generic(self.secret, webhook_id, content, datetime.now(UTC))
        try:
            return self._client.post(f"{self.url}/webhooks/generic", content=content, headers=headers).status_code
        except httpx.TransportError:
            return 0

    def stock_the_shop(self) -> None:
        """Products, and a past buyer of each of them who wants no mail: now there are best sellers to recommend."""
        for sku, (title, category, price) in PRODUCTS.items():
            facts = {"sku": sku, "title": title, "category": category, "price": price, "currency": "EUR"}
            product = generic("product.updated", url=f"https://www.example.com/{sku}", **facts)
            assert self.post(product, f"product-{sku}") == 200
        buyer = {"email": "ben@example.com", "accepts_marketing": False}
        lines = [{"sku": sku, "title": title, "unit_price": price} for sku, (title, _, price) in PRODUCTS.items()]
        assert self.post(self.order("past", customer=buyer, lines=lines), "order-past") == 200

    def order(self, order_id: str, **changes: Any) -> dict[str, Any]:
        """An order of now, of a person of its own."""
        buyer = {"id": order_id, "email": f"buyer{order_id}@example.com", "accepts_marketing": True}
        usual = {"order_id": order_id, "placed_at": datetime.now(UTC).isoformat(), "customer": buyer}
        return generic_order(**(usual | changes))

    def sends(self, database_url: str = "") -> list[dict[str, Any]]:
        """Every send, as `aftercart sends --json` lists it."""
        database = Database(database_url or f"sqlite:///{self.folder / 'data' / 'aftercart.db'}")
        try:
            with database.read() as connection:
                return list(report.listed(connection))
        finally:
            database.close()


def init_small(folder: Path) -> None:
    """What `aftercart init` writes, with one campaign and one template of all: `check` and `doctor` look at each
    template in five languages, and most tests are about one."""
    init(folder)
    for each in (*(folder / "campaigns").glob("*.yaml"), *(folder / "templates").iterdir()):
        if each.stem not in ("brand", "accessories", "_layout", "_words"):
            shutil.rmtree(each) if each.is_dir() else each.unlink()


def deployed(folder: Path, sender_url: str, **env: str) -> Deployment:
    """A fresh installation in a folder, with a campaign that mails at any hour, one second after the order."""
    init(folder)
    (folder / "campaigns" / "accessories.yaml").write_text(CAMPAIGN)
    brand = folder / "campaigns" / "brand.yaml"
    brand.write_text(re.sub(r"^quiet_hours:.*\n", "", brand.read_text(), flags=re.MULTILINE))
    settings = folder / ".env"
    settings.write_text(
        settings.read_text().replace("AFTERCART_SENDER_URL=console:", f"AFTERCART_SENDER_URL={sender_url}")
    )
    return Deployment(folder, env={f"AFTERCART_{name.upper()}": value for name, value in env.items()})
