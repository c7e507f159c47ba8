"""Stage export: purchase orders to the ERP's files and a manifest; the same night gives the same bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from scaleinv.erp import MANIFEST, write_documents
from scaleinv.pipeline.walk import Outcome, Walk, rows_of
from scaleinv.schema import table


def work(walk: Walk) -> Outcome:
    """Writes the documents, then logs them."""
    folder = orders_folder(walk)
    files = write_documents(
        walk.read("gold/order_proposals"),
        walk.config.export,
        folder,
        as_of=walk.as_of,
        retailer=walk.config.retailer,
    )
    log = table("gold/export_log")
    walk.overwrite(log.name, rows_of(log, [row | {"as_of": walk.as_of} for row in files]))
    walk.progress.say(f"{len(files)} files in {folder}")
    return Outcome()


def is_intact(walk: Walk) -> bool:
    """Whether the documents in the folder are those that were logged: the manifest and every file's content."""
    folder = orders_folder(walk)
    logged = walk.read("gold/export_log", columns=["file", "sha256"]).to_pylist()
    try:
        listed = json.loads((folder / MANIFEST).read_bytes())["files"]
        sums = {row["file"]: row["sha256"] for row in listed}
        unchanged = all(_sha256(folder / name) == value for name, value in sums.items())
    except (OSError, ValueError, KeyError):  # something is missing, or the manifest is not ours
        return False
    return unchanged and sums == {row["file"]: row["sha256"] for row in logged}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def orders_folder(walk: Walk) -> Path:
    """Where tonight's documents are."""
    return Path(walk.config.export.folder) / walk.as_of.isoformat()
