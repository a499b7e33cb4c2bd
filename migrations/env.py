"""Alembic's entry: migrations run on the connection they are given, one transaction each, not waiting long.

`cdi db upgrade` and the tests come through `cdi.store.db`, which holds a lock meanwhile. A developer's
`alembic revision --autogenerate -m "what changes"` needs CDI_DATABASE_URL to name a database that is at head.
"""

import os

from alembic import context
from sqlalchemy import Connection, text

from cdi.store.db import Database, load_tables, metadata

LOCK_TIMEOUT = os.environ.get("CDI_MIGRATION_LOCK_TIMEOUT", "10s")
"""A migration that waits for a table also holds up everyone behind it: rather fail, and be run again."""


def migrate(connection: Connection) -> None:
    connection.execute(text("SELECT set_config('lock_timeout', :timeout, false)"), {"timeout": LOCK_TIMEOUT})
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.execute(text("RESET lock_timeout"))
    connection.commit()


if context.is_offline_mode():
    raise SystemExit("migrations need a connection: cdi db upgrade")
given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    load_tables()
    with Database(os.environ["CDI_DATABASE_URL"]).engine.connect() as own:
        migrate(own)
