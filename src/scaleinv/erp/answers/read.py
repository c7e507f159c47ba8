"""The front door: which format a document is in, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from scaleinv.erp.answers import edifact, x12
from scaleinv.erp.answers.edifact_orders import response
from scaleinv.erp.answers.edifact_receipt import syntax_report
from scaleinv.erp.answers.edifact_shipment import despatch_advice
from scaleinv.erp.answers.idoc import idoc_statuses
from scaleinv.erp.answers.partners import EDIFACT, X12, Partners
from scaleinv.erp.answers.statement import OrdersOf, Refused, UnreadableError
from scaleinv.erp.answers.table import csv_answers
from scaleinv.erp.answers.web import web_answers
from scaleinv.erp.answers.x12_orders import acknowledgement
from scaleinv.erp.answers.x12_receipt import functional
from scaleinv.erp.answers.x12_shipment import ship_notice
from scaleinv.errors import DataError, explain
from scaleinv.schema.life import Answer

_X12: Final[Mapping[str, Callable[[x12.Message, OrdersOf], Iterator[Answer]]]] = {
    "855": lambda message, _: acknowledgement(message),
    "856": lambda message, _: ship_notice(message),
    "997": functional,
    "999": functional,
}
_EDIFACT: Final[Mapping[str, Callable[[edifact.Message, OrdersOf], Iterator[Answer]]]] = {
    "ORDRSP": lambda message, _: response(message),
    "DESADV": lambda message, _: despatch_advice(message),
    "CONTRL": syntax_report,
}
_BLANK: Final = b" \t\r\n"


def read_answers(
    data: bytes,
    *,
    name: str,
    orders_of: OrdersOf | Mapping[str, Sequence[str]] | None = None,
    partners: Partners | None = None,
) -> Iterator[Answer | Refused]:
    """What a document says of orders, whatever its format: X12, EDIFACT, IDoc status, JSON, CSV (docs/erp-answers.md).

    The same bytes give the same ids. A message that cannot be read is set aside, the others of the document are given.

    Args:
        data: the whole document.
        name: of the file, for messages.
        orders_of: control number of ours (``x12_control`` …) -> orders sent under it; a function or a mapping. Without
            it 997, CONTRL and IDoc status are set aside: they name no order.
        partners: those of ``export.codes``: their codes of units are understood, and an answer that is not of a
            vendor's own partner says whose it may be (``Answer.vendors``).

    Raises:
        DataError: no known format, cut off, or an envelope whose counts contradict it. Nothing of it may be taken.
    """
    lookup = _lookup(orders_of)
    units = partners.units if partners else {}
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANK)
    if start.startswith(b"ISA"):
        return _x12(x12.messages(data, name, units.get(X12)), lookup, partners)
    if start.startswith((b"UNA", b"UNB")):
        return _edifact(edifact.messages(data, name, units.get(EDIFACT)), lookup, partners)
    if start.startswith(b"<"):
        return iter(list(idoc_statuses(start, name, lookup)))
    if start.startswith((b"{", b"[")):
        return iter(list(web_answers(data, name)))
    if b"order_id" in start.partition(b"\n")[0]:
        return iter(list(csv_answers(data, name)))
    raise DataError(
        explain(
            f"{name}: no format of answers that is known",
            expected="X12 (ISA), EDIFACT (UNA, UNB), IDoc status (XML), JSON, or CSV with a column order_id",
            found=repr(start[:40]) if start else "nothing",
            do="see docs/erp-answers.md",
        )
    )


def _lookup(orders_of: OrdersOf | Mapping[str, Sequence[str]] | None) -> OrdersOf:
    if orders_of is None:
        return lambda _: ()
    if isinstance(orders_of, Mapping):
        known = orders_of
        return lambda control: known.get(control, ())
    return orders_of


def x12_answers(message: x12.Message, orders_of: OrdersOf) -> list[Answer]:
    """What one transaction set says.

    Raises:
        UnreadableError: it cannot be read, or is none of those that answer an order.
    """
    if message.kind == "TA1":
        return _interchange(message)
    if message.fault is not None:
        raise message.fault
    reader = _X12.get(message.kind)
    if reader is None:
        at = message.segments[0].at
        raise UnreadableError(at, f"ST01: expected {', '.join(_X12)}, found {message.kind!r}", "kind")
    return list(reader(message, orders_of))


def _interchange(message: x12.Message) -> list[Answer]:
    """TA1: a good one says no more than that the envelope arrived."""
    ta1 = message.segments[0]
    if ta1[4] != "A":
        raise UnreadableError(
            ta1.at, f"TA1: interchange {ta1[1]} is not accepted ({ta1[4]}, note {ta1[5]}): send it again"
        )
    return []


def edifact_answers(message: edifact.Message, orders_of: OrdersOf) -> list[Answer]:
    """What one message says.

    Raises:
        UnreadableError: it cannot be read, or is none of those that answer an order.
    """
    if message.fault is not None:
        raise message.fault
    reader = _EDIFACT.get(message.kind)
    if reader is None:
        at = message.segments[0].at
        raise UnreadableError(at, f"UNH 0065: expected {', '.join(_EDIFACT)}, found {message.kind!r}", "kind")
    return list(reader(message, orders_of))


def _x12(messages: list[x12.Message], orders_of: OrdersOf, partners: Partners | None) -> Iterator[Answer | Refused]:
    for message in messages:
        try:
            yield from _of_partner(x12_answers(message, orders_of), partners, X12, message.sender.strip())
        except UnreadableError as error:
            yield Refused(message.id_for(""), error.position, error.reason, message.raw)


def _edifact(
    messages: list[edifact.Message], orders_of: OrdersOf, partners: Partners | None
) -> Iterator[Answer | Refused]:
    for message in messages:
        try:
            yield from _of_partner(edifact_answers(message, orders_of), partners, EDIFACT, message.sender)
        except UnreadableError as error:
            yield Refused(message.id_for(""), error.position, error.reason, message.raw)


def _of_partner(answers: list[Answer], partners: Partners | None, format: str, sender: str) -> Iterator[Answer]:
    vendors = partners.vendors(format, sender) if partners else None
    for answer in answers:
        yield replace(answer, sender=sender, vendors=None if vendors is None else tuple(vendors))
