"""What alembic runs: the steps of ``versions/``, inside the transaction that ``database.upgrade`` has begun."""

from __future__ import annotations

from alembic import context

from aigc_hooks.duties.log.database import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
