"""Sixty days: propose, approve, export, acknowledge, ship, receive; every unit ordered is accounted for in the end."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from tests.loop.erp import Erp
from tests.loop.trade import ZERO
from tests.pipeline.test_pipeline_groups import rows

from scaleinv.config import load_config
from scaleinv.config.models import SyntheticConfig
from scaleinv.inventory import negative_binomial_reorder_point
from scaleinv.orderbook import Book, change, listing, open_lines
from scaleinv.orderbook.record import vendor_record
from scaleinv.orderbook.shipment_reads import shipments
from scaleinv.orderbook.tables import ANSWERS, ORDER_LINES, ORDERS
from scaleinv.pipeline import export, replenish
from scaleinv.pipeline.answer import answer_files
from scaleinv.pipeline.register import order_book
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.life import OPEN_STATUSES
from scaleinv.synthetic import Block, Chain, chain, simulate_block

DAYS, DRAIN = 60, 45
SHOP = SyntheticConfig(n_skus=24, n_locations=2, n_vendors=4, n_days=240)
FIRST = SHOP.n_days - DAYS
"""The day of the history on which the loop begins."""


@dataclass
class Loop:
    """The retailer, its ERP and what scaleinv knows."""

    home: Path
    block: Block
    chain: Chain
    erp: Erp
    policies: list[dict[str, Any]]
    series: list[dict[str, Any]]
    opening: dict[tuple[str, str], Decimal]
    """Stock at first."""
    rules: str = '[{name: large, priority: 1, when: "value > 400", do: route, queue: buying}]'
    number: int = 0
    """Of the last answer file."""

    def day(self, n: int) -> dt.date:
        return self.block.days[0].astype(dt.date) + dt.timedelta(n)

    def walk(self, n: int) -> Walk:
        formats = ["export.formats=[csv, x12-850, edifact-orders]", "export.x12.sender=RETAILER"]
        overrides = [*formats, "export.edifact.sender=RETAILER", f"replenish.rules={self.rules}"]
        return Walk(load_config("test", overrides=overrides), self.day(n))

    def answer(self, *documents: bytes | None) -> None:
        """What came in goes into the order book, by the command's own function."""
        folder = self.home / "answers"
        folder.mkdir(exist_ok=True)
        paths = []
        for document in filter(None, documents):
            self.number += 1
            paths.append(folder / f"{self.number:06}")
            paths[-1].write_bytes(document)
        answered = answer_files(self.walk(FIRST).config, paths)
        assert not answered.refused

    def night(self, n: int, counted: dict[tuple[str, str], Decimal] | None = None) -> Walk:
        """The tables of the night that the stages before `replenish` would have made.

        ``counted``: the stock of the evening before, where the stock record is of yesterday.
        """
        walk, stock = self.walk(n), counted or self.erp.stock
        stock_date = self.day(n - 1) if counted else walk.as_of
        today = {"as_of": walk.as_of, "group_id": "one"}
        position = [
            today | {"unique_id": row["unique_id"], "on_hand": float(stock[row["sku_id"], row["location_id"]]),
                     "stock_date": stock_date, "on_order": 0.0, "reserved": 0.0, "backorders": 0.0}
            for row in self.series
        ]  # fmt: skip
        walk.overwrite("gold/series", rows(table("gold/series"), *(today | row for row in self.series)))
        walk.overwrite("gold/policies", rows(table("gold/policies"), *(today | row for row in self.policies)))
        walk.overwrite("gold/stock_position", rows(table("gold/stock_position"), *position))
        longest = int(self.chain.lead_time.max()) + 1
        lead_times = [
            {
                "as_of": walk.as_of,
                "vendor_id": f"V{at + 1:03}",
                "probability": np.bincount(days.ravel(), minlength=longest) / days.size,
            }
            for at, days in enumerate(self.chain.lead_time)
        ]
        walk.overwrite("gold/lead_times", rows(table("gold/lead_times"), *lead_times))
        return walk


