"""Does the broker answer, and does anybody read from it and ask for the periodic work?"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from time import sleep

from aftercart.doctor.finding import Finding, fault, fine, warn
from aftercart.quantity import counted
from aftercart.queue import open_queue, probe
from aftercart.queue.port import QUEUE_OF

BROKER, WORKERS, BEAT = "broker", "workers", "beat"
ANSWER_WITHIN_S = 1.0
LOOK_AGAIN_AFTER_S = 2.0
"""Beat asks for `dispatch` once a second."""
MANY = 1_000
AT_LEISURE = frozenset({"train", "feedback", "outward"})
"""Queues without which mail goes out all the same."""


def check_broker(url: str) -> Iterator[Finding]:
    """The broker of a fleet, its workers and beat."""
    waiting = _waiting(url)
    if waiting is None:
        yield _out_of_order(probe.refusal(url) or "it does not tell how many messages wait")
        return
    yield _about_messages(waiting)
    if policy := probe.evicts(url):
        do = "set maxmemory-policy noeviction; what was dropped is repeated, but late"
        yield warn(BROKER, f"Redis drops messages when it is full ({policy})", do)
    read = probe.queues_read(url, ANSWER_WITHIN_S)
    yield _about_workers(read)
    if read:
        yield _about_beat(url)


def _out_of_order(why: str) -> Finding:
    told = why.lower()
    if any(word in told for word in ("password", "login", "auth", "access_refused", "permission", "vhost")):
        do = "correct user, password and virtual host in AFTERCART_BROKER_URL (encode @ as %40, / as %2F)"
    else:
        do = "start it, or correct AFTERCART_BROKER_URL"
    return fault(BROKER, f"cannot be used: {why}", f"{do}; nothing is lost meanwhile")


def _waiting(url: str) -> dict[str, int] | None:
    """Messages by queue; None where the broker does not answer."""
    found: dict[str, int] = {}
    with closing(open_queue(url)) as queue:
        for task, name in QUEUE_OF.items():
            count = queue.waiting(task)
            if count is None:
                return None
            found[name] = count
    return found


def _about_messages(waiting: dict[str, int]) -> Finding:
    told = ", ".join(f"{name} {count:,}" for name, count in waiting.items())
    if max(waiting.values()) > MANY:
        return warn(BROKER, f"many messages wait ({told})", "see that a worker reads each of these queues")
    return fine(BROKER, f"answers; messages that wait: {told}")


def _about_workers(read: Mapping[str, frozenset[str]]) -> Finding:
    if not read:
        return fault(WORKERS, "none answers", "start them: celery -A workers worker")
    unread = sorted(set(QUEUE_OF.values()).difference(*read.values()))
    if not unread:
        return fine(WORKERS, f"{len(read)} answer, and every queue is read")
    found, do = f"nobody reads {', '.join(unread)}", f"celery -A workers worker -Q {','.join(unread)}"
    return warn(WORKERS, found, do) if AT_LEISURE.issuperset(unread) else fault(WORKERS, found, do)


def _about_beat(url: str) -> Finding:
    """Beat itself answers no questions; but where it lives, somebody does what it asks for."""
    before = probe.times_done(url, "dispatch", ANSWER_WITHIN_S)
    sleep(LOOK_AGAIN_AFTER_S)
    after = probe.times_done(url, "dispatch", ANSWER_WITHIN_S)
    done = sum(max(after[name] - before[name], 0) for name in before.keys() & after.keys())  # those that answered twice
    if done > 0:
        return fine(BEAT, f"`dispatch` ran {counted(done, 'time')} while we looked")
    return fault(BEAT, "`dispatch` did not run while we looked", "start one: celery -A workers beat")
