"""The mail server answers as it should not, too late, or not at all."""

import ssl
from datetime import timedelta
from pathlib import Path
from time import sleep

from tests.chaos.faults import Does, Fault
from tests.chaos.lab import Lab, slow_server
from tests.chaos.servers import until
from tests.chaos.shop import orders_come_in
from tests.chaos.troubles import REPLIES, silence_ends, spread
from tests.chaos.verdict import Verdict

CERTIFICATE = Path(__file__).parents[1] / "delivery" / "localhost.pem"


def every_reply(lab: Lab) -> Verdict:
    """Each class of fault, many times over, among mails that go well."""
    name = "SMTP: every class of answer"
    with slow_server(lab.rng(name)) as server, lab.embedded(name, server) as rig:
        spread(rig, REPLIES, every=3, upto=lab.much(240))
        server.faults[""] = Fault("connect", "421 4.3.2 too many connections", 3)
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(240)) as feed:
            pass
        return rig.ended(name, feed.posted)


def silence(lab: Lab) -> Verdict:
    """The server falls silent before and after the dot, for longer than anybody waits, then hangs up."""
    name = "SMTP: silence, half-open"
    faults = [Fault("rcpt", Does.STAY_SILENT, 1), Fault("body", Does.STAY_SILENT, 1, leaves_in_doubt=True)]
    with slow_server(lab.rng(name)) as server, lab.fleet(name, server) as (rig, _):
        spread(rig, faults, every=40, upto=lab.much(120))
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(120)) as feed:
            pass
        until(lambda: server.held, "the server has fallen silent")
        sleep(1)
        server.let_go()
        with silence_ends(rig):
            return rig.ended(name, feed.posted)


def late_answers(lab: Lab) -> Verdict:
    """T04: the server answers when the lease has run out long ago; nobody else has taken the mail meanwhile."""
    name = "SMTP: answers after the lease"
    faults = [Fault("rcpt", Does.ANSWER_WHEN_LET_GO, 1), Fault("body", Does.ANSWER_WHEN_LET_GO, 1)]
    with slow_server(lab.rng(name)) as server, lab.fleet(name, server) as (rig, _):
        spread(rig, faults, every=20, upto=lab.much(80))
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(80)) as feed:
            pass
        until(lambda: server.held, "the server has fallen silent")
        for _ in range(3):
            rig.clock.step(timedelta(minutes=12))
            sleep(1.5)
        with silence_ends(rig):
            return rig.ended(name, feed.posted)


def tls_fails(lab: Lab) -> Verdict:
    """STARTTLS is refused, broken off and not understood; then it works."""
    name = "SMTP: TLS fails"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    trust = {"SSL_CERT_FILE": str(CERTIFICATE)}
    with slow_server(lab.rng(name), tls=context) as server, lab.embedded(name, server, **trust) as rig:
        rig.start()
        posted: list[int] = []
        for does in (Does.BREAK_TLS, "454 4.7.0 not now", Does.GARBAGE):
            server.faults[""] = Fault("starttls", does, 2)
            server.forget_what_was_done("")
            with orders_come_in(rig.door, lab.rng(name), lab.much(20), start=len(posted)) as feed:
                pass
            posted += feed.posted
            rig.settle()
        return rig.ended(name, posted)
