"""Responses as they come, on the disk before the next request goes out: a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import IO, Any, Final

from scaleinv.delivery.folder import sync_folder
from scaleinv.delivery.item import Item
from scaleinv.delivery.request import Response

_LONGEST: Final = 8_000
"""Bytes of an answer that is no JSON."""


class Journal:
    """The responses to one document's requests, a line each."""

    def __init__(self, folder: Path, item: Item) -> None:
        name = hashlib.sha256(f"{item.key}\n{item.sha256}".encode()).hexdigest()
        self.path = folder / f"{name}.jsonl"
        self.key = item.key
        self.records: list[dict[str, Any]] = []
        self.begun: str | None = None
        """The key of a request that may have arrived: nobody waited for its answer to the end."""
        if self.path.exists():
            self._read()
        folder.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = self.path.open("ab")
        os.fsync(self._file.fileno())
        sync_folder(folder)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def done(self) -> set[str]:
        """Keys that have a response."""
        return {record["key"] for record in self.records}

    def add(self, key: str, response: Response) -> None:
        """Keeps a response; it is on the disk afterwards."""
        record = record_of(key, response)
        self._keep(record)
        self.records.append(record)

    def begin(self, key: str) -> None:
        """A request is about to go out."""
        self._keep({"begun": key})

    def unsent(self, key: str) -> None:
        """It did not arrive after all, or a person has been told to look."""
        self._keep({"unsent": key})

    def document(self) -> bytes:
        """All of them, for ``erp.answers``."""
        return (json.dumps({"document": self.key, "responses": self.records}, ensure_ascii=True) + "\n").encode()

    def _keep(self, record: dict[str, Any]) -> None:
        self._file.write(json.dumps(record, ensure_ascii=True).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _read(self) -> None:
        """Whole lines; one that was cut in the middle is taken off the file."""
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
                os.fsync(file.fileno())
        for record in map(json.loads, whole.splitlines()):
            self.begun = record.get("begun")
            if "key" in record:
                self.records.append(record)


def record_of(key: str, response: Response) -> dict[str, Any]:
    """A response as it is kept."""
    record = {"key": key, "status": 200 if response.already else response.status, "body": _body(response)}
    return record | ({"already": True} if response.already else {})


def _body(response: Response) -> Any:
    """As JSON; other text as a text; nothing, with the place of what was made: its number."""
    location = response.headers.get("location", "")
    if not response.body.strip():
        return {"id": location.rstrip("/").rpartition("/")[2]} if location else None
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        return response.body[:_LONGEST].decode("utf-8", errors="replace")
