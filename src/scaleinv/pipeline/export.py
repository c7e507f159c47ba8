"""Stage export: approved orders to the ERP's files and a manifest; the same set gives the same bytes.

A night's first document set lies in the night's folder, later ones (orders that a person approved afterwards) in
numbered folders below it. ``orderbook.sets`` says why a kill loses and doubles nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.erp import MANIFEST, write_documents
from scaleinv.errors import DataError, explain
from scaleinv.pipeline.deliver import deliver_after_export
from scaleinv.pipeline.register import order_book
from scaleinv.pipeline.walk import Outcome, Walk, rows_of
from scaleinv.schema import table
from scaleinv.schema.packs import order_quantities

if TYPE_CHECKING:
    from scaleinv.orderbook import Book, DocumentSet

_LOG = "gold/export_log"
_NUMBERED = ("x12-850", "edifact-orders", "idoc", "preqcr")
"""Formats whose messages have control numbers, by which a 997, CONTRL or IDoc status speaks of them."""
_ROUNDS = 20
"""Tries without the orders that no document can say: an error names the first five."""
_DIGITS = {"quantity": 6, "unit_cost": 4, "value": 2}


class _GivenUpError(DataError):
    """A set is not written; ``holds``: orders of it are held, the others may go out."""

    def __init__(self, error: DataError, *, holds: bool) -> None:
        super().__init__(str(error))
        self.holds = holds


def work(walk: Walk) -> Outcome:
    """Writes the documents of all that is approved, logs them, and brings them where they are to go."""
    export(walk)
    deliver_after_export(walk)
    return Outcome()


def export(walk: Walk) -> int:
    """Orders that were approved up to tonight go out, each in one set; returns how many sets were new.

    An order that no document can say is held, and the others go out.

    Raises:
        DataError: a format cannot say an order without cutting, or documents are lost; all else is out by then.
    """
    from scaleinv.orderbook import sets_of

    problems: list[str] = []
    n_new, goes_on = 0, True
    with order_book(walk.config) as book:
        for _ in range(_ROUNDS):
            n_written, goes_on = _export_once(walk, book, problems)
            n_new += n_written
            if not goes_on:
                break
        sets = [part for part in sets_of(book, walk.config.retailer) if part.as_of <= walk.as_of]
        for night in sorted({part.as_of for part in sets if not part.is_logged} | {walk.as_of}):
            _log(walk, book, night)
    if problems:
        raise DataError("\n".join(dict.fromkeys(problems)))
    return n_new


def _export_once(walk: Walk, book: Book, problems: list[str]) -> tuple[int, bool]:
    """Sets that were written, and whether orders were held, so that the others can go out in the next round."""
    from scaleinv.orderbook import claim, sets_of

    claim(book, walk.config.retailer, walk.as_of)
    n_written, goes_on = 0, False
    for part in [part for part in sets_of(book, walk.config.retailer) if part.as_of <= walk.as_of]:
        try:
            if part.is_open:
                _write_new(walk, book, part)
                n_written += 1
            elif part.as_of == walk.as_of:
                _write_again(walk, book, part)
        except _GivenUpError as error:
            problems.append(str(error))
            goes_on = goes_on or error.holds
        except DataError as error:
            problems.append(str(error))
    return n_written, goes_on


def is_intact(walk: Walk) -> bool:
    """Whether nothing waits to go out, and the documents in the folders are those that were logged.

    The manifest and every file's content are looked at.
    """
    from scaleinv.orderbook import is_waiting, sets_of

    retailer = walk.config.retailer
    with order_book(walk.config) as book:
        if is_waiting(book, retailer, walk.as_of):
            return False
        sets = sets_of(book, retailer, as_of=walk.as_of)
    logged = {row["file"]: row["sha256"] for row in walk.read(_LOG, columns=["file", "sha256"]).to_pylist()}
    found: dict[str, str] = {}
    for part in sets:
        listed = _listed(folder_of(walk, part))
        if listed is None:
            return False
        found |= {_name(part, name): value for name, value in listed.items()}
    return found == logged


def orders_folder(walk: Walk) -> Path:
    """Where tonight's documents are."""
    return Path(walk.config.export.folder) / walk.as_of.isoformat()


