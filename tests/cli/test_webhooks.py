"""`webhooks`, and what `doctor` says of them."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from aftercart import starter
from aftercart.db.session import Database
from aftercart.db.tables import outbox, outlets
from aftercart.doctor.finding import Level
from aftercart.doctor.outlets import check_outlets
from aftercart.ids import new_id
from aftercart.outward.happening import EVERY
from aftercart.testing import lay_down
from tests.commanded import aftercart
from tests.outward.receiver import SECRET, Receiver, receiving

NOW = datetime.now(UTC)
Typed = Callable[..., Any]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def typed(tmp_path: Path, receiver: Receiver) -> Typed:
    """Type words after `aftercart webhooks` in the shipped deployment, with an endpoint."""
    starter.init(tmp_path)
    (tmp_path / ".env").unlink()
    lay_down(f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}")
    env = {
        "AFTERCART_SECRET_KEY": "k" * 40,
        "AFTERCART_WEBHOOKS": f"crm={receiver.url}?key=secret",
        "AFTERCART_WEBHOOK_SECRETS": f"crm={SECRET}",
        "AFTERCART_WEBHOOKS_TO_LOOPBACK": "true",
    }
    return lambda *words, **more: aftercart(tmp_path, "webhooks", *words, **(env | more))


@pytest.fixture
def database(tmp_path: Path, typed: Typed) -> Iterator[Database]:
    """The endpoint stands in it."""
    del typed
    database = Database(f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}")
    do(database, insert(outlets).values(name="crm", happenings=" ".join(EVERY), since=NOW, failures=0, fault=""))
    yield database
    database.close()


def do(database: Database, *statements: Any) -> None:
    with database.write() as connection:
        for statement in statements:
            connection.execute(statement)


def given_up(outcome: str = "gave_up") -> Any:
    ended = {"due_at": None, "outcome": outcome, "ended_at": NOW - timedelta(hours=1), "fault": "it answered 500"}
    about = {"outlet": "crm", "happening": "mail.sent", "recipient_id": 1, "topic": "", "happened_at": NOW}
    return insert(outbox).values(id=new_id(), fact_key=f"mail.sent:{new_id()}", tries=10, **about, **ended)


def disabled() -> Any:
    long_ago = NOW - timedelta(days=5)
    return update(outlets).values(failures=99, failing_since=long_ago, disabled_at=NOW, fault="it answered 500")


def test_they_are_listed_without_what_is_secret_of_their_addresses(
    typed: Typed, database: Database, receiver: Receiver
) -> None:
    result = typed("list")
    assert result.returncode == 0
    assert receiver.url.removesuffix("/hooks") in result.stdout
    assert "secret" not in result.stdout
    do(database, disabled(), given_up())
    listed = typed("list", "--json")
    found = json.loads(listed.stdout)
    assert (listed.returncode, found["state"], found["given_up"], found["fault"]) == (
        1,
        "disabled",
        1,
        "it answered 500",
    )
    assert "disabled" in typed("list").stdout


def test_a_test_message_shows_whether_it_works(typed: Typed, receiver: Receiver) -> None:
    assert typed("test", "crm").stdout == "crm has taken a test message.\n"
    assert (receiver.types, receiver.told[0].is_signed_with(SECRET)) == (["test"], True)
    receiver.answers_with(302, location="https://elsewhere.example")
    failed = typed("test", "crm")
    assert (failed.returncode, "a redirect" in failed.stdout) == (1, True)
    assert typed("test", "erp").returncode == 2


@pytest.mark.parametrize(("options", "count", "told"), [((), 1, "1 message"), (("--all",), 2, "2 messages")])
def test_what_was_given_up_is_told_once_more(
    typed: Typed, database: Database, options: tuple[str, ...], count: int, told: str
) -> None:
    do(database, given_up(), given_up("told"))
    assert typed("resend", "crm", *options).stdout == f"{told} will be told to crm once more.\n"
    with database.read() as connection:
        due = connection.execute(select(outbox.c.id).where(outbox.c.due_at.is_not(None))).all()
    assert len(due) == count


def test_one_that_was_disabled_is_told_again_on_a_word(typed: Typed, database: Database) -> None:
    do(database, disabled())
    url = database.engine.url.render_as_string(hide_password=False)
    assert [finding.level for finding in check_outlets(url)] == [Level.FAULT]
    assert typed("enable", "crm").returncode == 0
    assert [finding.level for finding in check_outlets(url)] == [Level.FINE]


def test_a_secret_that_is_made_is_one_that_is_taken(typed: Typed) -> None:
    first, second = (typed("secret").stdout.strip() for _ in range(2))
    assert first != second
    assert typed("list", AFTERCART_WEBHOOK_SECRETS=f"crm={first}").returncode == 0


def test_where_nobody_is_told_anything_it_is_said_how(typed: Typed) -> None:
    nobody = {"AFTERCART_WEBHOOKS": "", "AFTERCART_WEBHOOK_SECRETS": ""}
    assert "AFTERCART_WEBHOOKS names endpoints" in typed("list", **nobody).stdout
