"""A run that dies before a write, as by a kill: no handler of exceptions sees it, and nothing is written after that.

It dies in this process, so that a sweep over all writes takes a second or two for each; ``killed.py`` is the honest
case.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from deltalake import DeltaTable
from deltalake.transaction import AddAction
from pyspark.sql.readwriter import DataFrameWriter

from scaleinv.lake import Lake, tables

AFTER = " after "
option = DataFrameWriter.option


class Death(BaseException):
    """The run is dead."""


@contextmanager
def dying(survived: set[str], *, once: bool = True) -> Iterator[list[str]]:
    """The block dies before the first write that no block has died at; gives the names of its own writes.

    A write is a commit to Delta, by delta-rs or by Spark, or a single file. It is named by what it writes, so that a
    run that goes on from what a dead one left is known to do the same; where that cannot be seen, by what was committed
    ``after`` which it comes.

    Args:
        survived: names of the writes that blocks have died at; this one's is added.
        once: False: it lives.
    """
    seen: list[str] = []
    dead = False
    me = threading.current_thread()

    def mortal(owner: Any, attribute: str, named: Callable[..., str]) -> None:
        write = getattr(owner, attribute)

        def instead(*args: Any, **options: Any) -> Any:
            nonlocal dead
            if threading.current_thread() is not me:  # the lease's signs of life
                return write(*args, **options)
            name = f"{attribute} {named(*args)}"
            if name.endswith(AFTER):
                commits = [one for one in seen if one.startswith("create_write_transaction")]
                name += commits[-1].rpartition("/")[0] if commits else ""
            if dead or (once and name not in survived):
                dead = True
                survived.add(name)
                raise Death
            seen.append(name)
            return write(*args, **options)

        patch.setattr(owner, attribute, instead)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DataFrameWriter, "option", _remembered)
        mortal(DeltaTable, "create_write_transaction", _files)
        mortal(tables, "create_table_with_add_actions", lambda address, *_: _short(address))
        mortal(DataFrameWriter, "save", _load)
        mortal(Lake, "put", lambda _, path, data: f"{path}{AFTER}")
        mortal(Lake, "delete", lambda _, path: _short(path))
        yield seen


def _short(address: str) -> str:
    return re.sub("[0-9a-f]{32}", "…", address.rpartition("/lake/")[2])


def _files(table: DeltaTable, actions: list[Any], **_: Any) -> str:
    """The files that are added: their names are a hash of what is in them."""
    name = _short(table.table_uri.rstrip("/"))
    added = sorted(action.path for action in actions if isinstance(action, AddAction))
    return f"{name} {', '.join(map(_short, added) if name == 'leases' else added)}"


def _remembered(writer: Any, key: str, value: Any) -> Any:
    writer.__dict__.setdefault("said", {})[key] = value
    return option(writer, key, value)


def _load(writer: Any, address: str) -> str:
    """The number of a load, or the partition that is replaced."""
    said, name = writer.__dict__["said"], _short(address)
    if "/load/" in said["txnAppId"]:
        return f"{name} {said['txnVersion']}"
    return f"{name} {said['replaceWhere']}" if "replaceWhere" in said else f"{name}{AFTER}"