def folder_of(walk: Walk, part: DocumentSet) -> Path:
    """Where a set's documents are."""
    night = Path(walk.config.export.folder) / part.as_of.isoformat()
    return night if part.number == 1 else night / str(part.number)


# --- one set --------------------------------------------------------------------------------------------------------


def _write_new(walk: Walk, book: Book, part: DocumentSet) -> None:
    from scaleinv.orderbook import change, close, lines_of_set, release

    try:
        rows = _write(walk, book, part, folder_of(walk, part))
    except DataError as error:
        why = f"its documents cannot be written: {str(error).splitlines()[0]}"
        named = set(lines_of_set(book, part)["order_id"].to_pylist()) & set(re.findall(r"[\w-]+", str(error)))
        release(book, part, why=str(error).splitlines()[0])
        held = change(book, named, "held", who="scaleinv", why=why).done if named else ()
        raise _GivenUpError(error, holds=bool(held)) from error
    close(book, part, _outbox_rows(walk, part, rows), numbers=_control_numbers(folder_of(walk, part), rows))
    walk.progress.say(f"{len(rows)} files in {folder_of(walk, part)}")


def _write_again(walk: Walk, book: Book, part: DocumentSet) -> None:
    """What was given out stays as it is, whatever options say now; where it is lost it is written as it was.

    Raises:
        DataError: it cannot be: the documents that would be written now are others.
    """
    from scaleinv.orderbook import files_of

    known = {row["name"]: row["sha256"] for row in files_of(book, part)}
    listed = _listed(folder_of(walk, part))
    if listed is not None and _named(part, listed) == known:
        return
    with TemporaryDirectory() as trial:  # what is left of the documents stays if these are others
        written = {str(row["file"]): str(row["sha256"]) for row in _write(walk, book, part, Path(trial))}
    if _named(part, written) != known:
        raise DataError(
            explain(
                f"documents of set {part.number} of {part.as_of} were given out and are lost",
                expected="the same documents when they are written again",
                which=sorted(known),
                do=f"bring {folder_of(walk, part)} back from a copy: orders, options or code have changed since",
            )
        )
    _write(walk, book, part, folder_of(walk, part))


def _write(walk: Walk, book: Book, part: DocumentSet, folder: Path) -> list[dict[str, Any]]:
    from scaleinv.orderbook import lines_of_set

    lines = _proposals(lines_of_set(book, part))
    return write_documents(
        lines,
        walk.config.export,
        folder,
        as_of=part.as_of,
        retailer=walk.config.retailer,
        first=part.first,
    )


def _proposals(lines: pa.Table) -> pa.Table:
    """Lines of the book as ``gold/order_proposals`` has them; what no document says (positions, levels) is 0."""
    contract = table("gold/order_proposals")
    for name, digits in _DIGITS.items():
        # The float nearest to the decimal: Arrow's own cast makes 0.03 into 0.030000000000000002.
        values = np.round(lines[name].cast(pa.float64()).to_numpy(), digits)
        lines = lines.set_column(lines.column_names.index(name), name, pa.array(values))
    columns = {name: lines[name] for name in lines.column_names}
    columns |= _in_units_of_order(lines)
    columns["need"] = columns["quantity"]
    columns["disposition"] = pa.repeat(pa.scalar("approve"), lines.num_rows)
    nothing = {True: pa.nulls(lines.num_rows), False: pa.array(np.zeros(lines.num_rows))}
    made = {field.name: columns.get(field.name, nothing[field.nullable]) for field in contract.schema}
    return pa.table(made).cast(contract.schema)


