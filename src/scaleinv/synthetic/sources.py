"""A block, and the chain, as the retailer's systems would export them: their words, their dialects, a little dirt.

What ``conf/env/demo.yaml`` says of these files must fit what is said here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from scaleinv.config.models import SyntheticConfig
from scaleinv.synthetic.assortment import WORDS
from scaleinv.synthetic.block import Block, location_ids, sku_ids, vendor_ids
from scaleinv.synthetic.chain import Chain, chain, quoted_lead_times
from scaleinv.synthetic.events import EVENTS, REGIONS
from scaleinv.synthetic.files import PARQUET, Source, csv, json_lines
from scaleinv.synthetic.items import department_names, gtin13

SALES: Final = Source("sales", "csv", csv(";", encoding="latin-1"))
STOCK: Final = Source("stock", "parquet", PARQUET)
PURCHASE_ORDERS: Final = Source("purchase_orders", "jsonl", json_lines)
ITEMS: Final = Source("items", "csv", csv(",", quoted=True))
LOCATIONS: Final = Source("locations", "csv", csv(",", quoted=True))
VENDORS: Final = Source("vendors", "csv", csv(","))
LEAD_TIMES: Final = Source("lead_times", "csv", csv(","))
ASSORTMENT: Final = Source("assortment", "csv", csv("|"))
PRICES: Final = Source("prices", "parquet", PARQUET)
CALENDAR: Final = Source("calendar", "jsonl", json_lines)
TRUE_DEMAND: Final = Source("true_demand", "parquet", PARQUET)
SOURCES: Final = (
    SALES, STOCK, PURCHASE_ORDERS, ITEMS, LOCATIONS, VENDORS, LEAD_TIMES, ASSORTMENT, PRICES, CALENDAR, TRUE_DEMAND,
)  # fmt: skip

Part = tuple[Source, pa.Table, str]
"""Rows for one file of a source; ``""``: the source has only one."""

_TOWNS: Final = ("Ahrensburg", "Bad Tölz", "Celle", "Dülmen", "Eßlingen", "Fürth", "Görlitz", "Husum", "Ilmenau")


def months(days: np.ndarray) -> list[tuple[str, slice]]:
    """``YYYY-MM`` and the place of its days, for every month that ``days`` touch."""
    month = days.astype("datetime64[M]")
    first = np.flatnonzero(np.r_[True, month[1:] != month[:-1]])
    ends = [*first[1:], len(days)]
    return [(str(month[a]), slice(int(a), int(b))) for a, b in zip(first, ends, strict=True)]


def chain_parts(config: SyntheticConfig) -> Iterator[Part]:
    """Locations, vendors, lead times, calendar."""
    shared = chain(config)
    yield LOCATIONS, _locations(shared), ""
    yield VENDORS, _vendors(shared), ""
    yield LEAD_TIMES, _lead_times(config), ""
    yield CALENDAR, _calendar(shared), ""


def block_parts(config: SyntheticConfig, block: Block) -> Iterator[Part]:
    """All that the block's series add to the sources, but for their sales (see :mod:`scaleinv.synthetic.till`)."""
    yield ITEMS, _items(block), ""
    yield ASSORTMENT, _assortment(block), ""
    yield PRICES, _prices(chain(config), block), ""
    yield from _purchase_orders(chain(config), block)
    for month, days in months(block.days):
        yield STOCK, _daily(block, block.listed[:, days], days, block.on_hand, "UNITS", "STOCK_DAY"), month
        wanted = block.true_demand[:, days] > 0
        yield TRUE_DEMAND, _daily(block, wanted, days, block.true_demand, "WANTED", "DAY"), month


def _daily(block: Block, where: np.ndarray, days: slice, values: np.ndarray, value: str, day: str) -> pa.Table:
    series, place = np.nonzero(where)
    return pa.table(
        {
            "ARTICLE": words(sku_ids(block.items.number), block.item[series]),
            "STORE": words(location_ids(np.arange(block.location.max() + 1)), block.location[series]),
            day: dates(block.days[days][place]),
            value: pa.array(values[:, days][series, place]),
        }
    )


def words(names: np.ndarray, place: np.ndarray) -> pa.Array:
    """``names[place]`` as Arrow text, without a Python object per row."""
    return pa.array(names.tolist(), pa.string()).take(pa.array(place))


def dates(days: np.ndarray) -> pa.Array:
    """Days as Arrow dates; NaT is null."""
    return pa.array(days.astype("datetime64[D]"), pa.date32())


def _items(block: Block) -> pa.Table:
    items = block.items
    category, department = department_names(items.department)
    name = [WORDS[d][n % len(WORDS[d])] for d, n in zip(items.department.tolist(), items.number.tolist(), strict=True)]
    grams = 50 * (1 + items.number % 19)
    # A comma, quotes and accents, as master data has them.
    description = [f'{word} "No. {n + 1}", {g} g' for word, n, g in zip(name, items.number, grams, strict=True)]
    return pa.table(
        {
            "article": sku_ids(items.number), "text": description, "category": category, "department": department,
            "uom": ["EA"] * len(name), "ean": gtin13(items.number), "supplier": vendor_ids(items.vendor),
            "cost": items.unit_cost, "list_price": items.price[:, -1],
            "moq": items.min_order_quantity, "case_pack": items.order_multiple,
        }
    )  # fmt: skip


