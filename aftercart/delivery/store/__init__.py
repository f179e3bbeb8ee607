"""What all workers share about senders: breakers, counts, and the pace at which due mail is handed out.

Each of these rows is locked in a transaction of its own, `sender_usage` by scope. Only the dispatcher locks `drain`,
and while it holds sends that nobody else waits for.
"""

from aftercart.delivery.store.drain import Room, room, took
from aftercart.delivery.store.shared import SharedTraffic

__all__ = ["Room", "SharedTraffic", "room", "took"]
