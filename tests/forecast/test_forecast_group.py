"""From Arrow to flat tensors, and the gate that no later demand passes."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
import torch

from scaleinv.errors import DataError
from scaleinv.forecast import Group, group_arrays
from scaleinv.forecast.history import day_number, known_at
from scaleinv.forecast.inputs import choose_inputs, encode

START = date(2024, 1, 1)


def _series(*names: str, **columns: list[str]) -> pa.Table:
    n = len(names)
    plain = {"location_id": ["L1"] * n, "category": ["C"] * n, "department": ["D"] * n, "region": ["R"] * n}
    return pa.table({"unique_id": list(names)} | plain | columns)


def _panel(lives: dict[str, tuple[int, list[float | None]]], **columns: list[object]) -> pa.Table:
    """``lives``: series -> (first day after START, demand of each day)."""
    ids = [name for name, (_, y) in lives.items() for _ in y]
    days = [START + timedelta(days=first + i) for first, y in lives.values() for i in range(len(y))]
    n = len(ids)
    plain: dict[str, list[object]] = {
        "y": [value for _, y in lives.values() for value in y],
        "is_stockout": [False] * n,
        "price": [2.0] * n,
        "is_promotion": [False] * n,
        "event": [None] * n,
        "is_benefit_day": [False] * n,
    }
    plain |= columns
    plain.setdefault("sales", plain["y"])
    types = {"y": pa.float32(), "sales": pa.float32(), "price": pa.float32(), "event": pa.string()}
    arrays = {name: pa.array(values, types.get(name)) for name, values in plain.items()}
    return pa.table({"unique_id": ids, "ds": pa.array(days, pa.date32())} | arrays)


def _group(lives: dict[str, tuple[int, list[float | None]]], **columns: list[object]) -> Group:
    return group_arrays(_panel(lives, **columns), _series(*lives))


def test_rows_lie_flat_by_series_and_day_whatever_their_order() -> None:
    panel = _panel({"b": (0, [1.0, 2.0, 3.0]), "a": (1, [4.0, None])}, event=["X", None, "A", None, "X"])
    shuffled = panel.take([3, 1, 4, 0, 2])
    group = group_arrays(shuffled, _series("b", "a", location_id=["L2", "L1"]))
    assert group.unique_id.tolist() == ["a", "b"]
    assert group.indptr.tolist() == [0, 2, 5]
    assert np.nan_to_num(group.y.numpy(), nan=-1).tolist() == [4, -1, 1, 2, 3]
    assert group.events == ("A", "X")
    assert group.event.tolist() == [-1, 1, 1, -1, 0]
    assert group.statics["location_id"].tolist() == [0, 1]
    assert group.vocabularies["location_id"] == ("L1", "L2")


def test_a_day_missing_inside_a_life_is_refused_and_the_series_named() -> None:
    panel = _panel({"a": (0, [1.0, 1.0]), "b": (0, [1.0, 2.0, 3.0])})
    with pytest.raises(DataError, match="days of a series are not consecutive") as error:
        group_arrays(panel.take([0, 1, 2, 4]), _series("a", "b"))
    assert "which:    b" in str(error.value)


def test_a_series_without_static_facts_is_refused_and_named() -> None:
    with pytest.raises(DataError, match="gold/series does not know") as error:
        group_arrays(_panel({"a": (0, [1.0]), "stranger": (0, [1.0])}), _series("a"))
    assert "stranger" in str(error.value)


def test_a_series_that_occurs_twice_is_refused() -> None:
    with pytest.raises(DataError, match="more than once"):
        group_arrays(_panel({"a": (0, [1.0])}), _series("a", "a"))


def test_each_series_is_counted_in_the_largest_unit_that_fits() -> None:
    sold: dict[str, tuple[int, list[float | None]]] = {
        "grams": (0, [0.013, 1.207, 0.0, 0.5] * 5),
        "pieces": (0, [1.0, 0.0, 3.0, 2.0] * 5),
        "slices": (0, [0.3, 1.1, 0.0, 2.0] * 4 + [0.3, 1.1, 2.0, 0.25]),  # one of sixteen is not
        "unsold": (0, [0.0] * 20),
        "weights": (0, [0.31, 7.04, None, 0.0] * 5),
        "words": (0, [0.3, 0.7, None, 0.0] * 5),
    }
    group = _group(sold)
    counted = group.counted(day_number(START + timedelta(days=19)))
    # What never sold is counted as most others are.
    assert counted.grain.tolist() == [0.001, 1.0, 0.1, 0.1, 0.01, 0.1]
    grams, weights = (counted.y[counted.indptr[i] : counted.indptr[i + 1]] for i in (0, 4))
    assert grams[:4].tolist() == pytest.approx([13, 1207, 0, 500])
    assert weights[:2].tolist() == pytest.approx([31, 704])
    assert counted.sales[:2].tolist() == pytest.approx([13, 1207])
    assert torch.isnan(weights[2])


def test_a_single_sale_by_weight_is_no_typing_error() -> None:
    sold: list[float | None] = [0.0] * 30
    sold[10] = 12.752
    last = START + timedelta(days=29)
    history = known_at(_group({"a": (0, sold)}).counted(day_number(last)), cutoff=last, horizon=1, season=7)
    assert float(history.y.max()) == pytest.approx(12_752)
    assert bool(history.observed[:30].all())


def test_neither_later_days_nor_estimates_change_what_a_series_is_counted_in() -> None:
    group = _group({"a": (0, [1.0, 2.0, 0.0, 0.77, 0.77, 0.77])}, is_stockout=[False, False, False, True, False, False])
    assert group.counted(day_number(START + timedelta(days=3))).grain.tolist() == [1.0]
    assert group.counted(day_number(START + timedelta(days=5))).grain.tolist() == [0.01]


def test_a_history_ends_at_the_cutoff_and_goes_on_for_the_horizon() -> None:
    lives: dict[str, tuple[int, list[float | None]]] = {
        "ended": (0, [1.0, 2.0]), "late": (9, [7.0] * 5), "whole": (2, [3.0] * 10),
    }  # fmt: skip
    history = known_at(_group(lives), cutoff=START + timedelta(days=4), horizon=3, season=7)
    assert history.n_days.tolist() == [5, 0, 3]
    assert history.indptr.diff().tolist() == [8, 3, 6]
    assert history.y.tolist() == [1, 2, 0, 0, 0, 0, 0, 0] + [0] * 3 + [3, 3, 3, 0, 0, 0]
    assert history.observed.tolist() == [True] * 5 + [False] * 6 + [True] * 3 + [False] * 3
    assert history.price[:8].tolist() == [2.0] * 8  # the last price is carried on


def test_what_happens_after_the_cutoff_does_not_reach_a_history() -> None:
    quiet: list[float | None] = [1.0] * 40
    loud: list[float | None] = [1.0] * 30 + [900.0] * 10
    stockout = [False] * 30 + [True] * 10
    histories = [
        known_at(group, cutoff=START + timedelta(days=29), horizon=10, season=7)
        for group in (_group({"a": (0, quiet)}), _group({"a": (0, loud)}, is_stockout=list(stockout)))
    ]
    for name in ("y", "least", "observed", "is_stockout", "sums", "sales"):
        torch.testing.assert_close(getattr(histories[0], name), getattr(histories[1], name))


def test_a_stock_out_day_shows_the_estimate_and_is_certain_of_no_more_than_was_sold() -> None:
    y: list[float | None] = [float(i % 7) for i in range(28)]
    y[27] = 8.5
    sales: list[object] = [*y[:27], 1.0]
    stockout: list[object] = [i == 27 for i in range(28)]
    history = known_at(
        _group({"a": (0, y)}, is_stockout=stockout, sales=sales), cutoff=START + timedelta(days=27), horizon=1, season=7
    )
    assert (history.y[27], history.least[27]) == (8.5, 1.0)
    assert not history.observed[27]
    assert history.least[:27].tolist() == y[:27]
    assert (history.y[28], history.least[28]) == (0.0, 0.0)  # after the cutoff nothing is certain


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf"), -3.0])
def test_a_value_that_is_no_demand_counts_as_missing_or_none(bad: float | None) -> None:
    history = known_at(_group({"a": (0, [2.0] * 20 + [bad])}), cutoff=START + timedelta(days=20), horizon=1, season=7)
    assert torch.isfinite(history.y).all()
    assert history.y[20] == (0.0 if bad == -3.0 else 2.0)
    assert history.least[20] == 0.0
    assert bool(history.observed[20]) == (bad == -3.0)


def test_a_typing_error_is_cut_down_to_what_the_series_could_do() -> None:
    spiky: list[float | None] = [4.0] * 198 + [1e9, 1e4]
    group = _group({"a": (0, spiky), "b": (0, [1e6] * 200)})
    history = known_at(group, cutoff=START + timedelta(days=199), horizon=1, season=7)
    assert history.y[199] == 20 * 4 + 100
    assert history.y[198] == 4.0, "no number of units at all: as if nothing were known of that day"
    assert history.observed[197:200].tolist() == [True, False, True]
    assert history.is_cut.nonzero().flatten().tolist() == [198, 199]
    assert history.y[history.indptr[1]] == 1e6  # much, but always: no error


def test_series_without_any_row_have_an_empty_history() -> None:
    panel = _panel({"a": (0, [1.0])}).slice(0, 0)
    history = known_at(group_arrays(panel, _series("a", "b")), cutoff=START, horizon=2, season=7)
    assert history.n_days.tolist() == [0, 0]
    assert history.y.tolist() == [0.0] * 4


def test_columns_that_never_vary_are_left_out() -> None:
    n = 60
    lives: dict[str, tuple[int, list[float | None]]] = {"a": (0, [1.0] * n), "b": (0, [2.0] * n)}
    plain = known_at(_group(lives), cutoff=START + timedelta(days=n - 1), horizon=7, season=7)
    inputs = choose_inputs(plain, context=14, season=7)
    assert inputs.known_reals == ["weekday_level", "relative_time", "month_day"]
    assert (inputs.categoricals, inputs.observed_reals) == (["weekday"], ["y"])
    rich = _group(
        lives, is_stockout=[i == 3 for i in range(2 * n)], is_promotion=[i % 9 == 0 for i in range(2 * n)],
        is_benefit_day=[i % 5 == 0 for i in range(2 * n)], price=[2.0 + i % 2 for i in range(2 * n)],
        event=["Feast" if i == 4 else None for i in range(2 * n)],
    )  # fmt: skip
    inputs = choose_inputs(
        known_at(rich, cutoff=START + timedelta(days=n - 1), horizon=7, season=7), context=14, season=7
    )
    assert inputs.known_reals == ["weekday_level", "relative_time", "price", "promotion", "benefit", "month_day"]
    assert (inputs.categoricals, inputs.observed_reals) == (["weekday", "event"], ["y", "stockout"])


def test_texts_that_training_did_not_see_get_their_own_code() -> None:
    lives: dict[str, tuple[int, list[float | None]]] = {"a": (0, [1.0] * 3), "b": (0, [1.0] * 3)}
    events: list[object] = ["Feast", None, None, None, "Feast", None]
    known = group_arrays(_panel(lives, event=events), _series("a", "b", location_id=["L1", "L2"]))
    inputs = choose_inputs(known_at(known, cutoff=START + timedelta(days=2), horizon=1, season=7), context=7, season=7)
    changed: list[object] = ["Feast", "Strike", None, None, None, None]
    new = group_arrays(_panel(lives, event=changed), _series("a", "b", location_id=["L2", "L9"]))
    data = encode(known_at(new, cutoff=START + timedelta(days=2), horizon=1, season=7), inputs)
    assert data.codes[inputs.context :, 1][:3].tolist() == [1, 2, 0]
    assert data.statics[:, 0].tolist() == [2, 0]
