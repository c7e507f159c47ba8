"""A forecast and what moved it, drawn for the person who orders by it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from scaleinv.errors import ConfigError, LakeError, explain
from scaleinv.pipeline.explain import Explanation, Floats
from scaleinv.pipeline.explain_policy import PolicyExplanation
from scaleinv.pipeline.nights import panel_of
from scaleinv.pipeline.walk import Walk
from scaleinv.pipeline.whatif import FIGURES, Comparison, cell

_HISTORY: Final = 56
"""Days before the forecast that are drawn."""
_MOST: Final = 6
"""Reasons that are drawn apart; what is left is one bar."""
_BAND: Final = (0.1, 0.9)
STYLE: Final[Any] = {
    "svg.hashsalt": "scaleinv", "svg.fonttype": "none", "font.size": 9, "axes.titlesize": 10,
    "axes.titlelocation": "left", "axes.spines.top": False, "axes.spines.right": False,
}  # fmt: skip
"""How every picture looks."""
_GREY, _LIGHT, _BLUE, _RED = "#767676", "#d9d9d9", "#1f6fb2", "#c4512d"
"""Told apart by those, too, who do not tell red from green."""
_METADATA: Final[dict[str, dict[str, None]]] = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}


def draw(walk: Walk, why: Explanation | None, path: Path, policy: PolicyExplanation | None = None) -> None:
    """Writes the picture: the last weeks, the forecast and its reasons; below it, reorder point and order in parts.

    Of the same night the same bytes.

    Args:
        walk: a night that is forecast.
        why: the forecast; not given: the policy alone.
        path: ``.svg`` or ``.png``.
        policy: not given: the forecast alone.

    Raises:
        ConfigError: it is a file of another kind.
        LakeError: there is no forecast.
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in _METADATA:
        raise ConfigError(
            explain("a picture is no file of this kind", expected=".svg or .png", found=path.name, do="rename it")
        )
    # Here, since it takes a second to load. Not pyplot: that looks for a screen.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    rows = [row for row in (why, policy) if row is not None]
    with rc_context(STYLE):
        figure: Any = Figure(figsize=(11, 4.6 * len(rows)), dpi=120, layout="constrained")
        parts = np.atleast_1d(figure.subfigures(len(rows), 1))
        for part, row in zip(parts, rows, strict=True):
            left, right = part.subfigures(1, 2, width_ratios=(1.15, 1))
            if isinstance(row, PolicyExplanation):
                _policy(left, right, row)
                continue
            part.suptitle(row.head, fontsize=11, x=0.01, ha="left")
            _forecast(left, walk, row)
            if row.kind == "shares":
                _shares(right, row)
            else:
                _reasons(right, row)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + ".unfinished")
        figure.savefig(unfinished, format=kind, metadata=_METADATA[kind])
    unfinished.replace(path)


def _policy(left: Any, right: Any, policy: PolicyExplanation) -> None:
    point = f"Reorder point of {policy.sku_id} at {policy.location_id}, units"
    order = f"Tonight's order; margin at risk {policy.risk_before:,.2f} without it, {policy.risk_after:,.2f} with it"
    for figure, parts, name, title in (
        (left, policy.reorder_parts, "reorder point", point),
        (right, policy.order_parts, "order", order),
    ):
        figure.suptitle(title, fontsize=10)
        if not parts:
            axes = figure.subplots()
            axes.axis("off")
            axes.text(0, 0.5, f"Not ordered: {policy.why_not}", fontsize=9)
            continue
        _waterfall(figure, [words for words, _ in parts], [units for _, units in parts], total=name)


