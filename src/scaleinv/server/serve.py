"""Runs the endpoints until it is told to stop."""

from __future__ import annotations

from typing import Final

import uvicorn

from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.errors import ConfigError, explain
from scaleinv.orderbook import opened
from scaleinv.server.app import app

_STOP_SECONDS: Final = 10


def serve(config: ShipmentsConfig, url: str, *, host: str, port: int) -> None:
    """Serves the order book at ``url``. SIGTERM: what was taken is written and answered, then it ends.

    Raises:
        ConfigError: nobody may send and nobody may read, or there is no such order book.
    """
    if not any(sender.secrets() for sender in config.senders.values()) and not config.readers():
        raise ConfigError(
            explain(
                "nobody may use these endpoints",
                expected="keys in shipments.senders or tokens in shipments.reader_tokens that are set",
                do="name environment variables there, ${NAME}, and set them",
            )
        )
    with opened(url) as book:
        uvicorn.run(
            app(book, config),
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=config.max_connections,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
