"""A group's files to flat tensors by data frames that never leave the device: cuDF's, with pandas' as their twin.

Both libraries run the same lines. Where there is no GPU, Arrow's way (``group.py``) is the shorter one; a test holds
the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from types import ModuleType
from typing import IO, Any, Final

import pyarrow as pa
import torch
from torch import Tensor

from scaleinv.errors import DataError, explain
from scaleinv.forecast.group import FLAGS, REALS, Group, group_of

_COLUMNS: Final = ("unique_id", "ds", "event", *REALS, *FLAGS)
_SECONDS: Final = 86_400

Parts = Sequence[Sequence[IO[bytes]]]


def device_frames() -> ModuleType | None:
    """cuDF, with its memory taken from torch's; ``None``: no GPU here, or no RAPIDS."""
    if not torch.cuda.is_available():
        return None
    try:
        import cudf
    except ImportError:
        return None
    _share_memory()
    return cudf  # type: ignore[no-any-return]


@cache
def _share_memory() -> None:
    """One pool for both, torch's: what frames held serves tensors next, and ``empty_cache`` hands it back.

    Two pools would each keep what they once had, and one would run short beside the free memory of the other.
    """
    import rmm

    def take(size: int, stream: Any) -> int:
        return int(torch.cuda.caching_allocator_alloc(size, stream=stream.__cuda_stream__()[1]))

    def give(pointer: int, size: int, stream: Any) -> None:
        torch.cuda.caching_allocator_delete(pointer)  # type: ignore[no-untyped-call]

    rmm.mr.set_current_device_resource(rmm.mr.CallbackMemoryResource(take, give))


def group_from_files(parts: Parts, series: pa.Table, *, first: date, library: ModuleType) -> Group:
    """The group whose rows of ``gold/panel`` are in these Parquet files.

    Args:
        parts: open files of each night that the panel is spread over; of a day that two hold, the later one's row.
        series: the group's rows of ``gold/series``.
        first: the first day that is part of the panel.
        library: ``cudf``, or ``pandas``.

    Raises:
        DataError: the last night has a series without static facts, one occurs twice, or a day of a life is missing.
    """
    series = series.sort_by("unique_id")
    names = series["unique_id"].to_pylist()
    codes = library.DataFrame({"unique_id": names, "owner": range(len(names))})
    read = [_part(files, codes, library).assign(night=night) for night, files in enumerate(parts) if files]
    if not read:
        raise DataError(explain("gold/panel: a group has no files", do="run features again"))
    if parts[-1]:
        _check_known(read[-1])
    rows = library.concat([part.dropna(subset=["owner"]) for part in read], ignore_index=True)
    rows["day"] = rows["ds"].astype("datetime64[s]").astype("int64") // _SECONDS
    rows = rows.sort_values(["owner", "day", "night"])
    if len(parts) > 1:
        is_last = rows["night"] == len(parts) - 1
        replaced = ~is_last & (rows["owner"] == rows["owner"].shift(-1)) & (rows["day"] == rows["day"].shift(-1))
        rows = rows[is_last | (~replaced & (rows["day"] >= (first - date(1970, 1, 1)).days))]
    event = rows["event"].astype("category")
    columns = {
        "owner": rows["owner"].astype("int32"),
        "day": rows["day"].astype("int32"),
        "event": event.cat.codes.astype("int32").fillna(-1),
        **{name: rows[name].astype("float32").fillna(float("nan")) for name in REALS},
        **{name: rows[name].astype("int8") for name in FLAGS},
    }
    events = tuple(_on_host(event.cat.categories))
    return group_of(_tensors(columns), events, series)


def _part(files: Sequence[IO[bytes]], codes: Any, library: ModuleType) -> Any:
    read: Callable[..., Any] = library.read_parquet
    frames = [read(file, columns=list(_COLUMNS)) for file in files]
    return library.concat(frames, ignore_index=True).merge(codes, on="unique_id", how="left")


def _check_known(rows: Any) -> None:
    strangers = rows["unique_id"][rows["owner"].isna()]
    if len(strangers):
        which = sorted(_on_host(strangers.unique()))
        raise DataError(
            explain("gold/panel has series that gold/series does not know", which=which, do="run features again")
        )


def _on_host(texts: Any) -> list[str]:
    return list(texts.to_pandas() if hasattr(texts, "to_pandas") else texts)


def _tensors(columns: Mapping[str, Any]) -> dict[str, Tensor]:
    """One copy per column on the device that it is on; cuDF's DLPack would copy as well and needs equal types."""
    return {name: torch.as_tensor(column.values).clone() for name, column in columns.items()}
