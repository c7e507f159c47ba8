"""The errors that scaleinv raises on purpose.

::

    ScaleinvError          what the command line shows without a traceback
    ├── ConfigError        a configuration file, an overlay or --set is wrong          exit 2
    ├── DataError          the retailer's data, or a table, breaks its contract        exit 3
    ├── LakeError          the lake cannot answer: no such table, version or artefact  exit 4
    └── EngineError        a Java runtime, Spark's jars or a Ray cluster is missing    exit 5

Each message says what was expected, what was found, which ones (the first five) and what to do;
:func:`explain` puts these four in one shape.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

_SHOWN = 5


class ScaleinvError(Exception):
    """The root: an error whose message is meant for the person who started the job."""

    exit_code: ClassVar[int] = 1


class ConfigError(ScaleinvError):
    """A configuration file, an overlay or a ``--set`` is wrong."""

    exit_code: ClassVar[int] = 2


class DataError(ScaleinvError):
    """A source or a table does not keep its contract."""

    exit_code: ClassVar[int] = 3


class LakeError(ScaleinvError):
    """The lake cannot answer: a table, a version or an artefact is not there, or a commit was refused."""

    exit_code: ClassVar[int] = 4


class EngineError(ScaleinvError):
    """Something that a computation runs on (Java, Spark's jars, a Ray cluster) cannot be had, or has lost rows."""

    exit_code: ClassVar[int] = 5


def explain(
    problem: str,
    *,
    expected: object = None,
    found: object = None,
    which: Iterable[object] = (),
    do: str = "",
) -> str:
    """One error message: the problem, then ``expected``, ``found``, ``which`` (first five) and what to ``do``.

    >>> print(explain("sales lacks columns", expected="sku, date", found="sku", which=["date"], do="map it"))
    sales lacks columns
      expected: sku, date
      found:    sku
      which:    date
      to do:    map it
    """
    items = [str(item) for item in which]
    shown = ", ".join(items[:_SHOWN])
    if len(items) > _SHOWN:
        shown += f" and {len(items) - _SHOWN} more"
    lines = [problem]
    if expected is not None:
        lines.append(f"  expected: {expected}")
    if found is not None:
        lines.append(f"  found:    {found}")
    if shown:
        lines.append(f"  which:    {shown}")
    if do:
        lines.append(f"  to do:    {do}")
    return "\n".join(lines)
