"""``scaleinv export-example``: one order in any format, to read, and to send to a partner who asks for a sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export_example(
    format: Annotated[str, typer.Option("--format", metavar="FORMAT", help="One of export.formats, e.g. x12-850.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Write the file there as it is; default: show it.")
    ] = None,
    fields: Annotated[bool, typer.Option("--fields", help="Show the table of its fields instead.")] = False,
) -> None:
    """An order of two lines as a document for the ERP: needs no configuration and no night."""
    from scaleinv.erp.example import example, example_text, layout_table

    if fields:
        typer.echo(layout_table(format), nl=False)
        return
    if out is None:
        typer.echo(example_text(format), nl=False)
        return
    name, content = example(format)
    out.mkdir(parents=True, exist_ok=True)
    (out / name).write_bytes(content)
    typer.echo(str(out / name))