@pytest.fixture
def loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loop:
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))
    shop, block = chain(SHOP), simulate_block(SHOP, 0)
    vendor = block.items.vendor[block.item]
    mean_lead = shop.mean_lead_time[vendor]
    interval = np.ceil(mean_lead) + shop.review_period[vendor]
    past = block.true_demand[:, :FIRST]
    mean, variance = past.mean(1) * interval, np.maximum(past.var(1), past.mean(1)) * interval
    point = np.maximum(negative_binomial_reorder_point(0.97, mean, variance * 1.3), 1.0)
    series, policies, stock = [], [], {}
    for at, name in enumerate(block.unique_id.tolist()):
        sku, _, location = name.partition("@")
        item, who = block.item[at], f"V{vendor[at] + 1:03}"
        key = {"unique_id": name, "sku_id": sku, "location_id": location, "vendor_id": who}
        multiple = float(block.items.order_multiple[item])
        series.append(
            key | {
                "demand_class": "smooth", "abc_class": "A", "category": "x", "unit": "EA",
                "unit_cost": float(block.items.unit_cost[item]), "unit_price": 2 * float(block.items.unit_cost[item]),
                "min_order_quantity": float(block.items.min_order_quantity[item]), "order_multiple": multiple,
                "review_period": int(shop.review_period[vendor[at]]),
                "review_date": shop.first_review[vendor[at]].astype(dt.date), "first_ds": block.days[0].astype(dt.date),
            }
        )  # fmt: skip
        quantity = float(max(multiple, np.ceil(past[at].mean() * 3)))
        policies.append(
            key | {
                "lead_time": float(mean_lead[at]), "protection_interval": float(interval[at]),
                "expected_demand": float(mean[at]), "reorder_point": float(point[at]), "order_quantity": quantity,
                "order_up_to_level": float(point[at]) + quantity, "level_limit": None, "constraint": None,
                "problem": None,
            }
        )  # fmt: skip
        stock[sku, location] = Decimal(int(point[at] * (0.5 + at % 7 / 8)))

    def lead_time(vendor_id: str, location_id: str, today: dt.date) -> int:
        day = min((np.datetime64(today) - block.days[0]).astype(int) + shop.n_warmup, shop.n_known - 1)
        return int(shop.lead_time[int(vendor_id[1:]) - 1, int(location_id[1:]) - 1, day])

    asked = {f"V{at + 1:03}": int(np.ceil(days)) for at, days in enumerate(shop.mean_lead_time)}
    partners = {"V001": "x12-850", "V002": "edifact-orders"}
    cartons = {
        (row["vendor_id"], row["sku_id"]): int(row["order_multiple"])
        for row in series if row["vendor_id"] in partners and row["order_multiple"] > 1
    }  # fmt: skip
    erp = Erp(lead_time, asked, partners, {row["sku_id"] for row in series}, stock, cartons)
    made = Loop(tmp_path, block, shop, erp, policies, series, dict(stock))
    walk = made.walk(FIRST)
    skus = [{"sku_id": sku, "gtin": None} for sku in sorted(erp.articles)]
    vendors = [{"vendor_id": name, "currency": "EUR"} for name in sorted({row["vendor_id"] for row in series})]
    packs = [
        {"vendor_id": vendor_id, "sku_id": sku, "order_unit": "CS", "order_units": 1, "stock_units": pieces}
        for (vendor_id, sku), pieces in cartons.items()
    ]
    assert len(packs) > 3
    for name, content in (("items", skus), ("vendors", vendors), ("packs", packs)):
        contract = table(f"silver/{name}")
        walk.lake.overwrite(contract, rows(contract, *content), where={"source": "x"})
    return made


