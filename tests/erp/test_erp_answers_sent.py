"""What we sent is known again in what comes back about it."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime

import pyarrow as pa
import pytest
from tests.erp.answer_documents import edifact, idoc_status

from scaleinv.config.models import ExportConfig
from scaleinv.erp import idoc_documents
from scaleinv.erp.answers import functional_acknowledgement, read_answers, sent_controls
from scaleinv.errors import DataError
from scaleinv.schema.life import Answer

X12_850 = (
    b"ISA*00*          *00*          *ZZ*BUYERID        *ZZ*VENDORID       *260920*1200*U*00401*000000042*0*P*>~"
    b"GS*PO*BUYERID*VENDORID*20260920*1200*42*X*004010~"
    b"ST*850*0001~BEG*00*SA*PO-1**20260920~PO1*1*48*EA*3.25*PE*UP*036000241457*VN*SKU42~CTT*1*48~SE*5*0001~"
    b"ST*850*0002~BEG*00*SA*PO-2**20260920~PO1*1*6*EA*3.25*PE*UP*036000241457*VN*SKU42~CTT*1*6~SE*5*0002~"
    b"GE*2*42~IEA*1*000000042~"
)
ORDERS = edifact(
    "ORDERS:D:96A:UN:EAN008|BGM+220+PO-1+9'DTM+137:20260920:102'LIN+1++4000862141404:EN'QTY+21:48:PCE'UNS+S'CNT+2:1'"
)


def known(data: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name, order in sent_controls(data, name="sent"):
        found[name].append(order)
    return dict(found)


def test_names_of_control_numbers() -> None:
    assert known(X12_850) == {
        "x12:VENDORID:42/1": ["PO-1"], "x12:VENDORID:42": ["PO-1", "PO-2"], "x12:VENDORID:42/2": ["PO-2"],
    }  # fmt: skip
    assert known(ORDERS) == {
        "edifact:5412345000013:REF0007/1": ["PO-1"], "edifact:5412345000013:REF0007": ["PO-1"],
    }  # fmt: skip
    assert sent_controls(b"order_id,line\r\n", name="csv") == []


def test_a_997_to_our_850_finds_its_orders() -> None:
    word = (
        b"ISA*00*          *00*          *ZZ*VENDORID       *ZZ*BUYERID        *260920*1300*U*00401*000000900*0*P*>~"
        b"GS*FA*VENDORID*BUYERID*20260920*1300*900*X*004010~ST*997*0001~AK1*PO*42~AK2*850*0002~AK5*R*5~AK9*P*2*2*1~"
        b"SE*6*0001~GE*1*900~IEA*1*000000900~"
    )
    found = list(read_answers(word, name="997", orders_of=known(X12_850)))
    assert [(one.order_id, one.kind) for one in found if isinstance(one, Answer)] == [
        ("PO-2", "failed"), ("PO-1", "taken"),
    ]  # fmt: skip


def test_a_status_of_our_idoc_finds_its_order(some: pa.Table, config: ExportConfig, as_of: date) -> None:
    (document,) = idoc_documents(some, config, as_of=as_of)
    names = known(document.content)
    assert len(names) == 3
    statuses = idoc_status([("2026092000000002", "53", ""), ("2026092000000001", "51", "no &amp;")])
    found = list(read_answers(statuses, name="status", orders_of=names))
    assert [(one.order_id, one.kind) for one in found if isinstance(one, Answer)] == [
        (names["idoc:2026092000000002"][0], "taken"), (names["idoc:2026092000000001"][0], "failed"),
    ]  # fmt: skip


@pytest.mark.parametrize("data", [X12_850, ORDERS])
def test_what_is_not_whole_is_an_error(data: bytes) -> None:
    with pytest.raises(DataError):
        sent_controls(data[:-40], name="sent")
    broken = data.replace(b"SE*5*0002", b"SE*6*0002").replace(b"UNT+8+1", b"UNT+9+1")
    with pytest.raises(DataError, match="no document of ours, at segment"):
        sent_controls(broken, name="sent")


def test_an_850_that_we_receive_is_not_ours_to_answer_as_good() -> None:
    assert b"AK5*R*1" in functional_acknowledgement(X12_850, name="850", at=datetime(2026, 9, 20))
