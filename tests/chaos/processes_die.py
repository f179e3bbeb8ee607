"""SIGKILL, again and again."""

from tests.chaos.lab import Lab, slow_server
from tests.chaos.servers import RabbitMQ, Redis
from tests.chaos.shop import orders_come_in
from tests.chaos.troubles import wait_for_a_bad_moment
from tests.chaos.verdict import Verdict


def kills_of_one_process(lab: Lab) -> Verdict:
    """`aftercart up` on SQLite is killed again and again, at its start and at work."""
    name = "kill -9: up, SQLite"
    with slow_server(lab.rng(name)) as server, lab.embedded(name, server) as rig:
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(120)) as feed:
            for _ in range(lab.much(40)):
                wait_for_a_bad_moment(rig)
                rig.kill("up")
                rig.processes.keep_up()
        return rig.ended(name, feed.posted)


def kills_of_a_fleet(lab: Lab) -> Verdict:
    """Workers, their children, schedulers and web are killed; each is started again a moment later."""
    return _kills_of_a_fleet(lab, "kill -9: fleet, Redis", Redis, lab.much(130))


def kills_of_a_fleet_on_rabbitmq(lab: Lab) -> Verdict:
    """The same on another broker."""
    return _kills_of_a_fleet(lab, "kill -9: fleet, RabbitMQ", RabbitMQ, lab.much(30))


def _kills_of_a_fleet(lab: Lab, name: str, kind: type[Redis | RabbitMQ], kills: int) -> Verdict:
    with slow_server(lab.rng(name)) as server, lab.fleet(name, server, kind=kind) as (rig, _):
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), 3 * kills) as feed:
            for _ in range(kills):
                wait_for_a_bad_moment(rig)
                rig.kill(rig.rng.choice([name for name in rig.processes.names if rig.processes.runs(name)]))
                if rig.rng.random() < 0.7:
                    rig.processes.keep_up()
            rig.processes.keep_up()
        return rig.ended(name, feed.posted)
