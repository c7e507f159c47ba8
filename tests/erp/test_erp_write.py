"""Files on disk: whole, repeatable, and named in a manifest that adds up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from scaleinv.config.export import ExportConfig
from scaleinv.erp import write as write_module
from scaleinv.erp import write_documents
from scaleinv.errors import DataError
from scaleinv.schema import check, table

Lines = Callable[..., pa.Table]
CSV, XML, MANIFEST = "orders-2026-09-20.csv", "orders05-2026-09-20-0001.xml", "manifest.json"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_manifest_adds_up_and_the_log_fits_its_table(
    some: pa.Table, config: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    rows = write_documents(some, config, tmp_path / "new" / "night", as_of=as_of, retailer="shop")
    found = contents(tmp_path / "new" / "night")
    assert set(found) == {CSV, XML, MANIFEST}
    manifest = json.loads(found[MANIFEST])
    total = {"orders": 3, "lines": 5, "quantity": "1000054.425", "value": {"EUR": "1234560173.92", "USD": "0.33"}}
    assert {key: manifest[key] for key in total} == total
    assert (manifest["retailer"], manifest["as_of"], manifest["schema_version"]) == ("shop", "2026-09-20", "manifest/1")
    for file in manifest["files"]:
        assert file["sha256"] == hashlib.sha256(found[file["file"]]).hexdigest()
        assert {key: file[key] for key in total} == total
    assert [(row["file"], row["sha256"]) for row in rows] == [(f["file"], f["sha256"]) for f in manifest["files"]]
    log = check(pa.Table.from_pylist(rows), table("gold/export_log"))
    assert log["quantity"].to_pylist() == [1000054.425] * 2


def test_again_and_in_any_row_order_the_same_bytes(
    some: pa.Table, config: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    write_documents(some, config, tmp_path / "a", as_of=as_of)
    write_documents(some.take([4, 2, 0, 3, 1]), config, tmp_path / "b", as_of=as_of)
    first = contents(tmp_path / "a")
    write_documents(some, config, tmp_path / "a", as_of=as_of)
    assert first == contents(tmp_path / "a") == contents(tmp_path / "b")


def test_files_of_another_run_of_the_night_go_and_other_peoples_stay(
    some: pa.Table, config: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    (tmp_path / "orders05-2026-09-20-0007.xml").write_text("stale")
    (tmp_path / ".orders-2026-09-20.csv.partial").write_text("half")
    (tmp_path / "answer.xml").write_text("the ERP's")
    write_documents(some, config, tmp_path, as_of=as_of)
    assert set(contents(tmp_path)) == {CSV, XML, MANIFEST, "answer.xml"}
    write_documents(some.slice(0, 0), config, tmp_path, as_of=as_of)
    found = contents(tmp_path)
    assert set(found) == {CSV, MANIFEST, "answer.xml"}
    manifest = json.loads(found[MANIFEST])
    assert (manifest["orders"], manifest["lines"], manifest["quantity"], manifest["value"]) == (0, 0, "0.000", {})


def test_an_error_publishes_nothing_and_leaves_the_earlier_run(
    some: pa.Table, lines: Lines, config: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    write_documents(some, config, tmp_path, as_of=as_of)
    before = contents(tmp_path)
    with pytest.raises(DataError, match="too long"):
        write_documents(lines({"sku_id": "S" * 36}), config, tmp_path, as_of=as_of)
    assert contents(tmp_path) == before


def test_the_manifest_comes_after_the_documents_are_on_the_disk(
    some: pa.Table, config: ExportConfig, as_of: date, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[set[str]] = []
    monkeypatch.setattr(write_module, "_sync", lambda folder: synced.append(set(contents(folder))))
    write_documents(some, config, tmp_path, as_of=as_of)
    assert synced == [{CSV, XML}, {CSV, XML, MANIFEST}]


@pytest.mark.parametrize("kill_at", range(1, 7))
def test_killed_anywhere_the_next_run_ends_the_same(
    some: pa.Table, lines: Lines, config: ExportConfig, as_of: date, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    kill_at: int,
) -> None:  # fmt: skip
    """A kill before the n-th change to the folder: what is there never pretends to be a complete set."""
    write_documents(lines({}), config, tmp_path, as_of=as_of)
    steps = {"n": 0}

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **options: object) -> object:
            steps["n"] += 1
            if steps["n"] == kill_at:
                raise KeyboardInterrupt
            return original(*args, **options)

        return step

    with monkeypatch.context() as patch:
        for name in ("replace", "unlink"):
            patch.setattr(Path, name, counted(getattr(Path, name)))
        patch.setattr(write_module, "_write", counted(write_module._write))
        with pytest.raises(KeyboardInterrupt):
            write_documents(some, config, tmp_path, as_of=as_of)
    found = contents(tmp_path)
    if MANIFEST in found:
        for file in json.loads(found[MANIFEST])["files"]:
            assert file["sha256"] == hashlib.sha256(found[file["file"]]).hexdigest()
    write_documents(some, config, tmp_path, as_of=as_of)
    write_documents(some, config, tmp_path / "fresh", as_of=as_of)
    assert contents(tmp_path / "fresh") == {p.name: p.read_bytes() for p in tmp_path.glob("*.*")}


@pytest.mark.slow
def test_a_hundred_thousand_lines_take_seconds(lines: Lines, config: ExportConfig, as_of: date, tmp_path: Path) -> None:
    n = 100_000
    data = lines({}).take(pa.array(np.zeros(n, dtype=np.int64)))
    i = np.arange(n)
    changes = {
        "order_id": [f"SI{k // 50:010d}" for k in i], "line": pa.array(i % 50 + 1, pa.int32()),
        "sku_id": [f"SKU{k}" for k in i],
    }  # fmt: skip
    for name, values in changes.items():
        data = data.set_column(data.column_names.index(name), data.schema.field(name), pa.array(values))
    rows = write_documents(data, config, tmp_path, as_of=as_of)
    assert sum(int(str(row["lines"])) for row in rows if row["format"] == "idoc") == n
