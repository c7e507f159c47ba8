"""The command line: one command per stage, ``run`` for the whole walk, and commands to look and to take away.

Nothing here imports an engine: ``scaleinv --help`` answers at once.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaleinv import __version__
from scaleinv.cli.backtest import backtest
from scaleinv.cli.drift import drift
from scaleinv.cli.example import export_example
from scaleinv.cli.exceptions import exceptions
from scaleinv.cli.options import AsOf, Conf, DryRun, Env, Force, Out, Sets, walk_of
from scaleinv.cli.orders import orders
from scaleinv.cli.quarantine import quarantine
from scaleinv.cli.rules import rules
from scaleinv.cli.shipments import serve, shipments
from scaleinv.cli.skus import skus
from scaleinv.cli.stay import stay as keep_on
from scaleinv.cli.transfers import transfers
from scaleinv.cli.vendors import vendors
from scaleinv.cli.watch import due, log_as_json, metrics, status
from scaleinv.errors import ConfigError, ScaleinvError, explain

if TYPE_CHECKING:
    from scaleinv.pipeline.engines import Engines
    from scaleinv.pipeline.walk import Walk

app = typer.Typer(
    name="scaleinv",
    help="From a retailer's records to its orders: every SKU at every location, every night.",
    epilog="Start with `scaleinv demo`. With your own files: describe them in conf/sources/local, then "
    "`scaleinv run --env local --as-of 2026-01-31 --dry-run`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Explained(StrEnum):
    """What ``explain`` speaks of."""

    FORECAST = "forecast"
    POLICY = "policy"
    BOTH = "both"


@dataclass(frozen=True)
class _Options:
    env: str
    as_of: datetime | None
    sets: list[str] | None
    conf: Path | None

    def walk(self, *, force: bool = False) -> Walk:
        """The walk that these options describe."""
        return walk_of(self.env, self.as_of, self.sets, self.conf, force=force)

    def walks(self, *, force: bool) -> Callable[[date, Engines], Walk]:
        """The walk of a day, with engines that others have too; all of the configuration that is there now."""
        from scaleinv.config import load_config
        from scaleinv.pipeline.walk import Walk

        config = load_config(self.env, overrides=self.sets or (), folder=self.conf)
        return lambda day, engines: Walk(config, day, force=force, engines=engines)


def _run_stages(options: _Options, first: str | None, last: str | None, *, dry_run: bool, force: bool) -> Walk:
    from scaleinv.pipeline.stages import stages_between

    walk = options.walk(force=force)
    stages = stages_between(first, last)
    if dry_run:
        from scaleinv.pipeline.plan import plan

        typer.echo(plan(walk, stages))
    else:
        log_as_json(walk.progress)
        walk.run(stages)
    return walk


def _stage_command(name: str, purpose: str) -> Callable[..., None]:
    def command(
        env: Env = "local",
        as_of: AsOf = None,
        set_: Sets = None,
        conf: Conf = None,
        dry_run: DryRun = False,
        force: Force = False,
    ) -> None:
        _run_stages(_Options(env, as_of, set_, conf), name, name, dry_run=dry_run, force=force)

    command.__doc__ = f"Stage {name}: {purpose}."
    return command


def _ingest_command(name: str, purpose: str) -> Callable[..., None]:
    def command(
        env: Env = "local",
        as_of: AsOf = None,
        set_: Sets = None,
        conf: Conf = None,
        dry_run: DryRun = False,
        force: Force = False,
        source: Annotated[
            str | None, typer.Option("--source", metavar="NAME", help="Land a stream's messages in bronze/NAME.")
        ] = None,
        follow: Annotated[bool, typer.Option("--follow", help="With --source: until it is told to stop.")] = False,
        catch_up: Annotated[bool, typer.Option("--catch-up", help="With --source: all that are there.")] = False,
    ) -> None:
        if source is None and not follow and not catch_up:
            _run_stages(_Options(env, as_of, set_, conf), name, name, dry_run=dry_run, force=force)
            return
        if source is None or follow == catch_up:
            raise ConfigError(explain("a stream is landed by --source NAME with either --follow or --catch-up"))
        from scaleinv.config import load_config
        from scaleinv.pipeline.stream import progress_of, stream, stream_plan

        config = load_config(env, overrides=set_ or (), folder=conf)
        if dry_run:
            typer.echo(stream_plan(config, source))
        else:
            progress = progress_of(config)
            log_as_json(progress)
            stream(config, source, follow=follow, progress=progress)

    command.__doc__ = f"Stage {name}: {purpose}. With --source: the messages of a stream."
    return command


def _register_stages() -> None:
    from scaleinv.pipeline.stages import STAGES

    for stage in STAGES:
        make = _ingest_command if stage.name == "ingest" else _stage_command
        app.command(stage.name, rich_help_panel="Stages, in order")(make(stage.name, stage.purpose))


@app.command(rich_help_panel="The walk")
def run(
    env: Env = "local",
    as_of: AsOf = None,
    set_: Sets = None,
    conf: Conf = None,
    dry_run: DryRun = False,
    force: Force = False,
    until: Annotated[
        str | None, typer.Option("--until", metavar="STAGE", help="The last stage to run; default: all of them.")
    ] = None,
    stay: Annotated[
        bool,
        typer.Option("--stay", help="Night after night: each line of standard input is a last day known."),
    ] = False,
    due_only: Annotated[
        bool, typer.Option("--due", help="Train only groups that are due by conf/schedule.yaml; use the other models.")
    ] = False,
) -> None:
    """All stages, from files to orders. Killed anywhere and run again, it goes on where it was.

    With --stay Spark stays up from night to night, which saves a small night a third of its time. It is for --until
    features (Ray's stages take Spark's memory), and ends with its input, or with the first night that fails.
    """
    if due_only:
        set_ = [*(set_ or ()), "schedule.reuse=true"]
    if stay:
        if as_of is not None or dry_run:
            raise ConfigError(explain("--stay reads the days from standard input: --as-of and --dry-run say another"))
        keep_on(_Options(env, None, set_, conf).walks(force=force), until)
        return
    walk = _run_stages(_Options(env, as_of, set_, conf), None, until, dry_run=dry_run, force=force)
    if not dry_run and until is None:
        from scaleinv.pipeline.summary import summary

        typer.echo(summary(walk))


@app.command(rich_help_panel="The walk")
def demo(
    as_of: AsOf = None, set_: Sets = None, conf: Conf = None, dry_run: DryRun = False, force: Force = False
) -> None:
    """The whole walk on a synthetic retailer that it makes itself: no data and no cluster needed."""
    run("demo", as_of, set_, conf, dry_run, force)


@app.command(rich_help_panel="Look")
def tables(env: Env = "local", set_: Sets = None, conf: Conf = None) -> None:
    """What is in the lake: tables, versions, rows, sizes."""
    from scaleinv.config import load_config
    from scaleinv.lake import Lake

    lake = Lake(load_config(env, overrides=set_ or (), folder=conf).lake)
    typer.echo(f"{'table':<24}{'version':>8}{'rows':>14}{'files':>8}{'MB':>10}  modified")
    for state in lake.tables():
        size = f"{state.bytes / 1e6:,.1f}"
        typer.echo(f"{state.name:<24}{state.version:>8}{state.rows:>14,}{state.files:>8}{size:>10}  {state.modified}")


@app.command(rich_help_panel="Look")
def summary(env: Env = "local", as_of: AsOf = None, set_: Sets = None, conf: Conf = None) -> None:
    """Last night in a few lines: service, stock, orders, accuracy, files."""
    from scaleinv.pipeline.summary import summary as text

    typer.echo(text(_Options(env, as_of, set_, conf).walk()))


@app.command("explain", rich_help_panel="Look")
def explain_forecast(
    sku: Annotated[str, typer.Option("--sku", metavar="SKU", help="The SKU, as in gold/series.")],
    location: Annotated[str, typer.Option("--location", metavar="LOCATION", help="The location.")],
    env: Env = "local",
    as_of: AsOf = None,
    set_: Sets = None,
    conf: Conf = None,
    model: Annotated[
        str | None, typer.Option("--model", help="xgboost or tft; default: the champion if it can say, else the trees.")
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Of trees: SHAP values, not what approximates them.")] = False,
    what: Annotated[
        Explained, typer.Option("--what", help="The forecast, the policy made of it, or both.")
    ] = Explained.BOTH,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="Draw it, too: FILE.svg or FILE.png.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """What moved a forecast, and what its reorder point and tonight's order are made of, in units.

    Of both, what cannot be said is told in its place: a baseline's forecast has no reasons, but a policy is made of it.
    """
    from scaleinv.pipeline.explain import explained
    from scaleinv.pipeline.explain_policy import explained_policy

    walk = _Options(env, as_of, set_, conf).walk()
    why, policy, untold = None, None, []
    if what != Explained.POLICY:
        try:
            why = explained(walk, sku, location, model=model, exact=exact)
        except ScaleinvError as error:
            if model is not None:  # of this one something was to be said
                raise
            untold.append(error)
    if what != Explained.FORECAST:
        try:
            policy = explained_policy(walk, sku, location)
        except ScaleinvError as error:
            untold.append(error)
    if why is None and policy is None:
        raise untold[0]
    if picture is not None:
        from scaleinv.pipeline.picture import draw

        draw(walk, why, picture, policy)
    if as_json:
        said = why.plain() if why else {}
        typer.echo(json.dumps(said | ({"policy": policy.plain()} if policy else {})))
        return
    for problem in untold:
        typer.echo(str(problem), err=True)
    typer.echo("\n".join(part.text() for part in (why, policy) if part is not None))


@app.command("simulate", rich_help_panel="Look")
def simulate_policies(
    env: Env = "local",
    as_of: AsOf = None,
    set_: Sets = None,
    conf: Conf = None,
    demand: Annotated[
        str, typer.Option("--demand", help="past: the last days known. forecast: paths drawn from tonight's forecasts.")
    ] = "past",
    days: Annotated[int, typer.Option("--days", help="With past: how many days. A forecast has its horizon.")] = 56,
    warmup: Annotated[int, typer.Option("--warmup", help="First days that are not counted.")] = 14,
    replications: Annotated[
        int, typer.Option("--replications", help="Runs of each series, each with other lead times (and paths).")
    ] = 20,
    backorders: Annotated[
        bool, typer.Option("--backorders", help="What is not there is waited for; default: it is lost.")
    ] = False,
    shelf_life: Annotated[int, typer.Option("--shelf-life", help="Days goods can be sold; 0: they keep.")] = 0,
    by: Annotated[str, typer.Option("--by", help="Column of gold/series, a row per value.")] = "demand_class",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """What tonight's policies would do, day by day: fill rate, cycles, stock, turns, orders, waste, cost.

    Needs a night up to `optimize`, and changes nothing. Stock starts at the order-up-to level; deliveries come in the
    morning, orders are placed in the evening of review days, and lead times are drawn as the vendor's were seen.

    The past is what the policies were made from: it shows how they work, not how well they foresee (for that, see
    gold/replay). `scaleinv simulate --env demo --demand forecast --by abc_class` asks the forecast instead. Intervals
    come from drawing the series again; bad luck common to all series is not in them.
    """
    from scaleinv.pipeline.simulate import Question, demand_of, simulated, told

    question = Question(demand_of(demand), days, warmup, replications, backorders, shelf_life, by)
    rows = simulated(_Options(env, as_of, set_, conf).walk(), question)
    typer.echo(json.dumps(rows) if as_json else told(rows, question))


@app.command(rich_help_panel="Look")
def whatif(
    scenarios: Annotated[Path, typer.Argument(metavar="FILE", help="Scenarios in YAML: docs/whatif.md.")],
    env: Env = "local",
    as_of: AsOf = None,
    set_: Sets = None,
    conf: Conf = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Save the comparison by this name; default: the file's name.")
    ] = None,
    compare: Annotated[
        list[str] | None, typer.Option("--compare", metavar="NAME", help="Beside a comparison that was saved.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="As an HTML page with pictures, too.")
    ] = None,
    promote: Annotated[
        str | None,
        typer.Option(
            "--promote", metavar="SCENARIO", help="Put its targets into inventory.policy_table; no comparison."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Tonight's policies, stock and orders, were demand, lead times, prices, targets or a budget otherwise."""
    from scaleinv.config.whatif import load_scenarios
    from scaleinv.pipeline.whatif import saved, what_if

    walk = _Options(env, as_of, set_, conf).walk()
    if promote is not None:
        from scaleinv.pipeline.targets import promote as write

        every = {one.name: one for one in load_scenarios(scenarios)}
        if promote not in every:
            raise ConfigError(explain(f"there is no scenario {promote!r} in {scenarios}", expected=", ".join(every)))
        typer.echo(f"{promote}: its promises are in {write(walk.config, every[promote])}, from the next optimize on")
        return
    others = [saved(walk, one) for one in compare or ()]
    told = what_if(walk, load_scenarios(scenarios), name=name or scenarios.stem).beside(others)
    if report is not None:
        from scaleinv.pipeline.picture import write_report

        write_report(told, report)
    typer.echo(json.dumps(told.plain()) if as_json else told.text())


