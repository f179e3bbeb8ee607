"""A bit of everything, in some seconds."""

from datetime import timedelta
from time import sleep

from tests.chaos.lab import Lab, slow_server
from tests.chaos.shop import orders_come_in
from tests.chaos.troubles import REPLIES, a_full_disk, a_kill, a_step_of_the_clock, spread
from tests.chaos.verdict import Verdict

ORDERS = 30


def a_bit_of_everything(lab: Lab) -> Verdict:
    """The short form: one process, killed while its disk, its clock and its mail server misbehave."""
    name = "a bit of everything"
    with slow_server(lab.rng(name)) as server, lab.embedded(name, server) as rig:
        spread(rig, rig.rng.sample(REPLIES, len(REPLIES)), every=2, upto=ORDERS)
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), ORDERS) as feed:
            for happens in rig.rng.sample([a_kill, a_kill, a_full_disk, a_step_of_the_clock], k=4):
                sleep(rig.rng.uniform(0, 0.5))
                happens(rig)
        for number in feed.posted[::3]:
            rig.door.insist("order.completed", rig.door.order(number), f"order-{number}")
        return rig.ended(name, feed.posted, stride=timedelta(minutes=2))
