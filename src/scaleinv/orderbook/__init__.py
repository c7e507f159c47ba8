"""The order book: what becomes of each order, who decided it and why, in a relational database."""

from scaleinv.orderbook.database import Book, opened

__all__ = ["Book", "opened"]
