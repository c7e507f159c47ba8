"""``scaleinv serve`` and ``scaleinv shipments``: events of goods on their way."""

from __future__ import annotations

from typing import Annotated

import typer

from scaleinv.cli.options import Conf, Env, Sets

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
    from scaleinv.pipeline.shipments import book_url
    from scaleinv.server.serve import serve as run

    config = load_config(env, overrides=set_ or (), folder=conf)
    run(config.shipments, book or book_url(config), host=host, port=port)
