"""``scaleinv quarantine``: what was not accepted and why, and a second try for it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from scaleinv.cli.options import Conf, Env, Sets

quarantine = typer.Typer(help="Rows that were not accepted: see why, mend them, try again.", no_args_is_help=True)

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="A source of the environment.")]


@quarantine.command("list")
def list_(env: Env = "local", set_: Sets = None, conf: Conf = None) -> None:
    """Rules that rows broke, by source: how many rows, and an example."""
    from scaleinv.config import load_config
    from scaleinv.lake import Lake
    from scaleinv.pipeline.quarantine import overview

    rows = overview(Lake(load_config(env, overrides=set_ or (), folder=conf).lake))
    typer.echo(f"{'source':<20} {'rule':<24} {'rows':>12}  an example")
    for row in rows:
        typer.echo(f"{row['source']:<20} {row['rule']:<24} {row['rows']:>12,}  {row['reason']}")
    if not rows:
        typer.echo("nothing is in quarantine")


@quarantine.command()
def show(
    source: Source,
    rule: Annotated[str | None, typer.Option("--rule", help="Only rows that broke this rule.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="Show no more than this many.")] = 20,
    out: Annotated[Path | None, typer.Option("--out", help="Write all of them here, as JSON lines, to edit.")] = None,
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
) -> None:
    """Rows as received, with the rule they broke and where they came from."""
    from scaleinv.config import load_config
    from scaleinv.lake import Lake
    from scaleinv.pipeline.quarantine import rows_of_source, write_rows

    lake = Lake(load_config(env, overrides=set_ or (), folder=conf).lake)
    if out is not None:
        typer.echo(f"{write_rows(lake, source, out, rule=rule):,} rows in {out}")
        return
    rows = rows_of_source(lake, source, rule=rule)
    for row in rows.slice(0, limit).to_pylist():
        place = row["file"] or "-" if row["position"] is None else f"{row['file']}:{row['position']}"
        typer.echo(f"{row['id']} {row['rule']}: {row['reason']}\n  {place}, load {row['load']}\n  {row['row']}")
    typer.echo(f"{min(limit, rows.num_rows):,} of {rows.num_rows:,}")


@quarantine.command()
def replay(
    source: Source,
    as_of: Annotated[
        datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day from which they count as known.")
    ],
    rows: Annotated[
        Path | None, typer.Option("--rows", help="Mended rows, a file that `show --out` wrote and you edited.")
    ] = None,
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
) -> None:
    """Tries the rows of a source again, by its contract as it is now, with mended rows in place of the old ones."""
    from scaleinv.config import load_config
    from scaleinv.pipeline.quarantine import replayed
    from scaleinv.pipeline.walk import Walk

    walk = Walk(load_config(env, overrides=set_ or (), folder=conf), as_of.date())
    mended = {}
    if rows is not None:
        lines = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines() if line.strip()]
        mended = {line["id"]: json.dumps(line["row"], ensure_ascii=False) for line in lines}
    counts = replayed(walk, source, mended)
    typer.echo(f"{counts['accepted']:,} of {counts['read']:,} rows went on, {counts['quarantined']:,} stay")
