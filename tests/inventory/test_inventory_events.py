"""The simulator against its rules written apart: events on a heap, and single deliveries on a shelf."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleinv.inventory import simulate

_FIXED = np.eye(6)[1:]  # vendor v takes v + 1 days
_DELIVERY, _DEMAND, _EXPIRY, _REVIEW = range(4)


@dataclass
class Shop:
    """One article in one shop."""

    s: int
    up_to: int
    minimum: int
    multiple: int
    lead: int
    review: int
    phase: int
    life: int
    waits: bool
    limit: float = float("inf")
    orders: set[int] | None = None
    """evenings on which the vendor takes them; None: all"""
    receipts: set[int] | None = None
    """mornings on which goods are received; None: all"""
    shelf: list[list[int]] = field(default_factory=list)
    """[units, last day], oldest first"""
    queue: int = 0
    last_delivery: int = -1
    on_order: int = 0
    lost: int = 0
    late: int = 0
    wasted: int = 0
    ordered: int = 0
    received: int = 0
    lines: int = 0
    cycles: int = 0
    cycles_short: int = 0
    days_short: int = 0
    short_since_delivery: bool = False
    evening_units: int = 0
    morning_units: int = 0
    waiting: int = 0

    def run(self, demand: list[int]) -> Shop:
        """All events of all days."""
        events: list[tuple[int, int, int]] = []
        for day in range(len(demand)):
            heapq.heappush(events, (day, _DEMAND, demand[day]))
            heapq.heappush(events, (day, _EXPIRY, 0))
            if day >= self.phase and (day - self.phase) % self.review == 0:
                heapq.heappush(events, (day, _REVIEW, 0))
        self.put(0, self.up_to)
        while events and events[0][0] < len(demand):
            day, kind, units = heapq.heappop(events)
            if kind == _DELIVERY:
                self.deliver(day, units)
            elif kind == _DEMAND:
                self.serve(units)
            elif kind == _EXPIRY:
                self.expire(day)
            else:
                size = self.order() if self.orders is None or day in self.orders else 0
                if size:
                    heapq.heappush(events, (self.morning(day + self.lead, len(demand)), _DELIVERY, size))
        return self

    @property
    def on_hand(self) -> int:
        return sum(units for units, _ in self.shelf)

    def put(self, day: int, units: int) -> None:
        self.shelf.append([units, day + self.life - 1 if self.life else 10**9])

    def deliver(self, day: int, units: int) -> None:
        self.received += units
        self.on_order -= units
        self.cycles += day != self.last_delivery  # what comes on one morning is one delivery
        self.last_delivery = day
        self.cycles_short += self.short_since_delivery
        self.short_since_delivery = False
        owed = min(self.queue, units)
        self.queue -= owed
        self.put(day, units - owed)

    def morning(self, day: int, never: int) -> int:
        """The first on which what arrives on ``day`` is received."""
        return min((d for d in self.receipts if d >= day), default=never) if self.receipts is not None else day

    def serve(self, units: int) -> None:
        self.morning_units += self.on_hand
        for batch in self.shelf:
            taken = min(batch[0], units)
            batch[0] -= taken
            units -= taken
        if units:
            self.days_short += 1
            self.short_since_delivery = True
            if self.waits:
                self.late += units
                self.queue += units
            else:
                self.lost += units

    def expire(self, day: int) -> None:
        self.wasted += sum(units for units, last in self.shelf if last <= day)
        self.shelf = [batch for batch in self.shelf if batch[1] > day and batch[0] > 0]
        self.evening_units += self.on_hand
        self.waiting += self.queue

    def order(self) -> int:
        position = self.on_hand - self.queue + self.on_order
        if position >= self.s:
            return 0
        packs = -(-max(self.up_to - position, self.minimum) // self.multiple)
        while packs > 0 and position + packs * self.multiple > self.limit:
            packs -= 1
        if packs * self.multiple < self.minimum:
            return 0
        size = packs * self.multiple
        self.on_order += size
        self.ordered += size
        self.lines += size > 0
        return size


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=40), st.integers(0, 20), st.integers(0, 20), st.integers(0, 15),
    st.sampled_from([1, 4]), st.integers(1, 5), st.integers(1, 7), st.integers(0, 6), st.integers(0, 9), st.booleans(),
    st.one_of(st.just(np.inf), st.integers(0, 45)), st.one_of(st.none(), st.sets(st.integers(0, 39))),
    st.one_of(st.none(), st.sets(st.integers(0, 39))),
)  # fmt: skip
def test_against_events_by_hand(
    demand: list[int], r: int, q: int, moq: int, multiple: int, lead: int, review: int, phase: int, life: int,
    waits: bool, limit: float, orders: set[int] | None, receipts: set[int] | None,
) -> None:  # fmt: skip
    phase %= review
    open_days = [None if days is None else np.tile(np.isin(range(len(demand)), list(days)), (5, 1))
                 for days in (orders, receipts)]  # fmt: skip
    found = simulate(
        np.array([demand], float), np.array([[r]]), np.array([[r + q]]), np.zeros(len(demand), int), np.array([moq]),
        np.array([multiple]), _FIXED, np.array([lead - 1]), np.array([review]), n_warmup=0,
        key=np.array([1], np.uint64), seed=1, review_phase=np.array([phase]), shelf_life=np.array([life]),
        backorders=waits, limit=np.array([limit]), can_order=open_days[0], can_receive=open_days[1],
    )  # fmt: skip
    shop = Shop(r, r + q, moq, multiple, lead, review, phase, life, waits, limit, orders, receipts).run(demand)
    n_days = len(demand)
    expected = {
        "demand": sum(demand), "lost": shop.lost, "late": shop.late, "days_short": shop.days_short,
        "mean_on_hand": shop.evening_units / n_days, "mean_on_shelf": shop.morning_units / n_days,
        "mean_backorders": shop.waiting / n_days, "order_lines": shop.lines, "ordered": shop.ordered,
        "received": shop.received, "wasted": shop.wasted, "cycles": shop.cycles, "cycles_short": shop.cycles_short,
        "on_hand_before": r + q, "on_hand_after": shop.on_hand - shop.queue,
        "demand_value": sum(demand), "short_value": shop.lost + shop.late,
    }  # fmt: skip
    assert {name: getattr(found, name)[0] for name in expected} == pytest.approx(expected)
