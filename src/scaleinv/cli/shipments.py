"""``scaleinv serve`` and ``scaleinv shipments``: events of goods on their way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scaleinv.cli.options import Conf, Env, Sets

if TYPE_CHECKING:
    from scaleinv.config import Config
    from scaleinv.orderbook import Book

BookUrl = Annotated[
    str | None, typer.Option("--book", metavar="URL", help="The order book; default: that of the environment.")
]


def serve(
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on.")] = 8080,
    book: BookUrl = None,
) -> None:
    """The HTTP endpoints: signed events of shipments in, shipments and expected arrivals out (docs/shipments.md)."""
    from scaleinv.config import load_config
    from scaleinv.pipeline.register import address_of
    from scaleinv.server.serve import serve as run

    config = load_config(env, overrides=set_ or (), folder=conf)
    run(config.shipments, book or address_of(config), host=host, port=port)


shipments = typer.Typer(
    help="Goods on their way: files of events, expected arrivals, what to look at.", no_args_is_help=True
)


@shipments.command()
def load(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Events: .csv, .json or .jsonl.")],
    sender: Annotated[
        str, typer.Option("--sender", help="Whose events these are; ids are unique within one.")
    ] = "file",
    carrier: Annotated[
        str | None, typer.Option("--carrier", help="Read them as shipments.webhooks.<carrier> says.")
    ] = None,
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
    book: BookUrl = None,
) -> None:
    """Takes events from files, each once. Killed and run again it goes on."""
    from scaleinv.pipeline.shipments import load_files

    with _opened(env, set_, conf, book) as (config, found):
        counts = load_files(found, config.shipments, files, sender=sender, carrier=carrier)
    names = ("accepted", "duplicate", "conflict", "refused")
    typer.echo(", ".join(f"{counts[name]:,} {name}" for name in names))


@shipments.command()
def update(
    at: Annotated[
        datetime | None, typer.Option("--at", formats=["%Y-%m-%dT%H:%M:%S"], help="As known then, UTC; default: now.")
    ] = None,
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
    book: BookUrl = None,
) -> None:
    """Makes the expected arrival of all shipments on their way anew, and says which ones to look at."""
    from scaleinv.pipeline.shipments import shipment_findings, update_arrivals

    moment = (at or datetime.now(UTC)).replace(tzinfo=UTC)
    with _opened(env, set_, conf, book) as (config, found):
        number = update_arrivals(found, config.shipments, at=moment)
        rows = shipment_findings(found, config.shipments, at=moment).to_pylist()
    typer.echo(f"{number:,} shipments have an expected arrival, {len(rows):,} findings")
    for row in rows:
        typer.echo(f"{row['kind']:<22} {row['shipment_id']:<24} {row['detail']}")


@shipments.command()
def refused(
    limit: Annotated[int, typer.Option("--limit", help="Show no more than this many.")] = 20,
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
    book: BookUrl = None,
) -> None:
    """Events that were not taken, and why; the latest first, one JSON object a line."""
    from scaleinv.orderbook.shipment_reads import refused_events

    with _opened(env, set_, conf, book) as (_, found):
        for row in refused_events(found, limit=limit):
            typer.echo(json.dumps(row))


@contextmanager
def _opened(env: str, sets: list[str] | None, conf: Path | None, url: str | None) -> Iterator[tuple[Config, Book]]:
    from scaleinv.config import load_config
    from scaleinv.orderbook import opened
    from scaleinv.pipeline.register import address_of

    config = load_config(env, overrides=sets or (), folder=conf)
    with opened(url or address_of(config)) as found:
        yield config, found
