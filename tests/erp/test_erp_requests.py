"""Bodies that are posted: held against schemas written apart, and JSON that says what it was given."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.erp.schemas import SCHEMAS, SHOPIFY_STOCK
from tests.erp.test_erp_formats import written

from scaleinv.config.export import ExportConfig
from scaleinv.erp import stock_documents
from scaleinv.erp.json_text import json_of, json_string
from scaleinv.erp.layout import segment
from scaleinv.erp.segments import Filled
from scaleinv.errors import DataError

Lines = Callable[..., pa.Table]


@pytest.mark.parametrize("format", SCHEMAS)
def test_a_body_keeps_the_schema(
    format: str, some: pa.Table, pieces: pa.Table, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    table = pieces if format == "shopify" else some
    schema = {"oneOf": SCHEMAS[format]}
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    bodies = [
        json.loads(line)["body"]
        for content in written(table, full, format, tmp_path / "out", as_of)
        for line in content.decode().split("\n")
        if line
    ]
    assert bodies
    for body in bodies:
        validator.validate(body)


def test_a_schema_refuses_what_is_too_long(some: pa.Table, full: ExportConfig, as_of: date, tmp_path: Path) -> None:
    (content,) = written(some, full, "sap-order", tmp_path / "out", as_of)
    body = json.loads(content.decode().split("\n")[0])["body"]
    body["Supplier"] = "1" * 11
    with pytest.raises(jsonschema.ValidationError, match="too long"):
        jsonschema.Draft202012Validator(SCHEMAS["sap-order"][0]).validate(body)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_any_text_comes_back_as_it_was(texts: list[str]) -> None:
    assert [json.loads(one) for one in json_string(pa.array(texts, pa.string())).to_pylist()] == texts


_DEEP = segment(
    "deep", ("a", None, "char", ""), ("b.c", None, "number", ""), ("b.d[0].e", None, "char", ""),
    ("b.d[0].f", None, "char", ""), ("b.g", None, "char", ""), ("h.i.j", None, "boolean", ""), ("k", None, "list", ""),
)  # fmt: skip


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_objects_in_objects_are_built_from_dotted_names(one: str, other: str) -> None:
    texts = pa.array([one], pa.string())
    values = {"a": texts, "b.c": "1.50", "b.d[0].e": other, "b.d[0].f": texts, "b.g": texts, "h.i.j": "true", "k": "[]"}
    (found,) = json_of(Filled(_DEEP, values)).to_pylist()
    assert json.loads(found) == {
        "a": one, "b": {"c": 1.5, "d": [{"e": other, "f": one}], "g": one}, "h": {"i": {"j": True}}, "k": []
    }  # fmt: skip


def test_special_characters_come_back_as_they_were(
    lines: Lines, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    skus = ['"q"', "back\\slash", "Ä;ö,ß", "日本", "\u2028", "{}[]", "\U0001f600"]
    (content,) = written(
        lines(*({"sku_id": sku, "line": i} for i, sku in enumerate(skus, start=1))), full, "sap-order",
        tmp_path / "out", as_of,
    )  # fmt: skip
    items = json.loads(content)["body"]["to_PurchaseOrderItem"]
    assert [item["Material"] for item in items] == skus


def test_stock_is_set_only_where_it_is_what_we_last_saw(full: ExportConfig, as_of: date) -> None:
    n = 251
    stock = pa.table({
        "location_id": ["1720"] + ["1710"] * n, "sku_id": ["TG11"] + ["TG12"] * n,
        "on_hand": [5.0] + [7.0] * n, "compare": [6.0] + [7.0] * n,
    })  # fmt: skip
    (document,) = stock_documents(stock, full, as_of=as_of)
    requests = [json.loads(line) for line in document.content.decode().splitlines()]
    assert [request["key"] for request in requests] == ["2026-09-20-1710", "2026-09-20-1710/2", "2026-09-20-1720"]
    for request in requests:
        jsonschema.Draft202012Validator(SHOPIFY_STOCK).validate(request["body"])
    assert requests[-1]["body"]["variables"]["input"]["quantities"] == [{
        "inventoryItemId": "gid://shopify/InventoryItem/1", "locationId": "gid://shopify/Location/2", "quantity": 5,
        "changeFromQuantity": 6,
    }]  # fmt: skip
    assert (document.orders, document.lines, str(document.quantity)) == (2, 252, "1762.000")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"on_hand": 1.5}, r"quantity: characters(.|\n)*a whole number(.|\n)*1\.5"),
        ({"compare": None}, r"changeFromQuantity: a value is missing(.|\n)*'TG11'"),
        ({"sku_id": "NEW"}, r"no code for the sku(.|\n)*'NEW'"),
    ],
)
def test_stock_that_cannot_be_said_is_refused(
    row: dict[str, object], message: str, full: ExportConfig, as_of: date
) -> None:
    stock = {"location_id": "1710", "sku_id": "TG11", "on_hand": 1.0, "compare": 1.0, **row}
    types = {"location_id": pa.string(), "sku_id": pa.string(), "on_hand": pa.float64(), "compare": pa.float64()}
    table = pa.table({name: pa.array([value], types[name]) for name, value in stock.items()})
    with pytest.raises(DataError, match=message):
        list(stock_documents(table, full, as_of=as_of))
