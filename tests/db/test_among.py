from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import insert, select

from aftercart.db.among import among
from aftercart.db.session import Database
from aftercart.db.tables import recipients, sends

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
ODD = ["ada@example.com", '"o\'hara"@example.com', "back\\slash@example.com", "zoë@example.com", "{a,b}@example.com"]


def test_the_rows_of_a_list_are_found_whatever_its_values_hold(database: Database) -> None:
    blank = {"first_name": "", "locale": "", "time_zone": "", "country": "", "created_at": NOW}
    with database.write() as connection:
        connection.execute(insert(recipients), [{**blank, "email": email} for email in [*ODD, "ben@example.com"]])
    with database.read() as connection:
        email = recipients.c.email
        assert set(connection.scalars(select(email).where(among(email, ODD)))) == set(ODD)
        assert connection.scalars(select(email).where(~among(email, ODD))).all() == ["ben@example.com"]
        assert connection.scalars(select(email).where(among(email, []))).all() == []


def test_sqlite_looks_a_list_up_in_an_index(newest_sqlite: Path) -> None:
    with closing(Database(f"sqlite:///{newest_sqlite}")) as database, database.read() as connection:
        query = select(sends).where(among(sends.c.id, [uuid4()])).compile(database.engine)
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", ("[]",)).all()
    assert any("SEARCH sends USING INDEX" in row.detail for row in plan)
