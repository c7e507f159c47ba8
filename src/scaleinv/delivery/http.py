"""A web interface: a document is one request, or each of its lines is one."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from scaleinv.config.delivery import HttpConfig
from scaleinv.delivery.item import Clock, Item, Receipt, RejectedError, Told, UndeliveredError
from scaleinv.delivery.journal import Journal, record_of
from scaleinv.delivery.lines import Line, check_lines, lines_of
from scaleinv.delivery.request import Requests, Response

_LISTS: Final = ("results", "value", "data", "items", "records")

_PLAIN: Final = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")

_LONGEST: Final = 2_000
"""Characters of an answer to a whole document that the outbox keeps."""
_NOT_ASKED: Final = Response(424, {}, b"not sent: the order itself was not taken")


class Http:
    """See ``HttpConfig``. Each request bears its key: a receiver that keeps keys takes it once."""

    def __init__(self, config: HttpConfig, *, clock: Clock | None = None) -> None:
        self.config = config
        self._requests = Requests(config, clock or Clock())

    def send(self, item: Item) -> Receipt:
        """Posts it, or its lines one after the other."""
        return self._lines(item) if self.config.send == "lines" else self._file(item)

    def close(self) -> None:
        """Ends connections."""
        self._requests.close()

    def _file(self, item: Item) -> Receipt:
        for _ in item.pieces():  # before the first byte leaves: what has changed since its export is not sent
            pass
        path = self.config.path.replace("{name}", quote(item.name))
        headers = {
            self.config.idempotency_header: _in_ascii(item.key),
            "Content-Type": item.media_type,
            "Content-Length": str(item.size()),
            "X-Content-SHA256": item.sha256,
        }

        def post(unsure: bool) -> Response:
            return self._good(self._requests.send(self.config.method, path, item.pieces, headers, unsure=unsure))

        place = self.config.base_url.rstrip("/") + path
        if self.config.responses is None:
            response = post(False)
            return Receipt(item.key, place, response.already, told=self._told(record_of(item.key, response)))
        with Journal(Path(self.config.responses), item) as journal:
            is_done = item.key in journal.done()
            if not is_done:
                journal.add(item.key, _kept(journal, item.key, post))
            record = journal.records[-1]
        return Receipt(item.key, place, is_done or "already" in record, told=self._told(record))

    def _good(self, response: Response) -> Response:
        if response.already or 200 <= response.status < 300:
            return response
        told = self._told(record_of("", response))
        words = " ".join(told.body[:500].split()) or "without words"
        raise RejectedError(f"status {response.status}: {words}", told=told)

    def _told(self, record: dict[str, Any]) -> Told:
        """What is kept of an answer; secrets that it repeats go first, so that none is cut in the middle."""
        body = record["body"]
        text = body if isinstance(body, str) else "" if body is None else json.dumps(body, ensure_ascii=False)
        sound = text.encode("utf-8", "replace").decode()  # JSON may hold half a pair of surrogates
        return Told(record["status"], self._requests.without_secrets(sound)[:_LONGEST])

    def _lines(self, item: Item) -> Receipt:
        """Every line has a final answer afterwards; that of an order which the ERP does not want is one, too."""
        check_lines(item)
        with Journal(Path(self.config.responses or ""), item) as journal:
            done, unmade = journal.done(), _unmade(journal)
            for line in lines_of(item):
                if line.key in done:
                    continue
                if line.key.partition("/")[0] in unmade:
                    response = _NOT_ASKED
                else:
                    response = _kept(journal, line.key, partial(self._line, line))
                journal.add(line.key, response)
                unmade |= {line.key} if _is_bad(response) else set()
            return Receipt(item.key, self.config.base_url, responses=journal.document())

    def _line(self, line: Line, unsure: bool) -> Response:
        headers = {
            self.config.idempotency_header: line.key,  # plain characters: see lines
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        return self._requests.send(
            line.method, line.path, line.body, headers, unsure=unsure, look_up=self._look_up(line.key)
        )

    def _look_up(self, key: str) -> Callable[[], Response | None] | None:
        order, _, number = key.partition("/")
        template = self.config.lookup.get("line" if number else "order")
        if template is None:
            return None
        parts = {"key": key, "order": order, "line": number}
        for name, value in parts.items():
            template = template.replace(f"{{{name}}}", quote(value, safe=""))
        path = template

        def look_up() -> Response | None:
            response = self._requests.get(path)
            if response.status == 404:
                return None
            found = _found(response)
            return Response(200, {}, json.dumps(found).encode(), already=True) if found is not None else None

        return look_up


def _in_ascii(key: str) -> str:
    """A header takes nothing else; two keys stay two."""
    return quote(key, safe=_PLAIN)


def _unmade(journal: Journal) -> set[str]:
    """Orders that the receiver did not take: their lines, where they are requests of their own, are not sent."""
    return {record["key"] for record in journal.records if record["status"] >= 400}


def _is_bad(response: Response) -> bool:
    return response.status >= 400 and not response.already


def _kept(journal: Journal, key: str, send: Callable[[bool], Response]) -> Response:
    """Sends, with a mark on the disk before and, unless it may have arrived, after it."""
    unsure = journal.begun == key
    journal.begin(key)
    try:
        return send(unsure)
    except UndeliveredError as error:
        if not error.unsure:
            journal.unsent(key)
        raise


def _found(response: Response) -> Any:
    """The first of what was found; ``None``: nothing.

    Raises:
        RejectedError: an answer that says neither.
    """
    try:
        body = json.loads(response.body) if response.status == 200 else None
    except ValueError:
        body = None
    if isinstance(body, dict) and isinstance(body.get("d"), (dict, list)):
        body = body["d"]
    if isinstance(body, dict):
        body = next((body[name] for name in _LISTS if isinstance(body.get(name), list)), None)
    if not isinstance(body, list):
        raise RejectedError(f"lookup: expected a list of what was found, found status {response.status} and no list")
    return body[0] if body else None
