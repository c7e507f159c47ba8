"""``scaleinv rules``: what conditions may be about, whether rules can be used, and what they would change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaleinv.cli.options import AsOf, Conf, Env, Sets, walk_of

rules = typer.Typer(help="Rules of replenishment: check them, and try them on tonight's tables.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE", help="YAML with `rules:`, `approval:` or `exceptions:`.")]


@rules.command()
def columns() -> None:
    """Columns that a condition may be about."""
    from scaleinv.schema.facts import FACTS

    for fact in FACTS:
        notes = [note for note, holds in (("may be null", fact.is_nullable), ("late", fact.late)) if holds]
        tail = f" ({', '.join(notes)})" if notes else ""
        typer.echo(f"{fact.name:<20} {fact.kind:<7} {fact.meaning}{tail}")
    typer.echo("late: known after the limits of the night; for hold and route only")


@rules.command()
def check(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Rules to check; else those in force.")] = None,
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
) -> None:
    """Reads rules as a night would, and shows them in the order of their precedence."""
    from scaleinv.config import load_config
    from scaleinv.config.rules_file import changed_rules
    from scaleinv.replenish import rule_set

    config = load_config(env, overrides=set_ or (), folder=conf).replenish
    found = rule_set((changed_rules(file, config) if file is not None else config).every_rule)
    for rule in found.rules:
        typer.echo(f"{rule.priority:>5} {rule.name:<28} {rule.do:<14} when {rule.when}")
    typer.echo(f"{'':>5} {'base':<28} {'order':<14} when inventory_position < reorder_point")
    typer.echo(f"{len(found.rules)} rules, version {found.version}")


@rules.command("try")
def try_(
    file: File,
    env: Env = "local",
    as_of: AsOf = None,
    set_: Sets = None,
    conf: Conf = None,
    limit: Annotated[int, typer.Option("--limit", help="Show no more than this many lines.")] = 20,
    out: Annotated[Path | None, typer.Option("--out", help="Write all lines that move here, as CSV.")] = None,
) -> None:
    """Which lines of tonight these rules would move, and by how much; nothing is changed."""
    from scaleinv.config.rules_file import changed_rules
    from scaleinv.pipeline.rules import moved

    walk = walk_of(env, as_of, set_, conf)
    made = moved(walk, changed_rules(file, walk.config.replenish))
    typer.echo(made.text(limit))
    if out is not None:
        from pyarrow.csv import write_csv

        write_csv(made.rows, out)
        typer.echo(f"{made.rows.num_rows:,} lines in {out}")
