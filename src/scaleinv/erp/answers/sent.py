"""The control numbers of a document that we sent, and the orders in it: what 997, CONTRL and IDoc status speak of."""

from __future__ import annotations

from collections.abc import Iterator

from scaleinv.erp.answers import edifact, x12
from scaleinv.erp.answers.controls import edifact_control, idoc_control, x12_control
from scaleinv.erp.answers.idoc import xml_root
from scaleinv.erp.answers.statement import UnreadableError
from scaleinv.errors import DataError, explain


def sent_controls(data: bytes, *, name: str) -> list[tuple[str, str]]:
    """(name of a control number, order id) of each order in an X12 850, EDIFACT ORDERS or IDoc file; of others: none.

    An order of X12 and EDIFACT has two: its set's or message's, and that of the group or interchange around it. To be
    kept when the document is exported, and given to ``read_answers`` as ``orders_of``.

    Raises:
        DataError: it is none of ours: cut off, or without an order's number.
    """
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    try:
        if start.startswith(b"ISA"):
            return list(_x12(x12.messages(data, name)))
        if start.startswith((b"UNA", b"UNB")):
            return list(_edifact(edifact.messages(data, name)))
        if start.startswith(b"<"):
            return list(_idoc(start, name))
    except UnreadableError as error:
        raise DataError(
            explain(f"{name}: no document of ours, at segment {error.position}", found=error.reason, do="export again")
        ) from None
    return []


def _x12(messages: list[x12.Message]) -> Iterator[tuple[str, str]]:
    for message in messages:
        if message.fault is not None:
            raise message.fault
        order = message.find("BEG")[3]
        receiver = message.isa[8]
        yield x12_control(receiver, message.group, message.number), order
        yield x12_control(receiver, message.group), order


def _edifact(messages: list[edifact.Message]) -> Iterator[tuple[str, str]]:
    for message in messages:
        if message.fault is not None:
            raise message.fault
        order = message.find("BGM").get(2)
        receiver, reference = message.unb.get(3), message.unb.get(5)
        yield edifact_control(receiver, reference, message.number), order
        yield edifact_control(receiver, reference), order


def _idoc(data: bytes, name: str) -> Iterator[tuple[str, str]]:
    for idoc in xml_root(data, name).iter("IDOC"):
        number, order = (idoc.findtext(f"EDI_DC40/{field}") or "" for field in ("DOCNUM", "REFMES"))
        if not number or not order:
            raise UnreadableError(int(idoc.sourceline or 1), "expected DOCNUM and REFMES in EDI_DC40")
        yield idoc_control(number), order
