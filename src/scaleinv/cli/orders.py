"""``scaleinv orders``: what the order book knows, and what persons decide about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaleinv.cli.options import AsOf, Conf, DryRun, Env, Sets, walk_of
from scaleinv.errors import ConfigError, DataError, explain

if TYPE_CHECKING:
    from scaleinv.config import Config
    from scaleinv.orderbook import Book, Changed
    from scaleinv.schema.life import OrderStatus

orders = typer.Typer(
    help="Orders: what the book knows, decisions on them, the ERP's answers. With --out: tonight's proposed lines.",
    invoke_without_command=True,
    no_args_is_help=True,
)

Ids = Annotated[list[str] | None, typer.Argument(metavar="ORDER...", help="Keys, as `scaleinv orders list` has them.")]
Id = Annotated[str, typer.Argument(metavar="ORDER", help="Its key.")]
Who = Annotated[str, typer.Option("--who", help="Who decides: a name for the record.", envvar="USER")]
Why = Annotated[str, typer.Option("--why", help="The reason, for the record.")]
Statuses = Annotated[list[str] | None, typer.Option("--status", help="May be repeated; default: all.")]
Vendor = Annotated[str | None, typer.Option("--vendor", help="Orders to this vendor only.")]
Location = Annotated[str | None, typer.Option("--location", help="Orders of this location only.")]
Version = Annotated[
    int | None, typer.Option("--version", help="The version you saw: refused if the order has changed since.")
]


@orders.callback()
def _lines(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", help="Parquet file for tonight's proposed lines.")] = None,
    env: Env = "local",
    as_of: AsOf = None,
    set_: Sets = None,
    conf: Conf = None,
) -> None:
    if context.invoked_subcommand is not None:
        return
    if out is None:
        raise ConfigError(explain("--out is missing", do="name a Parquet file, or a command: scaleinv orders --help"))
    from scaleinv.pipeline.takeaway import write_table

    rows = write_table(walk_of(env, as_of, set_, conf), "gold/order_proposals", out)
    typer.echo(f"{rows:,} rows in {out}")


@orders.command("list")
def list_(
    env: Env = "local",
    as_of: AsOf = None,
    set_: Sets = None,
    conf: Conf = None,
    status: Statuses = None,
    vendor: Vendor = None,
    location: Location = None,
    limit: Annotated[int, typer.Option("--limit", help="Show no more than this many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON lines.")] = False,
) -> None:
    """Orders, the newest night first, the dearest first within a night; --as-of: of one night."""
    from scaleinv.orderbook import listing

    with _book(env, set_, conf) as (book, config):
        rows = listing(
            book, retailer=config.retailer, statuses=status or (), vendor_id=vendor, location_id=location,
            as_of=_day(as_of), limit=limit,
        )  # fmt: skip
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row, default=str))
        return
    if not rows:
        typer.echo("there are no such orders")
        return
    typer.echo(f"{'order':<14}{'night':<12}{'status':<14}{'version':>7}  {'vendor':<12}{'location':<12}"
               f"{'lines':>6}{'value':>14}  ERP")  # fmt: skip
    for row in rows:
        typer.echo(
            f"{row['order_id']:<14}{row['as_of']!s:<12}{row['status']:<14}{row['version']:>7}  {row['vendor_id']:<12}"
            f"{row['location_id']:<12}{row['lines']:>6}{row['value']:>14,.2f} {row['currency']} "
            f"{row['erp_number'] or '-'}{': ' + row['problem'] if row['problem'] else ''}"
        )


@orders.command()
def show(order_id: Id, env: Env = "local", set_: Sets = None, conf: Conf = None) -> None:
    """One order and its lines: ordered, confirmed, shipped, received, cancelled."""
    from scaleinv.orderbook import history

    with _book(env, set_, conf) as (book, _):
        found = history(book, order_id)
    order = found.order
    typer.echo(
        f"{order['order_id']}  {order['status']}, version {order['version']}: {order['vendor_id']} to "
        f"{order['location_id']}, ordered {order['order_date']}, {order['value']:,.2f} {order['currency']}, "
        f"ERP {order['erp_number'] or '-'}{', ' + order['problem'] if order['problem'] else ''}"
    )
    typer.echo(f"{'line':>5}  {'SKU':<20}{'unit':<5}" + "".join(f"{name:>12}" for name in _SHOWN) + "  expected    why")
    for line in found.lines:
        quantities = "".join(f"{_text(line[name]):>12}" for name in _SHOWN)
        typer.echo(
            f"{line['line']:>5}  {line['sku_id']:<20}{line['unit']:<5}{quantities}  {line['expected_date']}  "
            f"{line['reason']}"
        )


_SHOWN = ("ordered", "confirmed", "shipped", "received", "cancelled")


@orders.command("history")
def history_(
    order_id: Id,
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON lines, with old and new values.")] = False,
) -> None:
    """Who did what to an order, when and why; answers that speak of it."""
    from scaleinv.orderbook import history

    with _book(env, set_, conf) as (book, _):
        found = history(book, order_id)
    for event in found.events:
        if as_json:
            typer.echo(json.dumps(event, default=str, sort_keys=True))
            continue
        step = event["new_status"] if event["old_status"] in (None, event["new_status"]) else (
            f"{event['old_status']} -> {event['new_status']}"
        )  # fmt: skip
        typer.echo(f"{event['version']:>4}  {event['at']:%Y-%m-%d %H:%M:%S}  {step:<26} {event['who']}: {event['why']}")
    for answer in found.answers if not as_json else ():
        repeats = f", came {answer['repeats'] + 1} times" if answer["repeats"] else ""
        detail = f": {answer['detail']}" if answer["detail"] else ""
        typer.echo(f"      answer {answer['message_id']} ({answer['kind']}) {answer['outcome']}{detail}{repeats}")


def _decision(name: str, to: OrderStatus, said: str, text: str, reason: str = "") -> None:
    def command(
        ids: Ids = None,
        env: Env = "local",
        as_of: AsOf = None,
        set_: Sets = None,
        conf: Conf = None,
        who: Who = "",
        why: Why = reason,
        status: Statuses = None,
        vendor: Vendor = None,
        location: Location = None,
        version: Version = None,
        dry_run: DryRun = False,
    ) -> None:
        from scaleinv.orderbook import change, listing

        if not ids and not any((status, vendor, location, as_of)):
            do = "name orders, or choose them by --status, --vendor, --location, --as-of"
            raise ConfigError(explain("no order is named", do=do))
        with _book(env, set_, conf) as (book, config):
            chosen = list(ids or ())
            if not chosen:
                rows = listing(
                    book, retailer=config.retailer, statuses=status or [_FROM[name]], vendor_id=vendor,
                    location_id=location, as_of=_day(as_of),
                )  # fmt: skip
                chosen = [row["order_id"] for row in rows]
            found = change(book, chosen, to, who=who, why=why, expected_version=version, dry_run=dry_run)
        _told(found, said, dry_run=dry_run)

    command.__doc__ = text
    orders.command(name)(command)


_FROM = {"approve": "proposed", "hold": "proposed", "release": "held", "cancel": "proposed"}
"""Without --status, orders that are chosen by other filters are those a command is made for."""
_decision("approve", "approved", "approved", "Approves orders: the next export gives them to the ERP.", "approved")
_decision("hold", "held", "held", "Sets orders aside; --why is needed.")
_decision("release", "proposed", "released", "Takes back a hold or an approval: the order is proposed.", "released")
_decision("cancel", "cancelled", "cancelled", "Gives orders up; the ERP is not told. --why is needed.")


@orders.command()
def edit(
    order_id: Id,
    line: Annotated[int, typer.Option("--line", help="Which line.")],
    quantity: Annotated[str, typer.Option("--quantity", help="What it orders from now on; 0 leaves it out.")],
    why: Why,
    who: Who = "",
    version: Version = None,
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
    dry_run: DryRun = False,
) -> None:
    """Changes what a line orders, before the order is exported; more than was approved is to be approved again."""
    from scaleinv.orderbook import edit as change_line

    try:
        wanted = Decimal(quantity)
    except InvalidOperation:
        raise ConfigError(explain("--quantity is no number", expected="12 or 7.5", found=quantity)) from None
    with _book(env, set_, conf) as (book, _):
        found = change_line(
            book, order_id, line, quantity=wanted, who=who, why=why, expected_version=version, dry_run=dry_run
        )
    _told(found, "changed", dry_run=dry_run)


@orders.command()
def answer(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="855, 997, ORDRSP, CONTRL, IDoc status …")],
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
    acknowledge: Annotated[
        Path | None,
        typer.Option("--acknowledge", metavar="FOLDER", help="Write a 997 or CONTRL to each X12 or EDIFACT file here."),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Reads answers of the ERP and of vendors and applies what they say; the same file again changes nothing."""
    from scaleinv.config import load_config
    from scaleinv.pipeline.answer import answer_files

    config = load_config(env, overrides=set_ or (), folder=conf)
    found = answer_files(config, files, dry_run=dry_run, acknowledge=acknowledge)
    for path in found.acknowledged:
        typer.echo(f"acknowledged by {path}")
    for problem in found.refused:
        typer.echo(f"cannot be read: {problem}", err=True)
    if found.counts is None:
        typer.echo(f"{found.read:,} answers would be applied")
        return
    typer.echo(f"{found.read:,} answers: " + ", ".join(f"{n:,} {what}" for what, n in vars(found.counts).items()))


