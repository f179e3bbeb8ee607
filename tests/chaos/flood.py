"""`make flood`: very many mails due at the same instant.

They shall drain as fast at the end as in the beginning, in the same memory, each once; also where a sender has limits.

python -m tests.chaos.flood [--mails 150000] [--limit "300 per second" --limit "1000000 per day"]
"""

import argparse
import csv
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import psutil

from tests.chaos.lab import Lab
from tests.chaos.mail_server import MailServer, mail_server
from tests.chaos.rig import Rig
from tests.chaos.servers import until
from tests.chaos.shop import CAMPAIGNS, address_of

PARTS = 10
MOST_GROWTH = 1.15
"""Of the memory, from the second tenth on: Python's heap needs a while to find its size."""
WAIT = timedelta(hours=1)


@dataclass(frozen=True)
class Part:
    """A tenth of the way."""

    mails: int
    per_second: float
    megabytes: float


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=150_000)
    parser.add_argument("--limit", action="append", default=[], help="of the sender, as in the brand file")
    told = parser.parse_args()
    mails: int = told.mails
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with (
        tempfile.TemporaryDirectory(prefix="aftercart-flood-") as folder,
        Lab(Path(folder), seed="flood") as lab,
        mail_server() as server,
        lab.embedded("flood", server, campaigns={"after": "1h", "valid_for": "3d", "limits": told.limit}) as rig,
    ):
        _plan(rig, mails // len(CAMPAIGNS))
        rig.start()
        rig.clock.step(WAIT)
        parts = list(_drain(rig, server, mails))
        taken = {(mail.recipient, mail.campaign) for mail in server.taken}
    return _tell(parts, wanted=mails, arrived=len(server.taken), different=len(taken))


def _plan(rig: Rig, orders: int) -> None:
    """Orders of the same instant, each of a person of its own."""
    now = datetime.now(UTC).isoformat()
    customers, placed = rig.folder / "customers.csv", rig.folder / "orders.csv"
    with customers.open("w", newline="") as people, placed.open("w", newline="") as lines:
        to_people, to_lines = csv.writer(people), csv.writer(lines)
        to_people.writerow(["email", "customer_id", "first_name", "accepts_marketing"])
        to_lines.writerow(["order_id", "customer_id", "ordered_at", "sku", "quantity", "unit_price", "email"])
        for number in range(orders):
            address = f"flood-{address_of(str(number))}"
            to_people.writerow([address, number, "Ada", "yes"])
            to_lines.writerow([number, number, now, "BIKE", 3, "900.00", address])
    rig.run("import", "customers", str(customers))
    rig.run("import", "orders", str(placed), "--send-since", now[:10])
    print(f"{rig.open_sends():,} mails are planned for the same instant", flush=True)


def _drain(rig: Rig, server: MailServer, mails: int) -> Iterator[Part]:
    engine = psutil.Process(rig.processes.pid("up"))
    until(lambda: server.taken, "the first mail arrives")
    for part in range(1, PARTS + 1):
        before, began = len(server.taken), monotonic()
        while len(server.taken) < mails * part // PARTS:
            assert monotonic() - began < 600, f"{len(server.taken)} of {mails} arrived\n{rig.processes.logs()}"
            sleep(0.05)
        rate = (len(server.taken) - before) / max(monotonic() - began, 0.001)
        yield (made := Part(len(server.taken), rate, engine.memory_info().rss / 1e6))
        print(f"{made.mails:>9,} mails  {made.per_second:>7,.0f} a second  {made.megabytes:>6,.0f} MB", flush=True)
    until(lambda: not rig.open_sends(), "every send has ended")


def _tell(parts: list[Part], *, wanted: int, arrived: int, different: int) -> int:
    growth = max(part.megabytes for part in parts) / parts[1].megabytes
    slowing = parts[-1].per_second / parts[1].per_second
    print(f"memory grew by {growth - 1:.0%} from the second tenth on, the last tenth ran at {slowing:.0%} of its speed")
    print(f"{arrived - different} doubled, {wanted - different} lost")
    return int(growth > MOST_GROWTH or arrived != different or different != wanted)


if __name__ == "__main__":
    sys.exit(main())
