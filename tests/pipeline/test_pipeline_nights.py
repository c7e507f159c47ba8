"""A night that is kept as what differs from an earlier one is the night that is made as a whole; nobody sees ahead."""

from __future__ import annotations

import datetime as dt
import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from scaleinv.config import load_config
from scaleinv.forecast import group_arrays, group_from_files
from scaleinv.pipeline.nights import bases, find_base, panel_of
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.features import NIGHT_FEATURES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.slow]

FIRST, N_DAYS = dt.date(2026, 1, 1), 75
MONDAY = FIRST + dt.timedelta(days=N_DAYS - 1)
WEDNESDAY = MONDAY + dt.timedelta(days=2)
SKUS, SHOPS = [f"P{n}" for n in range(6)], ["S1", "S2"]
GOLD = ("gold/series", "gold/features", "gold/stock_position", "gold/lead_times")
HEADS = {
    "items": "sku_id,category,department,unit,vendor_id,unit_cost,unit_price,min_order_quantity,order_multiple",
    "locations": "location_id,region",
    "vendors": "vendor_id,review_period,currency",
    "lead_times": "vendor_id,lead_time,weight",
    "assortment": "sku_id,location_id,listed_from,listed_to",
    "prices": "sku_id,location_id,valid_from,valid_to,price,is_promotion",
    "calendar": "region,date,event,is_benefit_day",
    "weather": "region,date,temperature,precipitation,humidity,wind_speed",
    "stock": "sku_id,location_id,date,on_hand,reserved,backorders",
    "sales": "sku_id,location_id,date,quantity,receipt",
    "purchase_orders": "order_id,line,vendor_id,sku_id,location_id,order_date,promised_date,received_date,quantity",
}
SETTINGS = [
    "spark.master=null",
    "spark.shuffle_partitions=2",
    "ingest.sources.weather={path: weather/*.csv, required: false}",
    "ingest.sources.calendar.path=calendar/*.csv",
    "ingest.drift.enabled=false",
    "ingest.registry.enabled=false",
]
QUIET = ("P3", "S2")
"""A series that sells nothing more."""
WHOLE = ("items", "locations", "vendors", "lead_times", "assortment")


def day(n: int) -> str:
    """The n-th day after Monday."""
    return (MONDAY + dt.timedelta(days=n)).isoformat()


def deliver(data: Path, source: str, rows: list[str], name: str = "1") -> None:
    path = data / (f"{source}.csv" if source in WHOLE else f"{source}/{name}.csv")
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([HEADS[source], *rows]) + "\n")


def items(**category: str) -> list[str]:
    return [f"{sku},{category.get(sku, 'food')},d,EA,V1,1,{2 + n},1,1" for n, sku in enumerate([*SKUS, "NEW"])]


def history(data: Path, *, ahead: int = 0) -> None:
    """A retailer up to Monday, and ``ahead`` days of sales and stock after it."""
    chance = random.Random(5)
    deliver(data, "items", items())
    deliver(data, "locations", [f"{shop},{region}" for shop, region in zip(SHOPS, "NW", strict=True)])
    deliver(data, "vendors", ["V1,1,EUR"])
    deliver(data, "lead_times", ["V1,2,1"])
    deliver(data, "assortment", [f"{sku},{shop},,{day(0) if sku == 'P5' else ''}" for sku in SKUS for shop in SHOPS])
    # P0 has a regular price and promotions in it; P1 has prices with gaps; the others have none.
    regular = [f"P0,{shop},{day(-74)},{day(90)},3,no" for shop in SHOPS]
    regular.append(f"P4,S2,{day(-74)},{day(90)},7,no")
    deliver(data, "prices", [*regular, f"P0,S1,{day(-20)},{day(-14)},2,yes", f"P1,S1,{day(-30)},{day(-3)},4,no"])
    deliver(data, "calendar", [f"N,{day(-40)},Fair,no", f"N,{day(-5)},,yes", f"W,{day(20)},Feast,no"])
    deliver(data, "weather", [f"{region},{day(n)},{n % 9},0.5,," for region in "NW" for n in range(-74, 10)])
    sales, stock = [], []
    for n in range(1 - N_DAYS, ahead + 1):
        for sku in SKUS:
            for shop in SHOPS:
                units = chance.choice([0, 1, 2, 3, 7]) if n <= 0 else chance.choice([50, 90])
                empty = sku == "P2" and shop == "S1" and n % 17 == 0
                sales += [f"{sku},{shop},{day(n)},{units},r{n}{sku}{shop}"] if units else []
                stock.append(f"{sku},{shop},{day(n)},{0 if empty else 9},1,0")
    deliver(data, "sales", sales)
    deliver(data, "stock", stock)


