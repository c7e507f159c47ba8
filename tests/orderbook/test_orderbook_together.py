"""Many at once, in threads and processes of their own: one wins, nobody overwrites, nothing is counted twice."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier

from tests.orderbook.nights import (
    assert_conserved,
    assert_explained,
    exported,
    key,
    lines,
    night,
    registered,
)

from scaleinv.orderbook import Book, apply, change, claim, close, counts, edit, history, opened, sets_of
from scaleinv.schema.life import Answer, AnswerLine

PLACES = [f"L{n}" for n in range(8)]
IDS = [key(0, place=place) for place in PLACES]
ORDERS = [{"place": place, "lines": {"s1": 10, "s2": 4}, "disposition": "propose"} for place in PLACES]


def test_planners_who_decide_at_once(url: str) -> None:
    with opened(url) as book:
        registered(book, 0, *ORDERS)
    ready = Barrier(4)

    def planner(name: str) -> int:
        with opened(url) as book:
            ready.wait(60)
            to = "approved" if name in "ac" else "cancelled"
            return len(change(book, IDS, to, who=name, why="so", expected_version=1).done)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(planner, "abcd"))
    assert sum(done) == len(IDS), "each order was decided once"
    with opened(url) as book:
        for order_id in IDS:
            assert [event["version"] for event in history(book, order_id).events] == [1, 2]
            assert_explained(book, order_id)


def worker(url: str, number: int) -> None:
    """Registers, exports, answers: what four machines do to the same night."""
    with opened(url) as book:
        registered(book, 0, *({**order, "disposition": "approve"} for order in ORDERS))
        exported(book)
        told = [
            Answer(f"{order_id}/{n}", "received", order_id, lines=(AnswerLine("received", 1, quantity=Decimal(1)),))
            for order_id in (IDS if number % 2 else reversed(IDS))
            for n in range(5)
        ]
        apply(book, told)


def test_processes_that_do_the_same_night(url: str) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=context) as pool:
        for future in [pool.submit(worker, url, number) for number in range(3)]:
            future.result(timeout=300)
    with opened(url) as book:
        assert counts(book, "r") == {"shipped": len(IDS)}
        assert len(sets_of(book, "r")) == 1
        for order_id in IDS:
            assert lines(book, order_id)[1] == (10, None, 0, 5, 0)
            statuses = [event["new_status"] for event in history(book, order_id).events]
            assert statuses.count("exported") == 1
            assert_explained(book, order_id)
            assert_conserved(book, order_id)


def test_an_edit_and_an_export_at_once(url: str) -> None:
    """What goes out is what the book says went out."""
    with opened(url) as book:
        registered(book, 0, *({**order, "disposition": "approve"} for order in ORDERS))
    ready = Barrier(2)

    def editor() -> list[str]:
        with opened(url) as book:
            ready.wait(60)
            found = [edit(book, order_id, 1, quantity=Decimal(7), who="ann", why="so") for order_id in IDS]
            return [order_id for one in found for order_id in one.done]

    def exporter() -> dict[str, Decimal]:
        with opened(url) as book:
            ready.wait(60)
            claim(book, "r", night(0))
            part = sets_of(book, "r")[0]
            wanted = _ordered(book)
            close(book, part, [])
            return wanted

    with ThreadPoolExecutor(2) as pool:
        edited, written = pool.submit(editor), pool.submit(exporter)
        done, quantities = edited.result(), written.result()
    with opened(url) as book:
        assert _ordered(book) == quantities
        assert {order_id for order_id, quantity in quantities.items() if quantity == 7} == {*done}


def _ordered(book: Book) -> dict[str, Decimal]:
    return {order_id: history(book, order_id).lines[0]["ordered"] for order_id in IDS}
