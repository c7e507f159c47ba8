"""Endpoints that are told of shipments. An answer of 2xx means: on disk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response

from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.errors import DataError
from scaleinv.schema.shipping import Outcome, Refusal, ShipmentEvent
from scaleinv.server.answers import Taken
from scaleinv.server.document import signed
from scaleinv.server.intake import FullError, Intake
from scaleinv.server.problems import ProblemError
from scaleinv.server.signatures import SENDER, check_sender, check_signature
from scaleinv.shipments.messages import carrier_events, epcis_events, own_events
from scaleinv.shipments.own_form import as_text, refusal, too_early

Found = list[ShipmentEvent | Refusal]

_CONFLICT: Final = "this event id is known with another content, or what it voids is a void itself"


@dataclass
class Door:
    """What an endpoint needs to take a message."""

    config: ShipmentsConfig
    intake: Intake
    clock: Callable[[], float]
    reading: int = 0
    """Bytes of messages that are on their way in."""

    async def take(self, request: Request, sender: str | None, reading: Callable[[bytes, str, str], Found]) -> Response:
        """Checks, reads and stores a message, and answers when it is on disk."""
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise ProblemError(415, "encoding", "a message is not compressed")
        check_sender(self.config, sender, request.headers, now=self.clock())
        body = await self._body(request)
        known = check_signature(self.config, sender, request.headers, body, now=self.clock())
        source = request.url.path
        try:
            found = reading(body, known, source)
        except DataError as error:
            found = [refusal(known, source, str(error), as_text(body))]
        found = [self._in_time(one, source) for one in found]
        events = [one for one in found if isinstance(one, ShipmentEvent)]
        refusals = [one for one in found if isinstance(one, Refusal)]
        try:
            outcomes = await asyncio.wrap_future(self.intake.put(events, refusals))
        except FullError:
            raise _busy() from None
        return _answer(found, outcomes)

    def _in_time(self, one: ShipmentEvent | Refusal, source: str) -> ShipmentEvent | Refusal:
        return too_early(one, self.clock() + self.config.ahead_seconds, source) or one

    async def _body(self, request: Request) -> bytes:
        """The bytes, while there is room for them and they come in time."""
        largest = self.config.max_body_bytes
        told = request.headers.get("content-length", "")
        if told.isdecimal() and (len(told) > 15 or int(told) > largest):
            raise _too_large(largest)
        body = bytearray()
        try:
            async with asyncio.timeout(self.config.body_seconds):
                async for piece in request.stream():
                    body += piece
                    self.reading += len(piece)
                    if len(body) > largest:
                        raise _too_large(largest)
                    if self.reading > self.config.max_waiting_bytes:
                        raise _busy()
        except TimeoutError:
            raise ProblemError(
                408,
                "slow",
                f"a message must be here after {self.config.body_seconds:g} s",
                headers={"Connection": "close"},
            ) from None
        finally:
            self.reading -= len(body)
        return bytes(body)


def _too_large(largest: int) -> ProblemError:
    return ProblemError(413, "too-large", f"a message has at most {largest} bytes")


def _busy() -> ProblemError:
    return ProblemError(429, "busy", "too many events wait; try again", headers={"Retry-After": "1"})


def routes(door: Door) -> APIRouter:
    """The endpoints.

    Nothing of a message is read by FastAPI: what is signed are its bytes, and the path of an event is kept short.
    """
    router = APIRouter(tags=["events"])
    limit = door.config.max_events

    @router.post("/v1/shipments/events", **signed("ShipmentEvents"), response_model=Taken)
    async def shipment_events(request: Request) -> Response:
        """One event, or a list of events, in scaleinv's own form."""

        def reading(body: bytes, sender: str, source: str) -> Found:
            return own_events(body, sender=sender, source=source, limit=limit)

        return await door.take(request, request.headers.get(SENDER), reading)

    @router.post("/v1/epcis", **signed("EPCISDocument"), response_model=Taken)
    async def epcis(request: Request) -> Response:
        """An EPCIS 2.0 document (JSON-LD): object, aggregation and transaction events, and error declarations."""

        def reading(body: bytes, sender: str, source: str) -> Found:
            return epcis_events(body, sender=sender, source=source, limit=limit)

        return await door.take(request, request.headers.get(SENDER), reading)

    @router.post("/v1/webhooks/{carrier}", **signed("CarrierMessage"), response_model=Taken)
    async def webhook(request: Request) -> Response:
        """A carrier's own message, read as ``shipments.webhooks.<carrier>`` says."""
        carrier = request.path_params["carrier"]
        hook = door.config.webhooks.get(carrier)
        if hook is None:
            raise ProblemError(404, "unknown-carrier", "shipments.webhooks has no carrier of this name")

        def reading(body: bytes, sender: str, source: str) -> Found:
            return carrier_events(body, door.config, carrier, source=source)

        return await door.take(request, hook.sender, reading)

    return router


def _answer(found: Found, outcomes: list[Outcome]) -> Response:
    refused = []
    rest = iter(outcomes)
    counts = {"accepted": 0, "duplicate": 0, "conflict": 0}
    for position, one in enumerate(found):
        reason = one.reason if isinstance(one, Refusal) else None
        if isinstance(one, ShipmentEvent):
            outcome = next(rest)
            counts[outcome] += 1
            reason = _CONFLICT if outcome == "conflict" else None
        if reason is not None:
            refused.append({"position": position, "event_id": one.event_id, "reason": reason})
    if refused and len(refused) == len(found):
        status, name = (409, "conflict") if counts["conflict"] == len(found) else (422, "not-usable")
        raise ProblemError(status, name, str(refused[0]["reason"]), refused=refused)
    content = {"accepted": counts["accepted"], "duplicates": counts["duplicate"], "refused": refused}
    return Response(json.dumps(content), media_type="application/json")
