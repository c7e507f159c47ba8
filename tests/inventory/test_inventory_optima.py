"""The simulator against costs that are known exactly: textbook cases and the lost-sales table of Zipkin (2008)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import poisson

from scaleinv.inventory import Simulation, simulate

_PERIODS, _SERIES = 5_000, 200


def _demand(mean: float, seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).poisson(mean, (_SERIES, _PERIODS)).astype(np.float64)


def _run(demand: NDArray[np.float64], point: int, up_to: int, lead: int, *, backorders: bool) -> Simulation:
    """Periods in which an order comes before demand: a lead time of L is ours of L + 1."""
    ones = np.ones(_SERIES)
    return simulate(
        demand, np.full((_SERIES, 1), point), np.full((_SERIES, 1), up_to), np.zeros(demand.shape[1], int), ones, ones,
        np.eye(lead + 2)[-1:], np.zeros(_SERIES, int), ones.astype(int), n_warmup=100,
        key=np.arange(_SERIES, dtype=np.uint64), seed=1, backorders=backorders,
    )  # fmt: skip


@pytest.mark.parametrize(("level", "cost"), [(8, 3.57010694577), (5, 6.59029602462)])
def test_newsvendor(level: int, cost: float) -> None:
    """Snyder & Shen, example 4.7: h = 1, p = 4, Poisson 6."""
    found = _run(_demand(6), level, level, 0, backorders=True)
    assert found.cost(holding=1, backorder=4).mean() == pytest.approx(cost, rel=0.005)


@pytest.mark.parametrize(
    ("mean", "s", "up_to", "h", "p", "k", "cost"),
    [
        (6, 4, 10, 1, 4, 5, 8.03411156147), (6, 6, 18, 1, 4, 5, 10.19379867164), (4, 2, 7, 40, 125, 150, 223.574829567),
    ],
)  # fmt: skip
def test_reorder_point_and_level(mean: int, s: int, up_to: int, h: int, p: int, k: int, cost: float) -> None:
    """Snyder & Shen, example 4.7 with K = 5, and problem 4.31: orders at or below s, so below s + 1."""
    found = _run(_demand(mean), s + 1, up_to, 0, backorders=True)
    assert found.cost(holding=h, backorder=p, ordering=k).mean() == pytest.approx(cost, rel=0.005)


def _optimum(penalty: float, n_stock: int = 24, n_order: int = 14) -> float:
    """Least cost of lost sales with a lead time of 2, by relative value iteration over (on hand, coming next)."""
    mass = poisson.pmf(np.arange(40), 5)
    stock, demand = np.arange(n_stock + n_order), np.arange(40)
    left = np.maximum(stock[:, None] - demand, 0)
    period = ((left + penalty * np.maximum(demand - stock[:, None], 0)) * mass).sum(axis=1)
    move = np.zeros((len(stock), len(stock)))
    np.add.at(move, (np.repeat(stock, 40), left.ravel()), np.tile(mass, len(stock)))
    # Tomorrow's stock is what is left plus what comes next: capped, far above what an optimal policy holds.
    tomorrow = np.minimum(stock[:, None] + np.arange(n_order), len(stock) - 1)
    value = np.zeros((len(stock), n_order))
    gain = 0.0
    for _ in range(400):
        # after[l, q1, q] = value[l + q1, q]; the best order does not know the demand yet.
        after = np.einsum("xl,lcq->xcq", move, value[tomorrow], optimize=True)
        new = period[:, None] + after.min(axis=2)
        gain = float(new[0, 0])
        value = new - gain
    return gain


@pytest.mark.parametrize(("penalty", "optimum"), [(4, 4.395), (19, 7.664)])
def test_lost_sales_lead_time_2(penalty: float, optimum: float) -> None:
    """No base stock beats the optimum of the table, which value iteration finds again; the best comes near."""
    best = _optimum(penalty)
    assert best == pytest.approx(optimum, rel=0.001)
    demand = _demand(5)
    costs = [
        _run(demand, level, level, 2, backorders=False).cost(holding=1, shortage=penalty).mean()
        for level in range(15, 24)
    ]
    assert best * 0.995 < min(costs) < best * 1.10


@pytest.mark.parametrize(("penalty", "cost"), [(4, 5.178), (9, 7.248), (19, 9.181), (39, 10.962)])
def test_lost_sales_best_base_stock_of_lead_time_4(penalty: float, cost: float) -> None:
    demand = _demand(5)
    costs = [
        _run(demand, level, level, 4, backorders=False).cost(holding=1, shortage=penalty).mean()
        for level in range(24, 36)
    ]
    # The table's figures are simulated, too, with an error of about 0.7 %.
    assert min(costs) == pytest.approx(cost, rel=0.01)