@orders.command()
def export(
    env: Env = "local", as_of: AsOf = None, set_: Sets = None, conf: Conf = None, dry_run: DryRun = False
) -> None:
    """Gives out what has been approved up to --as-of and is not out yet, in document sets of its nights."""
    from scaleinv.cli.commands import _Options
    from scaleinv.orderbook import listing
    from scaleinv.pipeline.deliver import deliver_after_export
    from scaleinv.pipeline.export import export as give_out
    from scaleinv.pipeline.register import order_book

    walk = _Options(env, as_of, set_, conf).walk()
    if not dry_run:
        typer.echo(f"{give_out(walk):,} new document sets in {walk.config.export.folder}")
        deliver_after_export(walk)
        return
    with order_book(walk.config) as book:
        rows = [
            row
            for row in listing(book, retailer=walk.config.retailer, statuses=["approved"])
            if row["as_of"] <= walk.as_of
        ]
    typer.echo(f"{len(rows):,} orders would be given out, value {sum(row['value'] for row in rows):,.2f}")


@orders.command()
def deliver(
    env: Env = "local",
    as_of: AsOf = None,
    set_: Sets = None,
    conf: Conf = None,
    destination: Annotated[
        str | None, typer.Option("--destination", metavar="NAME", help="This one of delivery.destinations only.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="What was given up is due, too.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Brings documents that are due to delivery.destinations, and takes in what is answered on the spot.

    To be called every few minutes: what does not arrive is tried again when its time has come. --as-of: of one night.
    """
    from scaleinv.config import load_config
    from scaleinv.pipeline.deliver import deliver_due, due_rows, release

    config = load_config(env, overrides=set_ or (), folder=conf)
    which: dict[str, Any] = {"as_of": _day(as_of), "destination": destination}
    if dry_run:
        from scaleinv.pipeline.register import order_book

        with order_book(config) as book:
            due = due_rows(config, book, **which)
        for name, rows in due.items():
            typer.echo(f"{name}: " + ", ".join(row["name"] for row in rows))
        typer.echo(f"{sum(map(len, due.values())):,} documents would be delivered")
        return
    if again:
        typer.echo(f"{release(config, **which):,} documents are due again")
    found = deliver_due(config, **which)
    typer.echo(found.text())
    for problem in (*found.problems, *found.answered.refused):
        typer.echo(problem, err=True)
    if found.states.get("failed"):
        do = "mend the way, then: scaleinv orders deliver --again"
        raise DataError(explain(f"{found.states['failed']:,} documents cannot be delivered", do=do))


# --- helpers --------------------------------------------------------------------------------------------------------


@contextmanager
def _book(env: str, sets: list[str] | None, conf: Path | None) -> Iterator[tuple[Book, Config]]:
    from scaleinv.config import load_config
    from scaleinv.pipeline.register import order_book

    config = load_config(env, overrides=sets or (), folder=conf)
    with order_book(config) as book:
        yield book, config


def _told(found: Changed, done: str, *, dry_run: bool) -> None:
    """Says what was done.

    Raises:
        DataError: something was refused.
    """
    would = "would be " if dry_run else ""
    typer.echo(f"{len(found.done):,} {would}{done}")
    for order_id in found.reopened:
        typer.echo(f"{order_id} {would or 'is '}proposed: it is more than was approved, approve it again")
    if found.refused:
        which: Iterable[Any] = [f"{one.order_id}: {one.detail}" for one in found.refused]
        do = "look at them (scaleinv orders show), and decide again"
        raise DataError(explain(f"{len(found.refused):,} orders were not {done}", which=which, do=do))


def _text(value: Decimal | None) -> str:
    return "-" if value is None else f"{value.normalize():f}" if value else "0"


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None
