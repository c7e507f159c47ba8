"""What is to come or is promised beside the tables of the night: orders and transfers of ours that the ERP has not."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from scaleinv.replenish.facts import Facts
from scaleinv.replenish.open_transfers import with_open_transfers
from scaleinv.replenish.own_orders import OwnOrders, with_own_orders


def with_supply(facts: Facts, own: OwnOrders | None, moves: pa.Table | None, *, as_of: date) -> Facts:
    """``facts`` whose supply and reservations hold own orders and open transfers: what a night decides by."""
    return with_open_transfers(with_own_orders(facts, own, as_of=as_of), moves)
