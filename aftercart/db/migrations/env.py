"""Alembic's way in: runs on the connection that `aftercart.db.migrate` hands over."""

from alembic import context

from aftercart.db.tables import InboxRow, Row
from aftercart.db.views import create_views, drop_views

connection = context.config.attributes["connection"]
has_inbox = connection.dialect.name != "sqlite"  # there it is a file of its own
tables = [Row.metadata, InboxRow.metadata] if has_inbox else [Row.metadata]
context.configure(connection=connection, target_metadata=tables, render_as_batch=True)
with context.begin_transaction():
    drop_views(connection)  # no table can be changed under a view of it
    context.run_migrations()
    if context.get_context().get_current_revision() == context.get_head_revision():
        create_views(connection)
