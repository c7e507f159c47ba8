"""The application: endpoints over one order book."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI
from fastapi.routing import APIRoute

from scaleinv import __version__
from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.orderbook.database import Book
from scaleinv.orderbook.shipment_intake import record
from scaleinv.pipeline.shipments import update_arrivals
from scaleinv.server import document, events, problems, reads
from scaleinv.server.intake import Intake

_LOG = logging.getLogger(__name__)


def app(book: Book, config: ShipmentsConfig, *, clock: Callable[[], float] = time.time) -> FastAPI:
    """The endpoints of an open order book; ``clock``: seconds since 1970."""
    intake = Intake(
        lambda found, refused: record(book, found, refused, received_at=datetime.fromtimestamp(clock(), UTC)),
        limit=config.max_waiting,
        heaviest=config.max_waiting_bytes,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        stop = threading.Event()
        again = threading.Thread(target=_foresee, args=(book, config, clock, stop), name="arrivals", daemon=True)
        again.start()
        yield
        stop.set()
        intake.close()
        again.join()

    made = FastAPI(
        title="scaleinv",
        version=__version__,
        description="Signed events of shipments in; where they are and when they arrive out.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    problems.install(made)
    told = events.routes(events.Door(config, intake, clock)).routes
    for route in told:
        assert isinstance(route, APIRoute)
        made.add_route(route.path, route.endpoint, methods=["POST"], include_in_schema=False)
    document.install(made, told)
    made.include_router(reads.routes(book, config))
    made.include_router(reads.health(book, intake))
    return made


def _foresee(book: Book, config: ShipmentsConfig, clock: Callable[[], float], stop: threading.Event) -> None:
    """Makes expected arrivals anew, again and again; a failure is told, and the next time may be better."""
    every = config.arrival.every_seconds
    while every is not None and not stop.wait(every):
        try:
            update_arrivals(book, config, at=datetime.fromtimestamp(clock(), UTC))
        except Exception:
            _LOG.exception("expected arrivals could not be made anew")
