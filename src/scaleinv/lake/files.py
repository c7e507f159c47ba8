"""A lake's root as a file system: local folders and object stores behind one address."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pyarrow.fs as pafs

from scaleinv.config import LakeConfig
from scaleinv.errors import LakeError, explain

_ALIAS = {"s3a": "s3", "s3n": "s3"}
"""Hadoop's scheme -> the one that delta-rs and Arrow know."""


class Files:
    """Bytes by path below a root."""

    def __init__(self, config: LakeConfig) -> None:
        scheme, separator, rest = config.root.partition("://")
        self.is_local = not separator or scheme == "file"
        if self.is_local:
            root = Path(rest if separator else config.root).expanduser().absolute()
            self.address = self.spark_address = str(root)
            self.system: pafs.FileSystem = pafs.LocalFileSystem()
            self.root = str(root)
        else:
            self.address = f"{_ALIAS.get(scheme, scheme)}://{rest.rstrip('/')}"
            self.spark_address = config.root.rstrip("/")
            self.system, self.root = _object_store(self.address, config.storage_options)

    def path(self, name: str) -> str:
        """A path in ``system``'s own words."""
        return f"{self.root}/{name}"

    def put(self, name: str, data: bytes) -> None:
        """Writes a file as a whole: a reader sees the old bytes or the new ones."""
        if not self.is_local:
            with self.system.open_output_stream(self.path(name)) as stream:
                stream.write(data)
            return
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        with draft.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(target)

    def get(self, name: str) -> bytes | None:
        """The bytes of a file; ``None`` if it is not there."""
        try:
            with self.system.open_input_stream(self.path(name)) as stream:
                content: bytes = stream.read()
                return content
        except FileNotFoundError:
            return None

    def exists(self, name: str) -> bool:
        """Whether a file is there."""
        return bool(self.system.get_file_info(self.path(name)).type == pafs.FileType.File)

    def list(self, prefix: str) -> list[str]:
        """Names of the files below a folder, sorted."""
        selector = pafs.FileSelector(self.path(prefix), allow_not_found=True, recursive=True)
        found = [info.path for info in self.system.get_file_info(selector) if info.type == pafs.FileType.File]
        return sorted(path.removeprefix(f"{self.root}/") for path in found)

    def delete(self, name: str) -> None:
        """Removes a file, if it is there."""
        if self.exists(name):
            self.system.delete_file(self.path(name))


def _object_store(address: str, options: dict[str, str]) -> tuple[pafs.FileSystem, str]:
    scheme, _, rest = address.partition("://")
    lower = {key.lower(): value for key, value in options.items()}
    if scheme == "s3":
        names = {
            "aws_access_key_id": "access_key", "aws_secret_access_key": "secret_key",
            "aws_session_token": "session_token", "aws_region": "region", "aws_endpoint_url": "endpoint_override",
        }  # fmt: skip
        given = {theirs: lower[ours] for ours, theirs in names.items() if ours in lower}
        return pafs.S3FileSystem(**given), rest
    if scheme in ("gs", "gcs"):
        return pafs.GcsFileSystem(), rest
    if scheme in ("abfs", "abfss"):
        container, _, place = rest.partition("@")
        account, _, folder = place.partition("/")
        key = lower.get("azure_storage_account_key")
        return pafs.AzureFileSystem(account.split(".")[0], account_key=key), f"{container}/{folder}".rstrip("/")
    raise LakeError(
        explain(
            f"a lake cannot be at {address}",
            expected="a folder, s3a://, abfss:// or gs://",
            found=f"{scheme}://",
            do="correct lake.root",
        )
    )
