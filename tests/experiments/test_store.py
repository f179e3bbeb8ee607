from collections.abc import Iterator
from pathlib import Path

import pytest

from aftercart.db.session import Database
from aftercart.db.tables import exposures
from aftercart.experiments.store import Arm, assigned
from tests.rows import MONDAY, Rows, Statements, a_database

SECRET = "s" * 32


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = a_database(tmp_path)
    yield db
    db.close()


def people(db: Database, count: int) -> dict[int, str]:
    rows = Rows(db)
    emails = [f"person{i}@example.com" for i in range(count)]
    return {rows.recipient(email): email for email in emails}


def arms(db: Database, who: dict[int, str], share: float, experiment: str = "holdout:accessories") -> dict[int, Arm]:
    with db.write() as connection:
        return assigned(
            connection, experiment, {id_: {id_: email} for id_, email in who.items()}, share, SECRET, "c0ffee", MONDAY
        )


def test_the_first_exposure_decides_whatever_the_share_becomes(db: Database) -> None:
    who = people(db, 40)
    first = arms(db, who, 0.5)
    assert set(first) == set(who)
    assert set(first.values()) == {Arm.HOLDOUT, Arm.TREATED}
    assert arms(db, who, 0.0) == arms(db, who, 1.0) == first


def test_people_seen_before_and_new_ones_come_in_one_batch(db: Database) -> None:
    who = people(db, 6)
    before = arms(db, dict(list(who.items())[:3]), 1.0)
    assert arms(db, who, 0.0) == {id_: Arm.HOLDOUT if id_ in before else Arm.TREATED for id_ in who}


def test_an_exposure_is_stored_once_with_what_it_was_decided_under(db: Database) -> None:
    who = people(db, 3)
    arms(db, who, 1.0)
    arms(db, who, 1.0)
    rows = Rows(db).all(exposures)
    assert [(r["recipient_id"], r["arm"], r["config_hash"], r["at"]) for r in rows] == [
        (id_, "holdout", "c0ffee", MONDAY) for id_ in who
    ]


def test_experiments_know_nothing_of_each_other(db: Database) -> None:
    who = people(db, 5)
    assert set(arms(db, who, 1.0, "one").values()) == {Arm.HOLDOUT}
    assert set(arms(db, who, 0.0, "other").values()) == {Arm.TREATED}


def test_a_batch_takes_the_same_number_of_queries_whatever_its_size(db: Database) -> None:
    who = people(db, 60)
    few = dict(list(who.items())[:2])
    with Statements(db) as small:
        arms(db, few, 0.5)
    with Statements(db) as large:
        arms(db, who, 0.5)
    assert large.count == small.count


def test_nobody_is_nobody(db: Database) -> None:
    assert arms(db, {}, 0.5) == {}
