"""``scaleinv backtest``: whether past promises were kept."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import product
from typing import Annotated

import typer

from scaleinv.cli.options import Conf, Env, Sets
from scaleinv.errors import ConfigError, explain


def backtest(
    as_of: Annotated[
        datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The last day of what really happened.")
    ],
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
    nights: Annotated[
        int, typer.Option("--nights", min=2, help="Nights to walk, evaluation.holdout_days apart, the last on --as-of.")
    ] = 3,
    lead_time: Annotated[
        list[int] | None, typer.Option("--lead-time", min=1, metavar="DAYS", help="May be repeated; default: 3, 7, 14.")
    ] = None,
    review: Annotated[
        list[int] | None, typer.Option("--review", min=1, metavar="DAYS", help="May be repeated; default: 1, 7.")
    ] = None,
    fill_rate: Annotated[
        list[float] | None, typer.Option("--fill-rate", help="Promises; default: 0.9, 0.95, 0.98 of either kind.")
    ] = None,
    cycle_service_level: Annotated[list[float] | None, typer.Option("--cycle-service-level")] = None,
    method: Annotated[
        list[str] | None, typer.Option("--method", help="quantile, root, seed; default: inventory.method.")
    ] = None,
    warmup: Annotated[
        int | None,
        typer.Option("--warmup", metavar="DAYS", help="First days that are not counted; default: the first night's."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with every slice.")] = False,
) -> None:
    """Forecasts and policies again as they would have been made, and the days that followed simulated on them.

    Nights that are there already are not walked again. With weekly policies (--set evaluation.refresh_days=7) stock is
    ordered by what was known a week ago at most. Try it on a part of the assortment first, and in a lake of its own
    (--set lake.root=...): a night that was walked with other options is walked again.
    """
    from scaleinv.config import load_config
    from scaleinv.pipeline.backtest import Promise, backtest
    from scaleinv.pipeline.walk import Walk
    from scaleinv.schema.words import POLICY_METHODS

    config = load_config(env, overrides=set_ or (), folder=conf)
    asked = method or [config.inventory.method]
    chosen = [one for one in POLICY_METHODS if one in asked]
    if unknown := sorted(set(asked) - set(chosen)):
        raise ConfigError(explain("there is no such method", expected=", ".join(POLICY_METHODS), which=unknown))
    kinds = {"fill_rate": fill_rate or [], "cycle_service_level": cycle_service_level or []}
    if not any(kinds.values()):
        kinds = {kind: [0.9, 0.95, 0.98] for kind in kinds}
    targets = [(kind, target) for kind, values in kinds.items() for target in values]
    if wrong := [target for _, target in targets if not 0 < target < 1]:
        raise ConfigError(explain("a promise is a share", expected="above 0 and below 1", which=map(str, wrong)))
    promises = [
        Promise(one, lead, days, kind, target)
        for one, lead, days, (kind, target) in product(chosen, lead_time or [3, 7, 14], review or [1, 7], targets)
    ]
    days = config.evaluation.holdout_days if warmup is None else warmup
    found = backtest(Walk(config, as_of.date()), promises, n_nights=nights, warmup_days=days)
    typer.echo(
        json.dumps({"n_days": found.n_days, "n_left_out": found.n_left_out, "rows": found.rows()})
        if as_json
        else found.text()
    )
