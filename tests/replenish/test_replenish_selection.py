"""Vendors of lines against proven optima, and what no selection may do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleinv.errors import DataError
from scaleinv.replenish import selection
from scaleinv.replenish.landed_cost import Offers, landed_cost
from scaleinv.replenish.selection import Limits, Selection, select


def a_case(seed: int, n: int, m: int, *, shares: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray, Limits]:
    """Lines of two articles, vendors with capacities and shares of the articles."""
    rng = np.random.default_rng(seed)
    need = rng.integers(1, 30, n).astype(float)
    cost = np.round(need[:, None] * rng.uniform(1, 2, (n, m)), 2)
    allowed = rng.random((n, m)) < 0.9
    article = rng.integers(0, 2, n)
    which = np.stack([np.tile(np.arange(m), (n, 1)), m + article[:, None] * m + np.arange(m)])
    use = np.broadcast_to(need[:, None], (2, n, m)).copy()
    most = np.concatenate([np.round(need.sum() * rng.uniform(0.2, 0.8, m)), np.full(2 * m, np.inf)])
    least = np.zeros(3 * m)
    if shares:
        total = np.bincount(article, need, 2)
        most[m : m + 2] = total[0] * 0.7
        least[m] = np.floor(total[0] * 0.1)
    return cost, allowed, np.round(need * 6.0, 2), Limits(which, use, most, least)


def optimum(
    cost: np.ndarray, allowed: np.ndarray, without: np.ndarray, limits: Limits, unmet: np.ndarray
) -> float | None:
    """Proven by OR-Tools' CP-SAT; least shares as far as they can be met by the heuristic. ``None``: there is none."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    n, m = cost.shape
    takes = {(i, j): model.new_bool_var("") for i in range(n) for j in range(m) if allowed[i, j]}
    none = [model.new_bool_var("") for _ in range(n)]
    for i in range(n):
        model.add_exactly_one([*(v for (line, _), v in takes.items() if line == i), none[i]])
    for r in range(len(limits.most)):
        used = [
            int(limits.use[k, i, j]) * v
            for (i, j), v in takes.items()
            for k in range(len(limits.which))
            if limits.which[k, i, j] == r
        ]
        if np.isfinite(limits.most[r]):
            model.add(sum(used) <= int(np.floor(limits.most[r] + 1e-9)))
        if limits.least[r] > 0:
            model.add(sum(used) >= int(np.ceil(limits.least[r] - unmet[r] - 1e-9)))
    money = sum(round(cost[i, j] * 100) * v for (i, j), v in takes.items())
    model.minimize(money + sum(round(without[i] * 100) * none[i] for i in range(n)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    found = solver.solve(model)
    return solver.objective_value / 100 if found == cp_model.OPTIMAL else None


def used(chosen: Selection, cost: np.ndarray, limits: Limits) -> np.ndarray:
    """A slow loop over lines and kinds of limits."""
    total = np.zeros(len(limits.most))
    for line, column in enumerate(chosen.choice):
        for kind in range(len(limits.which)):
            if column >= 0 and limits.which[kind, line, column] >= 0:
                total[limits.which[kind, line, column]] += limits.use[kind, line, column]
    return total


@pytest.mark.parametrize("seed", range(40))
def test_few_lines_get_the_proven_optimum(seed: int) -> None:
    case = a_case(seed, 4 + seed % 12, 3)
    made = select(*case)
    best = optimum(*case, made.unmet)
    assert made.cost == pytest.approx(best, abs=1e-6)
    assert made.bound == pytest.approx(best, abs=1e-6), "and it knows"


@pytest.mark.parametrize("seed", range(8))
def test_moves_alone_come_near_the_optimum(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "_EXACT", 0)
    case = a_case(seed, 14, 3)
    made = select(*case)
    best = optimum(*case, made.unmet)
    assert best is not None
    assert made.bound - 1e-6 <= best <= made.cost + 1e-6
    assert made.cost <= best * 1.05


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 4))
def test_no_limit_is_exceeded_and_no_blocked_vendor_is_chosen(seed: int, n: int, m: int) -> None:
    case = a_case(seed, n, m, shares=m > 1)
    cost, allowed, without, limits = case
    made = select(*case)
    lines = np.arange(n)
    assert allowed[lines[made.choice >= 0], made.choice[made.choice >= 0]].all()
    total = used(made, cost, limits)
    np.testing.assert_allclose(total, made.used, atol=1e-9)
    assert (total <= limits.most + 1e-6).all()
    assert (made.unmet >= limits.least - total - 1e-9).all()
    each = np.where(made.choice >= 0, cost[lines, made.choice], without)
    assert made.cost == pytest.approx(each.sum())
    assert made.bound <= made.cost + 1e-6


def test_without_limits_the_cheapest_is_chosen_and_the_gap_is_nothing() -> None:
    rng = np.random.default_rng(1)
    cost = rng.uniform(1, 2, (500, 4))
    limits = Limits(np.full((1, 500, 4), -1), np.ones((1, 500, 4)), np.zeros(0), np.zeros(0))
    made = select(cost, np.ones((500, 4), bool), np.full(500, 9.0), limits)
    assert made.choice.tolist() == cost.argmin(axis=1).tolist()
    assert made.gap == pytest.approx(0.0, abs=1e-12)


