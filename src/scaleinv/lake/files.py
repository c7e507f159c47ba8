"""A lake's root as a file system: local folders and object stores behind one address."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow.fs as pafs

from scaleinv.config import LakeConfig
from scaleinv.errors import LakeError, explain

_ALIAS: Final = {"s3a": "s3", "s3n": "s3"}
"""Hadoop's scheme -> the one that delta-rs and Arrow know."""
_DRAFT: Final = ".draft-"
_S3: Final = {
    "aws_access_key_id": "access_key", "aws_secret_access_key": "secret_key", "aws_session_token": "session_token",
    "aws_region": "region", "aws_endpoint_url": "endpoint_override",
}  # fmt: skip
"""Option of delta-rs -> argument of Arrow."""
CREDENTIALS: Final = tuple(_S3)[:3]
_PLACE: Final = ("aws_region", "aws_endpoint_url", "aws_allow_http")
_BLIND: Final = ("conditional_put", "unsafe_rename", "locking_provider")
"""Of the names of options by which delta-rs would commit otherwise than Spark: without a condition, or by a lock."""


class Files:
    """Bytes by path below a root."""

    def __init__(self, config: LakeConfig) -> None:
        scheme, separator, rest = config.root.partition("://")
        self.is_local = not separator or scheme == "file"
        self.options = store_options(config)
        if self.is_local:
            root = Path(rest if separator else config.root).expanduser().absolute()
            self.address = self.spark_address = str(root)
            self.system: pafs.FileSystem = pafs.LocalFileSystem()
            self.root = str(root)
        else:
            self.address = f"{_ALIAS.get(scheme, scheme)}://{rest.rstrip('/')}"
            self.spark_address = f"s3a://{rest.rstrip('/')}" if is_s3(config.root) else config.root.rstrip("/")
            self.system, self.root = _object_store(self.address, self.options)

    def path(self, name: str) -> str:
        """A path in ``system``'s own words.

        Raises:
            LakeError: it would lead out of the lake.
        """
        if name.startswith("/") or ".." in name.split("/"):
            raise LakeError(explain(f"{name!r} leads out of the lake", expected="a path below its root"))
        return f"{self.root}/{name}".rstrip("/")

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Runs a block that speaks to the store.

        Raises:
            LakeError: an object store does not answer, or refuses.
        """
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            if self.is_local:
                raise
            raise LakeError(
                explain(
                    f"the lake at {self.address} cannot be reached",
                    found=" ".join(str(error).split())[:500],
                    do="check lake.root, lake.storage_options and what gives this machine its credentials",
                )
            ) from error

    def put(self, name: str, data: bytes) -> None:
        """Writes a file as a whole: a reader sees the old bytes or the new ones."""
        if not self.is_local:  # an object appears when its upload is complete
            with self.reached(), self.system.open_output_stream(self.path(name)) as stream:
                stream.write(data)
            return
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"{_DRAFT}{uuid.uuid4().hex}")
        try:
            with draft.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)

    def get(self, name: str) -> bytes | None:
        """The bytes of a file; ``None`` if it is not there."""
        try:
            with self.reached(), self.system.open_input_stream(self.path(name)) as stream:
                content: bytes = stream.read()
                return content
        except FileNotFoundError:
            return None

    def exists(self, name: str) -> bool:
        """Whether a file is there."""
        return self.size(name) is not None

    def size(self, name: str) -> int | None:
        """Bytes of a file; ``None`` if it is not there."""
        info = self.system.get_file_info(self.path(name))
        return int(info.size) if info.type == pafs.FileType.File else None

    def list(self, prefix: str) -> list[str]:
        """Names of the files below a folder, sorted; drafts of writers that were killed do not count."""
        selector = pafs.FileSelector(self.path(prefix), allow_not_found=True, recursive=True)
        try:
            infos = self.system.get_file_info(selector)
        except FileNotFoundError:  # it was not there when it was looked for, and was when that was looked into
            infos = self.system.get_file_info(selector)
        found = [info for info in infos if info.type == pafs.FileType.File]
        return sorted(
            info.path.removeprefix(f"{self.root}/") for info in found if not info.base_name.startswith(_DRAFT)
        )

    def delete(self, name: str) -> None:
        """Removes a file, if it is there."""
        if self.exists(name):
            self.system.delete_file(self.path(name))


def is_s3(root: str) -> bool:
    """Whether a lake is on S3, or on a store that speaks its language."""
    return root.partition("://")[0] in ("s3", *_ALIAS)


def store_options(config: LakeConfig) -> dict[str, str]:
    """``lake.storage_options``; where they are silent, the environment's ``AWS_…`` say where S3 is.

    Raises:
        LakeError: an option would let commits to S3 go past the condition that keeps writers apart.
    """
    given = config.store_options()
    if not is_s3(config.root):
        return given
    told = {name.lower(): value for name, value in os.environ.items() if name.startswith("AWS_") and value}
    blind = [key for key in {**told, **given} if any(part in key for part in _BLIND)]
    if blind:
        raise LakeError(
            explain(
                "a lake on S3 is committed to by conditional writes alone",
                expected="neither lake.storage_options nor the environment names another way",
                which=blind,
                do="remove them; a store that knows no `If-None-Match` cannot hold a lake",
            )
        )
    return {**{name: told[name] for name in _PLACE if name in told}, **given}


def _object_store(address: str, options: Mapping[str, str]) -> tuple[pafs.FileSystem, str]:
    scheme, _, rest = address.partition("://")
    if scheme == "s3":
        arguments: dict[str, Any] = {theirs: options[ours] for ours, theirs in _S3.items() if ours in options}
        if options.get("aws_endpoint_url", "").startswith("http://"):
            arguments["scheme"] = "http"
        return pafs.S3FileSystem(**arguments), rest
    if scheme in ("gs", "gcs"):
        return pafs.GcsFileSystem(), rest
    if scheme in ("abfs", "abfss"):
        container, _, place = rest.partition("@")
        account, _, folder = place.partition("/")
        key = options.get("azure_storage_account_key")
        return pafs.AzureFileSystem(account.split(".")[0], account_key=key), f"{container}/{folder}".rstrip("/")
    raise LakeError(
        explain(
            f"a lake cannot be at {address}",
            expected="a folder, s3a://, abfss:// or gs://",
            found=f"{scheme}://",
            do="correct lake.root",
        )
    )
