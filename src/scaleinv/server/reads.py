"""Endpoints that show what is known, and how the server is."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse

from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.errors import DataError
from scaleinv.orderbook.database import Book
from scaleinv.orderbook.look import history
from scaleinv.orderbook.shipment_reads import answers, expected_arrivals, shipment, shipment_page
from scaleinv.schema.shipping import ShipmentStatus
from scaleinv.server.answers import (
    Health,
    OnTheWay,
    OrderEvent,
    OrderLine,
    Shipment,
    ShipmentPage,
    WholeOrder,
    WholeShipment,
)
from scaleinv.server.document import problems
from scaleinv.server.intake import Intake
from scaleinv.server.problems import ProblemError
from scaleinv.server.signatures import check_token

_ID = r"^[^\x00-\x1f\x7f]+$"
Id = Annotated[str, Path(min_length=1, max_length=200, pattern=_ID)]
_READ: dict[str, Any] = {"openapi_extra": {"security": [{"reader": []}]}}


def routes(book: Book, config: ShipmentsConfig) -> APIRouter:
    """What readers with a token see."""

    def allowed(request: Request) -> None:
        check_token(config, request.headers)

    router = APIRouter(tags=["shipments"], dependencies=[Depends(allowed)], responses=problems(401, 422, 503))

    @router.get("/v1/shipments", **_READ)
    def shipments(
        status: ShipmentStatus | None = None,
        after: Annotated[str, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = "",
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> ShipmentPage:
        """Shipments in the order of their ids; ``after``: those behind this id."""
        found = shipment_page(book, status=status, after=after, limit=limit)
        last = found[-1]["shipment_id"] if len(found) == limit else None
        return ShipmentPage(shipments=[Shipment(**row) for row in found], next=last)

    @router.get("/v1/shipments/{shipment_id:path}", **_READ, responses=problems(404))
    def one_shipment(shipment_id: Id) -> WholeShipment:
        """A shipment, what it carries and what was said of it."""
        found = shipment(book, shipment_id)
        if found is None:
            raise ProblemError(404, "unknown-shipment", "nothing was said of this shipment")
        return WholeShipment(**found)

    @router.get("/v1/orders/{order_id:path}/arrivals", **_READ)
    def arrivals(order_id: Id) -> list[OnTheWay]:
        """What is on its way of an order, and when it is expected."""
        found = expected_arrivals(book, order_ids=[order_id], time_zone=config.time_zone).to_pylist()
        return [OnTheWay(**{**row, "quantity": str(row["quantity"])}) for row in found]

    # Behind its arrivals, whose path would be an id, too.
    @router.get("/v1/orders/{order_id:path}", **_READ, responses=problems(404))
    def one_order(order_id: Id) -> WholeOrder:
        """An order, its lines, and who did what to it."""
        try:
            found = history(book, order_id)
        except DataError:
            raise ProblemError(404, "unknown-order", "the order book has no such order") from None
        return WholeOrder(
            lines=[OrderLine(**_plain(row)) for row in found.lines],
            history=[OrderEvent(**row) for row in found.events],
            **_plain(found.order),
        )

    return router


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Numbers as texts, exact; ``1E+1`` is not how anybody writes 10."""
    return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in row.items()}


def health(book: Book, intake: Intake) -> APIRouter:
    """What machines ask."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> Health:
        """The server runs."""
        return Health(status="ok")

    @router.get("/readyz", responses=problems(503))
    def readyz() -> Health:
        """The order book answers, and events can be written."""
        if not intake.alive or not answers(book):
            raise ProblemError(503, "unavailable", "the order book does not answer")
        return Health(status="ok", details={"waiting": intake.size})

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counts since the start, for Prometheus."""
        counts = intake.counts
        lines = [
            "# TYPE scaleinv_shipment_events_total counter",
            *(
                f'scaleinv_shipment_events_total{{outcome="{name}"}} {getattr(counts, name)}'
                for name in ("accepted", "duplicate", "conflict", "refused")
            ),
            "# TYPE scaleinv_commits_total counter",
            f"scaleinv_commits_total {counts.commits}",
            "# TYPE scaleinv_commit_seconds_total counter",
            f"scaleinv_commit_seconds_total {counts.commit_seconds:.6f}",
            "# TYPE scaleinv_write_failures_total counter",
            f"scaleinv_write_failures_total {counts.failures}",
            "# TYPE scaleinv_events_waiting gauge",
            f"scaleinv_events_waiting {intake.size}",
        ]
        return PlainTextResponse("\n".join(lines) + "\n")

    return router
