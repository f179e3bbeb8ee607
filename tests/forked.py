"""Processes of their own, without the seconds in which each imports everything: they are forked off one that has."""

from multiprocessing import get_context

FORKED = get_context("forkserver")
FORKED.set_forkserver_preload(
    [
        "aftercart.bootstrap",
        "aftercart.pipeline.send",
        "aftercart.doctor.examine",
        "tests.messages",
        "tests.smtp_server",
    ]
)
