"""Each kind of database, with the tables that changes are kept in."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from aftercart.db.session import Database
from aftercart.db.tables import (
    Row,
    address_moves,
    consents,
    customers,
    order_lines,
    order_reversals,
    orders,
    products,
    recipients,
    suppressions,
)

TABLES = (order_reversals, order_lines, orders, address_moves, customers, consents, recipients, suppressions, products)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Each kind of database in turn, made once: emptying tables is much quicker than making them."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'aftercart.db'}"
    if request.param == "postgresql":
        server, name = request.getfixturevalue("postgres_server"), f"store_{uuid4().hex}"
        admin = Database(server)
        with admin.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        admin.close()
        url = server.replace("/postgres?", f"/{name}?")
    db = Database(url)
    Row.metadata.create_all(db.engine)
    yield db
    db.close()


@pytest.fixture
def db(opened: Database) -> Iterator[Database]:
    yield opened
    with opened.write() as connection:
        for table in TABLES:
            connection.execute(table.delete())
