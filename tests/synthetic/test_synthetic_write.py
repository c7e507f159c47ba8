from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq
import pytest
import yaml

from scaleinv.config.models import SyntheticConfig
from scaleinv.config.sources import SourceConfig
from scaleinv.errors import DataError
from scaleinv.schema import TABLES
from scaleinv.synthetic import SUCCESS, Block, last_day, n_blocks, simulate_block, write_sources
from scaleinv.synthetic import write as write_module

CONFIG = SyntheticConfig(n_skus=40, n_locations=100, n_days=150, future_days=20)
DEMO = Path(__file__).resolve().parents[2] / "conf" / "sources" / "demo"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("retailer")
    write_sources(CONFIG, folder)
    return folder


@pytest.fixture(scope="module")
def blocks() -> list[Block]:
    return [simulate_block(CONFIG, number) for number in range(n_blocks(CONFIG))]


@pytest.fixture(scope="module")
def sources() -> dict[str, SourceConfig]:
    return {path.stem: SourceConfig.model_validate(yaml.safe_load(path.read_text())) for path in DEMO.glob("*.yaml")}


def read(folder: Path, source: SourceConfig) -> pa.Table:
    """The source in our column names, CSV cells as text."""
    files = sorted(folder.glob(source.path))
    assert files, source.path
    tables = [_read_one(path, source) for path in files]
    return pa.concat_tables(tables, promote_options="permissive")


def _read_one(path: Path, source: SourceConfig) -> pa.Table:
    if source.format == "parquet":
        table = pq.read_table(path)
    elif source.format == "json":
        table = pa_json.read_json(path)
    else:
        encoding = source.options.get("encoding", "utf-8")
        delimiter = source.options.get("sep", ",")
        header = path.read_bytes().split(b"\n", 1)[0].decode(encoding)
        names = header.replace('"', "").split(delimiter)
        table = pc_csv.read_csv(
            path,
            read_options=pc_csv.ReadOptions(encoding=encoding),
            parse_options=pc_csv.ParseOptions(delimiter=delimiter),
            convert_options=pc_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )
    theirs = {name: ours for ours, name in source.columns.items()}
    return table.rename_columns([theirs.get(name, name) for name in table.column_names])


def rows(table: pa.Table, *names: str) -> set[tuple[object, ...]]:
    return set(zip(*(table[name].to_pylist() for name in names), strict=True))


def truth(blocks: list[Block], values: str) -> set[tuple[object, ...]]:
    """(unique_id, date, units) of every positive value."""
    found: set[tuple[object, ...]] = set()
    for block in blocks:
        array = getattr(block, values)
        series, day = np.nonzero(array)
        ids, days = block.unique_id[series].tolist(), block.days[day].tolist()
        found.update(zip(ids, days, array[series, day].tolist(), strict=True))
    return found


UNRECORDED = {
    "vendors": {"is_blocked", "capacity"},
    "purchase_orders": {"mode", "received_quantity", "rejected_quantity", "unit_cost", "temperature_incidents"},
}
"""What this retailer does not keep; null in `silver`."""


def test_every_source_is_mapped_to_every_column_of_its_table(folder: Path, sources: dict[str, SourceConfig]) -> None:
    silver = {n.removeprefix("silver/"): t for n, t in TABLES.items() if n.startswith("silver/")}
    assert set(sources) <= set(silver)
    for name, source in sources.items():
        table = read(folder, source)
        received = silver[name].received
        wanted = {column.name for column in received} - UNRECORDED.get(name, set())
        assert wanted <= {*table.column_names, *source.constants}, name
        required = [c.name for c in received if not c.nullable and c.name not in source.constants]
        assert not any(table[column].null_count for column in required), name


def test_sales_without_the_dirt_are_the_truth(
    folder: Path, blocks: list[Block], sources: dict[str, SourceConfig]
) -> None:
    table = read(folder, sources["sales"])
    marker = json.loads((folder / SUCCESS).read_text())
    known = pc.starts_with(table["sku_id"], "A")
    parses = pc.match_substring_regex(table["quantity"], r"^-?\d+,\d{3}$")
    negative = pc.starts_with(table["quantity"], "-")
    good = table.filter(pc.and_(pc.and_(known, parses), pc.invert(negative)))
    unique = good.group_by(good.column_names).aggregate([])
    found = {
        (f"{sku}@{location}", date(*map(int, reversed(day.split(".")))), int(quantity.replace(",000", "")))
        for sku, location, day, quantity in rows(unique, "sku_id", "location_id", "date", "quantity")
    }

    assert marker["rows"]["sales"] == table.num_rows
    assert marker["dirt"] == {
        "duplicate": good.num_rows - unique.num_rows,
        "unknown_article": pc.sum(pc.invert(known)).as_py(),
        "negative_quantity": pc.sum(negative).as_py(),
        "unparseable_quantity": pc.sum(pc.equal(table["quantity"], "n/a")).as_py(),
    }
    assert all(marker["dirt"].values())
    assert sum(marker["dirt"].values()) < 0.005 * table.num_rows
    assert found == truth(blocks, "sales")
    assert max(day for _, day, _ in found) == last_day(CONFIG)


def test_sales_come_by_month_in_latin_1(folder: Path) -> None:
    files = sorted(path.name for path in (folder / "sales").iterdir())
    content = (folder / "sales" / files[0]).read_bytes()

    assert files == [f"sales_2022-{month:02d}.csv" for month in range(1, 6)]
    assert content.startswith(b"ARTICLE;STORE;DAY;QTY;UNIT\n")
    assert "Stück".encode("latin-1") in content.splitlines()[1]