def test_what_is_proposed_stands_in_the_book_once_and_what_is_approved_is_supply(loop: Loop) -> None:
    loop.rules = "[{name: every, when: 'true', do: route, queue: buying}]"
    for row in loop.series:
        row["review_period"] = 1
    loop.erp.stock = dict.fromkeys(loop.erp.stock, ZERO)
    each_once = dict.fromkeys((row["unique_id"] for row in loop.series), 1)

    def proposed(n: int) -> int:
        walk = loop.night(n)
        replenish.work(walk)
        return walk.read("gold/order_proposals").num_rows

    assert proposed(FIRST) == len(each_once)
    assert proposed(FIRST + 1) == len(each_once), "nobody has approved anything"
    with order_book(loop.walk(FIRST).config) as book:
        assert waiting(book) == each_once
        mine = [row["order_id"] for row in listing(book, statuses=["proposed"])]
        assert not change(book, mine, "approved", who="ann", why="needed").refused
    assert proposed(FIRST + 2) == 0
    export.work(loop.walk(FIRST + 2))
    assert proposed(FIRST + 3) == 0
    for n in (FIRST, FIRST + 1):  # an older night counts neither its own orders nor those of later nights
        assert proposed(n) == len(each_once)
    with order_book(loop.walk(FIRST).config) as book:
        assert waiting(book) == {}
        assert {row["order_id"] for row in listing(book, statuses=["exported"])} == set(mine)


def test_a_proposal_ends_when_a_later_night_does_not_want_it(loop: Loop) -> None:
    loop.rules = "[{name: every, when: 'true', do: route, queue: buying}]"
    for row in loop.series:
        row["review_period"] = 1
    loop.erp.stock = dict.fromkeys(loop.erp.stock, ZERO)
    replenish.work(loop.night(FIRST))
    names = [row["unique_id"] for row in loop.series]
    *came, unplanned, still_short = range(len(names))
    for at in (*came, unplanned):  # what was sold comes back
        row = loop.series[at]
        loop.erp.stock[row["sku_id"], row["location_id"]] = Decimal(1_000_000)
    every = loop.series, loop.policies
    loop.series, loop.policies = (
        [row for row in rows if row["unique_id"] != names[unplanned]] for rows in (loop.series, loop.policies)
    )
    for _ in range(2):
        replenish.work(loop.night(FIRST + 1))
        with order_book(loop.walk(FIRST).config) as book:
            assert waiting(book) == {names[unplanned]: 1, names[still_short]: 1}
    loop.series, loop.policies = every
    replenish.work(loop.night(FIRST))  # what it wants may have been ordered by the later night, or may not be wanted
    replenish.work(loop.night(FIRST + 2))
    with order_book(loop.walk(FIRST).config) as book:
        assert waiting(book) == {names[still_short]: 1}


def waiting(book: Book) -> Counter[str]:
    """Series -> on how many lines it waits for a person."""
    asked = sa.select(ORDER_LINES.c.unique_id).join(ORDERS, ORDERS.c.order_id == ORDER_LINES.c.order_id)
    asked = asked.where(ORDERS.c.status.in_(["proposed", "held"]), ORDER_LINES.c.ordered > ZERO)
    with book.reading() as connection:
        return Counter(connection.execute(asked).scalars())


@pytest.mark.slow
def test_sixty_days(loop: Loop) -> None:
    erp, chance = loop.erp, np.random.default_rng(3)
    late: list[bytes] = []
    for n in range(FIRST, FIRST + DAYS):
        today = loop.day(n)
        receipts = erp.receive(today)
        loop.answer(receipts, *late, receipts)  # which come twice
        late = []
        for at, row in enumerate(loop.series):
            erp.sell(row["sku_id"], row["location_id"], Decimal(int(loop.block.true_demand[at, n])))
        walk = loop.night(n)
        replenish.work(walk)
        if n % 7 == 0:
            replenish.work(walk)  # the night is run once more: nothing is proposed twice
        positions(loop, walk)
        planners(loop, walk, chance)
        export.work(walk)
        folder = export.orders_folder(walk).parent
        answers = list(erp.collect(folder, today))
        if n % 10 == 3:
            export.work(walk)
            assert list(erp.collect(folder, today)) == []
            for taken in sorted(erp.read):  # the same files once more: the ERP has taken them
                assert list(erp.take(taken, today)) == []
            answers += filter(None, [erp.give_up(today - dt.timedelta(14))])
        answers += erp.notices(today)
        answers = [answers[at] for at in chance.permutation(len(answers))]
        cut = len(answers) // 4
        late, now = answers[:cut], answers[cut:]  # some are on their way until tomorrow, after the goods
        loop.answer(*now, *now[:2], STRANGE)
        not_too_much(loop)
    for n in range(FIRST + DAYS, FIRST + DAYS + DRAIN):
        loop.answer(erp.receive(loop.day(n)), *late)
        late = []
    assert not erp.on_the_way
    accounts(loop)
    loop.answer(erp.give_up())  # what was never sent …
    loop.answer(erp.give_up())  # … and what was sent and has never come
    with order_book(loop.walk(FIRST).config) as book:
        assert {row["status"] for row in listing(book)} <= {"received", "cancelled", "rejected", "held", "proposed"}
        assert not open_lines(book).num_rows
        assert not shipments(book, ended=False).num_rows, "what was announced has arrived"
        assert shipments(book, ended=True).num_rows > 200
    accounts(loop)
    record(loop)


