"""What OpenAPI says is what is there, and nothing that fits it, or does not, ends in an error of the server."""

from __future__ import annotations

import json
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.server.conftest import CONFIG, Server
from tests.server.live import free_port
from tests.server.signing import TOKEN, headers

from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.orderbook import opened
from scaleinv.server.app import app

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.generation import GenerationMode

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
OTHER = "the other carrier has this secret"


def test_the_document_in_docs_is_the_applications(server: Server) -> None:
    said = server.client.get("/openapi.json").json()
    text = json.dumps(said, indent=1, sort_keys=True) + "\n"
    assert DOCUMENT.read_text() == text, "write docs/openapi.json anew: python tests/server/write_openapi.py"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A live server in a thread: time runs, and it is left by being told to stop."""
    port = free_port()
    with opened(f"sqlite:///{tmp_path_factory.mktemp('fuzz')}/book.db") as book:
        made = app(book, ShipmentsConfig.model_validate(CONFIG))
        server = uvicorn.Server(uvicorn.Config(made, host="127.0.0.1", port=port, log_level="critical"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(timeout=30)


class Signed:
    """Signs what is sent, so that it comes past the door."""

    def __call__(self, request: Any) -> Any:
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        webhook = "/webhooks/" in request.url
        of = {"sender": "other", "key": OTHER} if webhook else {}
        request.headers.update(headers(body, at=int(time.time()), **of))
        request.headers["Authorization"] = f"Bearer {TOKEN}"
        return request


OPERATIONS = [
    (path, method, mode)
    for path, methods in json.loads(DOCUMENT.read_text())["paths"].items()
    for method in methods
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    if mode is GenerationMode.POSITIVE or path.startswith("/v1")  # the others take nothing that could be wrong
]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "method", "mode"), OPERATIONS)
def test_whatever_is_sent_the_server_does_not_fail(address: str, path: str, method: str, mode: Any) -> None:
    schema = schemathesis.openapi.from_dict(json.loads(DOCUMENT.read_text()))
    schema.config.update(base_url=address)
    operation = schema[path][method.upper()]
    seen: list[int] = []

    @settings(
        max_examples=20, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode), signed=st.integers(0, 9))
    def fuzz(case: Any, signed: int) -> None:
        if "{carrier}" in path and signed < 8:
            case.path_parameters["carrier"] = "slowship"
        answer = case.call(auth=Signed() if signed else None)
        case.validate_response(answer, checks=[not_a_server_error])
        assert answer.status_code < 500, answer.text
        seen.append(answer.status_code)

    fuzz()
    if mode is GenerationMode.POSITIVE:
        assert set(seen) & {200, 404, 422}, "nothing came past the door"
