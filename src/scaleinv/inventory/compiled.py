"""How this room compiles its kernels, and spreads their rows over threads.

Kernels are compiled once in each process and not cached on disk: numba's cache does not notice a change in a function
that a kernel calls from another file. They release the GIL and take a range of rows, so plain threads share the work;
a row's result depends on nothing but the row, so neither threads nor chunks change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, TypeVar, cast

import numba

_MIN_ROWS = 256
_AT_ONCE = 4

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def compiled(function: _Function) -> _Function:
    """``function`` as machine code."""
    return cast(_Function, numba.njit(nogil=True, error_model="numpy")(function))


def fused(function: _Function) -> _Function:
    """:func:`compiled`, and a product may be added without being rounded first: for formulas, not for samples."""
    return cast(_Function, numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})(function))


def run_rows(kernel: Callable[..., None], n_rows: int, *args: object) -> None:
    """``kernel(start, stop, *args)`` over ``0 … n_rows``, on as many threads as ``NUMBA_NUM_THREADS`` says."""
    n_threads = max(1, min(int(numba.get_num_threads()), n_rows // _MIN_ROWS))
    if n_threads == 1:
        kernel(0, n_rows, *args)
        return
    edges = [n_rows * i // n_threads for i in range(n_threads + 1)]
    with ThreadPoolExecutor(n_threads) as pool:
        parts = [pool.submit(kernel, a, b, *args) for a, b in pairwise(edges)]
        for part in parts:
            part.result()


def side_by_side(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> Iterator[_Result]:
    """``function`` of every item, in order, a few at a time; kernels inside share the threads that are left.

    So that what is not a kernel, reading and NumPy's part, is shared out as well; memory holds an item each.
    """
    n_threads = int(numba.get_num_threads())
    at_once = min(n_threads, len(items), _AT_ONCE)
    if at_once < 2:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(at_once, initializer=numba.set_num_threads, initargs=(n_threads // at_once,)) as pool:
        yield from pool.map(function, items)
