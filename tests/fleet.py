"""The engine as a fleet: web, two Celery workers and beat, each a process of its own."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from tests.deployment import Deployment, Process, deployed
from tests.mail_sink import MailSink

ORDERS = 40


@contextmanager
def fleet(
    folder: Path, sink: MailSink, broker_url: str, database_url: str
) -> Iterator[tuple[Deployment, list[Process]]]:
    """A running fleet with a stocked shop; stops it at the end and looks at how each process ended."""
    shop = deployed(folder / "shop", sink.url, broker_url=broker_url, database_url=database_url)
    upgraded = shop.run("db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    commands = [
        ["aftercart", "web", "--port", str(shop.port)],
        ["celery", "-A", "workers", "worker", "--concurrency", "2", "--hostname", "one@%h"],
        ["celery", "-A", "workers", "worker", "--concurrency", "2", "--hostname", "two@%h"],
        ["celery", "-A", "workers", "beat"],
    ]
    with shop.running(*commands) as processes:
        shop.wait_until_ready(processes[0])
        shop.stock_the_shop()
        yield shop, processes
        assert [process.stop(signal.SIGTERM, seconds=30) for process in processes] == [0, 0, 0, 0], _logs(processes)
        for process in processes:
            assert "Traceback" not in process.log, process.log
            assert "@example.com" not in process.log


def each_order_is_mailed_once(shop: Deployment, sink: MailSink, processes: list[Process]) -> None:
    """Orders in, mails out, and both workers had a part in it or could have had."""
    for number in range(ORDERS):
        assert shop.post(shop.order(f"{number}"), f"order-{number}") == 200
    try:
        sink.wait_for(ORDERS, seconds=45)
        _wait_until_settled(shop)
    except AssertionError as err:
        raise AssertionError(f"{err}\n{_logs(processes)}") from err
    assert sink.addresses == {f"buyer{number}@example.com": 1 for number in range(ORDERS)}


def _wait_until_settled(shop: Deployment) -> None:
    """The last mail may have come before its sender wrote that down."""
    deadline = monotonic() + 20
    while {send["state"] for send in shop.sends(shop.env["AFTERCART_DATABASE_URL"])} != {"sent", "skipped"}:
        assert monotonic() < deadline, shop.sends(shop.env["AFTERCART_DATABASE_URL"])
        sleep(0.1)


def _logs(processes: list[Process]) -> str:
    return "\n\n".join(f"{process.log_file.name}:\n{process.log[-3000:]}" for process in processes)
