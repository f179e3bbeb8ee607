"""Opening the database of this installation for a command that looks at it, or the engine for one that works."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from aftercart.db import migrate
from aftercart.db.session import Database
from aftercart.policy.address_hash import AddressHashes
from aftercart.settings import read_settings

if TYPE_CHECKING:
    from aftercart.bootstrap import App


@contextmanager
def open_database() -> Iterator[Database]:
    """The main database, at the schema of this version. Raises ConfigError and UnreachableError."""
    with closing(Database(read_settings().database)) as database:
        migrate.make_usable(database)
        yield database


@contextmanager
def reading() -> Iterator[Connection]:
    """One consistent snapshot of the main database."""
    with open_database() as database, database.read() as connection:
        yield connection


def address_hashes() -> AddressHashes:
    """Under which erased people are found."""
    return AddressHashes(read_settings().address_keys)


@contextmanager
def working() -> "Iterator[App]":
    """The whole engine. What it logs goes to stderr: on stdout stands what was asked for."""
    from aftercart.bootstrap import build
    from aftercart.logs import configure

    configure()
    with closing(build(read_settings())) as app:
        yield app
