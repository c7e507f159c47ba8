"""Alembic's entry: runs migrations on the connection that the order book has opened."""

from alembic import context

from scaleinv.orderbook.database import METADATA

if hasattr(context, "config"):  # it has one while migrations run; whoever else imports this gets nothing done
    context.configure(
        connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True
    )
    with context.begin_transaction():
        context.run_migrations()
