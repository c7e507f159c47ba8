"""The documents of an export folder, as its manifest lists them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

from scaleinv.config.delivery import DestinationConfig
from scaleinv.delivery.item import Item
from scaleinv.errors import DataError, explain

MANIFEST: Final = "manifest.json"
MEDIA_TYPES: Final[dict[str, str]] = {
    ".csv": "text/csv; charset=utf-8", ".xml": "application/xml", ".json": "application/json",
    ".jsonl": "application/x-ndjson", ".zip": "application/zip", ".x12": "application/edi-x12",
    ".edi": "application/edifact",
}  # fmt: skip
"""Ending of a name -> what is in the file."""


def exported_items(folder: Path, config: DestinationConfig, *, prefix: str) -> list[Item]:
    """What goes to a destination: the documents of its formats, and the manifest, which waits for them.

    Args:
        folder: with a manifest: a set without one is not complete.
        config: formats, and whether the manifest goes there.
        prefix: of the keys: ``<retailer>/<destination>``; a key is ``<prefix>/<folder>/<name>/<sha256>``, its hash in
            16 digits, so that other contents are another key.

    Raises:
        DataError: no manifest, or one that cannot be read.
    """
    manifest = folder / MANIFEST
    try:
        content = manifest.read_bytes()
        files = [(str(one["file"]), str(one["format"]), str(one["sha256"])) for one in json.loads(content)["files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            explain(
                f"{manifest} cannot be read", expected="the manifest of a whole export", found=error, do="export again"
            )
        ) from None
    items = [
        _item(folder, name, sha256, prefix)
        for name, form, sha256 in files
        if not config.formats or form in config.formats
    ]
    if config.manifest and items:
        needs = frozenset(item.key for item in items)
        items.append(_item(folder, MANIFEST, hashlib.sha256(content).hexdigest(), prefix, needs))
    return items


def media_type_of(name: str) -> str:
    """What is in a file of that name."""
    return MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")


def _item(folder: Path, name: str, sha256: str, prefix: str, needs: frozenset[str] = frozenset()) -> Item:
    path = f"{folder.name}/{name}"
    return Item(f"{prefix}/{path}/{sha256[:16]}", path, sha256, media_type_of(name), path=folder / name, needs=needs)
