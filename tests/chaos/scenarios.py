"""All that can go wrong here: orders come in, something breaks, time passes, and the verdict is given."""

from collections.abc import Callable

from tests.chaos.ground_gives_way import broker_in_trouble, database_crashes, disk_full, rabbitmq_in_trouble
from tests.chaos.lab import Lab
from tests.chaos.mail_server_misbehaves import every_reply, late_answers, silence, tls_fails
from tests.chaos.processes_die import kills_of_a_fleet, kills_of_a_fleet_on_rabbitmq, kills_of_one_process
from tests.chaos.time_and_people import (
    clock_steps,
    clock_steps_with_limits,
    eight_workers,
    pause_and_resume,
    webhooks_in_any_order,
)
from tests.chaos.verdict import Verdict

Scenario = Callable[[Lab], Verdict]

ALL: tuple[Scenario, ...] = (
    every_reply,
    silence,
    late_answers,
    tls_fails,
    kills_of_one_process,
    kills_of_a_fleet,
    broker_in_trouble,
    database_crashes,
    disk_full,
    clock_steps,
    clock_steps_with_limits,
    webhooks_in_any_order,
    pause_and_resume,
    eight_workers,
)
WITH_RABBITMQ: tuple[Scenario, ...] = (kills_of_a_fleet_on_rabbitmq, rabbitmq_in_trouble)
