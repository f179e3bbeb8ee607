from datetime import timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from aftercart.clock import SteppedClock, utc_now
from aftercart.doctor.address import Answer, check_address, check_clock, get
from aftercart.testing import engine
from aftercart.web.app import create_web
from aftercart.web.server import serving
from tests.ports import closed_port
from tests.web.conftest import NOW

PUBLIC = "https://mail.shop.com"


def levels(base_url: str, answer: Answer) -> list[str]:
    return [one.level for one in check_address(base_url, answer)]


def test_an_address_that_leads_to_this_engine_is_fine(tmp_path: Path) -> None:
    with engine(tmp_path, SteppedClock(NOW)) as app, serving(create_web(app)) as url:
        answer = get(f"{url}/healthz")
    assert levels(PUBLIC, answer) == ["fine"]


def test_an_address_that_leads_to_somebody_else_is_a_fault() -> None:
    parked = Starlette(routes=[Route("/{path:path}", lambda _: PlainTextResponse("buy this domain"))])
    with serving(parked) as url:
        assert levels(PUBLIC, get(f"{url}/healthz")) == ["fault"]


def test_an_address_that_answers_not_at_all_may_be_the_engine_that_does_not_run() -> None:
    with closed_port() as port:
        answer = get(f"http://127.0.0.1:{port}/healthz")
    assert levels(PUBLIC, answer) == ["warn"]


@pytest.mark.parametrize(("base_url", "level"), [("http://mail.shop.com", "fault"), ("http://127.0.0.1:8000", "warn")])
def test_links_without_tls_and_links_to_this_machine_are_told(base_url: str, level: str) -> None:
    sound = Answer(base_url, 200, b'{"status":"ok"}')
    assert levels(base_url, sound) == [level, "fine"]


def test_a_certificate_that_is_not_valid_is_a_fault() -> None:
    assert levels(PUBLIC, Answer(PUBLIC, fault="its certificate is not valid: expired")) == ["fault"]


@pytest.mark.parametrize(
    ("apart", "level"), [(0, "fine"), (-20, "warn"), (20, "warn"), (-3600, "fault"), (3600, "fault")]
)
def test_clocks_that_do_not_agree_are_told(apart: float, level: str) -> None:
    clock = SteppedClock(NOW)
    [found] = check_clock(
        clock, [("the database", NOW + timedelta(seconds=apart)), ("the shop", None), ("itself", NOW)]
    )
    assert found.level == level


def test_where_nobody_can_be_asked_for_the_time_that_is_told() -> None:
    [found] = check_clock(utc_now, [("the database", None)])
    assert found.level == "warn"


def test_the_time_comes_with_an_answer(tmp_path: Path) -> None:
    with engine(tmp_path, SteppedClock(NOW)) as app, serving(create_web(app)) as url:
        at = get(url).at
    assert at
    assert abs(at - utc_now()) < timedelta(minutes=2)
