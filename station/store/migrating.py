"""The tables of the newest version, by alembic; the folder ``migrations`` has a step a version."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from station.store import database
from station.store.errors import StoreError

NEWEST = "0001"  #: the last step in migrations/versions
FOLDER = Path(__file__).parent / "migrations"


def migrate(engine: Engine) -> None:
    """Bring the database to the newest tables, all steps or none. StoreError where it is of a later version."""
    with database.reading(engine) as connection:
        if revision(connection) == NEWEST:
            return
    with database.writing(engine) as connection:
        now = revision(connection)
        if now == NEWEST:
            return
        if now is not None and now > NEWEST:
            raise StoreError(
                f"{engine.url.render_as_string(hide_password=True)}: expected tables of version {NEWEST} or before, "
                f"found {now}; install the newest plantar"
            )
        upgrade(connection, NEWEST)


def revision(connection: Connection) -> str | None:
    """The version of the tables; None where there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


def upgrade(connection: Connection, to: str) -> None:
    """Steps up to ``to`` inside the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
