"""scaleinv: from a retailer's records to its orders, every SKU at every location, every night."""

__version__ = "0.1.0"
