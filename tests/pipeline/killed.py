"""Runs the command line in a process that kills itself with SIGKILL at an exact point.

``python killed.py TARGET before|after N TEXT -- ARGUMENTS``: before or after the N-th call of the function TARGET
(``module:name``) that has TEXT in an argument. The code under test knows nothing of it.
"""

from __future__ import annotations

import functools
import importlib
import operator
import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def kill_at(target: str, when: str, number: int, text: str) -> None:
    module, _, name = target.partition(":")
    *owners, last = name.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module(module))
    original: Callable[..., Any] = operator.attrgetter(last)(owner)
    calls = 0

    @functools.wraps(original)
    def watched(*args: Any, **options: Any) -> Any:
        nonlocal calls
        given = [repr(arg) for arg in (args[1:] if owners else args) if not isinstance(arg, bytes)]
        calls += any(text in arg for arg in given)
        here = calls == number and any(text in arg for arg in given)
        if here and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **options)
        if here:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, last, watched)


if __name__ == "__main__":
    kill_at(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
    from scaleinv.cli import main

    main(sys.argv[6:])
