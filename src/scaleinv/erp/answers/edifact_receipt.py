"""EDIFACT CONTRL: whether the other side could read what we sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from scaleinv.erp.answers.controls import edifact_control
from scaleinv.erp.answers.edifact import Message
from scaleinv.erp.answers.edifact_segments import Segment
from scaleinv.erp.answers.statement import OrdersOf, UnreadableError
from scaleinv.schema.life import Answer, AnswerKind

ACTIONS: Final[dict[str, tuple[AnswerKind, str]]] = {
    "4": ("failed", "rejected"),
    "7": ("taken", ""),
    "8": ("taken", "received, not yet checked"),
}
"""UCI and UCM 0083: this level and those below rejected, acknowledged, received."""


def syntax_report(message: Message, orders_of: OrdersOf) -> Iterator[Answer]:
    """An answer for each order of the interchange that the CONTRL is about.

    Raises:
        UnreadableError: an action that is not known, or a reference that we never sent.
    """
    uci = message.find("UCI")
    kind, why = _action(uci, 4)
    reference = uci.get(1)
    orders = list(orders_of(edifact_control(message.sender, reference)))
    if not orders:
        raise UnreadableError(uci.at, f"UCI: expected an interchange that we sent, found {reference!r}")
    said: dict[str, tuple[AnswerKind, str]] = {order: (kind, _words(uci, why, 5)) for order in orders}
    for ucm in message.segments:
        if ucm.tag != "UCM":
            continue
        one, reason = _action(ucm, 3)
        named = orders_of(edifact_control(message.sender, reference, ucm.get(1)))
        if not named:
            raise UnreadableError(ucm.at, f"UCM: expected a message of interchange {reference}, found {ucm.get(1)!r}")
        if kind != "failed":
            said |= dict.fromkeys(named, (one, _words(ucm, reason, 4)))
    if not said:
        raise UnreadableError(uci.at, f"UCI: expected an interchange that we sent, found {reference!r}")
    for order, (one, reason) in said.items():
        yield Answer(message.id_for(order), one, order, at=message.at, reason=reason)


def _action(segment: Segment, element: int) -> tuple[AnswerKind, str]:
    code = segment.get(element)
    if code not in ACTIONS:
        raise UnreadableError(segment.at, f"{segment.tag} 0083: expected {', '.join(ACTIONS)}, found {code!r}")
    return ACTIONS[code]


def _words(segment: Segment, why: str, error: int) -> str:
    code = segment.get(error)
    return f"{segment.tag}: {why}" + (f", error {code}" if code else "") if why else ""
