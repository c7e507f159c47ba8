"""Windows per second of a core: the window sampler beside pytorch-forecasting's TimeSeriesDataSet, in one process.

    python benchmarks/sampler.py [--series 500] [--days 400] [--windows 20000]

Both make batches for the same model from the same rows: static, known and observed columns, target, scale. The
sampler's are the wider ones (it computes levels, weekday level and sparsity of each window's past). The last line is
one JSON object; a test holds the two dictionaries against each other (tests/forecast/test_forecast_windows.py).
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from scaleinv.forecast.windows import Batches, Stretch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.forecast.data_set import made_up, their_data_set

CONTEXT, HORIZON, MIN_DAYS = 56, 28, 14


def windows_per_second(batches: Iterable[Any], n_windows: int) -> float:
    """Of all batches but the first, until so many windows were handed out."""
    stream = iter(batches)
    next(stream)
    made, started = 0, time.perf_counter()
    for x, _ in stream:
        made += len(x["encoder_lengths"])
        if made >= n_windows:
            break
    return made / (time.perf_counter() - started)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=500)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument(
        "--windows", type=int, default=20_000, help="of the data set; the sampler makes ten times as many"
    )
    parser.add_argument("--batch-size", type=int, default=128)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    data = made_up([0] * options.series, options.days, context=CONTEXT, horizon=HORIZON)
    started = time.perf_counter()
    theirs = their_data_set(data)
    set_up = time.perf_counter() - started
    loader = theirs.to_dataloader(train=True, batch_size=options.batch_size, num_workers=0)
    days = data.history.n_days
    stretch = Stretch(torch.full_like(days, MIN_DAYS), days - HORIZON)
    ours = Batches(
        data, stretch, batch_size=options.batch_size, n_batches=10 * options.windows // options.batch_size + 2, seed=1
    )
    rates: dict[str, list[float]] = {"theirs": [], "ours": []}
    for _ in range(3):  # by turns, so that what else the machine does meets both
        rates["theirs"].append(windows_per_second(itertools.islice(loader, None), options.windows))
        rates["ours"].append(windows_per_second(ours, 10 * options.windows))
    best = {name: max(found) for name, found in rates.items()}
    print(
        json.dumps(
            {
                "benchmark": "sampler", "series": options.series, "days": options.days, "context": CONTEXT,
                "horizon": HORIZON, "batch_size": options.batch_size, "threads": 1,
                "columns": {"theirs": len(theirs.reals) + len(theirs.flat_categoricals),
                            "ours": len(data.inputs.reals) + len(data.inputs.categoricals)},
                "theirs_set_up_seconds": round(set_up, 2),
                "theirs_windows_per_second": round(best["theirs"]), "windows_per_second": round(best["ours"]),
                "ratio": round(best["ours"] / best["theirs"], 1),
                "ratios": [round(a / b, 1) for a, b in zip(rates["ours"], rates["theirs"], strict=True)],
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