@app.command(rich_help_panel="Look after")
def maintain(env: Env = "local", set_: Sets = None, conf: Conf = None, dry_run: DryRun = False) -> None:
    """Removes old nights, compacts tables, deletes unused files. Not while a run is under way."""
    from scaleinv.config import load_config
    from scaleinv.pipeline.maintain import maintain as look_after

    look_after(load_config(env, overrides=set_ or (), folder=conf), typer.echo, dry_run=dry_run)


@app.command(rich_help_panel="Take away")
def forecasts(
    out: Out,
    env: Env = "local",
    as_of: AsOf = None,
    set_: Sets = None,
    conf: Conf = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="seasonal, one of forecast.models, or a pool (lstm+tft); default: the champion."),
    ] = None,
    cutoff: Annotated[
        datetime | None,
        typer.Option("--cutoff", formats=["%Y-%m-%d"], help="A backtest's cutoff; default: the as-of day."),
    ] = None,
) -> None:
    """Forecasts in the long form: unique_id, ds, mean, q005 ... q995."""
    from scaleinv.pipeline.takeaway import write_forecasts

    walk = _Options(env, as_of, set_, conf).walk()
    rows = write_forecasts(walk, out, model=model, cutoff=_day(cutoff))
    typer.echo(f"{rows:,} rows in {out}")


