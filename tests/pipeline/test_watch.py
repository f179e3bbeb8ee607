"""T11: a backup that is read back, or a second copy of the database, sends nothing a second time."""

import json
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, make_url, select

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.session import Database
from aftercart.db.tables import Row, confirmations, decisions, sends
from aftercart.ledger import store as ledger
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.pipeline.sending.send import contents_for, deliver, reserve
from aftercart.pipeline.watch import held, may_send, resume
from aftercart.testing import ListQueue, engine, run_due, run_until
from tests.cast import (
    ADA,
    BIKE,
    DAY,
    HOUR,
    MONDAY,
    Shop,
    campaign,
    clock_of,
    customer,
    fates,
    order,
    outbox,
    rows,
    tell,
)

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    at_once = campaign("thanks", after="1h", at="null", quiet="null")
    return Shop(tmp_path / "shop").write(campaign(quiet="null"), at_once.replace("complements", "thanks"))


@pytest.fixture
def app(tmp_path: Path, shop: Shop, database_url: str) -> Iterator[App]:
    with started(tmp_path, shop, database_url, MONDAY) as app:
        yield app


def started(folder: Path, shop: Shop, url: str, at: datetime) -> AbstractContextManager[App]:
    """An engine that has just been started in a data folder."""
    return engine(folder, SteppedClock(at), database_url=url, **shop.files)


def elsewhere(folder: Path) -> Path:
    """Where a copy of a data folder is put."""
    return folder.with_name(f"{folder.name}-copy")


def url_of(app: App) -> str:
    return app.db.engine.url.render_as_string(hide_password=False)


def why(app: App) -> str:
    with app.db.read() as connection:
        found = held(connection)
    return found.because if found else ""


def mailed(app: App) -> list[str]:
    return [message.recipient for message in outbox(app).messages]


Backup = dict[Any, list[dict[str, Any]]]


def backup(app: App) -> Backup:
    with app.db.read() as connection:
        return {
            table: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in Row.metadata.sorted_tables
        }


def restore(app: App, kept: Backup) -> None:
    """Read a backup back, into the place where the database lies."""
    with app.db.write() as connection:
        for table in reversed(Row.metadata.sorted_tables):
            connection.execute(delete(table))
        for table in Row.metadata.sorted_tables:
            if kept[table]:
                connection.execute(insert(table), kept[table])


def one_sent_after_the_backup(app: App) -> Backup:
    """Ada has had both her mails, which the backup does not know."""
    order(app, "1", ADA)
    assert may_send(app)
    kept = backup(app)
    run_until(app, DUE)
    assert len(mailed(app)) == 2
    return kept


# ---------------------------------------------------------------- a backup


def test_a_backup_read_back_under_a_running_engine_sends_nothing_again(app: App) -> None:
    restore(app, one_sent_after_the_backup(app))
    assert [dispatch(app), dispatch(app)] == [0, 0]
    assert "was set back: it knows of 1 beats" in why(app)


def test_nor_does_one_that_is_read_back_before_the_engine_starts(app: App, tmp_path: Path, shop: Shop) -> None:
    restore(app, one_sent_after_the_backup(app))
    with started(tmp_path, shop, url_of(app), DUE + HOUR) as again:
        assert dispatch(again) == 0
        assert "was set back" in why(again)


def test_nor_one_read_back_on_a_machine_that_has_lost_all_else(app: App, tmp_path: Path, shop: Shop) -> None:
    """As a snapshot of a whole machine: only the clock tells."""
    restore(app, one_sent_after_the_backup(app))
    with started(tmp_path / "new", shop, url_of(app), DUE) as again:
        assert dispatch(again) == 0
        assert "no sign of life" not in why(again)
        assert "sign of life for 67.0 hours" in why(again)