def _in_units_of_order(lines: pa.Table) -> dict[str, pa.Array]:
    """What a person has ordered and is no whole number of them is said in units of stock."""
    unit = lines["order_unit"].combine_chunks()
    per = [pc.fill_null(lines[name], 1).to_numpy() for name in ("order_units", "stock_units")]
    quantity, fits = order_quantities(lines["quantity"].to_numpy(), unit, *per)
    is_stock = ~fits | pc.is_null(unit).to_numpy(zero_copy_only=False)
    return {
        "order_quantity": pa.array(quantity, mask=is_stock),
        "order_unit": pc.if_else(pa.array(is_stock), pa.scalar(None, pa.string()), unit),
    }


def _outbox_rows(walk: Walk, part: DocumentSet, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is to go where: each file to the destinations of its format, and the manifest where it is wanted."""
    from scaleinv.orderbook import FOLDER

    named = [row | {"file": _path(part, str(row["file"]))} for row in rows]
    routed = [row | {"destination": FOLDER} for row in named]
    manifest = _manifest_row(folder_of(walk, part)) | {"file": _path(part, MANIFEST)}
    for destination, config in walk.config.delivery.destinations.items():
        own = [row for row in named if not config.formats or row["format"] in config.formats]
        own += [manifest] if own and config.manifest else []
        routed += [row | {"destination": destination} for row in own]
    return routed


def _manifest_row(folder: Path) -> dict[str, Any]:
    from scaleinv.orderbook import MANIFEST_FORMAT

    content = (folder / MANIFEST).read_bytes()
    said = json.loads(content)
    return {
        "format": MANIFEST_FORMAT, "orders": said["orders"], "lines": said["lines"],
        "quantity": float(said["quantity"]), "sha256": hashlib.sha256(content).hexdigest(),
        "schema_version": said["schema_version"],
    }  # fmt: skip


def _control_numbers(folder: Path, rows: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """(control number, order) of each message as it was written: what an answer to it speaks of."""
    from scaleinv.erp.answers import sent_controls

    for row in rows:
        if row["format"] in _NUMBERED:
            name = str(row["file"])
            yield from sent_controls((folder / name).read_bytes(), name=name)


def _name(part: DocumentSet, file: str) -> str:
    """Of a file, below ``export.folder``'s folder of the night."""
    return file if part.number == 1 else f"{part.number}/{file}"


def _path(part: DocumentSet, file: str) -> str:
    """Of a file, below ``export.folder``: two nights may have files of one name."""
    return f"{part.as_of}/{_name(part, file)}"


def _named(part: DocumentSet, files: dict[str, str]) -> dict[str, str]:
    return {_path(part, name): sha256 for name, sha256 in files.items()}


def _log(walk: Walk, book: Book, night: date) -> None:
    """``gold/export_log`` of a night is what the book's outbox has."""
    from scaleinv.orderbook import files_of, logged, sets_of

    log = table(_LOG)
    sets = sets_of(book, walk.config.retailer, as_of=night)
    files = {row["name"].partition("/")[2]: row for part in sets for row in files_of(book, part)}
    rows = [
        {name: row[name] for name in ("format", "orders", "lines", "quantity", "sha256", "schema_version")}
        | {"as_of": night, "file": name}
        for name, row in files.items()
    ]
    if night == walk.as_of:
        walk.overwrite(log.name, rows_of(log, rows))
    else:
        walk.lake.overwrite(log, rows_of(log, rows), where={"as_of": night})
    for part in sets:
        if not part.is_logged:
            logged(book, part)


def _listed(folder: Path) -> dict[str, str] | None:
    """File -> SHA-256 as the manifest has it, if all of it is so; else ``None``."""
    try:
        listed = {row["file"]: row["sha256"] for row in json.loads((folder / MANIFEST).read_bytes())["files"]}
        unchanged = all(_sha256(folder / name) == value for name, value in listed.items())
    except (OSError, ValueError, KeyError):  # something is missing, or the manifest is not ours
        return None
    return listed if unchanged else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
