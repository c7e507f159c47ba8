"""What kind of file a document is, as web interfaces want to know."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MEDIA_TYPES: Final[dict[str, str]] = {
    ".csv": "text/csv; charset=utf-8", ".xml": "application/xml", ".json": "application/json",
    ".jsonl": "application/x-ndjson", ".zip": "application/zip", ".x12": "application/edi-x12",
    ".edi": "application/edifact",
}  # fmt: skip
"""Ending of a name -> what is in the file."""


def media_type_of(name: str) -> str:
    """What is in a file of that name."""
    return MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")
