"""A Ray cluster for as long as it is needed: started here, joined, or the one that is there already."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import ray

from scaleinv.errors import EngineError, explain

if TYPE_CHECKING:
    from scaleinv.config.models import RayConfig

_LONGEST_FOLDER = 30
"""Characters. Ray adds about 65 to it for its sockets, whose paths may have 107."""
_KNOCK_SECONDS = 10.0
"""How long the head node of a cluster may take to accept a connection."""
_HEAD_SECONDS = 30.0
"""How long it may not accept any. Ray waits for it for 60 seconds and then ends this process without a word of ours."""


@contextmanager
def cluster(config: RayConfig) -> Iterator[None]:
    """Within this block Ray is initialised.

    An already initialised Ray is used as it is and left alone. Otherwise ``config.address`` is joined, and left in the
    end; without an address a cluster is started on 127.0.0.1, and shut down in the end with all that it wrote.

    Raises:
        EngineError: the cluster cannot be reached or started, or has no GPU where workers need one.
    """
    if ray.is_initialized():
        yield
    elif config.address is not None:
        _join(config.address)
        try:
            yield
        finally:
            ray.shutdown()
    else:
        folder = _folder()
        try:
            _start(config, folder)
            yield
        finally:
            ray.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


def _join(address: str) -> None:
    try:
        _knock(address)
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
        raise EngineError(
            explain(
                "the Ray cluster cannot be reached",
                expected=f"a cluster at address {address!r}",
                found=f"{type(error).__name__}: {error}",
                do="start it (`ray start --head`), submit with `ray job submit`, correct ray.address, "
                "or leave ray.address empty to start one on this machine",
            )
        ) from error


def _knock(address: str) -> None:
    """Fail at once where nobody listens; Ray itself would try for five minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_SECONDS).close()


def find_head(config: RayConfig) -> None:
    """Returns when the head node accepts a connection; it may be started again meanwhile.

    Raises:
        OSError: it has not for ``_HEAD_SECONDS``. Nothing of Ray must be waited for any more.
    """
    address = config.address or ""
    if not address.startswith("ray://"):
        address = ray.get_runtime_context().gcs_address
    deadline = time.monotonic() + _HEAD_SECONDS
    while True:
        try:
            return _knock(address)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1.0)


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Makes a new local Ray listen on 127.0.0.1.

    It has no option for that: it replaces a loopback address that it is given by the machine's own, except on the
    systems where it keeps clusters off (macOS, Windows).
    """
    constants = ray._private.ray_constants
    before = constants.ENABLE_RAY_CLUSTER
    constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before


def _start(config: RayConfig, folder: str) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        with _on_loopback():
            ray.init(
                address="local",
                # as many as the workers ask for, also on a machine with fewer: the operating system shares them
                num_cpus=max(os.cpu_count() or 1, config.num_workers * config.cpus_per_worker),
                object_store_memory=config.object_store_mb * 2**20,
                include_dashboard=False,
                logging_level=logging.ERROR,
                log_to_driver=False,
                _temp_dir=folder,
            )
    except Exception as error:  # Ray raises no class of its own where a busy machine has not started it in 30 seconds
        raise EngineError(
            explain(
                "Ray does not start on this machine",
                found=f"{type(error).__name__}: {error}",
                do="look for a full disk, little memory, a busy machine or a firewall on 127.0.0.1, "
                "or name a cluster in ray.address",
            )
        ) from error
    gpus = ray.cluster_resources().get("GPU", 0.0)
    if gpus < config.gpus_per_worker:
        raise EngineError(
            explain(
                "workers need a GPU that this machine does not have",
                expected=f"gpus_per_worker {config.gpus_per_worker:g}",
                found=f"{gpus:g} GPUs",
                do="set ray.gpus_per_worker=0, or name a cluster with GPUs in ray.address",
            )
        )


def _folder() -> str:
    """A folder of our own for Ray's sockets, logs and spilled objects; short, since sockets have short paths."""
    usual = tempfile.gettempdir()
    parent = usual if len(usual) <= _LONGEST_FOLDER - 10 else "/tmp"  # noqa: S108 - mkdtemp makes a private one below
    return str(Path(tempfile.mkdtemp(prefix="ray", dir=parent)).resolve())
