"""An object store: an object is written under another key, and copied to its own when it is whole."""

from __future__ import annotations

import contextlib
import hashlib

from pyarrow import fs

from scaleinv.config.delivery import StoreConfig
from scaleinv.delivery.item import Item, Receipt, RejectedError, TryAgainError

_PIECE = 1 << 20


class Store:
    """See ``StoreConfig``. An object of the same key and contents has arrived; one of others is never replaced."""

    def __init__(self, config: StoreConfig) -> None:
        self.uri = config.uri.partition("?")[0].rstrip("/")
        self.files, self.root = fs.FileSystem.from_uri(config.uri)

    def send(self, item: Item) -> Receipt:
        """Writes it under ``_partial/``, copies it to its own key and removes the first one."""
        target, partial = f"{self.root}/{item.name}", f"{self.root}/_partial/{item.sha256}"
        receipt = Receipt(item.key, f"{self.uri}/{item.name}")
        try:
            if self._size(target) is not None:
                self._check_there(item, target)
                return Receipt(item.key, receipt.location, already=True)
            self._write(item, partial)
            self._publish(partial, target)
            if self._size(target) != item.size():
                raise TryAgainError(f"{receipt.location} has not the size that was sent")
        except OSError as error:
            raise TryAgainError(f"{receipt.location}: {error}") from error
        return receipt

    def close(self) -> None:
        """Nothing is open."""

    def _size(self, key: str) -> int | None:
        info = self.files.get_file_info(key)
        return int(info.size) if info.type == fs.FileType.File else None

    def _write(self, item: Item, key: str) -> None:
        if isinstance(self.files, fs.LocalFileSystem):
            self.files.create_dir(key.rpartition("/")[0], recursive=True)
        try:
            with self.files.open_output_stream(key) as stream:
                for piece in item.pieces():
                    stream.write(piece)
        except RejectedError:
            with contextlib.suppress(OSError):
                self.files.delete_file(key)
            raise

    def _publish(self, partial: str, target: str) -> None:
        """A store shows a copied object when it is whole; a folder does so with a file that is renamed."""
        if isinstance(self.files, fs.LocalFileSystem):
            self.files.create_dir(target.rpartition("/")[0], recursive=True)
            self.files.move(partial, target)
        else:
            self.files.copy_file(partial, target)
            self.files.delete_file(partial)

    def _check_there(self, item: Item, key: str) -> None:
        digest = hashlib.sha256()
        with self.files.open_input_stream(key) as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
        if digest.hexdigest() != item.sha256:
            raise RejectedError(
                f"{self.uri}/{item.name} is there with other contents (SHA-256 {digest.hexdigest()}): "
                "remove it if it is obsolete"
            )
