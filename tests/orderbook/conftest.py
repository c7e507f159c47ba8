"""An order book on SQLite, and the same on a real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.postgres_server import USER, Server, postgres_binaries, postgres_server

from scaleinv.orderbook import Book, opened

_NAMES = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("there is no PostgreSQL server here: install the package postgresql")
    with postgres_server(binaries) as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'orderbook.db'}"
    server: Server = request.getfixturevalue("postgres")
    name = f"book{next(_NAMES)}"
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"postgresql+psycopg://{USER}:{server.password}@127.0.0.1:{server.port}/{name}"


@pytest.fixture
def book(url: str) -> Iterator[Book]:
    with opened(url) as found:
        yield found
