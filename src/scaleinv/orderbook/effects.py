"""What an answer does to an order: quantities by line are what counts, the status follows from them.

Of each line, whatever the answers and in whatever order they come: ``ordered`` is what was received, what will not come
(``cancelled``), and the rest, which is to come. What is announced or received is never cancelled at the same time.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Final

from scaleinv.errors import ScaleinvError
from scaleinv.orderbook.state import ZERO, Order, Row, cancel_all, plain
from scaleinv.schema.life import ENDED_STATUSES, Answer, AnswerLine, OrderStatus
from scaleinv.schema.packs import Pack, stock_in

_GTIN: Final = 14
"""Digits of the longest GTIN: a shorter one has zeros before it."""
_SMALLEST: Final = Decimal("0.000001")
_SMALLEST_COST: Final = Decimal("0.0001")
_MOST_DIGITS: Final = 50
_LARGEST: Final = Decimal(10) ** 12


class CannotApplyError(Exception):
    """An answer says something that cannot be understood of this order."""


class OutdatedError(Exception):
    """An answer says what a later one of the same sender has said otherwise."""


def apply_to(order: Order, answer: Answer, at: datetime.datetime) -> OrderStatus:
    """Changes the order's rows; returns the status that follows.

    Args:
        order: the order.
        answer: what is said of it.
        at: when it was taken in: the day of a receipt that names none.

    Raises:
        CannotApplyError: a line is not there or not the only one, or a quantity cannot be converted exactly. The order
            may be half changed: it is not to be written.
        OutdatedError: the ERP has said since whether it took the order.
    """
    _keep_latest(order, answer)
    found = [(_line_of(order, said), said) for said in answer.lines]
    if answer.erp_number is not None:
        order.head["erp_number"] = answer.erp_number
    is_receipt = answer.kind == "received"  # one of less than nothing takes earlier ones back
    timed = replace(answer, at=answer.at or at)
    _EFFECTS[answer.kind](
        order, timed, [(line, said, _quantity(line, said, is_signed=is_receipt)) for line, said in found]
    )
    for line in order.lines.values():
        gone = max(line["shipped"], line["received"])
        line["cancelled"] = min(max(line["cancelled"], _cut(line)), max(ZERO, line["ordered"] - gone))
    for number, line in order.lines.items():
        if max(line["confirmed"] or ZERO, line["shipped"], line["received"]) >= _LARGEST:
            raise CannotApplyError(f"line {number}: together with what was said before it is no quantity")
    return _status(order, answer)


def on_the_way(order: Order, answer: Answer) -> Iterator[tuple[Row, AnswerLine, Decimal]]:
    """What a ship notice that was applied says is on its way: line of the order, part of the notice, order's units.

    Where it names no quantity, or no line at all, that is what was announced and has not come yet.
    """
    parts = [(_line_of(order, said), said) for said in answer.lines]
    for line, said in parts or [(line, AnswerLine("shipped")) for line in order.lines.values()]:
        quantity = _quantity(line, said)
        if quantity is None:
            quantity = line["shipped"] - line["received"]
        if quantity > ZERO:
            yield line, said, quantity


def came(
    order: Order, answer: Answer, gained: Mapping[int, Decimal], at: datetime.datetime
) -> Iterator[tuple[Row, datetime.date, Decimal]]:
    """What a receipt that was applied brought on which day: line of the order, day, order's units.

    Below nothing: what was booked by mistake is taken back.

    Args:
        order: as it is now.
        answer: the receipt.
        gained: line -> how much it added to what was received, in the order's units.
        at: when it was applied: the day of a receipt that names none.
    """
    days = {number: (answer.at or at).date() for number in gained}
    left = dict(gained)
    for said in answer.lines:
        line = _line_of(order, said)
        number, quantity = line["line"], _quantity(line, said, is_signed=True)
        if number not in gained:
            continue
        if quantity is None:  # all the rest: what the other parts have not brought
            days[number] = said.date or days[number]
        elif quantity:
            left[number] -= quantity
            yield line, said.date or (answer.at or at).date(), quantity
    for number, units in left.items():
        if units > ZERO:
            yield order.lines[number], days[number], units


def _keep_latest(order: Order, answer: Answer) -> None:
    if answer.kind not in ("taken", "failed") or answer.at is None:
        return
    known = order.head["said_at"]
    if known is not None and answer.at < known:
        raise OutdatedError(f"it was made before what is known: {known:%Y-%m-%d %H:%M:%S} UTC")
    order.head["said_at"] = answer.at


_Said = list[tuple[Row, AnswerLine, Decimal | None]]


def _taken(order: Order, answer: Answer, said: _Said) -> None:
    order.head["problem"] = None


def _failed(order: Order, answer: Answer, said: _Said) -> None:
    order.head["problem"] = answer.reason or "the ERP could not take it"


def _confirmed(order: Order, answer: Answer, said: _Said) -> None:
    if not said:
        said = [(line, AnswerLine("accepted"), None) for line in order.lines.values()]
    for line, parts in _by_line(said):
        said_day = _expect(line, parts)
        _postpone(order, line, parts, answer.at)
        # A promise that is made when goods are there is none.
        if order.status not in ENDED_STATUSES and not line["received"]:
            line["promised_date"] = said_day or line["promised_date"]
        costs = [(part.unit_cost, part.unit) for part, _ in parts if part.unit_cost is not None]
        if costs:
            line["confirmed_cost"] = _cost(line, *costs[-1])
        if order.status not in ("cancelled", "rejected"):
            _confirm(line, parts, is_received=order.status == "received")


def _cost(line: Row, cost: Decimal, unit: str | None) -> Decimal:
    """Of a unit of stock, half up to what the book keeps."""
    if not cost.is_finite() or not 0 <= cost < _LARGEST or _is_too_fine(cost):
        raise CannotApplyError(f"line {line['line']}: {cost} is no price")
    exact = Fraction(cost) / _stock_in(line, unit)
    if exact >= _LARGEST:
        raise CannotApplyError(f"line {line['line']}: {cost} for one {unit} is no price")
    steps = exact / Fraction(_SMALLEST_COST)
    return int(steps + Fraction(1, 2)) * _SMALLEST_COST


def _confirm(line: Row, parts: list[tuple[AnswerLine, Decimal | None]], *, is_received: bool) -> None:
    """What the vendor will deliver of the line, whatever it said before; the rest will not come (:func:`_cut`).

    Parts of one answer add up. Where none of them is back-ordered, what they do not speak of will not come. Back orders
    alone say nothing of the rest, which stays open with them.
    """
    if line["cancelled"] >= line["ordered"] and line["confirmed"] != ZERO:
        return  # others have cancelled all of it: the vendor's word of that is no refusal
    rejected = [quantity for part, quantity in parts if part.status == "rejected"]
    others = [(part.status, quantity) for part, quantity in parts if part.status != "rejected"]
    later = [quantity for status, quantity in others if status == "backordered"]
    if not is_received:  # what the vendor has cut before, its new word says anew
        line["cancelled"] = max(ZERO, line["cancelled"] - _cut(line))
    is_whole = any(quantity is None for _, quantity in others)
    if later and (is_whole or len(later) == len(others)):
        confirmed = line["ordered"]
    elif others and not is_whole:
        confirmed = sum((quantity or ZERO for _, quantity in others), ZERO)
    else:
        confirmed = line["ordered"] if line["confirmed"] is None else line["confirmed"]
    if rejected:
        is_rest = any(quantity is None for quantity in rejected)
        refused = line["ordered"] if is_rest else sum(filter(None, rejected), ZERO)
        if not (is_rest and others and not is_whole):  # beside quantities, the rest of them is refused as it is
            # What is on its way comes all the same.
            confirmed = min(confirmed, max(line["ordered"] - refused, line["shipped"], line["received"]))
    line["confirmed"] = confirmed


def _cut(line: Row) -> Decimal:
    """What the vendor will not deliver of the line, as far as it is not there or on its way."""
    if line["confirmed"] is None:
        return ZERO
    cut: Decimal = max(ZERO, line["ordered"] - max(line["confirmed"], line["shipped"], line["received"]))
    return cut


def _rejected(order: Order, answer: Answer, said: _Said) -> None:
    """Whole: what is on its way comes all the same."""
    _confirmed(order, answer, said or [(line, AnswerLine("rejected"), None) for line in order.lines.values()])


def _shipped(order: Order, answer: Answer, said: _Said) -> None:
    if not said:
        said = [(line, AnswerLine("shipped"), None) for line in order.lines.values()]
    for line, parts in _by_line(said):
        expected = line["expected_date"]
        _expect(line, parts)
        before = Decimal(line["shipments"].get(answer.shipment_id, 0))
        quantities = [quantity for _, quantity in parts]
        if None in quantities:  # all that is left, on top of what this shipment has already
            rest = max(ZERO, line["ordered"] - line["cancelled"] - max(line["shipped"], line["received"]))
            total = max(before + rest, sum(filter(None, quantities), ZERO))
        else:
            total = sum(filter(None, quantities), ZERO)
        line["shipped"] = max(ZERO, line["shipped"] + total - before)
        if answer.shipment_id is not None:  # another notice of the same shipment takes this one's place
            line["shipments"] = line["shipments"] | {answer.shipment_id: plain(total)}
        if line["ordered"] - line["cancelled"] > max(line["shipped"], line["received"]):
            line["expected_date"] = max(expected, line["expected_date"])  # a part brings the rest no nearer


def _received(order: Order, answer: Answer, said: _Said) -> None:
    assert answer.at is not None
    before = {number: line["received"] for number, line in order.lines.items()}
    if not said and order.status in ("cancelled", "rejected"):  # all of it came, though it was given up
        for line in order.lines.values():
            line["received"] = max(line["received"], line["ordered"])
    elif not said:
        said = [(line, AnswerLine("received"), None) for line in order.lines.values()]
    days: dict[int, datetime.date] = {}
    for line, parts in _by_line(said):
        for part, quantity in parts:
            rest = max(ZERO, line["ordered"] - line["cancelled"] - line["received"])
            line["received"] += rest if quantity is None else quantity
            if part.date is not None and (quantity is None or quantity > ZERO):
                days[line["line"]] = max(part.date, days.get(line["line"], part.date))
    for number, line in order.lines.items():
        if line["received"] > before[number]:
            day = days.get(number, answer.at.date())
            line["received_date"] = max(day, line["received_date"] or day)
        if line["received"] < before[number]:
            _take_back(order, line, before[number])


def _take_back(order: Order, line: Row, before: Decimal) -> None:
    """A receipt that was booked by mistake; of an order that was given up nothing is to come for that.

    Raises:
        CannotApplyError: more is taken back than was received.
    """
    taken = before - line["received"]
    if line["received"] < ZERO:
        raise CannotApplyError(
            f"line {line['line']}: {plain(taken)} cannot be taken back: {plain(before)} were received"
        )
    if not line["received"]:
        line["received_date"] = None
    if order.status in ("cancelled", "rejected"):
        line["cancelled"] = max(line["cancelled"], line["ordered"] - line["received"])
    order.remarks.append(f"line {line['line']}: {plain(taken)} of {plain(before)} received are taken back")


def _cancelled(order: Order, answer: Answer, said: _Said) -> None:
    if said:
        for line, _, quantity in said:
            rest = max(ZERO, line["ordered"] - line["cancelled"] - max(line["shipped"], line["received"]))
            line["cancelled"] += rest if quantity is None else min(rest, quantity)
        return
    rests = {n: row["ordered"] - row["cancelled"] - max(row["shipped"], row["received"]) for n, row in _items(order)}
    if not any(rest > 0 for rest in rests.values()):  # all of it is on its way: it is lost there
        cancel_all(order)
        return
    for number, rest in rests.items():
        order.lines[number]["cancelled"] += max(ZERO, rest)


_EFFECTS: Final[dict[str, Callable[[Order, Answer, _Said], None]]] = {
    "taken": _taken, "failed": _failed, "confirmed": _confirmed, "rejected": _rejected, "shipped": _shipped,
    "received": _received, "cancelled": _cancelled,
}  # fmt: skip


def _status(order: Order, answer: Answer) -> OrderStatus:
    lines = order.lines.values()
    is_open = any(line["ordered"] > line["received"] + line["cancelled"] for line in lines)
    came = any(line["received"] > 0 for line in lines)
    is_receipt = answer.kind == "received" and not any((part.quantity or ZERO) < ZERO for part in answer.lines)
    if not is_open and came and (is_receipt or order.status != "cancelled"):
        return "received"
    if not is_open:
        if order.status in ("cancelled", "rejected"):
            return order.status
        # Taken back and yet not open again is only what the vendor had cut.
        is_refused = answer.kind in ("confirmed", "rejected") or order.status == "received"
        return "rejected" if is_refused else "cancelled"
    if came or any(line["shipped"] > 0 for line in lines):
        return "shipped"
    if answer.kind == "failed":
        return "held"
    return "acknowledged"


def _items(order: Order) -> list[tuple[int, Row]]:
    return list(order.lines.items())


def _by_line(said: _Said) -> list[tuple[Row, list[tuple[AnswerLine, Decimal | None]]]]:
    """One answer may speak of a line in parts."""
    found: dict[int, tuple[Row, list[tuple[AnswerLine, Decimal | None]]]] = {}
    for line, part, quantity in said:
        found.setdefault(line["line"], (line, []))[1].append((part, quantity))
    return list(found.values())


def _expect(line: Row, parts: list[tuple[AnswerLine, Decimal | None]]) -> datetime.date | None:
    """The last part's day is when all of it is there; ``None``: no day was said."""
    days = [part.date for part, _ in parts if part.date is not None and part.status != "rejected"]
    if not days:
        return None
    line["expected_date"] = max(days)
    return max(days)


