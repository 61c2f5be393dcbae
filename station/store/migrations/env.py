"""What alembic runs: the steps that are asked for, inside the transaction that it is given."""

from __future__ import annotations

from alembic import context

from station.store.models import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