def write_report(told: Comparison, path: Path) -> None:
    """Writes :func:`report` to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report(told), encoding="utf-8")


def report(told: Comparison) -> str:
    """Scenarios side by side as one HTML page, its pictures within."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    names = [result.name for result in told.results]
    with rc_context({"svg.hashsalt": "scaleinv", "svg.fonttype": "none", "font.size": 9}):
        figure: Any = Figure(figsize=(11, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        stock, lost = ([result.figures[name] for result in told.results] for name in ("stock_value", "lost_margin"))
        left.scatter(stock, lost, color=_BLUE)
        for name, x, y in zip(names, stock, lost, strict=True):
            left.annotate(name, (x, y), (5, 4), textcoords="offset points", fontsize=8)
        left.set(xlabel=FIGURES["stock_value"], ylabel="margin at risk", title="Stock against what it may not serve")
        right.barh(names, [result.figures["order_value"] for result in told.results], color=_BLUE, height=0.6)
        right.invert_yaxis()
        right.set_title(FIGURES["order_value"])
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata=_METADATA["svg"])
    svg = drawn.getvalue()[drawn.getvalue().index("<svg") :]
    head = "".join(f"<th>{escape(name)}</th>" for name in ["", *names])
    rows = [
        f"<tr><td>{words}</td>" + "".join(f"<td>{cell(name, r.figures[name])}</td>" for r in told.results) + "</tr>"
        for name, words in FIGURES.items()
    ]
    worst = [
        f"<tr><td>{escape(result.name)}</td><td>{escape(who)}</td><td>{money:,.2f}</td></tr>"
        for result in told.results
        for who, money in result.worst
    ]
    return (
        "<!doctype html><meta charset='utf-8'><title>What if</title>"
        "<style>body{font:14px sans-serif;margin:2em}td,th{padding:3px 12px;text-align:right}td:first-child"
        "{text-align:left}</style>"
        f"<h1>{told.n_series:,} SKU-locations on {told.as_of}</h1><table><tr>{head}</tr>{''.join(rows)}</table>"
        f"{svg}<h2>Most margin at risk</h2><table>{''.join(worst)}</table>"
    )


def _forecast(figure: Any, walk: Walk, why: Explanation) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axes = figure.subplots()
    demand = _history(walk, why)
    days, y = demand["ds"].to_numpy(), demand["y"].to_numpy()
    estimated = demand["is_stockout"].to_numpy()
    low, high, share = _band(walk, why)
    axes.plot(days, y, color=_GREY, linewidth=1, label="demand")
    if estimated.any():
        axes.plot(days[estimated], y[estimated], "o", color=_GREY, markersize=4, label="out of stock: estimated")
    axes.fill_between(
        why.days, low, high, color=_BLUE, alpha=0.25, linewidth=0, label=f"{share:.0%} of days are in here"
    )
    what = "expected" if why.kind == "factors" else "median"
    axes.plot(why.days, why.forecast, color=_BLUE, linewidth=1.8, label=f"forecast ({what})")
    axes.axvline(np.datetime64(why.as_of), color=_LIGHT, linewidth=1, zorder=0)
    axes.set_ylim(bottom=0)
    axes.set_title("Demand and its forecast, units a day")
    figure.legend(loc="outside lower left", ncols=4, frameon=False, fontsize=8)
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))


def _history(walk: Walk, why: Explanation) -> pa.Table:
    """The last days known, by day."""
    first = walk.as_of - timedelta(days=_HISTORY - 1)
    rows = panel_of(walk).read(
        walk.lake, pa.table({"unique_id": [why.unique_id]}), group_id=why.group_id, unique_id=why.unique_id,
        columns=["unique_id", "ds", "y", "is_stockout"],
    ).sort_by("ds")  # fmt: skip
    day = rows["ds"].to_numpy()
    return rows.filter(pa.array((day >= np.datetime64(first)) & (day <= np.datetime64(walk.as_of))))


def _band(walk: Walk, why: Explanation) -> tuple[Floats, Floats, float]:
    """(horizon,) each: the quantiles of a day next to the band's levels; and the share of days between them."""
    found = walk.read("gold/forecasts", columns=["quantiles"], cutoff=walk.as_of, model=why.model,
                      group_id=why.group_id, unique_id=why.unique_id)  # fmt: skip
    if not found.num_rows:
        raise LakeError(
            explain(f"gold/forecasts has no forecast of {why.unique_id} by {why.model}", do="scaleinv forecast first")
        )
    levels = np.asarray(walk.config.forecast.quantile_levels)
    quantiles = np.asarray(found["quantiles"][0].as_py(), np.float64).reshape(-1, len(levels))
    low, high = (int(np.abs(levels - level).argmin()) for level in _BAND)
    return quantiles[:, low], quantiles[:, high], float(levels[high] - levels[low])


