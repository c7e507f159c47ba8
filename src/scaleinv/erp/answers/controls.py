"""Names of our own control numbers, by which 997, CONTRL and IDoc status say what they are about.

Whoever exports keeps ``name -> order ids``; whoever reads asks for it (``OrdersOf``).
"""

from __future__ import annotations


def x12_control(partner: str, group: str, message: str | None = None) -> str:
    """An 850 to ``partner`` (their interchange id): GS06, and ST02 unless the whole group is meant.

    >>> x12_control("VENDORID", "000000001", "0001")
    'x12:VENDORID:1/1'
    """
    return f"x12:{partner.strip()}:{_plain(group)}" + (f"/{_plain(message)}" if message is not None else "")


def edifact_control(partner: str, interchange: str, message: str | None = None) -> str:
    """An ORDERS to ``partner`` (their interchange id): UNB 0020, and UNH 0062 unless the whole interchange is meant.

    >>> edifact_control("4012345500004", "REF0001", "1")
    'edifact:4012345500004:REF0001/1'
    """
    return f"edifact:{partner.strip()}:{_plain(interchange)}" + (f"/{_plain(message)}" if message is not None else "")


def idoc_control(number: str) -> str:
    """An IDoc that we sent: its DOCNUM.

    >>> idoc_control("2026092000000001")
    'idoc:2026092000000001'
    """
    return f"idoc:{_plain(number)}"


def _plain(number: str) -> str:
    """Partners pad numbers with zeros, and take them off."""
    text = number.strip()
    return (text.lstrip("0") or "0") if text.isascii() and text.isdigit() else text
