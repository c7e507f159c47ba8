"""``scaleinv exceptions``: what a person should look at, and what was decided about it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from scaleinv.cli.options import AsOf, Conf, Env, Sets, walk_of

exceptions = typer.Typer(help="What a person should look at tonight: list, show, decide.", no_args_is_help=True)

Series = Annotated[str, typer.Argument(metavar="SKU@LOCATION", help="The series, as the list names it.")]


class Choice(StrEnum):
    """What may be decided."""

    ACCEPT = "accept"
    DISMISS = "dismiss"
    SNOOZE = "snooze"
    OVERRIDE = "override"


@exceptions.command("list")
def list_(
    env: Env = "local",
    as_of: AsOf = None,
    set_: Sets = None,
    conf: Conf = None,
    queue: Annotated[str | None, typer.Option("--queue", help="Only what this queue looks at.")] = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only this kind; may be repeated.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also what was dismissed or snoozed.")] = False,
    limit: Annotated[int, typer.Option("--limit", help="Show no more than this many.")] = 20,
) -> None:
    """The night's exceptions, the most money first."""
    from scaleinv.pipeline.exceptions import listed

    rows = listed(walk_of(env, as_of, set_, conf), queue=queue, kinds=kind or (), every=every)
    for row in rows.slice(0, limit).to_pylist():
        decided = f" [{row['decision']} until {row['decided_until']}]" if row["decision"] else ""
        typer.echo(
            f"{row['value_at_risk']:>14,.2f} {row['kind']:<24} {row['unique_id']:<30} {row['queue']:<18} "
            f"day {row['days_open']}{decided}\n{'':>15}{row['detail']}; {row['action']}"
        )
    typer.echo(f"{min(limit, rows.num_rows):,} of {rows.num_rows:,}")


@exceptions.command()
def show(series: Series, env: Env = "local", as_of: AsOf = None, set_: Sets = None, conf: Conf = None) -> None:
    """Exceptions of one series, and every decision that was made about it."""
    from scaleinv.pipeline.exceptions import history

    found, decisions = history(walk_of(env, as_of, set_, conf), series)
    for row in found:
        typer.echo(
            f"{row['kind']} since {row['first_seen']}, {row['value_at_risk']:,.2f} at risk, for {row['queue']}\n"
            f"  {row['detail']}\n  to do: {row['action']}"
        )
    if not found:
        typer.echo(f"nothing is to be looked at of {series}")
    for one in decisions:
        units = "" if one["quantity"] is None else f" {one['quantity'].normalize():f}"
        note = f": {one['note']}" if one["note"] else ""
        typer.echo(
            f"  {one['kind']} version {one['version']}: {one['decision']}{units} from {one['since']} until "
            f"{one['until']}, by {one['who']}{note}"
        )


@exceptions.command()
def decide(
    series: Series,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Of the exception.")],
    decision: Annotated[Choice, typer.Argument(metavar="DECISION", help="accept, dismiss, snooze or override.")],
    who: Annotated[str, typer.Option("--who", help="Who decides.")],
    env: Env = "local",
    as_of: AsOf = None,
    set_: Sets = None,
    conf: Conf = None,
    days: Annotated[int, typer.Option("--days", min=1, help="For so many nights, from the next one on.")] = 1,
    quantity: Annotated[str | None, typer.Option("--quantity", help="Of an override: units to order.")] = None,
    note: Annotated[str, typer.Option("--note", help="Why.")] = "",
    after: Annotated[
        int | None, typer.Option("--after", help="The version that you have seen; another one is refused.")
    ] = None,
) -> None:
    """Decides for the coming nights; a decision ends by itself, and the next night never changes it."""
    from scaleinv.pipeline import exceptions as stage

    walk = walk_of(env, as_of, set_, conf)
    version = stage.decide(
        walk, series, kind, decision.value, who=who, days=days, quantity=quantity, note=note, after=after
    )
    typer.echo(f"{decision.value} of {kind} of {series} kept, version {version}")
