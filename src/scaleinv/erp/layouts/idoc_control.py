"""The control record of SAP's IDocs."""

from __future__ import annotations

from scaleinv.erp.layout import Segment, segment


def control(idoc: str, message: str) -> Segment:
    """EDI_DC40 of an IDoc type and its message."""
    return segment(
        "EDI_DC40",
        ("TABNAM", 10, "char", "EDI_DC40"),
        ("DOCNUM", 16, "digits", "as_of and the number of the order in the night, 8 digits each"),
        ("DIRECT", 1, "digits", "2: inbound to SAP"),
        ("IDOCTYP", 30, "char", idoc),
        ("MESTYP", 30, "char", message),
        ("SNDPOR", 10, "char", "export.sender"),
        ("SNDPRT", 2, "char", "LS: logical system"),
        ("SNDPRN", 10, "char", "export.sender"),
        ("RCVPOR", 10, "char", "export.receiver_port"),
        ("RCVPRT", 2, "char", "LS: logical system"),
        ("RCVPRN", 10, "char", "export.receiver"),
        ("CREDAT", 8, "date", "as_of: never the clock"),
        ("CRETIM", 6, "digits", "000000"),
        ("REFMES", 14, "char", "order_id"),
    )
