"""Orders under a shared limit: against the plain list, against optima by branch and bound, and a million lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.stats import nbinom

from scaleinv.errors import DataError
from scaleinv.inventory import OrderLines, allot, expected_shortage, order_lines, order_value, whole_trucks

LEVELS = np.array((0.005, 0.025, 0.1, 0.165, 0.25, 0.4, 0.5, 0.6, 0.75, 0.835, 0.9, 0.975, 0.995))
Floats = NDArray[np.float64]


def some_lines(n: int, seed: int, **changes: object) -> OrderLines:
    rng = np.random.default_rng(seed)
    mean = np.exp(rng.uniform(0, 3.5, n))
    size = rng.uniform(0.5, 5.0, n)
    demand = nbinom.ppf(LEVELS, size[:, None], (size / (size + mean))[:, None])
    multiple = rng.integers(1, 7, n)
    options: dict[str, object] = {
        "position": np.floor(mean * rng.uniform(-0.2, 1.0, n)), "min_order_quantity": rng.integers(0, 12, n),
        "order_multiple": multiple, "most": rng.integers(0, 60, n), "gain": rng.uniform(0.2, 4.0, n),
        "holding": rng.uniform(0.0, 0.2, n), "key": rng.integers(0, 2**63, n).astype(np.uint64),
    }  # fmt: skip
    return order_lines(demand, LEVELS, **(options | changes))  # type: ignore[arg-type]


def values(lines: OrderLines) -> list[Floats]:
    """Per line, money that 0, 1, … most steps are worth: quadrature of P(D > t), no line of the code under test."""
    out = []
    for row in range(lines.n_lines):
        units = np.array([0.0] + [lines.lot[row] + k * lines.multiple[row] for k in range(int(lines.most[row]))])

        def survival(t: Floats, table: Floats) -> Floats:
            beyond = 1 - np.interp(t, np.maximum.accumulate(table + 1e-9 * np.arange(len(table))), LEVELS)
            return np.where(t < table[0], 1.0, np.where(t >= table[-1], 0.0, beyond))

        worth = []
        for top in units:
            t = lines.position[row] + (np.arange(20_000) + 0.5) / 20_000 * top
            kept = survival(t, lines.demand[row]).mean() * top if top else 0.0
            money = lines.gain[row] * kept - lines.holding[row] * (top - kept)
            if lines.shelf_demand.shape[1]:
                money -= lines.waste[row] * (top - survival(t, lines.shelf_demand[row]).mean() * top if top else 0.0)
            worth.append(money)
        out.append(np.array(worth))
    return out


def optimum(lines: OrderLines, weight: Floats, limit: float) -> float:
    """By HiGHS: one 0/1 variable per line and number of steps."""
    worth = [order_value(lines, np.full(lines.n_lines, k)) for k in range(int(lines.most.max()) + 1)]
    c, owner, load = [], [], []
    for row in range(lines.n_lines):
        for k in range(int(lines.most[row]) + 1):
            c.append(-worth[k][row])
            owner.append(row)
            load.append(weight[row] * lines.units(np.full(lines.n_lines, k))[row])
    one_each = (np.array(owner)[None, :] == np.arange(lines.n_lines)[:, None]).astype(float)
    found = milp(
        np.array(c), integrality=np.ones(len(c)), bounds=Bounds(0, 1),
        constraints=[LinearConstraint(one_each, 1, 1), LinearConstraint(np.array(load)[None], -np.inf, limit)],
        options={"mip_rel_gap": 0.0},
    )  # fmt: skip
    assert found.success
    return float(-found.fun)


def total(lines: OrderLines, steps: NDArray[np.int64]) -> float:
    return float(order_value(lines, steps).sum())


def test_values_are_the_integral_of_what_is_asked_for() -> None:
    spoils = some_lines(20, 5).demand * 1.5
    for lines in (some_lines(20, 5), some_lines(20, 5, shelf_demand=spoils, waste=2.0)):
        for row, worth in enumerate(values(lines)):
            for k, money in enumerate(worth):
                got = order_value(lines, np.minimum(np.full(20, k), lines.most))[row]
                assert got == pytest.approx(money, rel=2e-3, abs=5e-3)
            each = np.diff(worth)[1:]
            assert (np.diff(each) <= 5e-3).all()  # no unit is worth more than the one before it


def test_of_equally_likely_samples_a_unit_is_worth_the_chance_that_it_is_asked_for() -> None:
    """The formula of the list: (price - cost) P(D > k - 1) - holding P(D <= k - 1), unit by unit."""
    samples = np.sort(np.random.default_rng(3).poisson(6, 4000)).astype(float)[None]
    levels = (np.arange(4000) + 0.5) / 4000
    one = {"position": 2.0, "min_order_quantity": 1, "order_multiple": 1, "most": 12, "gain": 3.0, "holding": 0.5}
    lines = order_lines(samples, levels, key=np.zeros(1, np.uint64), **one)  # type: ignore[arg-type]
    worth = [order_value(lines, np.array([k]))[0] for k in range(13)]
    for k in range(1, 13):
        over = (samples[0] > 2 + k - 1).mean()
        assert worth[k] - worth[k - 1] == pytest.approx(3 * over - 0.5 * (1 - over), abs=2e-3)
    assert expected_shortage(samples, levels, 4.0)[0] == pytest.approx(np.maximum(samples - 4, 0).mean(), abs=2e-3)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 1.1))
def test_it_is_the_list(seed: int, share: float) -> None:
    """All steps sorted by value per money, taken from the top until the next one does not fit."""
    lines = some_lines(30, seed)
    cost = np.random.default_rng(seed + 1).uniform(0.5, 9.0, 30)
    limit = share * float((cost * lines.units(lines.most)).sum())
    made = allot(lines, cost, limit)
    steps = []
    for row in range(30):
        for k in range(1, int(lines.most[row]) + 1):
            more, before = (order_value(lines, np.full(30, j))[row] for j in (k, k - 1))
            units = lines.units(np.full(30, k))[row] - lines.units(np.full(30, k - 1))[row]
            steps.append(((more - before) / (cost[row] * units), row, cost[row] * units))
    steps.sort(key=lambda s: -s[0])
    spent, taken = 0.0, np.zeros(30, np.int64)
    for ratio, row, money in steps:
        if spent + money > limit + 1e-6:
            assert made.shadow_price[0] == pytest.approx(ratio, rel=1e-6, abs=1e-9)
            break
        spent += money
        taken[row] += 1
    else:
        assert made.shadow_price[0] == 0.0
    assert made.load[0] <= limit + 1e-6
    assert made.load[0] == pytest.approx(float((cost * made.quantity).sum()))
    assert (made.steps >= taken).all()  # of ties, which lines without demand have, those that fit are taken, too
    assert total(lines, made.steps) >= total(lines, taken) - 1e-6
    assert ((made.quantity == 0) | (made.quantity >= lines.lot)).all()


@pytest.mark.parametrize("seed", range(8))
def test_it_is_the_optimum_where_steps_take_the_same(seed: int) -> None:
    lines = some_lines(12, seed, min_order_quantity=4, order_multiple=4)
    weight = np.ones(12)
    for limit in (0.0, 8.0, 40.0, 100.0):
        got = total(lines, allot(_worth_having(lines), weight, limit).steps)
        assert got == pytest.approx(optimum(lines, weight, limit), abs=1e-7)


@pytest.mark.parametrize("seed", range(8))
def test_it_is_within_one_step_of_the_optimum(seed: int) -> None:
    lines = some_lines(12, seed)
    cost = np.random.default_rng(seed).uniform(0.5, 3.0, 12)
    for limit in (30.0, 100.0, 200.0):
        made = allot(_worth_having(lines), cost, limit)
        best = optimum(lines, cost, limit)
        step = max(order_value(lines, np.minimum(lines.most, 1)).max(), 0.0)
        left = limit - made.load[0]
        assert total(lines, made.steps) <= best + 1e-7
        assert total(lines, made.steps) >= best - step
        # What the left money could bring at most, by duality: the bound that the shadow price gives.
        assert best <= total(lines, made.steps) + max(made.shadow_price[0], 0.0) * left + 1e-7


def _worth_having(lines: OrderLines) -> OrderLines:
    """Without the steps that lose money: an optimum does not take these, a budget spends all it has."""
    worth = np.stack([order_value(lines, np.minimum(np.full(lines.n_lines, k), lines.most)) for k in range(70)])
    return OrderLines(**(vars(lines) | {"most": worth.argmax(axis=0).astype(np.int64)}))


def test_or_tools_finds_no_better_order() -> None:
    from ortools.sat.python import cp_model

    for seed in range(5):
        lines = some_lines(15, seed, min_order_quantity=3, order_multiple=3)
        cost = np.random.default_rng(seed).integers(1, 9, 15)
        model = cp_model.CpModel()
        took, spent, won = [], [], []
        for row in range(15):
            choice = [model.new_bool_var(f"{row}/{k}") for k in range(int(lines.most[row]) + 1)]
            model.add_exactly_one(choice)
            for k, chosen in enumerate(choice):
                steps = np.minimum(np.full(15, k), lines.most)
                won.append(round(1e6 * order_value(lines, steps)[row]) * chosen)
                spent.append(int(cost[row] * lines.units(steps)[row]) * chosen)
            took.append(choice)
        model.add(sum(spent) <= 150)
        model.maximize(sum(won))
        solver = cp_model.CpSolver()
        assert solver.solve(model) == cp_model.OPTIMAL
        made = allot(_worth_having(lines), cost, 150.0)
        got, best = total(lines, made.steps), solver.objective_value / 1e6
        assert got <= best + 1e-4
        assert best <= got + max(made.shadow_price[0], 0.0) * (150 - made.load[0]) + 1e-4


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 1.0), st.floats(0.05, 1.0))
def test_more_money_is_never_worth_less_and_its_price_falls(seed: int, one: float, two: float) -> None:
    lines = _worth_having(some_lines(25, seed))
    everything = float(lines.units(lines.most).sum())
    low, high = (allot(lines, 1.0, share * everything) for share in sorted((one, two)))
    assert low.load[0] <= high.load[0] + 1e-9
    assert total(lines, low.steps) <= total(lines, high.steps) + 1e-9
    assert low.shadow_price[0] >= high.shadow_price[0] - 1e-12


def test_groups_are_solved_together_as_they_are_apart_and_in_any_order() -> None:
    lines = some_lines(300, 1)
    group = np.arange(300) % 4
    limit = np.array([50.0, 500.0, np.inf, 0.0])
    whole = allot(lines, 1.0, limit, group)
    for number in range(4):
        rows = np.flatnonzero(group == number)
        part = allot(_rows(lines, rows), 1.0, limit[number])
        assert np.array_equal(part.quantity, whole.quantity[rows])
        assert part.shadow_price[0] == pytest.approx(whole.shadow_price[number])
    assert np.array_equal(whole.steps[group == 2], lines.most[group == 2])
    assert (whole.quantity[group == 3] == 0).all()
    shuffled = np.random.default_rng(0).permutation(300)
    again = allot(_rows(lines, shuffled), 1.0, limit, group[shuffled])
    assert np.array_equal(again.quantity, whole.quantity[shuffled])


def _rows(lines: OrderLines, rows: NDArray[np.int64]) -> OrderLines:
    return OrderLines(**{k: v if k == "levels" else np.ascontiguousarray(v[rows]) for k, v in vars(lines).items()})


def test_ties_are_filled_to_the_last_step_by_key() -> None:
    """A thousand lines that are worth the same: the money is spent to the last step, by key."""
    n = 1000
    key = np.random.default_rng(4).permutation(n).astype(np.uint64)
    lines = some_lines(
        n, 0, position=0.0, min_order_quantity=0, order_multiple=2, most=8, gain=1.0, holding=0.1, key=key
    )
    lines = OrderLines(**(vars(lines) | {"demand": np.tile(lines.demand[:1], (n, 1))}))
    made = allot(lines, 1.0, 2 * n + 2 * 137.0)
    assert made.load[0] == 2 * n + 2 * 137
    assert (made.steps >= 1).all()
    assert np.array_equal(made.steps == 2, key < 137)


def test_a_minimum_is_reached_by_the_best_steps_and_not_by_more() -> None:
    lines = some_lines(40, 2, most=60)
    wanted = np.minimum(lines.most, 1)
    had = float(lines.units(wanted).sum())
    made = allot(lines, 1.0, had + 50, least=wanted, reach=True)
    assert (made.steps >= wanted).all()
    assert had + 50 <= made.load[0] < had + 50 + max(lines.multiple.max(), lines.lot.max())
    assert made.is_possible[0]
    enough = allot(lines, 1.0, had - 5, least=wanted, reach=True)
    assert np.array_equal(enough.steps, wanted)
    never = allot(lines, 1.0, 1e9, least=wanted, reach=True)
    assert not never.is_possible[0]
    assert np.array_equal(never.steps, lines.most)


def test_a_limit_below_what_must_be_is_said_to_be_impossible() -> None:
    lines = some_lines(10, 2, most=60)
    made = allot(lines, 1.0, 3.0, least=np.full(10, 2))
    assert not made.is_possible[0]
    assert made.shadow_price[0] == np.inf
    assert (made.steps == 2).all()


def test_what_costs_nothing_is_not_cut() -> None:
    lines = some_lines(10, 2, most=60)
    made = allot(lines, np.where(np.arange(10) < 5, 0.0, 1.0), 0.0)
    assert np.array_equal(made.steps[:5], lines.most[:5])
    assert (made.steps[5:] == 0).all()


def test_trucks_are_whole_and_the_dearer_they_are_the_fewer() -> None:
    lines = some_lines(200, 8, most=80, position=0.0)
    vendor = np.arange(200) % 3
    wanted = lines.steps(np.minimum(20.0, lines.lot * 3))
    truck = np.array([400.0, 400.0, np.inf])
    load = np.bincount(vendor, lines.units(wanted))
    cheap, n_cheap = whole_trucks(lines, 1.0, truck, vendor, wanted, cost=0.0)
    dear, n_dear = whole_trucks(lines, 1.0, truck, vendor, wanted, cost=1e6)
    assert np.array_equal(n_cheap[:2], np.ceil(load[:2] / 400))
    assert np.array_equal(n_dear[:2], np.floor(load[:2] / 400))
    step = max(lines.multiple.max(), lines.lot.max())
    for made, number in ((cheap, n_cheap), (dear, n_dear)):
        full = number[:2] * 400
        assert (made.load[:2] <= full).all()
        assert (made.load[:2] > full - step).all()
        assert np.array_equal(made.steps[vendor == 2], wanted[vendor == 2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order_multiple": 0.0}, "multiple is not above 0"),
        ({"gain": -1.0}, "gain is below 0"),
        ({"position": np.nan}, "position is not finite"),
    ],
)
def test_numbers_that_rank_nothing_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        some_lines(5, 0, **change)


def test_a_limit_that_is_none_is_refused() -> None:
    for limit in (-1.0, np.nan):
        with pytest.raises(DataError, match="a limit is below 0, or not a number"):
            allot(some_lines(5, 0), 1.0, limit)
