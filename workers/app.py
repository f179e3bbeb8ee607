"""The Celery app: queues, schedule, and how its settings are found.

Importing this reads no environment and opens no connection: Celery asks for the configuration when it first needs
it. Messages are acknowledged early and carry no results, because our own lease recovers a send on every broker
(see `aftercart/ledger`); no message has an ETA.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import structlog
from celery import Celery, signals
from celery.beat import SchedulingError
from celery.loaders.app import AppLoader
from celery.schedules import crontab
from kombu import Queue

from aftercart import logs
from aftercart.bootstrap import App, build
from aftercart.errors import AftercartError
from aftercart.ledger import store as ledger
from aftercart.machine import settle_in
from aftercart.queue import inproc
from aftercart.queue.port import QUEUE_OF, require_packages, worker_options
from aftercart.settings import read_settings
from workers.training import LONGEST, trainer

log = structlog.get_logger()

TASKS = ["workers.tasks"]
INGEST_SWEEP_S = 5.0
DISPATCH_S = 1.0
TIDY_S = 60.0
COLLECT_S = 60.0
SETTLE_S = 60.0
LEARN_S = 3600.0
SURVEY_MINUTE = 17
"""Of every hour: when most other machines are not busy with what they do by the clock."""
HOURLY = ("survey", "learn")
"""Both look first at what was done already."""
TELL_S = 2.0
SOFT_LIMITS_S = {
    "tidy": 60,
    "survey": 600,
    "dispatch": 60,  # a busy SQLite file is waited for half a minute
    "collect": 300,  # some hundred reports, each of them soon read
    "settle": 2100,  # twenty mails at a service that is silent, and one more question to it
    "ingest": 600,  # a flood is worked off in one go, 200 webhooks a transaction
    "deliver": int((ledger.LEASE + ledger.REPLY_LEASE).total_seconds()) + 60,  # by then no lease of it can be alive
    "confirm": int((ledger.LEASE + ledger.REPLY_LEASE).total_seconds()) + 60,
    "learn": 300,  # twenty thousand people's orders, once a day and bandit
    "tell": 240,  # a run, and the last round of an outlet that lets itself be waited for
    "train": int(LONGEST.total_seconds()) + 60,
}
"""When a task is told to end, and HARD_AFTER_S later its process is killed: nets under the time-outs of what it talks
to, of which none is so long. Only prefork workers have them; threads cannot be killed."""
HARD_AFTER_S = 60
SOON, TONIGHT = 10, 6 * 3600
"""Seconds after which a message of beat is dropped, because the next one is there or the night is over."""


def configuration(broker_url: str, train_at: str = "") -> dict[str, Any]:
    """Celery's settings for one broker. `train_at`: HH:MM in UTC; empty: no nightly training."""
    return {
        "broker_url": broker_url,
        "broker_transport_options": worker_options(broker_url),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # a broker may be away for a night; by default a worker would give up
        "task_queues": [Queue(name) for name in dict.fromkeys(QUEUE_OF.values())],
        "task_routes": QUEUE_OF,
        "task_default_queue": "housekeeping",
        "task_ignore_result": True,
        "task_acks_late": False,
        "task_annotations": {
            name: {"soft_time_limit": soft, "time_limit": soft + HARD_AFTER_S} for name, soft in SOFT_LIMITS_S.items()
        },
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_soft_shutdown_timeout": 30.0,
        "worker_enable_soft_shutdown_on_idle": True,
        "timezone": "UTC",
        "beat_scheduler": "celery.beat:Scheduler",  # nothing to remember: every periodic task is a sweep
        "beat_max_loop_interval": 1.0,
        "beat_schedule": {
            "dispatch": {"task": "dispatch", "schedule": DISPATCH_S, "options": {"expires": SOON}},
            "collect": {"task": "collect", "schedule": COLLECT_S, "options": {"expires": 30}},
            "settle": {"task": "settle", "schedule": SETTLE_S, "options": {"expires": 30}},
            "learn": {"task": "learn", "schedule": LEARN_S, "options": {"expires": 30}},
            "ingest": {"task": "ingest", "schedule": INGEST_SWEEP_S, "options": {"expires": SOON}},
            "tell": {"task": "tell", "schedule": TELL_S, "options": {"expires": SOON}},
            "tidy": {"task": "tidy", "schedule": TIDY_S, "options": {"expires": 30}},
            "survey": {"task": "survey", "schedule": crontab(minute=SURVEY_MINUTE), "options": {"expires": 60}},
            **(
                {"train": {"task": "train", "schedule": _nightly(train_at), "options": {"expires": TONIGHT}}}
                if train_at
                else {}
            ),
        },
    }


