"""Leases: of many who want one at once, one gets it; a holder that was killed does not keep it."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from scaleinv.errors import LakeError
from scaleinv.lake import Lake
from scaleinv.lake.lease import DEAD, lease
from scaleinv.schema import table


def hold(lake: Lake) -> None:
    with lease(lake, "ingest"):
        time.sleep(60)


def test_one_of_many_gets_it(lake: Lake) -> None:
    held: list[str] = []
    refused: list[str] = []

    def want(_: int) -> None:
        try:
            with lease(Lake(lake.config), "ingest"):
                held.append("begins")
                time.sleep(0.3)
                held.append("ends")
        except LakeError as error:
            refused.append(str(error))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(want, range(8)))
    assert held == ["begins", "ends"] * (8 - len(refused)) != []
    assert all(f"process {os.getpid()} on" in text for text in refused)
    with lease(lake, "ingest"), lease(lake, "another work"):
        assert lake.read(table("leases")).num_rows == 2
    assert lake.read(table("leases")).num_rows == 0


def test_a_killed_holder_is_found_out(lake: Lake) -> None:
    holder = multiprocessing.get_context("spawn").Process(target=hold, args=(lake,))
    holder.start()
    while not lake.paths("_walk"):
        time.sleep(0.05)
    with pytest.raises(LakeError, match=f"process {holder.pid} on"), lease(lake, "ingest"):
        pass
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with lease(lake, "ingest"):
        pass


def test_a_holder_elsewhere_counts_as_long_as_it_gives_signs_of_life(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = lease(lake, "ingest")
    with monkeypatch.context() as there:
        there.setattr("socket.gethostname", lambda: "elsewhere")
        elsewhere.__enter__()
        while not lake.paths("_walk"):
            time.sleep(0.05)
    with pytest.raises(LakeError, match="on elsewhere"), lease(lake, "ingest"):
        pass
    (place,) = lake.paths("_walk")
    lake.put(place, json.dumps({"at": time.time() - DEAD}).encode())
    with lease(lake, "ingest"):
        elsewhere.__exit__(None, None, None)
        assert lake.read(table("leases")).num_rows == 1, "it has taken nothing from who came after it"
