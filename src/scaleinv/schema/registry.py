"""One product over all systems: the codes seen, who decided what about them, what follows; by ``ingest``."""

from __future__ import annotations

from datetime import date
from typing import Final

from scaleinv.schema.columns import BOOL, DATE, FLOAT, LONG, SKU, TEXT, TEXTS
from scaleinv.schema.table import Column, Table

HOME: Final = "own"
"""The retailer's own numbering: a code of it is its own ``sku_id``. Any other system's is ``<system>:<code>``."""

ALWAYS: Final = date(1970, 1, 1)
"""``valid_from`` of what holds since ever: no record is older."""

_SYSTEM = Column("system", TEXT, "whose numbering it is: own, gtin, vendor:<vendor_id>, a legacy system's name")
_CODE = Column("code", TEXT, "the code as received")
_MERGE = "the decision that put it there; null: nobody decided anything"

REGISTRY = (
    Table(
        "silver/sku_codes", "ingest", "Every product code ever seen, with what its system says about it.",
        ("system", "code"),
        (
            _SYSTEM, _CODE,
            Column("code_key", TEXT, "the code without case, space and leading zeros"),
            Column("own_id", TEXT, "the sku_id that it has while nobody decides otherwise"),
            Column("gtins", TEXTS, "its valid GTINs that are no internal numbers, 14 digits each, sorted"),
            Column("description", TEXT, "the description that it bears most often", nullable=True),
            Column("n_lines", LONG, "lines that bore it in the load that brought it last"),
            Column("is_product", BOOL, "false: postage, fees, tests …: never merged"),
        ),
    ),
    Table(
        "silver/sku_registry", "ingest", "Which product a code means, and when: one row per code and period.",
        ("system", "code", "valid_from"),
        (
            SKU, _SYSTEM, _CODE,
            Column("code_key", TEXT, "the code without case, space and leading zeros"),
            Column("valid_from", DATE, "first day; 1970-01-01: since ever"),
            Column("valid_to", DATE, "last day, inclusive; null: still", nullable=True),
            Column("is_product", BOOL, "false: postage, fees, tests …: never merged"),
            Column("method", TEXT, "identity, gtin, variant, supersession, accepted or split"),
            Column("merge_id", TEXT, _MERGE, nullable=True),
        ),
    ),
    Table(
        "silver/sku_decisions", "ingest", "The log of what was decided about SKUs; rows are only ever added.",
        ("merge_id",),
        (
            Column("batch", TEXT, "the load or command that added it"),
            Column("merge_id", TEXT, "names the decision"),
            Column("decided_at", DATE, "the day it was made"),
            Column("kind", TEXT, "merge, supersede, split, reject or undo"),
            Column("kept", TEXT, "the sku_id that goes on"),
            Column("other", TEXT, "the sku_id that becomes it; of a split: that stands alone again"),
            Column("valid_from", DATE, "from which day it holds; 1970-01-01: since ever"),
            Column("method", TEXT, "gtin, variant, supersession, accepted, split, rejected or undone"),
            Column("who", TEXT, "a person, or scaleinv where there was no doubt"),
            Column("evidence", TEXT, "why"),
            Column("score", FLOAT, "likeness of the descriptions, 0 to 100", nullable=True),
            Column("proposal_id", TEXT, "the proposal that it answers", nullable=True),
            Column("undoes", TEXT, "the merge_id that it reverses", nullable=True),
        ),
        partitions=("batch",),
        plain=True,
    ),
    Table(
        "silver/sku_proposals", "ingest", "Pairs that may be one product: a person says.",
        ("proposal_id",),
        (
            Column("proposal_id", TEXT, "names the pair"),
            Column("kept", TEXT, "the sku_id that would go on: of the two the one with more lines"),
            Column("other", TEXT, "the sku_id that would become it"),
            Column("method", TEXT, "description, code, gtin or variant: what the two have in common"),
            Column("score", FLOAT, "likeness of the descriptions, 0 to 100; null: one has none", nullable=True),
            Column("kept_description", TEXT, "of the one", nullable=True),
            Column("other_description", TEXT, "of the other", nullable=True),
            Column("status", TEXT, "open, accepted or rejected"),
        ),
    ),
)  # fmt: skip
