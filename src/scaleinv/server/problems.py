"""Answers that say what is wrong: RFC 9457, ``application/problem+json``."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from scaleinv.errors import DataError, ScaleinvError

_LOG = logging.getLogger(__name__)


class ProblemDocument(BaseModel):
    """What is wrong with a request."""

    type: str
    title: str
    status: int
    detail: str
    refused: list[dict[str, Any]] | None = None


class ProblemError(Exception):
    """An answer other than the one that was asked for."""

    def __init__(self, status: int, name: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any):
        super().__init__(detail)
        self.status, self.name, self.detail = status, name, detail
        self.headers = headers or {}
        self.more = more

    def response(self) -> Response:
        """As JSON."""
        content = {
            "type": f"urn:scaleinv:problem:{self.name}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        headers = {**self.headers, **({"WWW-Authenticate": "Bearer"} if self.status == 401 else {})}
        return Response(json.dumps(content), self.status, headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Makes every error of the app a problem document."""

    @app.exception_handler(ProblemError)
    async def _problem(_: Request, problem: ProblemError) -> Response:
        return problem.response()

    @app.exception_handler(DataError)
    async def _data(_: Request, error: DataError) -> Response:
        return ProblemError(422, "not-usable", str(error)).response()

    @app.exception_handler(RequestValidationError)
    async def _request(_: Request, error: RequestValidationError) -> Response:
        found = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:10])
        return ProblemError(422, "not-usable", found).response()

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        return ProblemError(error.status_code, "request", str(error.detail), headers=headers).response()

    @app.exception_handler(ScaleinvError)
    async def _book(_: Request, error: ScaleinvError) -> Response:
        _LOG.error("the order book does not answer: %s", error)
        later = {"Retry-After": "5"}
        return ProblemError(503, "unavailable", "the order book does not answer; try again", headers=later).response()
