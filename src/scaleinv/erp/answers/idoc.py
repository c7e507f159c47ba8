"""SAP's word about IDocs that we sent: ALEAUD01 (ALE audit) and SYSTAT01 (STATUS), as XML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lxml import etree

from scaleinv.erp.answers.controls import idoc_control
from scaleinv.erp.answers.statement import OrdersOf, Refused, UnreadableError, digest, moment, statement_id
from scaleinv.errors import DataError, explain
from scaleinv.schema.life import Answer, AnswerKind

STATUS_CODES: Final[dict[str, tuple[AnswerKind, str]]] = {
    "53": ("taken", ""),
    "41": ("taken", ""),
    "16": ("taken", ""),
    "51": ("failed", "not posted"),
    "52": ("failed", "not fully posted"),
    "56": ("failed", "IDoc with errors"),
    "60": ("failed", "syntax error"),
    "63": ("failed", "not passed to the application"),
    "65": ("failed", "error in the ALE service"),
    "68": ("failed", "error, no further processing"),
    "17": ("failed", "receiver says no"),
    "40": ("failed", "not created in the receiving system"),
    "02": ("failed", "not passed to the port"),
    "04": ("failed", "error in control information"),
    "05": ("failed", "error in translation"),
    "07": ("failed", "syntax error"),
    "26": ("failed", "syntax error"),
    "29": ("failed", "error in the ALE service"),
}
"""STATUS -> what it says, and why."""
ON_THE_WAY: Final = frozenset({
    "01", "03", "06", "08", "09", "10", "11", "12", "13", "14", "15", "18", "19", "22", "24", "25", "30", "32", "33",
    "35", "36", "37", "38", "39", "42", "50", "54", "55", "57", "58", "61", "62", "64", "66", "69", "70", "71", "74",
    "75",
})  # fmt: skip
"""STATUS that decides nothing: another one follows."""
_RECORDS: Final = ("E1STATE", "E1STATS")


def idoc_statuses(data: bytes, name: str, orders_of: OrdersOf) -> Iterator[Answer | Refused]:
    """An answer for each order of each status record that decides something.

    Raises:
        DataError: no XML, cut off, or without IDocs.
    """
    root = xml_root(data, name)
    idocs = list(root.iter("IDOC"))
    if not idocs:
        raise DataError(_problem(name, 1, "elements IDOC", f"only {root.tag!r}"))
    for idoc in idocs:
        control = idoc.find("EDI_DC40")
        sender = _text(control, "SNDPRN") if control is not None else ""
        records = [element for tag in _RECORDS for element in idoc.iter(tag)]
        if not records:
            yield _refused(idoc, sender, f"expected a segment {' or '.join(_RECORDS)}, found none")
        for record in records:
            try:
                yield from _answers(record, sender, orders_of)
            except UnreadableError as error:
                yield _refused(record, sender, error.reason)


def xml_root(data: bytes, name: str) -> etree._Element:
    """The outermost element; nothing outside the document is looked at.

    Raises:
        DataError: no XML, cut off, or with a document type.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise DataError(_problem(name, error.lineno or 1, "a whole XML document", str(error.msg))) from None
    if root.getroottree().docinfo.doctype:
        raise DataError(_problem(name, 1, "XML without a document type", root.getroottree().docinfo.doctype))
    return root


def _answers(record: etree._Element, sender: str, orders_of: OrdersOf) -> Iterator[Answer]:
    at = _line(record)
    status, number = _text(record, "STATUS"), _text(record, "DOCNUM")
    if status in ON_THE_WAY:
        raise UnreadableError(at, f"STATUS {status} decides nothing yet: another one is to follow")
    if status not in STATUS_CODES:
        raise UnreadableError(at, f"STATUS: expected one of {', '.join(sorted(STATUS_CODES))}, found {status!r}")
    orders = orders_of(idoc_control(number))
    if not number or not orders:
        raise UnreadableError(at, f"DOCNUM: expected the number of an IDoc that we sent, found {number!r}")
    kind, why = STATUS_CODES[status]
    date = _text(record, "LOGDAT")
    when = moment(date, _text(record, "LOGTIM"), at, "LOGDAT/LOGTIM") if date.strip("0") else None
    reason = ": ".join(filter(None, (f"status {status} {why}".strip(), _message(record)))) if kind == "failed" else ""
    for order in orders:
        name = statement_id("idoc", sender, number, status, digest(_raw(record)), order)
        yield Answer(name, kind, order, at=when, erp_number=_object(record) if kind == "taken" else None, reason=reason)


def _object(record: etree._Element) -> str | None:
    """The document that the IDoc became."""
    found = record.find("E1PRTOB")
    return (_text(found, "OBJKEY") or None) if found is not None else None


def _message(record: etree._Element) -> str:
    """STATXT with its parameters put in."""
    text = _text(record, "STATXT")
    for position in range(1, 5):
        value = _text(record, f"STAPA{position}_LNG") or _text(record, f"STAPA{position}")
        for sign in (f"&{position}", "&"):
            if sign in text:
                text = text.replace(sign, value, 1)
                break
    return " ".join(text.split())


def _text(element: etree._Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()


def _raw(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", with_comments=False, exclusive=True)


def _line(element: etree._Element) -> int:
    return int(element.sourceline or 1)


def _refused(element: etree._Element, sender: str, reason: str) -> Refused:
    raw = _raw(element)
    return Refused(statement_id("idoc", sender, digest(raw)), _line(element), reason, raw)


def _problem(name: str, line: int, expected: str, found: str) -> str:
    return explain(
        f"{name}: IDoc status that cannot be read, at line {line}",
        expected=expected,
        found=found,
        do="nothing of it was taken: ask the sender for the whole file",
    )