def _postpone(
    order: Order, line: Row, parts: list[tuple[AnswerLine, Decimal | None]], at: datetime.datetime | None
) -> None:
    """Back-ordered without a day: the vendor has to get it first, which takes as long again as was reckoned with.

    Expected as it was asked for, it would count in full until then, and the shelf run empty without a word.
    """
    assert at is not None
    is_unknown = any(
        part.status == "backordered" and part.date is None and quantity != ZERO for part, quantity in parts
    )
    if not is_unknown or order.status in ENDED_STATUSES:
        return
    asked = line["delivery_date"]
    lead_time = max(asked - order.head["order_date"], datetime.timedelta(days=1))
    line["expected_date"] = max(line["expected_date"], max(asked, at.date()) + lead_time)
    order.remarks.append(
        f"line {line['line']} is back-ordered and no day is said: expected on {line['expected_date']}, "
        "after a further lead time"
    )


def _line_of(order: Order, said: AnswerLine) -> Row:
    if said.line is not None:
        if said.line not in order.lines:
            raise CannotApplyError(f"there is no line {said.line}")
        return order.lines[said.line]
    for column, wanted in (("sku_id", said.sku_id), ("gtin", said.gtin and said.gtin.zfill(_GTIN))):
        if wanted is None:
            continue
        found = [line for line in order.lines.values() if _known_as(line, column) == wanted]
        if len(found) == 1:
            return found[0]
        raise CannotApplyError(f"{len(found) or 'no'} lines have {column} {wanted!r}")
    raise CannotApplyError("a line has neither number, SKU nor GTIN")