def test_rows_in_another_order_choose_the_same() -> None:
    cost, allowed, without, limits = a_case(5, 60, 3)
    order = np.random.default_rng(2).permutation(60)
    made = select(cost, allowed, without, limits)
    other = select(
        cost[order], allowed[order], without[order],
        Limits(limits.which[:, order], limits.use[:, order], limits.most, limits.least),
    )  # fmt: skip
    assert other.cost == pytest.approx(made.cost, rel=0.01)
    assert other.bound == pytest.approx(made.bound)


def test_a_vendor_with_a_minimum_above_the_need_is_still_chosen_where_it_is_cheapest() -> None:
    """odoo/odoo#76162: a vendor whose minimum is above the quantity was never selected."""
    offers = Offers(unit_cost=[[10.0, 6.0]], min_order_quantity=[[1.0, 20.0]])
    made = landed_cost(
        offers, need=[12.0], mean_daily=[3.0], sd_daily=[1.0], safety_factor=[1.6], stockout_cost=[5.0],
    )  # fmt: skip
    assert made.quantity.tolist() == [[12.0, 20.0]]
    none = Limits(np.full((1, 1, 2), -1), np.zeros((1, 1, 2)), np.zeros(0), np.zeros(0))
    chosen = select(made.total, np.ones((1, 2), bool), np.array([1e6]), none)
    assert chosen.choice.tolist() == [1]


def test_a_minimum_that_would_lie_for_years_is_not_chosen() -> None:
    offers = Offers(unit_cost=[[10.0, 9.9]], min_order_quantity=[[1.0, 5000.0]])
    made = landed_cost(
        offers, need=[12.0], mean_daily=[1.0], sd_daily=[1.0], safety_factor=[1.6], stockout_cost=[5.0],
    )  # fmt: skip
    assert made.total[0, 0] < made.total[0, 1]


def test_a_vendor_that_delivers_unevenly_costs_stock_and_shortages() -> None:
    offers = Offers(
        unit_cost=[[10.0, 10.0, 10.0]], lead_time=[[5, 5, 5]], lead_time_sd=[[0, 4, 0]], short=[[0, 0, 0.1]]
    )
    made = landed_cost(
        offers, need=[30.0], mean_daily=[3.0], sd_daily=[2.0], safety_factor=[1.28], stockout_cost=[4.0],
    )  # fmt: skip
    spread = np.sqrt(6 * 4 + np.array([0, 9 * 16, 0]))
    loss = 0.0475  # G(1.28), Silver, Pyke & Thomas, table B.1
    assert made.shortage[0] == pytest.approx(4 * (spread * loss + 30 * np.array([0, 0, 0.1])), rel=1e-3)
    assert made.holding[0] == pytest.approx(0.25 / 365 * 10 * (15 + 1.28 * spread) * 10)


def test_price_breaks_of_both_kinds() -> None:
    """Nahmias & Olsen, section 4.7: bags at 0.30, from 500 on 0.29, from 1,000 on 0.28."""
    common = {"unit_cost": np.full((3, 1), 0.30), "break_quantity": np.array([[[500.0, 1000.0]]] * 3),
              "break_cost": np.array([[[0.29, 0.28]]] * 3)}  # fmt: skip
    need = {"need": [400.0, 500.0, 1200.0], "mean_daily": np.ones(3), "sd_daily": np.zeros(3),
            "safety_factor": np.zeros(3), "stockout_cost": np.zeros(3)}  # fmt: skip
    all_units = landed_cost(Offers(**common), **need)  # type: ignore[arg-type]
    assert all_units.purchase[:, 0].tolist() == pytest.approx([120.0, 145.0, 336.0])
    steps = landed_cost(Offers(**common, discount="incremental"), **need)  # type: ignore[arg-type]
    assert steps.purchase[:, 0].tolist() == pytest.approx([120.0, 150.0, 150 + 145 + 56])


@pytest.mark.parametrize(("change", "message"), [
    ({"unit_cost": [[np.nan, 1.0]]}, "unit_cost: a number that no cost can be made of"),
    ({"lead_time_sd": [[-1.0, 1.0]]}, "lead_time_sd"),
    ({"break_quantity": [[[5.0, 2.0]] * 2], "break_cost": [[[1.0, 0.5]] * 2]}, "do not rise"),
])  # fmt: skip
def test_bad_offers_are_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        landed_cost(
            Offers(**({"unit_cost": [[1.0, 2.0]]} | change)), need=[1.0], mean_daily=[1.0], sd_daily=[1.0],  # type: ignore[arg-type]
            safety_factor=[1.0], stockout_cost=[1.0],
        )  # fmt: skip


def test_limits_that_contradict_themselves_are_named() -> None:
    with pytest.raises(DataError, match="contradict"):
        select(np.ones((1, 1)), np.ones((1, 1), bool), np.ones(1),
               Limits(np.zeros((1, 1, 1), int), np.ones((1, 1, 1)), np.array([1.0]), np.array([2.0])))  # fmt: skip