@app.command(rich_help_panel="Take away")
def policies(out: Out, env: Env = "local", as_of: AsOf = None, set_: Sets = None, conf: Conf = None) -> None:
    """Safety stock, reorder point and order quantity of every SKU-location, with their parts."""
    from scaleinv.pipeline.takeaway import write_table

    rows = write_table(walk_of(env, as_of, set_, conf), "gold/policies", out)
    typer.echo(f"{rows:,} rows in {out}")


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"scaleinv {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what engines log.")] = False,
) -> None:
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("scaleinv").setLevel(level)


app.command(rich_help_panel="Look")(backtest)
app.command("export-example", rich_help_panel="Look")(export_example)
app.command(rich_help_panel="Shipments")(serve)
app.add_typer(shipments, name="shipments", rich_help_panel="Shipments")
app.add_typer(orders, name="orders", rich_help_panel="Orders")
app.command(rich_help_panel="Look")(status)
app.command(rich_help_panel="Look")(due)
app.command(rich_help_panel="Look")(metrics)
app.add_typer(drift, name="drift", rich_help_panel="Look")
app.add_typer(quarantine, name="quarantine", rich_help_panel="Look")
app.add_typer(exceptions, name="exceptions", rich_help_panel="Look")
app.add_typer(transfers, name="transfers", rich_help_panel="Look")
app.add_typer(rules, name="rules", rich_help_panel="Look")
app.add_typer(skus, name="skus", rich_help_panel="Look")
app.add_typer(vendors, name="vendors", rich_help_panel="Look")
_register_stages()


def main(arguments: list[str] | None = None) -> Any:
    """Runs a command; an error that scaleinv raises on purpose is a message and an exit code, not a traceback."""
    try:
        return app(args=arguments)
    except ScaleinvError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise SystemExit(error.exit_code) from error


def job(stage: str) -> Any:
    """Entry of the submit scripts in ``jobs/``: the stage's command with the script's arguments."""
    return main([stage, *sys.argv[1:]])
