"""Files on disk, whole or not at all; the manifest comes last and says that the set is complete."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from scaleinv.config.export import ExportConfig
from scaleinv.erp.codes import read_codes
from scaleinv.erp.document import Document
from scaleinv.erp.formats import FORMATS
from scaleinv.erp.layout import MANIFEST_VERSION
from scaleinv.erp.orders import Orders, orders_of
from scaleinv.erp.view import View

MANIFEST = "manifest.json"
_OURS = (*(format.pattern for format in FORMATS.values()), ".*.partial")
"""Names that scaleinv gives; a file of another name in the folder is left alone."""


def write_documents(
    lines: pa.Table,
    config: ExportConfig,
    folder: Path,
    *,
    as_of: date,
    retailer: str = "retailer",
    first: int = 0,
) -> list[dict[str, object]]:
    """Writes the night's documents in every configured format, then the manifest; rows for ``gold/export_log``.

    Each file is written under another name and renamed, so that nobody reads half a file. While files change there is
    no manifest; files of an earlier, different run of the night are removed. The same lines give the same bytes.

    Args:
        lines: gold/order_proposals, one night, rows in any order.
        config: formats, organisation, partners, codes.
        folder: the night's own folder; made if it is not there.
        as_of: the night.
        retailer: named in the manifest.
        first: orders of the night that went out before these: control numbers go on from there.

    Raises:
        DataError: what a format cannot say without cutting, or a key without a code; nothing is published then, an
            earlier run's files stay.
    """
    orders = orders_of(lines, as_of=as_of)
    view = View(orders, config, as_of, first, read_codes(config.codes))
    documents = [document for name in config.formats for document in FORMATS[name].documents(view)]
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_write(document, folder, as_of) for document in documents]
    manifest = _manifest(orders, documents, rows, as_of, retailer)
    _publish(folder, [document.name for document in documents], manifest)
    return rows


def _write(document: Document, folder: Path, as_of: date) -> dict[str, object]:
    digest = hashlib.sha256()
    with _partial(folder, document.name).open("wb") as file:
        for chunk in document.chunks():
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return {
        "as_of": as_of,
        "format": document.format,
        "file": document.name,
        "orders": document.orders,
        "lines": document.lines,
        "quantity": float(document.quantity),
        "sha256": digest.hexdigest(),
        "schema_version": document.schema_version,
    }


def _manifest(
    orders: Orders, documents: Sequence[Document], rows: Sequence[dict[str, object]], as_of: date, retailer: str
) -> bytes:
    files = [
        {
            "file": document.name,
            "format": document.format,
            "schema_version": document.schema_version,
            "orders": document.orders,
            "lines": document.lines,
            "quantity": str(document.quantity),
            "value": _texts(document.value),
            "sha256": row["sha256"],
        }
        for document, row in zip(documents, rows, strict=True)
    ]
    content = {
        "schema_version": MANIFEST_VERSION,
        "retailer": retailer,
        "as_of": as_of.isoformat(),
        "orders": len(orders),
        "lines": orders.lines.num_rows,
        "quantity": str(orders.quantity()),
        "value": _texts(orders.value()),
        "files": files,
    }
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()


def _texts(values: Mapping[str, Decimal]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def _publish(folder: Path, names: Sequence[str], manifest: bytes) -> None:
    path = folder / MANIFEST
    if path.exists() and path.read_bytes() != manifest:
        path.unlink()  # from here to the end the set is incomplete, and it shows
    for name in names:
        _partial(folder, name).replace(folder / name)
    stale = {file for pattern in _OURS for file in folder.glob(pattern)} - {folder / name for name in names}
    for old in stale:
        old.unlink()
    _sync(folder)  # after a power cut no manifest stands there without its documents
    partial = _partial(folder, MANIFEST)
    with partial.open("wb") as file:
        file.write(manifest)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    _sync(folder)


def _sync(folder: Path) -> None:
    """Renames are on the disk, not only in memory."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _partial(folder: Path, name: str) -> Path:
    return folder / f".{name}.partial"