def test_nor_does_a_data_folder_that_was_put_back_as_a_whole(
    tmp_path: Path, shop: Shop, newest_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Database and beats agree then, and the file lies at its old place; but the disk knows who has written it."""
    folder = tmp_path / "data"
    folder.mkdir()
    file = folder / "aftercart.db"
    shutil.copy(newest_sqlite, file)
    with started(folder, shop, f"sqlite:///{file}", MONDAY) as app:
        order(app, "1", ADA)
        assert may_send(app)
        app.db.close()
        shutil.copytree(folder, elsewhere(folder))
        run_until(app, DUE)
        assert len(mailed(app)) == 2
    sleep(0.1)  # twice what is at once here: no test waits for the real five seconds
    for kept in elsewhere(folder).iterdir():
        if kept.is_file():
            shutil.copyfile(kept, folder / kept.name)  # into the files that are there, as `cp -r` does
    monkeypatch.setattr("aftercart.ledger.witness.AT_ONCE_S", 0.05)
    with started(folder, shop, f"sqlite:///{file}", DUE) as again:
        assert dispatch(again) == 0
        assert "sign of life" in why(again)


def test_while_all_is_held_no_worker_claims_a_mail(app: App) -> None:
    """A message about it may have been under way already."""
    restore(app, one_sent_after_the_backup(app))
    dispatch(app)
    before = len(mailed(app))
    deliver(app, [row["id"] for row in rows(app, sends)])
    assert len(mailed(app)) == before
    assert {state for state, _ in fates(app)} == {"scheduled"}


def test_nor_one_whose_content_was_ready_before(app: App) -> None:
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    ids = [row["id"] for row in rows(app, sends)]
    contents = contents_for(app, ids)
    assert contents
    may_send(app)
    with app.db.write() as connection:
        ledger.hold_all(connection, "somebody saw a copy", DUE)
    assert reserve(app, ids, contents) == []


# ---------------------------------------------------------------- going on


def test_a_word_holds_though_it_is_said_where_no_beats_were_counted(app: App, tmp_path: Path, shop: Shop) -> None:
    """On another machine, or with another data folder than the engine's."""
    restore(app, one_sent_after_the_backup(app))
    dispatch(app)
    with started(tmp_path / "desk", shop, url_of(app), DUE) as elsewhere_on_it:
        resume(elsewhere_on_it, in_doubt=False)
    assert may_send(app), why(app)


def test_what_may_have_been_sent_is_in_doubt_and_all_else_goes_on(app: App) -> None:
    order(app, "1", ADA)
    order(app, "2", customer(2))
    may_send(app)
    kept = backup(app)
    run_until(app, MONDAY + DAY)
    thanked = ["ada@example.com", "customer2@example.com"]
    assert sorted(mailed(app)) == thanked
    restore(app, kept)
    dispatch(app)
    assert resume(app, in_doubt=True) == 2
    assert [reason for state, reason in fates(app) if state == "unknown"] == ["may_have_been_sent"] * 2
    assert len([row for row in rows(app, decisions) if row["reason"] == "may_have_been_sent"]) == 2
    run_until(app, DUE + DAY)
    assert sorted(mailed(app)[2:]) == thanked, "the mails of the third day"


def test_an_order_that_comes_in_again_is_not_mailed_again(app: App) -> None:
    """It came after the backup was made, and its mail has left. The shop tells of it once more."""
    may_send(app)
    kept = backup(app)
    clock_of(app).step(HOUR)
    placed = clock_of(app)().isoformat()
    order(app, "9", ADA, placed_at=placed, webhook_id="first")
    run_until(app, MONDAY + 3 * HOUR)
    assert mailed(app) == ["ada@example.com"]
    restore(app, kept)
    dispatch(app)
    resume(app, in_doubt=True)
    clock_of(app).step(timedelta(minutes=1))
    order(app, "9", ADA, placed_at=placed, webhook_id="again")
    run_until(app, DUE - HOUR)
    assert mailed(app) == ["ada@example.com"]
    assert ("unknown", "may_have_been_sent") in fates(app)
    run_until(app, DUE + 2 * HOUR)
    assert mailed(app) == ["ada@example.com"] * 2, "the mail of the third day had not been due by then"


@pytest.fixture
def confirming(tmp_path: Path, database_url: str) -> Iterator[App]:
    """Where a new yes has to be confirmed."""
    shop = Shop(tmp_path / "shop").write(campaign(quiet="null"), brand="double_opt_in: true\n")
    with started(tmp_path, shop, database_url, MONDAY) as app:
        yield app


def questions(app: App) -> list[tuple[str, str | None]]:
    return [(row["state"], row["reason"]) for row in rows(app, confirmations)]


def test_a_word_that_is_told_again_asks_nobody_again_and_a_new_one_does(confirming: App) -> None:
    """It came after the backup was made, and the mail that asks has left."""
    app = confirming
    may_send(app)
    kept = backup(app)
    clock_of(app).step(HOUR)
    said = {"customer": {"email": "new@example.com"}, "accepts_marketing": True}
    dated = said | {"consent_at": clock_of(app)().isoformat()}
    tell(app, "consent.changed", dated, webhook_id="first")
    run_until(app, MONDAY + 2 * HOUR)
    assert mailed(app) == ["new@example.com"]
    restore(app, kept)
    dispatch(app)
    resume(app, in_doubt=True)
    clock_of(app).step(timedelta(minutes=1))
    tell(app, "consent.changed", dated, webhook_id="again")
    run_until(app, MONDAY + 3 * HOUR)
    assert questions(app) == [("unknown", "may_have_been_sent")]
    assert mailed(app) == ["new@example.com"]
    order(app, "2", customer(2), placed_at=clock_of(app)().isoformat())
    run_until(app, MONDAY + 4 * HOUR)
    assert mailed(app) == ["new@example.com", "customer2@example.com"]


def test_after_an_outage_that_nobody_vouches_for_everything_goes_on_by_a_word(
    app: App, tmp_path: Path, shop: Shop
) -> None:
    order(app, "1", ADA)
    may_send(app)
    (tmp_path / "beats.json").unlink()
    with started(tmp_path, shop, url_of(app), MONDAY + 6 * HOUR) as again:
        assert dispatch(again) == 0
        assert "sign of life for 6.0 hours" in why(again)
        assert resume(again, in_doubt=False) == 0
        run_due(again)
        assert mailed(again) == ["ada@example.com"]


# ---------------------------------------------------------------- what is no cause


def test_a_short_outage_and_a_long_one_with_nothing_due_hold_nothing(app: App, tmp_path: Path, shop: Shop) -> None:
    order(app, "1", ADA)
    may_send(app)
    with started(tmp_path, shop, url_of(app), MONDAY + 3 * HOUR) as again:
        assert dispatch(again) == 1
        run_until(again, MONDAY + 5 * HOUR)
    with started(tmp_path, shop, url_of(app), DUE - HOUR) as later:
        assert may_send(later)


def test_a_laptop_that_was_off_over_night_goes_on_by_itself(app: App, tmp_path: Path, shop: Shop) -> None:
    """The beats that were noted are those that the database knows. What is not worth sending any more expires."""
    order(app, "1", ADA)
    order(app, "2", customer(2))
    may_send(app)
    with started(tmp_path, shop, url_of(app), MONDAY + 20 * HOUR) as again:
        assert dispatch(again) == 2
        run_due(again)
        assert sorted(mailed(again)) == ["ada@example.com", "customer2@example.com"]
    with started(tmp_path, shop, url_of(app), DUE + 10 * DAY) as late:
        assert may_send(late)
        run_due(late)
        assert mailed(late) == []
        assert fates(late).count(("skipped", "expired")) == 2


def test_a_process_that_died_between_counting_a_beat_and_noting_it_goes_on_by_itself(
    app: App, tmp_path: Path, shop: Shop
) -> None:
    order(app, "1", ADA)
    may_send(app)
    with app.db.write() as connection:
        connection.exec_driver_sql("UPDATE fence SET beats = beats + 1")
    with started(tmp_path, shop, url_of(app), MONDAY + 20 * HOUR) as again:
        assert may_send(again)


def test_a_gap_holds_whatever_vouches_where_somebody_has_set_it(app: App, tmp_path: Path, shop: Shop) -> None:
    order(app, "1", ADA)
    may_send(app)
    settings: dict[str, Any] = {**shop.files, "hold_after_hours": 2}
    with engine(tmp_path, SteppedClock(MONDAY + 3 * HOUR), database_url=url_of(app), **settings) as again:
        assert dispatch(again) == 0
        assert "sign of life for 3.0 hours" in why(again)


@pytest.mark.parametrize("what", ["beats far behind", "another machine", "copied there", "unreadable"])
def test_a_file_that_was_not_written_here_with_the_last_beat_vouches_for_nothing(
    app: App, tmp_path: Path, shop: Shop, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(app, "1", ADA)
    may_send(app)
    file = tmp_path / "beats.json"
    match what:
        case "beats far behind":  # another machine has counted since, and has sent perhaps
            with app.db.write() as connection:
                connection.exec_driver_sql("UPDATE fence SET beats = beats + 2")
        case "another machine":
            monkeypatch.setattr("aftercart.ledger.witness.machine_id", lambda: "the other")
        case "copied there":
            noted = json.loads(file.read_text())
            file.write_text(json.dumps({**noted, "written_at": noted["written_at"] - 60}))
        case _:
            file.write_text('{"place": 7}')
    with started(tmp_path, shop, url_of(app), MONDAY + 5 * HOUR) as again:
        assert dispatch(again) == 0
        assert "sign of life" in why(again)


def test_a_clock_that_leaps_holds_nothing(app: App) -> None:
    for leap in (HOUR, -HOUR, 9 * HOUR, -9 * HOUR):
        order(app, str(leap), customer(1))
        clock_of(app).step(leap)
        assert may_send(app)


def test_another_machine_that_joins_holds_nothing(app: App, tmp_path: Path, shop: Shop) -> None:
    assert may_send(app)
    with started(tmp_path / "another machine", shop, url_of(app), MONDAY) as joined:
        for _ in range(20):
            for either in (app, joined):
                clock_of(either).step(timedelta(seconds=5))
                assert may_send(either)


def test_a_folder_that_cannot_be_written_costs_no_mail(app: App, tmp_path: Path) -> None:
    (tmp_path / "beats.json").mkdir()
    order(app, "1", ADA)
    run_until(app, DUE)
    assert len(mailed(app)) == 2


# ---------------------------------------------------------------- a copy


@pytest.fixture
def copy(app: App, tmp_path: Path) -> Iterator[str]:
    """The URL of a copy of the database, made just now while Ada's first mail is due soon."""
    order(app, "1", ADA, [BIKE])
    may_send(app)
    app.db.close()
    if app.db.is_sqlite:
        shutil.copytree(tmp_path, elsewhere(tmp_path))
        yield f"sqlite:///{elsewhere(tmp_path) / 'aftercart.db'}"
        return
    name = f"copy_{uuid4().hex}"
    original = make_url(url_of(app))
    with closing(Database(original.set(database="postgres").render_as_string(hide_password=False))) as admin:
        autocommitting = admin.engine.execution_options(isolation_level="AUTOCOMMIT")
        app.inbox_db.close()
        with autocommitting.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {original.database}")
        yield original.set(database=name).render_as_string(hide_password=False)
        with autocommitting.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_copy_sends_nothing_and_the_original_goes_on(app: App, copy: str, tmp_path: Path, shop: Shop) -> None:
    with started(elsewhere(tmp_path), shop, copy, MONDAY + HOUR) as clone:
        assert dispatch(clone) == 0
        assert "is a copy, or was moved" in why(clone)
        assert isinstance(clone.queue, ListQueue)
        assert clone.queue.published == []
    clock_of(app).step(HOUR)
    assert dispatch(app) == 1


def test_the_clone_of_a_disk_sends_nothing_on_another_machine(
    tmp_path: Path, shop: Shop, newest_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file has the same inode, its beats are as they were, and it was made an hour ago."""
    file = tmp_path / "aftercart.db"
    shutil.copy(newest_sqlite, file)
    monkeypatch.setattr("aftercart.ledger.witness.machine_id", lambda: "a" * 32)
    with started(tmp_path, shop, f"sqlite:///{file}", MONDAY) as app:
        order(app, "1", ADA)
        assert may_send(app)
    monkeypatch.setattr("aftercart.ledger.witness.machine_id", lambda: "b" * 32)
    with started(tmp_path, shop, f"sqlite:///{file}", MONDAY + HOUR) as clone:
        assert dispatch(clone) == 0
        assert "counted on another machine" in why(clone)
        resume(clone, in_doubt=False)
        run_due(clone)
        assert mailed(clone) == ["ada@example.com"]


def test_machines_that_share_a_folder_beside_a_database_on_a_server_hold_nothing(
    tmp_path: Path, shop: Shop, newest_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for machine in ("a" * 32, "b" * 32, "a" * 32):
        monkeypatch.setattr("aftercart.ledger.witness.machine_id", lambda machine=machine: machine)
        with started(tmp_path, shop, newest_postgres_url, MONDAY) as joined:
            assert may_send(joined)


def test_a_database_that_was_moved_sends_again_when_told(copy: str, tmp_path: Path, shop: Shop) -> None:
    with started(elsewhere(tmp_path), shop, copy, MONDAY + HOUR) as moved:
        dispatch(moved)
        resume(moved, in_doubt=False)
        run_until(moved, MONDAY + 2 * HOUR)
        assert mailed(moved) == ["ada@example.com"]
        assert why(moved) == ""
