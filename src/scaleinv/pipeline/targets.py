"""What service is promised to each series: by its ABC class, or by the retailer's table of exceptions from that.

The table (``inventory.policy_table``) is a CSV file. Its columns are ``fill_rate`` and ``cycle_service_level``, of
which each row has one, and any of ``sku_id, location_id, vendor_id, department, category, region, demand_class,
abc_class``. An empty cell means any. Of several rows that match a series the most particular one holds: one that names
the SKU before one that does not, then the location, and so on in this order.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
from numpy.typing import NDArray

from scaleinv.config import Config
from scaleinv.errors import ConfigError, explain

if TYPE_CHECKING:
    from scaleinv.config.whatif import Scenario
    from scaleinv.pipeline.arrays import Rows
    from scaleinv.pipeline.walk import Walk

Floats = NDArray[np.float64]

KINDS: Final = ("fill_rate", "cycle_service_level")
KEYS: Final = (
    "sku_id", "location_id", "vendor_id", "department", "category", "region", "demand_class", "abc_class",
)  # fmt: skip
_SEPARATOR: Final = "\x1f"
_NAMED: Final = 6
_CHUNK: Final = 100_000


def targets_of(walk: Walk, rows: Rows) -> tuple[NDArray[np.str_], Floats]:
    """(n_series,) kind and (n_series,) value of what is promised to each series of a group.

    Raises:
        ConfigError: the policy table cannot be read, or says something that cannot be promised.
    """
    by_class = walk.config.inventory.targets
    classes = rows.text("abc_class").tolist()
    kind = np.asarray([by_class[name].kind for name in classes], dtype="<U19")
    value = np.asarray([by_class[name].value for name in classes], dtype=np.float64)
    if walk.config.inventory.policy_table is not None:
        for part in _table(walk.config.inventory.policy_table, walk.policy_table):
            series, at = part.find(rows.series)
            is_fill = ~np.isnan(part.fill_rate[at])
            kind[series] = np.where(is_fill, *KINDS)
            value[series] = np.where(is_fill, part.fill_rate[at], part.cycle_service_level[at])
    return kind, value


def policy_table_state(config: Config) -> str | None:
    """A hash of the policy table; ``None``: there is none. What went by another one is not up to date.

    Raises:
        ConfigError: it cannot be read.
    """
    return file_state(config.inventory.policy_table, "inventory.policy_table")


def file_state(name: str | None, option: str) -> str | None:
    """A hash of the file that an option names; ``None``: it names none.

    Raises:
        ConfigError: it cannot be read.
    """
    if name is None:
        return None
    try:
        return hashlib.sha256(Path(name).read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise ConfigError(
            explain(f"{option} cannot be read", found=str(error), do="correct the path, or leave it out")
        ) from error


def promote(config: Config, scenario: Scenario) -> Path:
    """Puts a scenario's promises into the policy table, in place of what it says of these classes as a whole.

    Raises:
        ConfigError: there is no policy table to write to, or the scenario supposes more than other promises.
    """
    if config.inventory.policy_table is None:
        raise ConfigError(explain("no policy table is configured", do="name a CSV file in inventory.policy_table"))
    if not scenario.targets or scenario.model_dump(exclude={"name", "targets"}, exclude_defaults=True):
        raise ConfigError(
            explain(
                f"scenario {scenario.name!r} cannot be promoted",
                expected="targets, and nothing that one can only suppose: demand, delays, prices, a budget",
                do="make a scenario of its targets alone",
            )
        )
    path = Path(config.inventory.policy_table)
    promised = [
        {"abc_class": name, "fill_rate": target.fill_rate, "cycle_service_level": target.cycle_service_level}
        for name, target in sorted(scenario.targets.items())
    ]
    columns = [*KEYS, *KINDS]
    types = pa.schema([(key, pa.string()) for key in KEYS] + [(kind, pa.float64()) for kind in KINDS])
    there = _rows(str(path)) if path.exists() else types.empty_table()
    kept = there.select([name for name in columns if name in there.column_names])
    named = [key for key in KEYS if key in kept.column_names]
    of_class = np.ones(len(kept), dtype=np.bool_)
    for key in named:
        has = np.asarray(pc.is_valid(kept[key]).to_numpy())
        of_class &= has if key == "abc_class" else ~has
    if "abc_class" in named:
        of_class &= np.isin(np.asarray(kept["abc_class"].to_pylist(), dtype=object), list(scenario.targets))
        kept = kept.filter(pa.array(~of_class))
    table = pa.concat_tables([kept, pa.Table.from_pylist(promised, schema=types)], promote_options="default")
    draft = path.with_name(f".{path.name}.draft")
    path.parent.mkdir(parents=True, exist_ok=True)
    csv.write_csv(table.select(columns), draft, csv.WriteOptions(quoting_style="needed"))
    draft.replace(path)
    return path


@dataclass(frozen=True)
class _Part:
    """Rows that name the same columns, found by the hash of their names: a group's series look up, nobody scans."""

    keys: tuple[str, ...]
    names: pa.Array
    hashes: NDArray[np.uint64]
    """ascending"""
    row: NDArray[np.int64]
    """of each hash"""
    fill_rate: Floats
    cycle_service_level: Floats

    def find(self, series: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions of the series that a row names, and which row."""
        wanted = pc.binary_join_element_wise(*(series[key].cast(pa.string()) for key in self.keys), _SEPARATOR)
        known = np.flatnonzero(np.asarray(pc.is_valid(wanted).to_numpy()))
        place = np.searchsorted(self.hashes, _hashes(wanted.drop_null()))
        place = np.minimum(place, len(self.hashes) - 1)
        at = self.row[place]
        same = np.asarray(pc.equal(self.names.take(pa.array(at)), wanted.drop_null().combine_chunks()).to_numpy(False))
        return known[same], at[same]


def _hashes(names: pa.Array | pa.ChunkedArray) -> NDArray[np.uint64]:
    chunks = [names.slice(at, _CHUNK) for at in range(0, len(names), _CHUNK)]
    made = [name_keys(np.asarray(chunk.to_pylist(), dtype=np.str_)) for chunk in chunks]
    return np.concatenate(made) if made else np.zeros(0, dtype=np.uint64)


@lru_cache(maxsize=2)
def _table(name: str, state: str | None) -> tuple[_Part, ...]:
    """Rows that name the same columns together, the most particular ones last."""
    rows = _rows(name)
    if file_state(name, "inventory.policy_table") != state:
        raise ConfigError(explain(f"{name} has changed while this run goes by it", do="run it again"))
    keys = [key for key in KEYS if key in rows.column_names]
    strange = sorted(set(rows.column_names) - {*KEYS, *KINDS})
    if strange or not set(KINDS) & set(rows.column_names):
        raise ConfigError(
            explain(f"{name} has other columns than a policy table", expected=", ".join((*KINDS, *KEYS)), which=strange)
        )
    missing = pa.nulls(len(rows), pa.float64())
    values = [rows[kind] if kind in rows.column_names else pa.chunked_array([missing]) for kind in KINDS]
    fill, cycle = (np.asarray(value.to_numpy(), dtype=np.float64) for value in values)
    _check(name, fill, cycle)
    has = np.stack([pc.is_valid(rows[key]).to_numpy() for key in keys]) if keys else np.zeros((0, len(rows)), bool)
    weight = 1 << np.asarray([len(KEYS) - KEYS.index(key) for key in keys], dtype=np.int64)
    rank = weight @ has
    parts = []
    for one in np.unique(rank).tolist():
        chosen = np.flatnonzero(rank == one)
        of = tuple(key for key, bit in zip(keys, weight.tolist(), strict=True) if one & bit)
        if not of:
            raise ConfigError(explain(f"{name}: rows name no series", which=_lines(chosen), do="fill in a column"))
        part = rows.take(chosen)
        names = pc.binary_join_element_wise(*(part[key] for key in of), _SEPARATOR).combine_chunks()
        twice = np.flatnonzero(np.asarray(pc.index_in(names, value_set=names).to_numpy()) != np.arange(len(names)))
        if len(twice):
            raise ConfigError(
                explain(f"{name}: rows name the same series as an earlier one", which=_lines(chosen[twice]))
            )
        hashes = _hashes(names)
        order = np.argsort(hashes, kind="stable")
        parts.append(_Part(of, names, hashes[order], order, fill[chosen], cycle[chosen]))
    return tuple(parts)


def _rows(name: str) -> pa.Table:
    options = csv.ConvertOptions(
        column_types=dict.fromkeys(KEYS, pa.string()) | dict.fromkeys(KINDS, pa.float64()),
        strings_can_be_null=True, null_values=[""],
    )  # fmt: skip
    try:
        return csv.read_csv(name, convert_options=options)
    except pa.ArrowInvalid as error:
        raise ConfigError(explain(f"{name} is no policy table", found=str(error), do="correct it")) from error


def _check(name: str, fill: Floats, cycle: Floats) -> None:
    value = np.where(np.isnan(fill), cycle, fill)
    wrong = {
        "have not exactly one of fill_rate and cycle_service_level": np.isnan(fill) == np.isnan(cycle),
        "promise what is not a share": ~((value > 0) & (value < 1)),
    }
    for problem, bad in wrong.items():
        if bad.any():
            do = "give one of them, above 0 and below 1 (0.98, not 98)"
            raise ConfigError(explain(f"{name}: rows {problem}", which=_lines(np.flatnonzero(bad)), do=do))


def _lines(rows: NDArray[np.int64]) -> list[str]:
    return [f"line {row + 2}" for row in rows[:_NAMED].tolist()]


def name_keys(names: NDArray[np.str_]) -> NDArray[np.uint64]:
    """(n_series,) FNV-1a of each name, character by character over all names at once."""
    codes = names.view(np.uint32).reshape(len(names), -1).astype(np.uint64)
    key = np.full(len(names), 0xCBF29CE484222325, dtype=np.uint64)
    for column in codes.T:
        key = np.where(column > 0, (key ^ column) * np.uint64(0x100000001B3), key)
    return key
