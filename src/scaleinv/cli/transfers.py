"""``scaleinv transfers``: stock that was to be moved, and what became of it."""

from __future__ import annotations

from typing import Annotated

import typer

from scaleinv.cli.options import AsOf, Conf, Env, Sets, walk_of
from scaleinv.schema.words import series_id

transfers = typer.Typer(help="Proposed transfers that are not carried out yet: list, close.", no_args_is_help=True)


@transfers.command("list")
def list_(env: Env = "local", as_of: AsOf = None, set_: Sets = None, conf: Conf = None) -> None:
    """What is open of the proposals up to this night: the next one counts it at both ends."""
    from scaleinv.pipeline.transfers import transfers_after

    walk = walk_of(env, as_of, set_, conf)
    rows = transfers_after(walk, walk.as_of).to_pylist()
    for row in sorted(rows, key=lambda row: (row["sku_id"], row["to_location_id"], row["from_location_id"])):
        series = series_id(row["sku_id"], row["to_location_id"])
        typer.echo(f"{row['quantity']:>12,.6g} {series} from {row['from_location_id']}")
    typer.echo(f"{len(rows):,} open transfers")


@transfers.command()
def close(
    series: Annotated[str, typer.Argument(metavar="SKU@LOCATION", help="The series that was to get it.")],
    giver: Annotated[str, typer.Option("--from", metavar="LOCATION", help="Where it was to come from.")],
    who: Annotated[str, typer.Option("--who", help="Who decides: a name for the record.", envvar="USER")],
    why: Annotated[str, typer.Option("--why", help="The reason, for the record.")],
    env: Env = "local",
    as_of: AsOf = None,
    set_: Sets = None,
    conf: Conf = None,
) -> None:
    """What was proposed up to this night will not be done, or is done and no list says so: it counts no longer."""
    from scaleinv.pipeline import transfers as stage

    stage.close(walk_of(env, as_of, set_, conf), series, giver, who=who, why=why)
    typer.echo(f"transfers to {series} from {giver} are closed")