def _nightly(at: str) -> crontab:
    hour, _, minute = at.partition(":")
    return crontab(hour=int(hour), minute=int(minute))


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    """A fault that a person can mend ends the process, as it does at the command line."""
    try:
        yield
    except AftercartError as err:
        raise SystemExit(f"aftercart: {err}") from err


class SettingsLoader(AppLoader):
    """Finds Celery's configuration in Aftercart's settings, once it is asked for."""

    def read_configuration(self, env: str = "CELERY_CONFIG_MODULE") -> dict[str, Any]:  # noqa: ARG002  # Celery's signature
        given = self.app.__dict__.get("engine")
        with _told_in_one_line():
            settings = given.settings if given else read_settings()
            require_packages(settings.broker_url)
        return configuration(settings.broker_url, settings.train_at)


class Workers(Celery):
    """A Celery app that holds the engine its tasks work on. The engine is built on first use, so after the fork.

    The embedded mode gives it one beforehand; then that one's settings count and the environment is not read.
    """

    def hold(self, engine: App) -> None:
        """Work on this engine from now on."""
        self.__dict__["engine"] = engine

    @cached_property
    def engine(self) -> App:
        engine = build(read_settings())
        settle_in()
        return engine


@signals.celeryd_init.connect
def _try_the_engine(**_: Any) -> None:
    """A worker that could do no work does not start: better than the same fault for each task, once a second."""
    with _told_in_one_line():
        build(read_settings()).close()


@signals.setup_logging.connect
def _log_like_the_rest(loglevel: int | str | None = None, **_: Any) -> None:
    """`celery -A workers ...` writes the same lines as every other process, in place of Celery's own format."""
    logs.configure(loglevel or logging.WARNING)
    logging.getLogger("celery.beat").addFilter(_in_one_line)


def _in_one_line(record: logging.LogRecord) -> bool:
    """While the broker is away beat says so with each message, every second: let it say no more than that. Its stack
    and all causes are twelve thousand letters, a gigabyte a day."""
    if record.exc_info and isinstance(fault := record.exc_info[1], SchedulingError):
        record.msg, record.args, record.exc_info = str(fault), (), None
    return True


@signals.celeryd_after_setup.connect
def _tell_what_shares_a_worker(instance: Any, **_: Any) -> None:
    queues = set(instance.app.amqp.queues.consume_from)
    if "deliver" in queues and len(queues) > 1:
        hint = "while a mail server is silent, orders wait too: give `deliver` workers of its own (docs/operations.md)"
        log.info("worker_shared", queues=sorted(queues), hint=hint)


@signals.worker_shutting_down.connect
def _train_no_more(**_: Any) -> None:
    """Whoever stops a worker does not wait for the end of a training."""
    trainer.stop()


@signals.beat_init.connect
def _do_at_once_what_an_hour_may_have_left(sender: Any, **_: Any) -> None:
    """Whoever is new, or comes back after weeks, is not without figures until the hour is over."""
    for task in HOURLY:
        sender.app.send_task(task, expires=LEARN_S)


inproc.register()
celery = Workers("aftercart", loader=SettingsLoader, include=TASKS)