def _locations(shared: Chain) -> pa.Table:
    number = np.arange(len(shared.region))
    names = [f"Markt {_TOWNS[n % len(_TOWNS)]}, {n // len(_TOWNS) + 1}" for n in number]
    region = np.array(REGIONS)[shared.region]
    return pa.table({"store": location_ids(number), "name": names, "region": region})


def _vendors(shared: Chain) -> pa.Table:
    number = np.arange(len(shared.review_period))
    names = [f"Vendor {n + 1}" for n in number]
    return pa.table(
        {
            "vendor": vendor_ids(number), "name": names, "orders_every_days": shared.review_period,
            "orders_on": dates(shared.first_review), "currency": ["EUR"] * len(names),
        }
    )  # fmt: skip


def _lead_times(config: SyntheticConfig) -> pa.Table:
    quoted = quoted_lead_times(config)
    vendor, days = np.nonzero(quoted)
    return pa.table({"vendor": vendor_ids(vendor), "days": days, "percent": quoted[vendor, days].astype(np.int32)})


def _calendar(shared: Chain) -> pa.Table:
    """Days on which something is: an event, benefits, or both."""
    event, benefit = shared.event[:, shared.n_warmup :], shared.benefit[:, shared.n_warmup :]
    region, day = np.nonzero((event < len(EVENTS)) | benefit)
    number = event[region, day]
    return pa.table(
        {
            "region": words(np.array(REGIONS), region),
            "day": dates(shared.days[shared.n_warmup :][day]),
            "event": pa.array(EVENTS).take(pa.array(number, mask=number == len(EVENTS))),
            "benefits_paid": pa.array(benefit[region, day]),
        }
    )


def _assortment(block: Block) -> pa.Table:
    items, item = block.items, block.item
    first, last = (
        pa.array(np.char.replace(np.datetime_as_string(day), "-", ""), mask=np.isnat(day))
        for day in (items.listed_from, items.listed_to)
    )
    return pa.table(
        {
            "ARTICLE": sku_ids(items.number)[item], "STORE": location_ids(block.location),
            "FROM": first.take(pa.array(item)), "TO": last.take(pa.array(item)),
            "MIN_STOCK": block.reorder_point, "MAX_STOCK": block.order_up_to_level,
        }
    )  # fmt: skip


def _prices(shared: Chain, block: Block) -> pa.Table:
    """One row per stretch of days with the same price, within the listing."""
    days = shared.days[shared.n_warmup :]
    items, item = block.items, block.item
    outside = (days < items.listed_from[:, None]) | (days > items.listed_to[:, None])
    code = np.where(outside[item], -1, 2 * np.round(100 * block.price).astype(np.int64) + block.is_promotion)
    change = code[:, 1:] != code[:, :-1]
    edge = np.ones((len(code), 1), bool)
    series, first = np.nonzero(np.hstack([edge, change]))
    last = np.nonzero(np.hstack([change, edge]))[1]
    kept = code[series, first] >= 0
    series, first, last = series[kept], first[kept], last[kept]
    return pa.table(
        {
            "ARTICLE": words(sku_ids(items.number), item[series]),
            "STORE": words(location_ids(np.arange(block.location.max() + 1)), block.location[series]),
            "VALID_FROM": dates(days[first]), "VALID_TO": dates(days[last]),
            "PRICE": pa.array(block.price[series, first]), "PROMOTION": pa.array(block.is_promotion[series, first]),
        }
    )  # fmt: skip


def _purchase_orders(shared: Chain, block: Block) -> Iterator[Part]:
    """One order per vendor, location and evening; split, as in many an ERP, after so many articles (a block)."""
    orders, first = block.orders, shared.days[shared.n_warmup]
    item, location = block.item[orders.series], block.location[orders.series]
    vendor = block.items.vendor[item]
    sent = np.lexsort((item, location, vendor, orders.order_day))
    item, location, vendor = item[sent], location[sent], vendor[sent]
    day, received, quantity = orders.order_day[sent], orders.received_day[sent], orders.quantity[sent]
    is_new = np.ones(len(sent), bool)
    is_new[1:] = (np.diff(day) != 0) | (np.diff(vendor) != 0) | (np.diff(location) != 0)
    order = np.cumsum(is_new) - 1
    line = np.arange(len(sent)) - np.flatnonzero(is_new)[order] + 1
    promised = day + np.round(shared.mean_lead_time).astype(np.int64)[vendor]
    table = pa.table(
        {
            "po": words(_order_ids(block.number, int(is_new.sum())), order), "pos": pa.array(line),
            "supplier": words(vendor_ids(np.arange(len(shared.review_period))), vendor),
            "material": words(sku_ids(block.items.number), item),
            "plant": words(location_ids(np.arange(len(shared.region))), location),
            "ordered_on": dates(first + day), "promised_for": dates(first + promised),
            "received_on": dates(np.where(received < shared.n_days, first + received, np.datetime64("NaT", "D"))),
            "qty": pa.array(quantity),
        }
    )  # fmt: skip
    if len(sent):
        for month, rows in months(first + day):
            yield PURCHASE_ORDERS, table.slice(rows.start, rows.stop - rows.start), month


def _order_ids(block: int, n: int) -> np.ndarray:
    return np.char.add(f"45{block:05d}-", np.char.zfill(np.arange(1, n + 1).astype(str), 6))
