from pathlib import Path

import pytest

from aftercart.doctor.finding import Finding
from aftercart.doctor.sender import check_senders
from tests.mail_services import SERVICES, Says, fake_service
from tests.ports import closed_port
from tests.smtp_server import Does, ScriptedServer


def the_one(url: str) -> Finding:
    [found] = check_senders(url, {})
    return found


def test_a_server_that_takes_us_is_fine_and_gets_no_mail() -> None:
    with ScriptedServer() as server:
        found = the_one(f"smtp://127.0.0.1:{server.port}")
        assert (found.level, found.do) == ("fine", "")
        assert "pipelining" in found.found
    assert not server.said("MAIL")
    assert not server.bodies


def test_a_login_that_is_refused_is_a_fault_and_nobody_reads_the_password() -> None:
    with ScriptedServer(("AUTH PLAIN",), auth="535 5.7.8 wrong") as server:
        found = the_one(f"smtp://ada:hunter2@127.0.0.1:{server.port}")
    assert found.level == "fault"
    assert "user and password" in found.do
    assert "hunter2" not in found.found + found.do


def test_a_login_that_is_taken_is_told() -> None:
    with ScriptedServer(("AUTH PLAIN",), auth="235 2.7.0 welcome") as server:
        found = the_one(f"smtp://ada:hunter2@127.0.0.1:{server.port}")
    assert found.level == "fine"
    assert "login" in found.found


def test_a_server_that_would_protect_the_mails_is_told_though_it_works() -> None:
    with ScriptedServer(("STARTTLS",)) as server:
        unprotected, works = check_senders(f"smtp://127.0.0.1:{server.port}", {})
    assert (unprotected.level, works.level) == ("warn", "fine")
    assert "smtp+starttls://" in unprotected.do


@pytest.mark.parametrize(
    ("answer", "said"),
    [("554 5.3.2 not today", "554"), (Does.HANG_UP, "closed"), ("421 4.3.2 busy", "421")],
)
def test_a_server_that_turns_us_away_is_a_fault_in_its_own_words(answer: str, said: str) -> None:
    with ScriptedServer(connect=answer) as server:
        found = the_one(f"smtp://127.0.0.1:{server.port}")
    assert found.level == "fault"
    assert said in found.found.lower()


def test_a_server_that_is_not_there_is_a_fault() -> None:
    with closed_port() as port:
        found = the_one(f"smtp://127.0.0.1:{port}")
    assert found.level == "fault"
    assert "firewall" in found.do


def test_tls_with_a_server_that_has_none_is_told_with_the_right_scheme() -> None:
    with ScriptedServer() as server:
        found = the_one(f"smtp+starttls://127.0.0.1:{server.port}")
    assert found.level == "fault"
    assert "smtps://" in found.do


def test_a_sender_that_sends_to_nobody_is_a_warning(tmp_path: Path) -> None:
    assert [the_one(url).level for url in ("console:", f"file:{tmp_path}")] == ["warn", "warn"]


def test_a_url_that_names_no_sender_is_a_fault() -> None:
    assert the_one("pigeon:").level == "fault"


# ---------------------------------------------------------------- mail services

NO_QUESTION = ("mailtrap", "postal")
NARROW_KEYS = ("mailersend", "mailgun", "resend", "scaleway", "sparkpost")


@pytest.mark.parametrize("name", [service.name for service in SERVICES])
def test_a_mail_service_is_asked_whether_it_takes_our_key_and_given_no_mail(name: str) -> None:
    with fake_service(name) as service:
        service.desk["*"] = Says(200, "{}")
        found = the_one(service.url)
        assert service.requests == []
        assert len(service.questions) == (0 if name in NO_QUESTION else 1)
        assert all("KEY" not in question.path for question in service.questions)
    assert found.level == ("warn" if name in NO_QUESTION else "fine")
    assert ("only a real mail will show" if name in NO_QUESTION else "takes our key") in found.found


@pytest.mark.parametrize("name", [service.name for service in SERVICES if service.name not in NO_QUESTION])
def test_a_key_that_a_service_does_not_take_is_a_fault_unless_it_may_be_one_that_only_sends(name: str) -> None:
    with fake_service(name) as service:
        service.desk["*"] = Says(403, '{"message": "no"}', {"x-amzn-errortype": "AccessDeniedException"})
        found = the_one(service.url)
    assert found.level == ("warn" if name in NARROW_KEYS else "fault")
    assert "KEY" not in found.found + found.do


def test_a_service_that_does_not_answer_is_a_fault() -> None:
    with fake_service("sendgrid") as service:
        url = service.url
    found = the_one(url)
    assert (found.level, "no answer" in found.found) == ("fault", True)
