"""Sales as the tills report them: text with a decimal comma, days as dd.MM.yyyy, and a known share of dirt.

Dirt never touches a good row: what is left after duplicates, negative quantities, unknown articles and quantities that
do not parse have been taken out is exactly the truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config.models import SyntheticConfig
from scaleinv.synthetic.block import Block, location_ids, sku_ids
from scaleinv.synthetic.sources import SALES, Part, months, words
from scaleinv.synthetic.streams import stream

DUPLICATE_SHARE: Final = 0.001
"""Of rows with a sale: delivered twice, byte for byte."""
UNKNOWN_SHARE: Final = 0.0002
"""Of rows with a sale: comes once more under an article (``X…``) that no master data know."""
RETURN_SHARE: Final = 0.0002
"""Of series-days without a sale: a return, quantity -1."""
UNPARSEABLE_SHARE: Final = 0.0001
"""Of series-days without a sale: quantity ``n/a``."""
KINDS: Final = ("duplicate", "unknown_article", "negative_quantity", "unparseable_quantity")


def sales_parts(config: SyntheticConfig, block: Block, dirt: dict[str, int]) -> Iterator[Part]:
    """The block's sales by month; ``dirt`` is added to, by kind."""
    luck = stream(config.seed, "dirt", block.number).random(block.sales.shape, np.float32)
    sold = block.sales > 0
    idle = block.listed & ~sold
    for month, days in months(block.days):
        chance, some, none = luck[:, days], sold[:, days], idle[:, days]
        good = _rows(block, some, days)
        extra = {
            "duplicate": _rows(block, some & (chance < DUPLICATE_SHARE), days),
            "unknown_article": _rows(block, some & (chance > 1 - UNKNOWN_SHARE), days, prefix="X"),
            "negative_quantity": _rows(block, none & (chance < RETURN_SHARE), days, quantity="-1,000"),
            "unparseable_quantity": _rows(block, none & (chance > 1 - UNPARSEABLE_SHARE), days, quantity="n/a"),
        }
        for kind, rows in extra.items():
            dirt[kind] = dirt.get(kind, 0) + rows.num_rows
        yield SALES, pa.concat_tables([good, *extra.values()]), month


def _rows(block: Block, where: np.ndarray, days: slice, *, prefix: str = "", quantity: str = "") -> pa.Table:
    series, place = np.nonzero(where)
    units = block.sales[:, days][series, place]
    if quantity:
        amount = pa.array([quantity]).take(pa.array(np.zeros(len(series), np.int64)))
    else:
        amount = pc.binary_join_element_wise(pa.array(units).cast(pa.string()), ",000", "")
    sku = np.char.add(prefix, sku_ids(block.items.number))
    return pa.table(
        {
            "ARTICLE": words(sku, block.item[series]),
            "STORE": words(location_ids(np.arange(block.location.max() + 1)), block.location[series]),
            "DAY": words(_dotted(block.days[days]), place),
            "QTY": amount,
            "UNIT": pa.array(["Stück"]).take(pa.array(np.zeros(len(series), np.int64))),
        }
    )


def _dotted(days: np.ndarray) -> np.ndarray:
    parts = [str(day).split("-") for day in days]
    return np.array([".".join(reversed(part)) for part in parts])