@pytest.mark.slow
def test_what_came_today_is_not_ordered_again_by_a_stock_record_of_yesterday(loop: Loop) -> None:
    erp, days = loop.erp, range(FIRST, FIRST + 14)
    for n in days:
        today, yesterday = loop.day(n), dict(erp.stock)
        loop.answer(erp.receive(today))
        for at, row in enumerate(loop.series):
            erp.sell(row["sku_id"], row["location_id"], Decimal(int(loop.block.true_demand[at, n])))
        walk = loop.night(n, yesterday)
        replenish.work(walk)
        with order_book(walk.config) as book:
            mine = [row["order_id"] for row in listing(book, statuses=["proposed", "held"])]
            change(book, mine, "approved", who="ann", why="as every evening")
        export.work(walk)
        loop.answer(*erp.collect(export.orders_folder(walk).parent, today), *erp.notices(today))
        not_too_much(loop)
    assert sum(erp.came.values()) > 100


def planners(loop: Loop, walk: Walk, chance: np.random.Generator) -> None:
    """What waits for a person is approved, now and then held or cancelled."""
    with order_book(walk.config) as book:
        waiting = [row["order_id"] for row in listing(book) if row["status"] in ("proposed", "held")]
        for order_id in waiting:
            to = chance.choice(["approved", "approved", "approved", "held", "cancelled"])
            change(book, [order_id], to, who="ann", why="as every evening")


def positions(loop: Loop, walk: Walk) -> None:
    """What is ordered goes by the stock and by what is open of earlier nights' orders, once; it all comes in time.

    What was announced and was not in the truck may be taken for lost before the ERP gives it up.
    """
    counted = Counter({f"{sku}@{place}": units for (sku, place), units in loop.erp.stock.items()})
    missing: Counter[str] = Counter()
    said = {}
    for order in loop.erp.orders.values():
        arrivals = {one.arrives for one in loop.erp.on_the_way if one.order_id == order.order_id}
        said[order.order_id] = {order.delivery, order.promised, *arrivals}
    is_open = ORDERS.c.status.in_(OPEN_STATUSES) | ((ORDERS.c.status == "held") & (ORDERS.c.exports > 0))
    asked = sa.select(ORDER_LINES).join(ORDERS, ORDERS.c.order_id == ORDER_LINES.c.order_id)
    with order_book(walk.config) as book, book.reading() as connection:
        for line in connection.execute(asked.where(is_open, ORDERS.c.as_of < walk.as_of)).mappings():
            to_come = line["ordered"] - line["received"] - line["cancelled"]
            counted[line["unique_id"]] += to_come
            if line["received"]:
                missing[line["unique_id"]] += to_come
            if to_come and line["order_id"] in said and not line["received"]:
                assert line["expected_date"] in said[line["order_id"]], "a day that nobody has said"
    for row in walk.read("gold/order_proposals").to_pylist():
        most = counted[row["unique_id"]]
        assert most - missing[row["unique_id"]] <= row["inventory_position"] <= most, row["unique_id"]