def _reasons(figure: Any, why: Explanation) -> None:
    """From what the level alone would say, reason by reason, to the forecast."""
    first, rest = why.order[:_MOST], why.order[_MOST:]
    names = [why.reasons[at] for at in first] + (["all else"] if len(rest) else [])
    effects = [*why.effects[first].tolist(), *([float(why.effects[rest].sum())] if len(rest) else [])]
    figure.suptitle(f"What moved the forecast, units in {len(why.days)} days", fontsize=10)
    _waterfall(figure, names, effects, total="forecast", start=("its level alone", float(why.start.sum())))


def _waterfall(
    figure: Any, names: list[str], effects: list[float], *, total: str, start: tuple[str, float] | None = None
) -> None:
    """Bar by bar from the start, or from 0, to the total; with a start it need not show 0."""
    begins_at = start[1] if start else 0.0
    end = begins_at + np.cumsum([0.0, *effects])
    whole = 0.0 if start is None else float(end[-1])
    begin = np.concatenate([[whole if start is None else begins_at], end[:-1], [whole]])
    end = np.append(end, end[-1])
    texts = [f"{begins_at:,.1f}", *(f"{effect:+,.1f}" for effect in effects), f"{end[-1]:,.1f}"]
    labels = [start[0] if start else "", *names, total]
    skip = 0 if start else 1
    begin, end, texts, labels = begin[skip:], end[skip:], texts[skip:], labels[skip:]
    rows = np.arange(len(end))
    axes = figure.subplots()
    axes.barh(rows, end - begin, left=begin, color=np.where(end < begin, _RED, _BLUE), height=0.6)
    if start:
        axes.plot([begins_at, end[-1]], rows[[0, -1]], "D", color=_GREY)
    axes.vlines(end[:-1], rows[:-1], rows[1:], color=_GREY, linewidth=0.7, zorder=0)
    for row, at, text in zip(rows, np.maximum(begin, end), texts, strict=True):
        axes.annotate(text, (at, row), (7, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(rows, labels)
    axes.invert_yaxis()
    shown = end if start else np.append(end, 0.0)
    pad = max(np.ptp(shown), 0.05 * abs(end[-1])) * 0.2
    axes.set_xlim(shown.min() - (pad if start else 0.0), shown.max() + pad)
    axes.tick_params(axis="y", length=0)


def _shares(figure: Any, why: Explanation) -> None:
    """What a network looked at, and how far back."""
    above, below = figure.subplots(2, 1, height_ratios=(1.4, 1))
    order = why.order[: _MOST + 2]
    above.barh([why.reasons[at] for at in order], why.effects[order] * 100, color=_BLUE, height=0.6)
    above.invert_yaxis()
    above.tick_params(axis="y", length=0)
    figure.suptitle("What the network looked at, %", fontsize=10)
    back = np.arange(1, len(why.looked_back) + 1)
    below.bar(back, why.looked_back * 100, color=_BLUE)
    below.invert_xaxis()
    below.set_title("How many days back it looked, %")


def draw_scorecards(
    vendors: Mapping[str, Sequence[Sequence[Any]]], labels: Sequence[str], path: Path, title: str
) -> None:
    """A PDF with one page per vendor: its months as a table, and what it kept of its promises as a line.

    Args:
        vendors: vendor -> rows of cells as they are to be read, the share kept (nan: unknown) being the last.
        labels: of the cells, without that share.
        path: ``.pdf``.
        title: on each page.
    """
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    with PdfPages(path, metadata={"CreationDate": None, "Creator": None, "Producer": None}) as pages:
        for vendor, rows in vendors.items():
            figure = Figure(figsize=(11.7, 8.3), layout="constrained")
            line, grid = figure.subplots(2, 1, height_ratios=(1, 2.2))
            figure.suptitle(f"{vendor} · {title}")
            line.plot([row[0] for row in rows], [row[-1] for row in rows], color=_BLUE, marker="o")
            line.set_ylim(-0.02, 1.02)
            line.set_title("On time in full, of the lines promised for the month")
            line.tick_params(axis="x", labelrotation=60)
            grid.axis("off")
            made = grid.table([list(row[:-1]) for row in rows], colLabels=list(labels), loc="upper center")
            made.auto_set_font_size(False)
            made.set_fontsize(7)
            pages.savefig(figure)
