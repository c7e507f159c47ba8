"""Options that several commands have."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

Env = Annotated[str, typer.Option("--env", help="Environment: a file of conf/env/.")]
AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="Last day known, inclusive. Later records are not looked at."),
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Overrides one option: forecast.horizon=14.")
]
Conf = Annotated[Path | None, typer.Option("--conf", help="Configuration folder; default: SCALEINV_CONF or ./conf.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be read and written; do nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Do it again even where everything is up to date.")]
Out = Annotated[Path, typer.Option("--out", help="Parquet file to write.")]
