"""The language of conditions: read into a checked tree, never run as code.

::

    or, and, not          inventory_position < reorder_point and not vendor_id in ('V1', 'V2')
    = != < <= > >=        stock_date < date '2026-09-01'
    + - * / ( )           need > 2 * order_multiple + 1
    between, in, like     category like 'FRESH%'        (% any text, _ one character)
    is null, is not null  level_limit is not null

A comparison with null, and a division by zero, is unknown; a row matches where the whole is true.
"""

from scaleinv.config.expression.parse import parsed
from scaleinv.config.expression.tree import Among, Calculation, Comparison, Constant, Like, Logic, Name, Node, Nothing

__all__ = [
    "Among", "Calculation", "Comparison", "Constant", "Like", "Logic", "Name", "Node", "Nothing", "parsed",
]  # fmt: skip
