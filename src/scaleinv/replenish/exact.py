"""The best of all choices of vendors, for as few lines as can be searched: proven by HiGHS, a mixed-integer solver.

Huangfu & Hall, Parallelizing the dual revised simplex method, *Mathematical Programming Computation* 10, 2018.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array

from scaleinv.replenish.moves import Choice

_NODES: Final = 2_000
"""After so many branches it is left at the best that was found: a count, as seconds would differ from run to run."""
_TOLERANCE: Final = 1e-6


def exact(problem: Choice, chosen: NDArray[np.int64]) -> tuple[NDArray[np.int64], float]:
    """(n_lines,) the cheapest choice, and a cost below which none comes; never worse than ``chosen``.

    Least shares count as far as ``chosen`` meets them: whether they could all be met is not asked again.
    """
    n_limits = len(problem.most)
    line, candidate = np.nonzero(np.isfinite(problem.money))
    each = np.arange(line.size)
    once = coo_array((np.ones(line.size), (line, each)), shape=(len(chosen), line.size))
    kinds = len(problem.which)
    takes = coo_array(
        (problem.use[:, line, candidate].ravel(), (problem.which[:, line, candidate].ravel(), np.tile(each, kinds))),
        shape=(n_limits + 1, line.size),
    )
    now = problem.used(chosen)[:-1]
    least = np.minimum(problem.least, now)
    money = problem.money[line, candidate]
    found = milp(
        money,
        integrality=np.ones(line.size),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(csr_array(once), 1, 1),
            LinearConstraint(csr_array(takes)[:n_limits], np.where(least > 0, least, -np.inf), problem.most),
        ],
        options={"node_limit": _NODES, "mip_rel_gap": 0.0},
    )
    bound = -np.inf if found.mip_dual_bound is None else float(found.mip_dual_bound)
    if found.x is None:
        return chosen, bound
    taken = np.flatnonzero(found.x > 0.5)
    best = chosen.copy()
    best[line[taken]] = candidate[taken]
    every, used = np.arange(len(chosen)), problem.used(best)[:-1]
    slack = _TOLERANCE * np.maximum(1.0, np.where(np.isfinite(problem.most), problem.most, 1.0))
    is_kept = (used <= problem.most + slack).all() and (used >= least - slack).all()
    is_less = problem.money[every, best].sum() < problem.money[every, chosen].sum()
    return (best if is_kept and is_less else chosen), bound
