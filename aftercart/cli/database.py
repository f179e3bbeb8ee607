"""`aftercart db ...`"""


def upgrade() -> None:
    """Bring the database to the schema of this version. Safe to repeat, and to run on several machines at once."""
    from contextlib import closing

    from aftercart.db import inbox, migrate
    from aftercart.db.session import Database
    from aftercart.settings import read_settings

    settings = read_settings()
    with closing(Database(settings.database)) as database, closing(Database(settings.inbox)) as inbox_database:
        migrate.upgrade(database)
        inbox.prepare(inbox_database)
    print("The database is up to date.")
