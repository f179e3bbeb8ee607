"""The port to the job queue. A message is a nudge that carries ids; the database is the truth.

So publishing never raises and never waits long: a nudge that got lost is repeated by the sweep.
"""

from aftercart.queue.port import Queue, open_queue

__all__ = ["Queue", "open_queue"]