def test_true_demand_is_the_truth(folder: Path, blocks: list[Block], sources: dict[str, SourceConfig]) -> None:
    table = read(folder, sources["true_demand"])
    found = {(f"{s}@{loc}", day, n) for s, loc, day, n in rows(table, "sku_id", "location_id", "date", "quantity")}

    assert found == truth(blocks, "true_demand")
    assert pc.max(table["date"]).as_py() == last_day(CONFIG)


def test_stock_has_one_row_per_listed_day(folder: Path, blocks: list[Block], sources: dict[str, SourceConfig]) -> None:
    table = read(folder, sources["stock"])

    assert table.num_rows == sum(int(b.listed.sum()) for b in blocks)
    assert pc.sum(table["on_hand"]).as_py() == sum(int(b.on_hand[b.listed].sum()) for b in blocks)


def test_purchase_orders_have_unique_lines_and_open_ones(
    folder: Path, blocks: list[Block], sources: dict[str, SourceConfig]
) -> None:
    table = read(folder, sources["purchase_orders"])
    keys = table.group_by(["order_id", "line"]).aggregate([])
    heads = table.group_by(["order_id", "vendor_id", "location_id", "order_date", "received_date"]).aggregate([])
    last_line = table.group_by("order_id").aggregate([("line", "max"), ("line", "count")])

    assert keys.num_rows == table.num_rows == sum(len(b.orders.series) for b in blocks)
    assert heads.num_rows == last_line.num_rows
    assert last_line["line_max"].equals(last_line["line_count"])
    assert table["received_date"].null_count > 0
    assert pc.sum(table["quantity"]).as_py() == sum(int(b.orders.quantity.sum()) for b in blocks)


def test_orders_leave_on_the_days_that_the_vendors_name(folder: Path, sources: dict[str, SourceConfig]) -> None:
    vendors = read(folder, sources["vendors"])
    orders = read(folder, sources["purchase_orders"])
    terms = {
        vendor: (int(period), date.fromisoformat(day))
        for vendor, period, day in rows(vendors, "vendor_id", "review_period", "review_date")
    }
    assert {period for period, _ in terms.values()} == {1, 7}
    assert all(0 <= (day - CONFIG.start).days < period for period, day in terms.values())
    for vendor, day in rows(orders, "vendor_id", "order_date"):
        assert (day.date() - terms[vendor][1]).days % terms[vendor][0] == 0


def test_prices_cover_every_listed_and_announced_day_once(
    folder: Path, blocks: list[Block], sources: dict[str, SourceConfig]
) -> None:
    table = read(folder, sources["prices"])
    days = pc.add(pc.days_between(table["valid_from"], table["valid_to"]), 1)
    by_series = table.append_column("days", days).group_by(["sku_id", "location_id"]).aggregate([("days", "sum")])
    found = {f"{s}@{loc}": n for s, loc, n in rows(by_series, "sku_id", "location_id", "days_sum")}
    expected = {}
    for block in blocks:
        announced = np.where(np.isnat(block.items.listed_to), CONFIG.future_days, 0)[block.item]
        expected |= dict(zip(block.unique_id.tolist(), (block.listed.sum(1) + announced).tolist(), strict=True))

    assert found == expected
    assert pc.any(table["is_promotion"]).as_py()


def test_calendar_is_announced_and_assortment_holds_the_old_levels(
    folder: Path, blocks: list[Block], sources: dict[str, SourceConfig]
) -> None:
    calendar = read(folder, sources["calendar"])
    assortment = read(folder, sources["assortment"])
    lower = [int(v) for v in assortment["reorder_point"].to_pylist()]

    assert pc.max(calendar["date"]).as_py().toordinal() > last_day(CONFIG).toordinal() + 10
    assert len(rows(calendar, "region", "date")) == calendar.num_rows
    assert lower == np.concatenate([b.reorder_point for b in blocks]).tolist()
    assert assortment["listed_from"].null_count > 0


def test_same_bytes_again_and_nothing_done_when_done(folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    write_sources(CONFIG, tmp_path / "again", progress=said.append)
    assert _digest(tmp_path / "again") == _digest(folder)
    assert "block 1 of" in said[0]

    said.clear()
    write_sources(CONFIG, tmp_path / "again", progress=said.append)
    assert said == ["synthetic retailer: files are there"]


def test_a_run_that_was_cut_off_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = SyntheticConfig(n_skus=3, n_locations=2, n_days=120)
    longer = small.model_copy(update={"n_days": 200})
    write_sources(longer, tmp_path / "a")

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(write_module, "_put", fail)
    with pytest.raises(KeyboardInterrupt):
        write_sources(small, tmp_path / "a")
    monkeypatch.undo()
    assert not (tmp_path / "a" / SUCCESS).exists()

    write_sources(small, tmp_path / "a")
    write_sources(small, tmp_path / "b")
    assert _digest(tmp_path / "a") == _digest(tmp_path / "b")


def test_a_folder_with_the_users_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "sales").mkdir()
    with pytest.raises(DataError, match="did not write") as error:
        write_sources(CONFIG, tmp_path)
    assert "sales" in str(error.value)
    assert [p.name for p in tmp_path.iterdir()] == ["sales"]


def _digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
