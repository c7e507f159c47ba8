"""docs/erp-answers.md says what the code does: each example is read, and says what stands below it."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest
from tests.erp.answer_documents import EXAMPLES, ORDERS

from scaleinv.erp.answers import functional_acknowledgement, read_answers
from scaleinv.erp.answers.table import COLUMNS
from scaleinv.erp.answers.x12_orders import ACK_CODES, BAK_CODES
from scaleinv.schema.life import Answer

PAGE = (Path(__file__).parents[2] / "docs" / "erp-answers.md").read_text(encoding="utf-8")


def blocks(name: str) -> tuple[bytes, str]:
    """The document, and what it says."""
    found = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)\n```\n\n```text\n(.*?)\n```", PAGE, re.DOTALL)
    assert found is not None, name
    return found[1].encode(), found[2]


def said(data: bytes) -> str:
    lines = []
    for one in read_answers(data, name="example", orders_of=ORDERS):
        assert isinstance(one, Answer)
        own = [one.kind, one.order_id, one.erp_number, one.shipment_id and f"in {one.shipment_id}", one.reason]
        lines.append(" ".join(filter(None, own)))
        for line in one.lines:
            parts = [
                f"line {line.line}" if line.line else "", line.sku_id, line.gtin, line.status,
                f"{line.quantity} {line.unit}" if line.quantity is not None else "",
                f"at {line.unit_cost}" if line.unit_cost is not None else "", f"on {line.date}" if line.date else "",
                f"lot {line.lot}" if line.lot else "", f"best before {line.expiry}" if line.expiry else "",
                f"in {line.sscc}" if line.sscc else "", f"({line.reason})" if line.reason else "",
            ]  # fmt: skip
            lines.append("  " + " ".join(filter(None, parts)))
    return "\n".join(lines)


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_says_what_stands_below_it(name: str) -> None:
    data, words = blocks(name)
    assert said(data) == words
    assert said(EXAMPLES[name]) == words


def test_our_own_word() -> None:
    found = re.search(r"<!-- example: our-997 -->\n```x12\n(.*?)\n```", PAGE, re.DOTALL)
    assert found is not None
    made = functional_acknowledgement(EXAMPLES["855"], name="855", at=datetime(2026, 9, 21, 9, 30))
    assert made.decode() == found[1].replace("\n", "")


def test_every_code_and_column_is_in_the_tables() -> None:
    for code, (status, _) in ACK_CODES.items():
        assert re.search(rf"\| {status} \|[^\n]*\b{code}\b", PAGE), code
    assert all(f"`{code}`" in PAGE for code in BAK_CODES)
    assert all(f"| `{name}` | {meaning} |" in PAGE for name, meaning in COLUMNS.items())
