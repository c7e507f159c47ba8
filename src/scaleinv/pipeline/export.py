"""Stage export: purchase orders to the ERP's files and a manifest; the same night gives the same bytes."""

from __future__ import annotations

from pathlib import Path

from scaleinv.erp import write_documents
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


def orders_folder(walk: Walk) -> Path:
    """Where tonight's documents are."""
    return Path(walk.config.export.folder) / walk.as_of.isoformat()
