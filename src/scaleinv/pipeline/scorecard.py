"""A vendor's scorecard as a page: HTML that needs nothing but itself, or PDF."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np

from scaleinv.errors import ConfigError, DataError, LakeError, explain
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table

_MONTHS: Final = 24
"""Months at most that a page shows."""
_NOT_RECORDED: Final = "not recorded"
_COLUMNS: Final = (
    ("month", "month", "text"),
    ("n_lines", "lines due", "number"),
    ("n_received", "received", "number"),
    ("otif", "on time in full", "share"),
    ("on_time", "on time", "share"),
    ("lead_time_mean", "lead time, days", "days"),
    ("lead_time_sd", "spread, days", "days"),
    ("fill", "fill", "share"),
    ("price_variance", "price variance", "share"),
    ("rejected_share", "rejected", "share"),
    ("temperature_incidents", "temperature incidents", "number"),
)
_RECORDS: Final = ("fill", "price_variance", "rejected_share", "temperature_incidents")
"""Null in these means that nobody wrote it down; elsewhere, that there was nothing."""
_STYLE: Final = (
    "body{font:14px sans-serif;margin:2em}table{border-collapse:collapse;margin:1em 0 2em}"
    "td,th{padding:.25em .7em;border-bottom:1px solid #d9d9d9;text-align:right}td:first-child{text-align:left}"
    ".none{color:#767676}"
)


def write_scorecard(walk: Walk, path: Path, vendor: str | None = None) -> int:
    """Writes the page of one vendor, or of all; returns how many vendors are on it. Of the same night the same bytes.

    Raises:
        ConfigError: the file is of another kind.
        DataError: the vendor has no scorecard.
        LakeError: the night has none at all.
    """
    kind = path.suffix.lower()
    if kind not in (".html", ".pdf"):
        raise ConfigError(explain("a scorecard is no file of this kind", expected=".html or .pdf", found=path.name))
    found = _rows(walk, vendor)
    by_vendor: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        by_vendor.setdefault(row["vendor_id"], []).append(row)
    shown = {name: rows[-_MONTHS:] for name, rows in by_vendor.items()}
    if kind == ".html":
        path.write_text(_page(walk, shown), encoding="utf-8")
    else:
        from scaleinv.pipeline.picture import draw_scorecards

        cells = {
            name: [[*_cells(row), np.nan if row["otif"] is None else row["otif"]] for row in rows]
            for name, rows in shown.items()
        }
        draw_scorecards(cells, [label for _, label, _ in _COLUMNS], path, f"scorecard, as of {walk.as_of}")
    return len(shown)


def _rows(walk: Walk, vendor: str | None) -> list[dict[str, Any]]:
    contract = table("gold/vendor_scorecards")
    if not walk.lake.exists(contract) or not (every := walk.read(contract.name, columns=["vendor_id"])).num_rows:
        raise LakeError(
            explain(f"{contract.name} has nothing of {walk.as_of}", do="run features, with purchase orders, for it")
        )
    found = walk.read(contract.name) if vendor is None else walk.read(contract.name, vendor_id=vendor)
    mine: list[dict[str, Any]] = found.sort_by([("vendor_id", "ascending"), ("month", "ascending")]).to_pylist()
    if not mine:
        names = sorted(every["vendor_id"].unique().to_pylist())
        raise DataError(
            explain(f"vendor {vendor} has no scorecard", expected="one of those that had orders", which=names)
        )
    return mine


def _cells(row: dict[str, Any]) -> list[str]:
    return [_cell(row[name], name, kind) for name, _, kind in _COLUMNS]


def _cell(value: Any, name: str, kind: str) -> str:
    if value is None:
        return _NOT_RECORDED if name in _RECORDS else "-"
    if kind == "text":
        return f"{value:%Y-%m}"
    if kind == "share":
        return f"{value:.1%}"
    return f"{value:,.1f}" if kind == "days" else f"{value:,}"


def _page(walk: Walk, vendors: dict[str, list[dict[str, Any]]]) -> str:
    parts = [_section(name, rows) for name, rows in vendors.items()]
    title = f"Vendor scorecards, as of {walk.as_of}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"</head><body>\n<h1>{title}</h1>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _section(name: str, rows: list[dict[str, Any]]) -> str:
    head = "".join(f"<th>{escape(label)}</th>" for _, label, _ in _COLUMNS)
    body = "\n".join(
        "<tr>" + "".join(f"<td{_faint(cell)}>{escape(cell)}</td>" for cell in _cells(row)) + "</tr>" for row in rows
    )
    return (
        f"<h2>{escape(name)}</h2>\n{_spark([row['otif'] for row in rows])}\n<p>{escape(_trend(rows[-1]))}</p>\n"
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"
    )


def _faint(cell: str) -> str:
    return ' class="none"' if cell in ("-", _NOT_RECORDED) else ""


def _trend(last: dict[str, Any]) -> str:
    said = []
    for name, what, scale, unit in (
        ("otif_trend", "on time in full", 100, "points"), ("lead_time_trend", "lead time", 1, "days"),
    ):  # fmt: skip
        slope, error = last[name], last[f"{name}_se"]
        if slope is None:
            said.append(f"{what}: fewer than three months, no trend")
            continue
        sure = "" if abs(slope) > 2 * error else ", not told from chance"
        said.append(f"{what}: {slope * scale:+.2f} {unit} a month (± {error * scale:.2f}{sure})")
    return "Trend of twelve months. " + "; ".join(said) + "."


def _spark(shares: list[float | None]) -> str:
    """The share kept, month by month; a month without promises is a gap."""
    step, high = 20, 60
    parts, begun = [], False
    for number, share in enumerate(shares):
        if share is None:
            begun = False
            continue
        parts.append(f"{'L' if begun else 'M'}{10 + number * step},{5 + high * (1 - share):.1f}")
        begun = True
    dots = "".join(f'<circle cx="{p[1:].split(",")[0]}" cy="{p.split(",")[1]}" r="2.5"/>' for p in parts)
    width = 20 + step * max(len(shares) - 1, 0)
    return (
        f'<svg width="{width}" height="{high + 10}" role="img" aria-label="on time in full by month" fill="#1f6fb2">'
        f'<path d="{" ".join(parts)}" fill="none" stroke="#1f6fb2" stroke-width="2"/>{dots}</svg>'
    )
