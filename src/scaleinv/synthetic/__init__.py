"""A seeded retailer with known truth: for the demo, tests and benchmarks."""

from scaleinv.synthetic.assortment import CATEGORIES, CLASSES
from scaleinv.synthetic.block import Block, Orders, n_blocks, simulate_block
from scaleinv.synthetic.chain import Chain, chain, last_day
from scaleinv.synthetic.items import Items
from scaleinv.synthetic.write import SUCCESS, write_sources

__all__ = [
    "CATEGORIES",
    "CLASSES",
    "SUCCESS",
    "Block",
    "Chain",
    "Items",
    "Orders",
    "chain",
    "last_day",
    "n_blocks",
    "simulate_block",
    "write_sources",
]
