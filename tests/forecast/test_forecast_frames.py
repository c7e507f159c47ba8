"""The frames' way from files to tensors gives what Arrow's way gives, with cuDF as with pandas."""

from __future__ import annotations

import io
from datetime import date, timedelta
from types import ModuleType
from typing import IO, Any

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch
from tests.forecast.small import START, small_demand, small_tables

from scaleinv.errors import DataError
from scaleinv.forecast import Group, device_frames, group_arrays, group_from_files

FIRSTS = np.array([0, 3, 0, 12, 40, 0, 7, 0])


def _file(rows: pa.Table) -> IO[bytes]:
    sink = io.BytesIO()
    pq.write_table(rows, sink)
    sink.seek(0)
    return sink


def _shuffled(rows: pa.Table) -> pa.Table:
    return rows.take(np.random.default_rng(2).permutation(len(rows)))


def _assert_same(one: Group, other: Group) -> None:
    assert one.unique_id.tolist() == other.unique_id.tolist()
    assert (one.events, one.vocabularies) == (other.events, other.vocabularies)
    for name in ("indptr", "day", "y", "sales", "price", "is_stockout", "is_promotion", "is_benefit_day", "event"):
        mine, yours = getattr(one, name), getattr(other, name)
        assert mine.dtype == yours.dtype, name
        torch.testing.assert_close(mine.cpu(), yours.cpu(), rtol=0, atol=0, equal_nan=True)
    for name, codes in one.statics.items():
        assert codes.tolist() == other.statics[name].tolist()


def _read(parts: list[list[pa.Table]], series: pa.Table, *, library: Any = pandas, first: date = START) -> Group:
    return group_from_files([[_file(rows) for rows in part] for part in parts], series, first=first, library=library)


def _tables() -> tuple[pa.Table, pa.Table]:
    y = small_demand()
    y[2, 20:25] = np.nan  # days of which nothing is known
    return small_tables(y, FIRSTS)


def test_files_in_any_order_give_the_arrays_that_arrow_gives() -> None:
    panel, series = _tables()
    rows = _shuffled(panel)
    _assert_same(_read([[rows[:200], rows[200:]]], _shuffled(series)), group_arrays(panel, series))


@pytest.mark.gpu
def test_a_gpu_gives_the_same() -> None:
    cudf: ModuleType | None = device_frames()
    if cudf is None:
        pytest.skip("no GPU with RAPIDS here")
    panel, series = _tables()
    rows = _shuffled(panel)
    made = _read([[rows[:200], rows[200:]]], series, library=cudf)
    assert made.device.type == "cuda"
    _assert_same(made, _read([[rows]], series))
    held = torch.cuda.memory_allocated()
    frame = cudf.DataFrame({"a": np.arange(1_000_000)})
    assert torch.cuda.memory_allocated() >= held + frame["a"].values.nbytes, "frames and tensors share one pool"


def test_of_a_day_that_two_nights_hold_the_later_one_counts() -> None:
    panel, series = _tables()
    first = START + timedelta(days=5)
    keep = series.slice(0, 7)  # the eighth has left the assortment
    seventieth, eightieth = (pa.scalar(START + timedelta(days=days)) for days in (70, 80))
    stays = pc.not_equal(panel["unique_id"], "s07")
    before = panel.filter(pc.less(panel["ds"], eightieth))
    after = panel.filter(pc.and_(stays, pc.greater_equal(panel["ds"], seventieth)))
    price = pa.array(np.full(len(after), 9.0), pa.float32())
    after = after.set_column(after.column_names.index("price"), "price", price)
    old = pc.and_(pc.less(panel["ds"], seventieth), pc.greater_equal(panel["ds"], pa.scalar(first)))
    merged = pa.concat_tables([panel.filter(pc.and_(stays, old)), after])
    _assert_same(_read([[_shuffled(before)], [_shuffled(after)]], keep, first=first), group_arrays(merged, keep))
    known = before.filter(pc.is_in(before["unique_id"], keep["unique_id"].combine_chunks()))
    _assert_same(_read([[before], []], keep), group_arrays(known, keep))


def test_bad_files_are_refused_as_bad_tables_are() -> None:
    panel, series = _tables()
    for rows, facts, said in (
        (panel, series.slice(1), "gold/series does not know"),
        (panel, pa.concat_tables([series, series.slice(0, 1)]), "more than once"),
        (pa.concat_tables([panel, panel.slice(3, 1)]), series, "not consecutive"),
        (pa.concat_tables([panel.slice(0, 3), panel.slice(4)]), series, "not consecutive"),
    ):
        for read in (lambda: _read([[rows]], facts), lambda: group_arrays(rows, facts)):  # noqa: B023 - called at once
            with pytest.raises(DataError, match=said):
                read()
    with pytest.raises(DataError, match="has no files"):
        _read([[]], series)
