"""What persons ask and decide about SKUs: reads the registry's tables, adds rows to its log. No engine is needed.

A decision is in force at once where it is asked for here, and in the rows of the lake from the next run of ingest on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.errors import DataError, explain
from scaleinv.ingest.registry import By, answers, code_key_of, merge, periods, reject, split, supersede, undo
from scaleinv.lake import Lake
from scaleinv.pipeline.registry import CODES, LOG, PROPOSALS, add
from scaleinv.schema.registry import ALWAYS


@dataclass(frozen=True)
class Found:
    """``codes``: the codes of a product, row by period; ``decisions``: all that was ever decided about them."""

    codes: pa.Table
    decisions: pa.Table


def find(lake: Lake, text: str) -> Found:
    """The codes that are spelt like ``text`` or mean the SKU ``text``, and those that mean the same product.

    ``codes`` has ``system, code, own_id, is_product, description, valid_from, valid_to, sku_id, method, merge_id``.

    Raises:
        DataError: no system ever used such a code.
        LakeError: there is no registry yet.
    """
    log = lake.read(LOG)
    found = periods(log)
    spelt = [lake.read(CODES, where=where) for where in ({"code_key": code_key_of(text)}, {"own_id": text})]
    own = pa.concat_tables(spelt)["own_id"]
    if not own.length():
        raise DataError(
            explain(
                f"no system uses the code {text!r}", do="look at how it is spelt; case, space and zeros do not matter"
            )
        )
    # Not more than one product's codes, and what they meant at other times.
    meant = pa.chunked_array([*own.chunks, *found["sku_id"].filter(_in(found["own_id"], own)).chunks])
    same = pa.chunked_array([*meant.chunks, *found["own_id"].filter(_in(found["sku_id"], meant)).chunks])
    codes = lake.read(CODES, where={"own_id": pc.unique(same).to_pylist()})
    codes = codes.select(["system", "code", "own_id", "is_product", "description"])
    rows = codes.join(found, "own_id", join_type="left outer")
    rows = rows.set_column(5, "valid_from", pc.coalesce(rows["valid_from"], pa.scalar(ALWAYS, pa.date32())))
    rows = rows.set_column(7, "sku_id", pc.coalesce(rows["sku_id"], rows["own_id"]))
    rows = rows.set_column(8, "method", pc.coalesce(rows["method"], "identity"))
    about = pc.or_(_in(log["kept"], same), _in(log["other"], same))
    by_code = [(name, "ascending") for name in ("sku_id", "own_id", "valid_from")]
    return Found(
        rows.sort_by(by_code), log.filter(about).sort_by([("decided_at", "ascending"), ("merge_id", "ascending")])
    )


def listed(lake: Lake, status: str | None = "open") -> pa.Table:
    """The proposals with what has been said to them by now, the likeliest first; ``None``: of every status."""
    rows, said = lake.read(PROPOSALS), answers(lake.read(LOG))
    place = pc.index_in(rows["proposal_id"], said["proposal_id"].combine_chunks())
    now = pc.fill_null(said["status"].combine_chunks().take(place.combine_chunks()), "open")
    rows = rows.set_column(rows.schema.get_field_index("status"), PROPOSALS.schema.field("status"), now)
    rows = rows.sort_by([("score", "descending"), ("proposal_id", "ascending")])
    return rows if status is None else rows.filter(pc.equal(rows["status"], status))


def answer(
    lake: Lake, ids: Sequence[str], by: By, *, verdict: Literal["accept", "reject"], since: date = ALWAYS
) -> list[str]:
    """Says to each proposal whether it is so; returns the ``merge_id`` of each decision.

    Raises:
        DataError: one is unknown or no longer open; those before it are decided.
    """
    made = []
    for proposal_id in ids:  # as many as a person types
        proposal = _open(lake, proposal_id, verdict)
        log = lake.read(LOG)
        if verdict == "reject":
            made.append(_added(lake, reject(log, proposal, by)))
        else:
            made.append(
                _added(lake, merge(log, proposal["kept"], proposal["other"], by, since=since, proposal=proposal))
            )
    return made


def reverse(lake: Lake, merge_id: str, by: By) -> str:
    """As if the decision had never been made; returns the ``merge_id`` of this one."""
    return _added(lake, undo(lake.read(LOG), merge_id, by))


def replace(lake: Lake, old: str, new: str, by: By, *, since: date) -> str:
    """``new`` stands for ``old`` from ``since`` on."""
    for sku in (old, new):
        _require(lake, sku)
    return _added(lake, supersede(lake.read(LOG), old, new, by, since=since))


def separate(lake: Lake, sku: str, by: By, *, since: date) -> str:
    """``sku`` stands alone again from ``since`` on."""
    _require(lake, sku)
    return _added(lake, split(lake.read(LOG), sku, by, since=since))


def _in(column: pa.ChunkedArray, values: pa.ChunkedArray) -> Any:
    return pc.is_in(column, pc.unique(values))


def _added(lake: Lake, rows: pa.Table) -> str:
    add(lake, rows)
    return str(rows["merge_id"][0])


def _require(lake: Lake, sku: str) -> None:
    if lake.read(CODES, where={"own_id": sku}, columns=["own_id"]).num_rows == 0:
        raise DataError(explain(f"there is no SKU {sku!r}", do="scaleinv skus find shows the SKU of a code"))


def _open(lake: Lake, proposal_id: str, verdict: str) -> dict[str, Any]:
    rows = listed(lake, status=None)
    rows = rows.filter(pc.equal(rows["proposal_id"], proposal_id)).to_pylist()
    if not rows:
        raise DataError(explain(f"there is no proposal {proposal_id!r}", do="scaleinv skus proposals lists them"))
    if rows[0]["status"] == "accepted" or rows[0]["status"] == f"{verdict}ed":
        raise DataError(explain(f"proposal {proposal_id} is {rows[0]['status']}", do="undo that decision first"))
    found: dict[str, Any] = rows[0]
    return found
