"""A folder on this machine or mounted on it: a file is there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from pathlib import Path

from scaleinv.config.delivery import FolderConfig
from scaleinv.delivery.item import Item, Receipt, RejectedError, TryAgainError

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)


class Folder:
    """See ``FolderConfig``. A file of the same name and contents has arrived; one of others is never replaced."""

    def __init__(self, config: FolderConfig) -> None:
        self.root = Path(config.path)

    def send(self, item: Item) -> Receipt:
        """Writes it under another name, on the disk, and gives it its own."""
        if not self.root.is_dir():
            raise TryAgainError(f"the folder {self.root} is not there: is it mounted?", unreachable=True)
        target = self.root / item.name
        try:
            if target.exists():
                return self._there(item, target)
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(f".{target.name}.{item.sha256[:8]}.partial")
            self._write(item, partial)
            try:
                _publish(partial, target)
            except FileExistsError:
                partial.unlink()
                return self._there(item, target)
            sync_folder(target.parent)
        except OSError as error:
            raise TryAgainError(f"{target}: {error.strerror or error}") from error
        return Receipt(item.key, str(target))

    def close(self) -> None:
        """Nothing is open."""

    def _write(self, item: Item, partial: Path) -> None:
        try:
            with partial.open("wb") as file:
                for piece in item.pieces():
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
        except RejectedError:
            partial.unlink(missing_ok=True)
            raise

    def _there(self, item: Item, target: Path) -> Receipt:
        with target.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != item.sha256:
            raise RejectedError(f"{target} is there with other contents (SHA-256 {found}): remove it if it is obsolete")
        for partial in target.parent.glob(f".{target.name}.*.partial"):
            with contextlib.suppress(OSError):
                partial.unlink()
        return Receipt(item.key, str(target), already=True)


def _publish(partial: Path, target: Path) -> None:
    """Like a rename, but it never replaces a file that came meanwhile, where the file system can do that.

    Raises:
        FileExistsError: one did.
    """
    try:
        os.link(partial, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        partial.replace(target)
    else:
        partial.unlink()


def sync_folder(folder: Path) -> None:
    """What was renamed or made in it is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
