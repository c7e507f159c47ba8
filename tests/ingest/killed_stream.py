"""Runs the command line in a process that, with its Java, dies by SIGKILL inside the transaction of a batch.

``python killed_stream.py before|after N -- ARGUMENTS``: before batch N is committed to the table, or after that and
before it is committed to the checkpoint. The code under test knows nothing of it.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from pyspark import SparkContext

from scaleinv.lake.stream_sink import StreamSink

append = StreamSink.append


def kill() -> None:
    assert SparkContext._gateway is not None
    os.kill(SparkContext._gateway.proc.pid, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def append_and_die(sink: StreamSink, batch: Any, number: int, **options: Any) -> bool:
    if (when, number) == ("before", target):
        kill()
    done = append(sink, batch, number, **options)
    if (when, number) == ("after", target):
        kill()
    return done


if __name__ == "__main__":
    when, target = sys.argv[1], int(sys.argv[2])
    StreamSink.append = append_and_die  # type: ignore[method-assign]
    from scaleinv.cli import main

    main(sys.argv[4:])