def two_days(data: Path) -> None:
    """Tuesday and Wednesday, and all that may be another than it was."""
    shops = [(sku, shop) for sku in SKUS[:5] for shop in SHOPS if (sku, shop) != QUIET]
    new = [f"{sku},{shop},{day(n)},{n + 1},q{n}{sku}{shop}" for sku, shop in shops for n in (1, 2)]
    late = [f"P3,S2,{day(-10)},4,late", f"NEW,S1,{day(2)},2,n1"]
    deliver(data, "sales", [*new, *late], "2")
    stock = [f"{sku},{shop},{day(n)},{6 - n},0,0" for sku, shop in shops for n in (1, 2)]
    # One was short of stock, another was not, as is known by now.
    deliver(data, "stock", [*stock, f"P4,S1,{day(-30)},0,0,0", f"P2,S1,{day(-17)},4,0,0"], "2")
    prices = [
        f"P1,S1,{day(-30)},{day(-1)},4,no",  # the same price, for longer
        f"P1,S2,{day(-8)},{day(30)},5,no",  # the first price ever, of a week ago
        f"P0,S2,{day(1)},{day(6)},1,yes",
        f"P4,S2,{day(29)},{day(40)},8,no",  # from the first day on that Monday did not reach
    ]
    deliver(data, "prices", prices, "2")
    deliver(data, "calendar", [f"N,{day(3)},Strike,no"], "2")
    deliver(data, "weather", [f"W,{day(n)},{30 + n},2,," for n in (-1, 0, 1)], "2")
    deliver(data, "items", items(P5="fish"))
    listed = [f"{sku},{shop},,{day(1) if (sku, shop) == ('P3', 'S1') else ''}" for sku in SKUS for shop in SHOPS]
    deliver(data, "assortment", [*listed, f"NEW,S1,{day(-1)},"])


def at(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """From now on, the lake and the files of this retailer."""
    patch.setenv("SCALEINV_HOME", str(folder))
    patch.setenv("SCALEINV_DATA", str(folder / "data"))
    return folder / "data"


@pytest.fixture(scope="module")
def made(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The retailer on Monday evening, and Monday's tables: each test goes on from a copy."""
    folder = tmp_path_factory.mktemp("monday")
    with pytest.MonkeyPatch.context() as patch:
        history(at(folder, patch))
        return folder, gold(walk(MONDAY, "ingest", "features"))


@pytest.fixture
def data(made: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made[0], tmp_path, dirs_exist_ok=True)
    return at(tmp_path, monkeypatch)


def walk(as_of: dt.date, *stages: str, force: bool = False, settings: tuple[str, ...] = ()) -> Walk:
    config = load_config("local", overrides=[*SETTINGS, *settings])
    found = Walk(config, as_of, force=force)
    done = found.run([stage for stage in STAGES if stage.name in stages])
    assert done == list(stages)
    return found


def gold(walk: Walk) -> dict[str, Any]:
    """All rows of a night, as those read them who come after."""
    rows = {}
    for name in GOLD:
        contract = table(name)
        rows[name] = walk.read(name).sort_by([(key, "ascending") for key in contract.key]).to_pylist()
    panel = panel_of(walk)
    parts = [panel.read(walk.lake, walk.read("gold/series", group_id=one), group_id=one) for one in walk.groups()]
    content = pa.concat_tables(parts).drop_columns(["as_of"])
    rows["gold/panel"] = content.sort_by([("unique_id", "ascending"), ("ds", "ascending")]).to_pylist()
    return rows


def frames_read_the_same(walk: Walk) -> None:
    """What a GPU's worker reads of a panel that two nights hold, by pandas in cuDF's place."""
    panel, version = panel_of(walk), walk.lake.version(table("gold/panel"))
    for one in walk.groups():
        series = walk.read("gold/series", group_id=one)
        files = panel.open_files(walk.lake, group_id=one, version=version)
        assert len(files) == 2, "two nights hold the panel"
        made = group_from_files(files, series, first=panel.first, library=pandas)
        read = group_arrays(panel.read(walk.lake, series, group_id=one), series)
        assert made.indptr.tolist() == read.indptr.tolist()
        for name in ("day", "y", "sales", "price", "is_stockout", "event"):
            torch.testing.assert_close(getattr(made, name), getattr(read, name), rtol=0, atol=0, equal_nan=True)


HOURS = "ingest.sources.hours={into: hourly_sales, path: hours/*.parquet, format: parquet}"


def hours(data: Path, days: range, name: str, *, empty_from: int = 16) -> None:
    """Hourly records of P1: at S1 the shelf is empty in the evening of every seventh day."""
    (data / "hours").mkdir(exist_ok=True)
    rows = []
    for n in days:
        for shop in SHOPS:
            empty = [shop == "S1" and n % 7 == 0 and hour >= empty_from for hour in range(24)]
            sales = [float(hour in (9, 18) and not empty[hour]) for hour in range(24)]
            of = MONDAY + dt.timedelta(days=n)
            rows.append({"sku_id": "P1", "location_id": shop, "date": of, "sales": sales, "is_stockout": empty})
    kinds = [("sku_id", pa.string()), ("location_id", pa.string()), ("date", pa.date32()),
             ("sales", pa.list_(pa.float64())), ("is_stockout", pa.list_(pa.bool_()))]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(kinds)), data / "hours" / f"{name}.parquet")


