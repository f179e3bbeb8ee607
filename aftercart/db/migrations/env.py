"""Alembic's way in: runs on the connection that `aftercart.db.migrate` hands over."""

from alembic import context

from aftercart.db.tables import Row

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Row.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
