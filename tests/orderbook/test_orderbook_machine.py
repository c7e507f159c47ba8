"""Whatever is done in whatever order: nothing is lost or doubled, and events explain every order."""

from __future__ import annotations

import itertools
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.orderbook.nights import assert_conserved, assert_explained, exported, key, night, registered

from scaleinv.orderbook import apply, change, claim, edit, history, listing, open_lines, opened, sets_of
from scaleinv.schema.life import OPEN_STATUSES, Answer, AnswerLine

PLACES = ("L1", "L2")
QUANTITIES = st.sampled_from([None, "1", "2.5", "5", "0.000001", "12", "-1"])
"""Below 0 only receipts say anything."""
LINE_OF = {
    "taken": "accepted", "failed": "rejected", "shipped": "shipped", "received": "received", "cancelled": "rejected",
}  # fmt: skip


class Orders(RuleBasedStateMachine):
    """A book that everybody works at."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.opened = opened(f"sqlite:///{Path(self.folder.name) / 'book.db'}")
        self.book = self.opened.__enter__()
        self.numbers = itertools.count()
        self.sent: list[Answer] = []
        self.received: dict[tuple[str, int], Decimal] = {}

    def teardown(self) -> None:
        self.opened.__exit__(None, None, None)
        self.folder.cleanup()

    @initialize(disposition=st.sampled_from(["approve", "propose"]))
    def begin(self, disposition: str) -> None:
        registered(
            self.book, 0, *({"place": p, "lines": {"a": 10, "b": 4}, "disposition": disposition} for p in PLACES)
        )

    @rule(
        n=st.integers(0, 2),
        quantity=st.integers(1, 9),
        places=st.sets(st.sampled_from(PLACES)),
        disposition=st.sampled_from(["approve", "propose", "hold"]),
        goods=st.sets(st.sampled_from(["a", "b"])),
    )
    def night(self, n: int, quantity: int, places: set[str], disposition: str, goods: set[str]) -> None:
        orders = [{"place": p, "lines": {"a": quantity, "b": 4}, "disposition": disposition} for p in sorted(places)]
        unwanted = [f"{sku}@{p}" for p in PLACES if p not in places for sku in sorted(goods)]
        registered(self.book, n, *orders, unwanted=unwanted)
        again = registered(self.book, n, *orders, unwanted=unwanted)
        assert (again.new, again.updated, again.superseded, again.withdrawn, again.ended) == (0, 0, 0, 0, 0)

    @rule(
        n=st.integers(0, 2),
        place=st.sampled_from(PLACES),
        to=st.sampled_from(["proposed", "held", "approved", "cancelled"]),
    )
    def decide(self, n: int, place: str, to: Any) -> None:
        change(self.book, [key(n, place=place)], to, who="ann", why="so")

    @rule(n=st.integers(0, 2), place=st.sampled_from(PLACES), line=st.integers(1, 3), quantity=st.integers(0, 9))
    def edit(self, n: int, place: str, line: int, quantity: int) -> None:
        edit(self.book, key(n, place=place), line, quantity=Decimal(quantity), who="ann", why="so")

    @rule(killed=st.booleans())
    def export(self, killed: bool) -> None:
        if killed:  # between claim and files
            claim(self.book, "r", night(2))
        else:
            exported(self.book, 2)

    @rule(
        n=st.integers(0, 2),
        place=st.sampled_from(PLACES),
        kind=st.sampled_from(["taken", "failed", "confirmed", "shipped", "received", "cancelled"]),
        said=st.lists(
            st.tuples(
                st.integers(1, 2), QUANTITIES, st.sampled_from(["accepted", "changed", "rejected", "backordered"])
            ),
            max_size=3,
        ),
    )
    def answer(self, n: int, place: str, kind: Any, said: list[Any]) -> None:
        lines = tuple(
            AnswerLine(LINE_OF.get(kind, status), line, quantity=None if q is None else Decimal(q))  # type: ignore[arg-type]
            for line, q, status in said
        )
        self.tell(Answer(f"m{next(self.numbers)}", kind, key(n, place=place), lines=lines))

    def tell(self, answer: Answer) -> None:
        self.sent.append(answer)
        apply(self.book, [answer])

    @rule(at=st.integers(0, 50))
    def say_again(self, at: int) -> None:
        if not self.sent:
            return
        before = {row["order_id"]: row["version"] for row in listing(self.book)}
        found = apply(self.book, [self.sent[at % len(self.sent)]])
        assert found.applied == 0
        assert {row["order_id"]: row["version"] for row in listing(self.book)} == before

    @invariant()
    def all_is_explained_and_conserved(self) -> None:
        rows = listing(self.book)
        for row in rows:
            assert_explained(self.book, row["order_id"])
            assert_conserved(self.book, row["order_id"])
        self.receipts_are_what_was_said()
        found = open_lines(self.book).to_pylist()
        is_open = {
            r["order_id"]: r["status"] in OPEN_STATUSES or (r["status"] == "held" and r["exports"]) for r in rows
        }
        assert all(is_open[line["order_id"]] for line in found)
        proposed = [
            line["unique_id"]
            for row in rows
            if row["status"] == "proposed"
            for line in history(self.book, row["order_id"]).lines
            if line["ordered"] > 0
        ]
        assert len(proposed) == len(set(proposed)) or self.released(rows)

    def released(self, rows: list[dict[str, Any]]) -> bool:
        """A person may propose two orders of the same goods; we may not."""
        return any(row["is_decided"] or row["exports"] for row in rows if row["status"] == "proposed")

    def receipts_are_what_was_said(self) -> None:
        for row in listing(self.book):
            found = history(self.book, row["order_id"])
            mine = [answer for answer in found.answers if answer["kind"] == "received" and not answer["is_waiting"]]
            mine = [answer for answer in mine if answer["outcome"] != "refused"]
            exact = all(line["quantity"] for a in mine for line in a["content"]["lines"])
            if exact and all(a["content"]["lines"] for a in mine):
                for line in found.lines:
                    said = [x for a in mine for x in a["content"]["lines"] if x["line"] == line["line"]]
                    assert line["received"] == sum((Decimal(x["quantity"]) for x in said), Decimal(0))

    @invariant()
    def every_set_holds_what_went_out_with_it(self) -> None:
        sizes = [part.first for part in sets_of(self.book, "r")]
        assert all(size >= 0 for size in sizes)


Orders.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestOrders = Orders.TestCase