def test_an_increment_over_a_window_that_moves_with_hours_and_many_changes(
    made: tuple[Path, dict[str, Any]], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest days leave the panel; more has changed than every worker may hold; hours say when shelves were empty.

    What they say of two days ago comes late.
    """
    settings = ("features.history_days=40", HOURS)
    monkeypatch.setattr("scaleinv.features.changes._FEW", 3)
    hours(data, range(1 - N_DAYS, -1), "1")
    walk(MONDAY, "ingest", "features", settings=settings)
    two_days(data)
    hours(data, range(-1, 3), "2")
    wednesday = walk(WEDNESDAY, "ingest", "features", settings=settings)
    assert bases(wednesday.lake) == {MONDAY: MONDAY, WEDNESDAY: MONDAY}
    based = gold(wednesday)
    frames_read_the_same(wednesday)
    whole = gold(walk(WEDNESDAY, "features", force=True, settings=settings))
    assert min(row["ds"] for row in whole["gold/panel"]) > min(row["ds"] for row in made[1]["gold/panel"])
    judged = {row["ds"].isoformat() for row in whole["gold/panel"] if row["demand_method"] == "hourly_profile"}
    assert {day(-7), day(0)} <= judged
    for name in whole:
        assert based[name] == whole[name], name
    # Without its sums a whole night is no base.
    shutil.rmtree(wednesday.lake.uri(table("gold/lives")))
    assert find_base(Walk(wednesday.config, WEDNESDAY + dt.timedelta(days=1))) is None


def test_an_increment_is_what_a_rebuild_would_be_and_the_past_stays(
    made: tuple[Path, dict[str, Any]], data: Path
) -> None:
    then = made[1]
    two_days(data)
    wednesday = walk(WEDNESDAY, "ingest", "features")
    assert bases(wednesday.lake) == {MONDAY: MONDAY, WEDNESDAY: MONDAY}
    based = gold(wednesday)
    n_based = wednesday.lake.rows(table("gold/panel")) - len(then["gold/panel"])
    written = wednesday.lake.read(
        table("gold/panel"), where={"as_of": WEDNESDAY}, columns=["unique_id", "ds"]
    ).to_pylist()
    ahead = {
        name: [row["ds"] for row in written if row["unique_id"] == name and row["ds"] > WEDNESDAY]
        for name in ("P2@S1", "P2@S2", "P4@S2")
    }
    whole = gold(walk(WEDNESDAY, "features", force=True))
    assert bases(wednesday.lake)[WEDNESDAY] == WEDNESDAY
    for name in whole:
        assert based[name] == whole[name], name
    assert n_based < 0.75 * len(whole["gold/panel"]), "only what may differ is written"
    horizon = wednesday.config.forecast.horizon
    for name in ("P2@S2", "P4@S2"):
        assert sorted(ahead[name]) == [MONDAY + dt.timedelta(days=horizon + n) for n in (1, 2)], "the others stand"
    assert len(ahead["P2@S1"]) == horizon, "the strike is nearer, or not so long ago"
    # What the files say, told apart by a person:
    rows = {(row["unique_id"], row["ds"].isoformat()): row for row in based["gold/panel"]}
    assert rows["P3@S2", day(-10)]["sales"] == next(
        row["sales"] + 4
        for row in then["gold/panel"]
        if (row["unique_id"], row["ds"].isoformat()) == ("P3@S2", day(-10))
    )
    assert [rows["P4@S2", day(n)]["price"] for n in (0, 28, 29, 30)] == [7.0, 7.0, 8.0, 8.0]
    assert rows["P4@S1", day(-30)]["demand_method"] == "daily_likelihood"
    assert [rows["P0@S2", day(n)]["promotion_depth"] for n in (0, 1)] == [0.0, pytest.approx(2 / 3)]
    assert [rows["P1@S2", day(n)]["price"] for n in (-20, 5)] == [5.0, 5.0], (
        "the first price counts for the days before"
    )
    assert [rows["P0@S1", day(n)]["days_to_event"] for n in (-27, -28, 3)] == [30, 30, 0]
    assert rows["P0@S1", day(-1)]["days_to_event"] == 4
    assert rows["P0@S2", day(0)]["temperature"] == 30.0
    assert {row["unique_id"]: row["group_id"] for row in based["gold/series"]}["P5@S1"] == "fish-00"
    assert not any(row["unique_id"] == "P3@S1" for row in based["gold/panel"]), "it is not sold any more"
    # Monday as it was known on Monday, but for master data, which keep no history.
    again = [row for row in gold(walk(MONDAY, "features", force=True))["gold/panel"] if row["unique_id"] != "NEW@S1"]
    assert [row | {"group_id": ""} for row in again] == [row | {"group_id": ""} for row in then["gold/panel"]]


def test_what_came_to_light_of_the_base_or_did_it_again_is_noticed(data: Path) -> None:
    # A correction came on Monday, after its panel had been made: Tuesday cannot go by that.
    deliver(data, "sales", [f"P0,S1,{day(-3)},8,m1", f"P0,S1,{day(0)},1,m2"], "2")
    walk(MONDAY, "ingest")
    tuesday = MONDAY + dt.timedelta(days=1)
    deliver(data, "sales", [f"P0,S1,{day(1)},3,t1"], "3")
    walk(tuesday, "ingest", "features")
    deliver(data, "sales", [f"P0,S1,{day(2)},3,w1"], "4")
    wednesday = walk(WEDNESDAY, "ingest", "features")
    assert bases(wednesday.lake) == {MONDAY: MONDAY, tuesday: tuesday, WEDNESDAY: tuesday}
    assert wednesday.up_to_date(STAGES[1])
    walk(tuesday, "features", force=True)
    assert not wednesday.up_to_date(STAGES[1])
    # What a new source brings first is a history, of days before the base too.
    deliver(data, "sales", [f"P0,S1,{day(-9)},5,x1"], "../tills/1")
    more = load_config("local", overrides=[*SETTINGS, "ingest.sources.tills={into: sales, path: tills/*.csv}"])
    thursday = Walk(more, WEDNESDAY + dt.timedelta(days=1))
    assert (find_base(thursday) or [None])[0] == tuesday
    thursday.run(STAGES[:1])
    assert find_base(thursday) is None
    # Markers alone are no panel.
    shutil.rmtree(thursday.lake.uri(table("gold/panel")))
    assert not wednesday.up_to_date(STAGES[1])


def test_an_increment_keeps_the_clusters_of_its_base(data: Path) -> None:
    """But for its groups it is what a rebuild is; a rebuild finds centres anew, the same ones each time."""
    settings = ("features.group_by=cluster", "features.clusters=2")
    then = groups_of(gold(walk(MONDAY, "features", settings=settings)))
    two_days(data)
    wednesday = walk(WEDNESDAY, "ingest", "features", settings=settings)
    assert bases(wednesday.lake)[WEDNESDAY] == MONDAY
    based = gold(wednesday)
    groups = groups_of(based)
    assert groups.keys() - then.keys() == {"NEW@S1"}
    assert groups == {name: then[name] for name in groups.keys() & then.keys()} | {"NEW@S1": groups["NEW@S1"]}
    assert set(then.values()) == {"cluster_00-00", "cluster_01-00"} >= set(groups.values())
    whole = gold(walk(WEDNESDAY, "features", force=True, settings=settings))
    assert bases(wednesday.lake)[WEDNESDAY] == WEDNESDAY
    again = gold(walk(WEDNESDAY, "features", force=True, settings=settings))
    for name in whole:
        assert again[name] == whole[name], name
        assert [without_group(row) for row in based[name]] == [without_group(row) for row in whole[name]], name


def groups_of(rows: dict[str, Any]) -> dict[str, str]:
    return {row["unique_id"]: row["group_id"] for row in rows["gold/series"]}


def without_group(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "group_id"}


def later_deliveries(data: Path) -> None:
    """Of every source more rows of the past and of the days ahead, none like those that there were."""
    chance = random.Random(9)
    days = [(sku, shop, n) for sku in SKUS for shop in SHOPS for n in range(-70, 21) if chance.random() < 0.4]
    deliver(data, "sales", [f"{sku},{shop},{day(n)},{chance.randrange(40, 70)},f{n}" for sku, shop, n in days], "2")
    deliver(data, "stock", [f"{sku},{shop},{day(n)},{chance.choice([0, 80])},3,2" for sku, shop, n in days], "2")
    deliver(data, "prices", [f"{sku},{shop},{day(n)},{day(n + 2)},9,yes" for sku, shop, n in days[::9]], "2")
    quiet = [(region, n) for region in "NW" for n in range(-70, 21, 4)]
    deliver(data, "calendar", [f"{region},{day(n)},Storm,yes" for region, n in quiet], "2")
    deliver(data, "weather", [f"{region},{day(n)},{chance.randrange(50, 60)},9,," for region, n in quiet], "2")
    hours(data, range(-70, 21, 2), "2", empty_from=3)
    orders = [f"F{n}{sku}{shop},1,V1,{sku},{shop},{day(n)},{day(n + 1)},{day(n + 9)},7" for sku, shop, n in days[::20]]
    deliver(data, "purchase_orders", orders, "2")


def test_a_shuffled_future_changes_nothing(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table of a night: what happens after its evening, or is heard of after it, is not in it."""
    ordered = [f"O{n},1,V1,P{n % 6},S{1 + n % 2},{day(-2 * n)},{day(-2 * n + 3)},,5" for n in range(1, 9)]
    deliver(data, "purchase_orders", ordered)
    hours(data, range(1 - N_DAYS, 1), "1")
    then = gold(walk(MONDAY, "ingest", "features", settings=(HOURS,)))
    other = at(tmp_path / "other", monkeypatch)
    history(other, ahead=20)
    deliver(other, "purchase_orders", [*ordered, f"O9,1,V1,P1,S1,{day(3)},{day(5)},{day(5)},90"])
    hours(other, range(1 - N_DAYS, 21), "1")
    walk(MONDAY, "ingest", settings=(HOURS,))
    later_deliveries(other)
    walk(WEDNESDAY, "ingest", settings=(HOURS,))
    now = gold(walk(MONDAY, "features", settings=(HOURS,)))
    for name, rows in then.items():
        assert now[name] == rows, name
    # The night that has heard of all of it is another one, in every feature but those of a year ago.
    heard = {row["unique_id"]: row for row in gold(walk(WEDNESDAY, "features", settings=(HOURS,)))["gold/features"]}
    both = [(row, heard[row["unique_id"]]) for row in then["gold/features"] if row["unique_id"] in heard]
    same = [one.name for one in NIGHT_FEATURES if all(a[one.name] == b[one.name] for a, b in both)]
    assert same == ["demand_lag_364"]
