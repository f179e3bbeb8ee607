"""What the engine stands on goes away for a while: its broker, its database, its disk."""

from time import sleep

from tests.chaos.lab import Lab, slow_server
from tests.chaos.servers import RabbitMQ
from tests.chaos.shop import orders_come_in
from tests.chaos.troubles import a_full_disk, wait_for_a_bad_moment
from tests.chaos.verdict import Verdict


def broker_in_trouble(lab: Lab) -> Verdict:
    """Redis is flushed, killed and started empty."""
    name = "broker: Redis"
    with slow_server(lab.rng(name)) as server, lab.fleet(name, server) as (rig, broker):
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(150)) as feed:
            for turn in range(lab.much(9)):
                sleep(rig.rng.uniform(0.2, 1))
                if turn % 3:
                    broker.kill()
                    sleep(rig.rng.uniform(0, 2))
                    broker.start()
                else:
                    broker.forget()
        return rig.ended(name, feed.posted)


def rabbitmq_in_trouble(lab: Lab) -> Verdict:
    """RabbitMQ is emptied, killed and started again."""
    name = "broker: RabbitMQ"
    with slow_server(lab.rng(name)) as server, lab.fleet(name, server, kind=RabbitMQ) as (rig, broker):
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(150)) as feed:
            for turn in range(lab.much(4)):
                sleep(rig.rng.uniform(0.5, 2))
                if turn % 2:
                    broker.kill()
                    broker.start()
                else:
                    broker.forget()
        return rig.ended(name, feed.posted)


def database_crashes(lab: Lab) -> Verdict:
    """PostgreSQL is stopped as by a power cut, and recovers."""
    name = "database: PostgreSQL crashes"
    with slow_server(lab.rng(name)) as server, lab.fleet(name, server) as (rig, _):
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(200)) as feed:
            for _ in range(lab.much(6)):
                wait_for_a_bad_moment(rig)
                with rig.trouble():
                    lab.postgres.crash()
                    sleep(rig.rng.uniform(0, 1))
                    lab.postgres.start()
        return rig.ended(name, feed.posted)


def disk_full(lab: Lab) -> Verdict:
    """No file of the process may grow any more, as on a full disk; then there is room again. Needs no root."""
    name = "disk full: SQLite"
    with slow_server(lab.rng(name)) as server, lab.embedded(name, server) as rig:
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(150)) as feed:
            for _ in range(lab.much(6)):
                wait_for_a_bad_moment(rig)
                a_full_disk(rig)
        return rig.ended(name, feed.posted)
