"""``scaleinv skus``: which product a code means, and what persons decide about it."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scaleinv.cli.options import Conf, Env, Sets

if TYPE_CHECKING:
    from scaleinv.ingest.registry import By
    from scaleinv.lake import Lake

skus = typer.Typer(help="Which product a code means; proposals to accept, merges to undo.", no_args_is_help=True)

Who = Annotated[str, typer.Option("--by", help="Who decides: a name for the log.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="As `scaleinv skus proposals` shows them.")]
Since = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day on which it holds.")]


@skus.command()
def find(
    code: Annotated[str, typer.Argument(help="A code of any system, or a SKU.")],
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
) -> None:
    """The product a code means and meant, its other codes, and every decision about them."""
    from scaleinv.pipeline.skus import find as look

    found = look(_lake(env, set_, conf), code)
    typer.echo(f"{'SKU':<20} {'system':<12} {'code':<20} {'from':<10} {'to':<10} {'method':<12} decision")
    for row in found.codes.to_pylist():  # the codes of one product
        service = "" if row["is_product"] else "  (no product)"
        typer.echo(
            f"{row['sku_id']:<20} {row['system']:<12} {row['code']:<20} {_day(row['valid_from']):<10} "
            f"{_day(row['valid_to']):<10} {row['method']:<12} {row['merge_id'] or '-'}"
            f"  {row['description'] or ''}{service}"
        )
    for row in found.decisions.to_pylist():
        typer.echo(
            f"{row['decided_at']} {row['merge_id']} {row['kind']} {row['other']} -> {row['kept']}"
            f" from {_day(row['valid_from'])}, {row['who']}: {row['evidence']}"
            + (f" (undoes {row['undoes']})" if row["undoes"] else "")
        )


@skus.command()
def proposals(
    status: Annotated[str, typer.Option("--status", help="open, accepted, rejected or all.")] = "open",
    limit: Annotated[int, typer.Option("--limit", help="Show no more than this many.")] = 50,
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
) -> None:
    """Pairs that may be one product, the likeliest first."""
    from scaleinv.pipeline.skus import listed

    rows = listed(_lake(env, set_, conf), None if status == "all" else status)
    for row in rows.slice(0, limit).to_pylist():
        score = "   -" if row["score"] is None else f"{row['score']:4.0f}"
        typer.echo(
            f"{row['proposal_id']} {row['status']:<8} {score} {row['method']:<11} {row['other']} -> {row['kept']}: "
            f"{row['other_description'] or '-'} / {row['kept_description'] or '-'}"
        )
    typer.echo(f"{min(limit, rows.num_rows):,} of {rows.num_rows:,}")


@skus.command()
def accept(
    ids: Ids,
    by: Who,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day; default: since ever.")
    ] = None,
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
) -> None:
    """The two of each proposal are one product."""
    from scaleinv.pipeline.skus import answer
    from scaleinv.schema.registry import ALWAYS

    day = since.date() if since else ALWAYS
    _decided(answer(_lake(env, set_, conf), ids, _by(by), verdict="accept", since=day))


@skus.command()
def reject(ids: Ids, by: Who, env: Env = "local", set_: Sets = None, conf: Conf = None) -> None:
    """The two of each proposal are two products: they are not proposed again, nor merged."""
    from scaleinv.pipeline.skus import answer

    _decided(answer(_lake(env, set_, conf), ids, _by(by), verdict="reject"))


@skus.command()
def undo(
    merge_id: Annotated[str, typer.Argument(help="As `scaleinv skus find` shows it.")],
    by: Who,
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
) -> None:
    """As if the decision had never been made."""
    from scaleinv.pipeline.skus import reverse

    _decided([reverse(_lake(env, set_, conf), merge_id, _by(by))])


@skus.command()
def supersede(
    old: str, new: str, since: Since, by: Who, env: Env = "local", set_: Sets = None, conf: Conf = None
) -> None:
    """From a day on, the SKU NEW stands for the SKU OLD."""
    from scaleinv.pipeline.skus import replace

    _decided([replace(_lake(env, set_, conf), old, new, _by(by), since=since.date())])


@skus.command()
def split(sku: str, since: Since, by: Who, env: Env = "local", set_: Sets = None, conf: Conf = None) -> None:
    """From a day on, the SKU stands alone again; before it, all stays as it was."""
    from scaleinv.pipeline.skus import separate

    _decided([separate(_lake(env, set_, conf), sku, _by(by), since=since.date())])


def _lake(env: str, sets: list[str] | None, conf: Path | None) -> Lake:
    from scaleinv.config import load_config
    from scaleinv.lake import Lake

    return Lake(load_config(env, overrides=sets or (), folder=conf).lake)


def _by(who: str) -> By:
    from scaleinv.ingest.registry import By

    return By(who, date.today())


def _day(day: date | None) -> str:
    from scaleinv.schema.registry import ALWAYS

    return "-" if day is None or day == ALWAYS else day.isoformat()


def _decided(merge_ids: list[str]) -> None:
    for merge_id in merge_ids:
        typer.echo(
            f"{merge_id}  (in the lake's history from the next load on; scaleinv skus undo {merge_id} reverses it)"
        )