def _known_as(line: Row, column: str) -> str | None:
    value: str | None = line[column]
    return value.zfill(_GTIN) if column == "gtin" and value else value


def _is_too_fine(quantity: Decimal) -> bool:
    """More digits than anybody means: exact arithmetic with them would not end."""
    exponent = quantity.as_tuple().exponent
    return isinstance(exponent, int) and exponent < -_MOST_DIGITS


def _quantity(line: Row, said: AnswerLine, *, is_signed: bool = False) -> Decimal | None:
    """In units of stock, as the order's quantities are, exactly."""
    quantity = said.quantity
    if quantity is None:
        return None
    is_number = quantity.is_finite() and abs(quantity) < _LARGEST and not _is_too_fine(quantity)
    if not is_number or (quantity < 0 and not is_signed):
        raise CannotApplyError(f"line {line['line']}: {quantity} is no quantity")
    if not quantity:
        return ZERO
    steps = Fraction(quantity) * _stock_in(line, said.unit) / Fraction(_SMALLEST)
    if steps.denominator != 1:
        raise CannotApplyError(
            f"line {line['line']}: {quantity} {said.unit} is no whole number of {_SMALLEST} {line['unit']}"
        )
    return Decimal(steps.numerator).scaleb(-6)


def _stock_in(line: Row, unit: str | None) -> Fraction:
    """Units of stock in one of ``unit``; without one it is the order's, where the order had only one."""
    pack = Pack(line["order_unit"], line["order_units"], line["stock_units"]) if line["order_unit"] else None
    if unit is None and pack is not None:
        held = Fraction(pack.stock_units, pack.order_units)
        expected = f"{line['unit']}, or {pack.order_unit}, each of which is {held}"
        raise CannotApplyError(f"line {line['line']}: no unit is said: expected {expected}")
    try:
        return stock_in(unit or line["unit"], line["unit"], pack)
    except ScaleinvError as error:
        raise CannotApplyError(f"line {line['line']}: {str(error).splitlines()[0]}") from error
