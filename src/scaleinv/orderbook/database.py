"""The database: SQLite beside the lake by default, PostgreSQL in production; its tables are made by Alembic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import alembic.command
import alembic.config
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

from scaleinv.errors import ConfigError, explain

METADATA: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every table of the order book."""

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_BUSY_SECONDS: Final = 30


@dataclass(frozen=True)
class Book:
    """An open order book."""

    engine: sa.Engine

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction: all of the block or nothing.

        SQLite takes its write lock here, so that nobody reads what another is about to change.
        """
        with self.engine.begin() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that changes nothing: one moment's state."""
        with self.engine.connect() as connection:
            yield connection

    def close(self) -> None:
        """Gives its connections back."""
        self.engine.dispose()


@contextmanager
def opened(url: str) -> Iterator[Book]:
    """The order book at a SQLAlchemy address; its tables are made, or brought up to date, first.

    Raises:
        ConfigError: there is no such database, or it does not let us in.
    """
    book = Book(_engine(url))
    try:
        _upgrade(book)
        yield book
    finally:
        book.close()


def alone(connection: sa.Connection, what: str) -> None:
    """Waits for every other transaction that does ``what``; SQLite has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"scaleinv {what}"))))


def _engine(url: str) -> sa.Engine:
    try:
        address = sa.make_url(url)
        if address.get_backend_name() != "sqlite":
            return sa.create_engine(address, pool_pre_ping=True)
    except (SQLAlchemyError, ImportError) as error:
        raise ConfigError(_message(str(error))) from error
    if address.database and address.database != ":memory:":
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(address, connect_args={"timeout": _BUSY_SECONDS})
    sa.event.listen(engine, "connect", _on_connect)
    return engine


def _on_connect(connection: Any, _: object) -> None:
    # pysqlite would begin its own transactions, late: `writing` does.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _upgrade(book: Book) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    newest = ScriptDirectory.from_config(config).get_current_head()
    try:
        with book.reading() as connection:  # nobody waits for a writer to look at a book that is up to date
            if MigrationContext.configure(connection).get_current_revision() == newest:
                return
        with book.writing() as connection:
            alone(connection, "migrations")
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise ConfigError(_message(str(error))) from error


def _message(found: str) -> str:
    return explain(
        "the order book cannot be opened",
        expected="a database that SQLAlchemy can reach: sqlite:///path, postgresql+psycopg://user@host/name",
        found=found.splitlines()[0] if found else "no message",
        do="correct orderbook.url; for PostgreSQL install scaleinv[postgres]",
    )
