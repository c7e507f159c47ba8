"""Shopify's inventory over GraphQL: orders as what is on its way, a count of stock as what is there.

Shopify has no purchase orders that a program may write. An order line raises ``incoming`` of its item; a stock table
sets ``on_hand``, and only where Shopify still has what we last saw there (``changeFromQuantity``). As versions from
2026-04 demand, each request has a key, by which Shopify knows one that comes again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config.export import ExportConfig, ShopifyConfig
from scaleinv.erp.codes import Want, coded, read_codes
from scaleinv.erp.document import Document
from scaleinv.erp.files import checked
from scaleinv.erp.layouts.shopify import CHANGE, INCOMING, QUANTITY, STOCK, VERSION
from scaleinv.erp.orders import Orders
from scaleinv.erp.requests import RequestFormat, Values, text_of
from scaleinv.erp.segments import Filled
from scaleinv.erp.texts import plain, whole
from scaleinv.erp.units import PIECES
from scaleinv.erp.view import View

FORMAT: Final = "shopify"
MOST_ITEMS: Final = 250
"""What Shopify takes in one list."""
_KEYS: Final = (Want("location", required=True), Want("sku", required=True))


def shopify_format(config: ShopifyConfig) -> RequestFormat:
    """The format of a version of the API."""
    wants = (*_KEYS, Want("unit", known=PIECES))
    return RequestFormat(
        FORMAT, FORMAT, VERSION, INCOMING, CHANGE, wants, lambda _: _path(config), _incoming, _change,
        lines="variables.input.changes", in_stock_units=True, most_lines=MOST_ITEMS,
    )  # fmt: skip


def stock_documents(stock: pa.Table, config: ExportConfig, *, as_of: date) -> Iterator[Document]:
    """Stock on hand for Shopify, one file, at most 250 items of a location in a request; no stock, no file.

    Args:
        stock: columns location_id, sku_id, on_hand (pieces), compare (what Shopify said last, pieces).
        config: ``codes`` has the gids of locations and items; ``shopify`` the version.
        as_of: the day of the count.

    Raises:
        DataError: a key without a gid, or a quantity that is no whole number.
    """
    if not stock.num_rows:
        return
    places = stock.sort_by([("location_id", "ascending"), ("sku_id", "ascending")]).combine_chunks()
    location = places["location_id"].combine_chunks()
    day = as_of.isoformat()
    lines = places.append_column("order_id", pc.binary_join_element_wise(f"{day}-", location, ""))
    lines = lines.append_column("line", pa.array(range(1, lines.num_rows + 1), pa.int32()))
    orders = Orders(lines, pc.run_end_encode(location).run_ends.to_pylist())
    codes = read_codes(config.codes)
    view = View(coded(orders, codes, FORMAT, _KEYS), config, as_of, codes=codes)
    checked(
        view, lambda piece: [Filled(STOCK, _stock(piece))], lambda piece: [Filled(QUANTITY, _quantity(piece))]
    )  # fmt: skip
    format = RequestFormat(
        "shopify-stock", "shopify-stock", VERSION, STOCK, QUANTITY, _KEYS, lambda _: _path(config.shopify), _stock,
        _quantity, lines="variables.input.quantities", most_lines=MOST_ITEMS,
    )  # fmt: skip

    def chunks() -> Iterator[bytes]:
        for first, piece in view.orders.pieces():
            yield text_of(format, view.of(piece, first))

    total = Decimal(pc.sum(lines["on_hand"]).as_py()).quantize(Decimal("0.001"))
    yield Document(f"shopify-stock-{day}.jsonl", format.format, len(orders), lines.num_rows, total, {}, VERSION, chunks)


def _path(config: ShopifyConfig) -> str:
    return f"/admin/api/{config.version}/graphql.json"


def _mutation(name: str) -> str:
    input_type = f"{name[0].upper()}{name[1:]}Input"
    return (
        f"mutation scaleinv($input: {input_type}!, $key: String!) {{ {name}(input: $input) @idempotent(key: $key) "
        "{ inventoryAdjustmentGroup { id } userErrors { field code message } } }"
    )


def _incoming(view: View) -> Values:
    return {
        "query": _mutation(INCOMING.name),
        "variables.key": _keys(view, plain(view.line("quantity"))),
        "variables.input.name": "incoming",
        "variables.input.reason": "movement_created",
        "variables.input.referenceDocumentUri": _uri("PurchaseOrder", view.head("order_id")),
    }


def _change(view: View) -> Values:
    line = pc.binary_join_element_wise(view.line("order_id"), whole(view.line("line")), "-")
    return {
        "inventoryItemId": view.line("sku_code"),
        "locationId": view.line("location_code"),
        "delta": plain(view.line("quantity")),
        "changeFromQuantity": "null",
        "ledgerDocumentUri": _uri("PurchaseOrderLine", line),
    }


def _stock(view: View) -> Values:
    return {
        "query": _mutation(STOCK.name),
        "variables.key": _keys(view, _pieces(view.line("on_hand")), _pieces(view.line("compare"))),
        "variables.input.name": "on_hand",
        "variables.input.reason": "correction",
        "variables.input.referenceDocumentUri": _uri("Stock", view.head("order_id")),
    }


def _quantity(view: View) -> Values:
    return {
        "inventoryItemId": view.line("sku_code"),
        "locationId": view.line("location_code"),
        "quantity": _pieces(view.line("on_hand")),
        "changeFromQuantity": _pieces(view.line("compare")),
    }


def _pieces(numbers: pa.Array) -> pa.Array:
    return plain(numbers.cast(pa.decimal128(18, 3)))


def _keys(view: View, *said: pa.Array) -> pa.Array:
    """(n_requests,) a UUID of what the lines of each say: of the same the same, of another count another."""
    named = [view.line("order_id"), whole(view.line("line")), view.line("sku_code"), view.line("location_code")]
    lines = pc.binary_join_element_wise(*named, *said, " ", null_handling="replace")
    return pa.array([str(uuid5(NAMESPACE_URL, text)) for text in view.joined(lines, "\n").to_pylist()], pa.string())


def _uri(entity: str, keys: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(f"gid://scaleinv/{entity}/", keys, "")
