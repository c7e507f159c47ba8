"""Where to keep safety stock in a tree of stages: the guaranteed-service model (Graves & Willems 2000).

A stage promises its customers a service time S, is promised SI by its vendors, needs T itself, and covers the ``SI +
T - S`` periods in between with ``z sigma sqrt(SI + T - S)`` units of safety stock. Service times are whole periods;
the best ones follow from dynamic programming over the tree, leaf by leaf (Snyder & Shen, section 6.3; Graves &
Willems, section 4). One network for all series; times, costs and spreads are each series' own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.compiled import compiled, run_rows
from scaleinv.inventory.inputs import not_negative, numbers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FREE = -1
"""A stage whose service time to its customers is for the model to choose."""


@dataclass(frozen=True)
class GuaranteedService:
    """(n_series, n_stages) each, but for ``cost`` (n_series,); without the first axis where none was given."""

    service_time: Floats
    """promised to customers and to later stages, periods"""
    inbound_time: Floats
    """the longest that a vendor or earlier stage promised, periods"""
    net_lead_time: Floats
    """inbound time + processing time - service time, periods"""
    safety_stock: Floats
    """units"""
    cost: Floats
    """holding cost of safety stock, money per period"""


def guaranteed_service(
    edges: ArrayLike,
    processing_time: ArrayLike,
    holding_cost: ArrayLike,
    demand_sd: ArrayLike,
    *,
    safety_factor: ArrayLike = 1.0,
    external_inbound_time: ArrayLike = 0,
    max_service_time: ArrayLike | None = None,
) -> GuaranteedService:
    """The service times with the least holding cost of safety stock.

    Args:
        edges: (n_stages - 1, 2) pairs (from, to) of stages 0, 1, 2 …; without regard to direction a tree.
        processing_time: (n_series, n_stages) or (n_stages,) T, whole periods.
        holding_cost: same shape, money per unit and period.
        demand_sd: same shape, of the demand that customers bring to a stage in one period; that of later stages is
            added to it, as independent: ``sigma² = own² + sum of customers'``.
        safety_factor: z of the demand bound.
        external_inbound_time: what vendors outside promise; 0.
        max_service_time: the longest that a stage's own customers wait; :data:`FREE` where nobody cares. Where not
            given, 0 at stages without customers among the stages, free elsewhere.

    Raises:
        DataError: the stages are no tree, or a time is not a whole number from 0 up.
    """
    times = not_negative("processing time", processing_time)
    n_stages = times.shape[-1]
    network = _Tree(np.asarray(edges, dtype=np.int64).reshape(-1, 2), n_stages)
    if max_service_time is None:
        max_service_time = np.where(network.is_last, 0, FREE)
    arrays = np.broadcast_arrays(
        times, not_negative("holding cost", holding_cost), not_negative("demand sd", demand_sd),
        numbers("safety factor", safety_factor), not_negative("external inbound time", external_inbound_time),
        numbers("max service time", max_service_time, FREE),
    )  # fmt: skip
    shape = arrays[0].shape
    t, h, own, z, outside, most = (np.ascontiguousarray(x.reshape(-1, n_stages)) for x in arrays)
    if any((x != np.round(x)).any() for x in (t, outside, most)):
        raise DataError(explain("times are not whole periods", do="take a shorter period"))
    spread = np.sqrt(network.added_upstream(own**2))
    longest = network.longest_inbound(t, outside)
    service, inbound = np.zeros_like(t), np.zeros_like(t)
    run_rows(
        _solve, len(t), network.order, network.parent, network.is_parent_later, t, h * z * spread, outside, most,
        longest, service, inbound,
    )  # fmt: skip
    inbound = network.promised(service, outside)
    net = inbound + t - service
    stock = z * spread * np.sqrt(net)
    cost = (h * stock).sum(axis=1)
    service, inbound, net, stock = (x.reshape(shape) for x in (service, inbound, net, stock))
    return GuaranteedService(service, inbound, net, stock, cost.reshape(shape[:-1]))


class _Tree:
    """Stages in an order in which each has at most one neighbour that comes after it: its parent."""

    def __init__(self, edges: Ints, n_stages: int) -> None:
        self._edges = edges
        degree = np.bincount(edges.ravel(), minlength=n_stages) if len(edges) else np.zeros(n_stages, dtype=np.int64)
        if (
            len(edges) != n_stages - 1
            or edges.min(initial=0) < 0
            or len(degree) != n_stages
            or (edges[:, 0] == edges[:, 1]).any()
        ):
            raise DataError(
                explain(
                    "stages are no tree", expected=f"{n_stages - 1} edges of 0 … {n_stages - 1}", found=edges.tolist()
                )
            )
        neighbours: list[dict[int, bool]] = [{} for _ in range(n_stages)]
        for start, end in edges.tolist():
            neighbours[start][end], neighbours[end][start] = True, False
        order, self.parent = [], np.full(n_stages, -1, dtype=np.int64)
        self.is_parent_later = np.zeros(n_stages, dtype=np.bool_)
        leaves = [stage for stage in range(n_stages) if len(neighbours[stage]) <= 1]
        while leaves:
            stage = leaves.pop(0)
            order.append(stage)
            for other, is_later in neighbours[stage].items():
                self.parent[stage], self.is_parent_later[stage] = other, is_later
                del neighbours[other][stage]
                if len(neighbours[other]) == 1:
                    leaves.append(other)
        if len(order) != n_stages or (self.parent[order[:-1]] < 0).any():
            raise DataError(explain("stages are no tree", expected="one piece without a ring", found=edges.tolist()))
        self.order = np.asarray(order, dtype=np.int64)
        self.is_last = ~np.isin(np.arange(n_stages), edges[:, 0])

    def added_upstream(self, variance: Floats) -> Floats:
        """Variance of own customers and of all later stages."""
        total = variance.copy()
        for stage in reversed(self._downstream_order()):
            for end in self._edges[self._edges[:, 0] == stage, 1]:
                total[:, stage] += total[:, end]
        return total

    def longest_inbound(self, times: Floats, outside: Floats) -> Floats:
        """The inbound time if no stage kept stock."""
        longest = outside.copy()
        for stage in self._downstream_order():
            for start in self._edges[self._edges[:, 1] == stage, 0]:
                longest[:, stage] = np.maximum(longest[:, stage], longest[:, start] + times[:, start])
        return longest

    def promised(self, service: Floats, outside: Floats) -> Floats:
        """The inbound time, given all service times."""
        inbound = outside.copy()
        for start, end in self._edges.tolist():
            inbound[:, end] = np.maximum(inbound[:, end], service[:, start])
        return inbound

    def _downstream_order(self) -> list[int]:
        waiting = np.bincount(self._edges[:, 1], minlength=len(self.parent)) if len(self._edges) else np.zeros(1, int)
        ready, order = [stage for stage in range(len(self.parent)) if waiting[stage] == 0], []
        while ready:
            stage = ready.pop()
            order.append(stage)
            for end in self._edges[self._edges[:, 0] == stage, 1].tolist():
                waiting[end] -= 1
                if waiting[end] == 0:
                    ready.append(end)
        return order


@compiled
def _solve(
    start: int, stop: int, order: Ints, parent: Ints, is_parent_later: NDArray[np.bool_], time: Floats, weight: Floats,
    outside: Floats, most: Floats, longest: Floats, service: Floats, inbound: Floats,
) -> None:  # fmt: skip
    """The least cost of each stage's side of the tree, leaf by leaf, for each time that it shares with its parent.

    ``inside[k, SI]`` is what earlier neighbours cost if promises to k are within SI, ``beyond[k, S]`` what later ones
    cost if k promises S. Read backwards, the choices follow.
    """
    n_stages = len(order)
    for row in range(start, stop):
        span = 1
        for k in range(n_stages):
            span = max(span, int(longest[row, k] + time[row, k]) + 1)
        inside, beyond = np.zeros((n_stages, span)), np.zeros((n_stages, span))
        chosen, other = np.zeros((n_stages, span), dtype=np.int64), np.zeros((n_stages, span), dtype=np.int64)
        least = np.empty(span)
        for i in range(n_stages):
            k = order[i]
            up, is_root = parent[k], i == n_stages - 1
            t, low, high = int(time[row, k]), int(outside[row, k]), int(longest[row, k])
            top = high + t if most[row, k] < 0 else min(int(most[row, k]), high + t)
            least[:] = np.inf
            for s in range(top + 1):
                for si in range(max(low, s - t), high + 1):
                    cost = weight[row, k] * np.sqrt(si + t - s) + inside[k, si] + beyond[k, s]
                    shared = s if is_root or is_parent_later[k] else si
                    if cost < least[shared] - 1e-12 * abs(cost):
                        least[shared] = cost
                        other[k, shared] = si if is_root or is_parent_later[k] else s
            if is_root:
                best = 0
                for x in range(span):
                    if least[x] < least[best] - 1e-12 * abs(least[best]):
                        best = x
                service[row, k], inbound[row, k] = best, other[k, best]
                continue
            if is_parent_later[k]:  # the parent's inbound time is at least what k promises
                best = 0
                for x in range(span):
                    if least[x] < least[best]:
                        best = x
                    chosen[k, x] = best
                    inside[up, x] += least[best]
            else:  # k's inbound time is at least what the parent promises
                best = span - 1
                for x in range(span - 1, -1, -1):
                    if least[x] <= least[best]:
                        best = x
                    chosen[k, x] = best
                    beyond[up, x] += least[best]
        for i in range(n_stages - 2, -1, -1):
            k = order[i]
            up = parent[k]
            if is_parent_later[k]:
                s = chosen[k, int(inbound[row, up])]
                service[row, k], inbound[row, k] = s, other[k, s]
            else:
                si = chosen[k, int(service[row, up])]
                service[row, k], inbound[row, k] = other[k, si], si