def not_too_much(loop: Loop) -> None:
    """Nothing is ordered twice: what is there and on the way is never more than a pack above the level."""
    there: Counter[tuple[str, str]] = Counter(loop.erp.stock)
    for shipment in loop.erp.on_the_way:
        order = loop.erp.orders[shipment.order_id]
        for number, quantity in shipment.lines:
            there[order.lines[number].sku_id, order.location_id] += quantity
    for row, policy in zip(loop.series, loop.policies, strict=True):
        most = max(policy["order_up_to_level"], float(loop.opening[row["sku_id"], row["location_id"]]))
        most += max(row["min_order_quantity"], row["order_multiple"])
        assert there[row["sku_id"], row["location_id"]] <= most, row["unique_id"]


def accounts(loop: Loop) -> None:
    """Line by line the book says what the ERP says; stock is conserved."""
    erp = loop.erp
    with order_book(loop.walk(FIRST).config) as book, book.reading() as connection:
        status = {row[0]: row[1] for row in connection.execute(sa.select(ORDERS.c.order_id, ORDERS.c.status))}
        lines = connection.execute(sa.select(ORDER_LINES)).mappings().all()
        answers = connection.execute(sa.select(ANSWERS)).mappings().all()
    assert {row["order_id"] for row in answers if row["is_waiting"]} == {"SI0000000000"}, "all others were taken up"
    assert {row["outcome"] for row in answers} == {"applied", "out_of_order", "unknown_order"}, "and none was refused"
    assert max(row["repeats"] for row in answers) > 0
    gone = {order_id for order_id, now in status.items() if now not in ("proposed", "held", "cancelled")}
    assert gone == set(erp.orders) - {o for o, now in status.items() if now == "cancelled"}
    received: Counter[tuple[str, str]] = Counter()
    for line in lines:
        order = erp.orders.get(line["order_id"])
        if order is None:
            assert line["received"] == line["shipped"] == ZERO
            assert status[line["order_id"]] in ("proposed", "held", "cancelled")
            continue
        theirs = order.lines[line["line"]]
        assert (line["ordered"], line["received"]) == (theirs.ordered, theirs.received)
        assert line["shipped"] <= theirs.announced, "a second notice of a shipment is no second shipment"
        to_come = line["ordered"] - line["received"] - line["cancelled"]
        assert to_come == (theirs.to_come if status[line["order_id"]] in OPEN_STATUSES else ZERO)
        received[line["sku_id"], order.location_id] += line["received"]
    assert received == +erp.came
    for place, at_first in loop.opening.items():
        assert at_first + erp.came[place] - erp.sold[place] == erp.stock[place]
    wanted = sum(erp.sold.values()) + sum(erp.lost.values())
    assert sum(erp.sold.values()) / wanted > Decimal("0.9")  # the shops are looked after
    assert len(erp.orders) > 200
    assert erp.repeats > 0
    assert erp.in_cartons > 50


def record(loop: Loop) -> None:
    """The vendors' record is what the vendors did: each line that came, promise and day, and what they refused."""
    with order_book(loop.walk(FIRST).config) as book:
        last = loop.day(FIRST + DAYS + DRAIN)
        rows = vendor_record(book, retailer=loop.walk(FIRST).config.retailer, since=loop.day(0), as_of=last).to_pylist()
    came = {(o.order_id, n): (o, line) for o in loop.erp.orders.values() for n, line in o.lines.items() if line.came_on}
    refused = {(row["order_id"], row["line"]): row for row in rows if row["is_refused"]}
    cut = {(o.order_id, n) for o in loop.erp.orders.values() for n, line in o.lines.items()
           if o.rejected or (o.promised and line.confirmed == ZERO)}  # fmt: skip
    assert set(refused) == cut
    assert {(row["received_date"], row["received_quantity"]) for row in refused.values()} == {(None, 0.0)}
    assert {(row["order_id"], row["line"]) for row in rows} - set(refused) == set(came)
    for row in rows:
        if row["is_refused"]:
            continue
        order, line = came[row["order_id"], row["line"]]
        assert (row["received_date"], row["received_quantity"]) == (line.came_on, float(line.received))
        assert row["promised_date"] == (order.promised or order.delivery)


STRANGE = (
    b"sender,message,kind,order_id,erp_number,reason\r\nERP,X1,confirmed,SI0000000000,4599999999,not ours\r\nend,1\r\n"
)
