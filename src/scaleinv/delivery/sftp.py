"""A folder on an SFTP server: a file is uploaded under another name and renamed when it is whole."""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
import stat

import paramiko

from scaleinv.config.delivery import SftpConfig
from scaleinv.delivery.item import Item, Receipt, RejectedError, TryAgainError
from scaleinv.errors import ConfigError, explain

_PIECE = 1 << 18


class Sftp:
    """See ``SftpConfig``. A file of the same name and contents has arrived; one of other contents is never replaced."""

    def __init__(self, config: SftpConfig) -> None:
        self.config = config
        self.where = f"sftp://{config.host}:{config.port}/{config.folder.strip('/')}"
        self._client: paramiko.SSHClient | None = None
        self._files: paramiko.SFTPClient | None = None
        self._keys = _host_keys(config)

    def send(self, item: Item) -> Receipt:
        """Uploads it to ``.<name>.partial``, compares the size and gives it its name."""
        try:
            files = self._connected()
            return self._send(files, item)
        except (paramiko.SSHException, EOFError, OSError) as error:
            self.close()
            raise _judged(error, self.where) from error

    def close(self) -> None:
        """Ends the connection; the next ``send`` makes another one."""
        for part in (self._files, self._client):
            if part is not None:
                with contextlib.suppress(Exception):
                    part.close()
        self._files = self._client = None

    def _connected(self) -> paramiko.SFTPClient:
        if self._files is None:
            config = self.config
            client = paramiko.SSHClient()
            client.set_missing_host_key_policy(paramiko.RejectPolicy())
            for name, kind, key in self._keys:
                client.get_host_keys().add(name, kind, key)
            self._client = client
            client.connect(
                config.host,
                config.port,
                config.username,
                password=config.password.get_secret_value() if config.password else None,
                key_filename=config.key_file,
                passphrase=config.passphrase.get_secret_value() if config.passphrase else None,
                timeout=config.timeout,
                banner_timeout=config.timeout,
                auth_timeout=config.timeout,
                channel_timeout=config.timeout,
                allow_agent=False,
                look_for_keys=False,
            )
            self._files = client.open_sftp()
            channel = self._files.get_channel()
            if channel is not None:
                channel.settimeout(config.timeout)
        return self._files

    def _send(self, files: paramiko.SFTPClient, item: Item) -> Receipt:
        target = posixpath.join(self.config.folder, item.name)
        receipt = Receipt(item.key, f"{self.where}/{item.name}")
        if _size(files, target) is not None:
            _check_there(files, target, item)
            return Receipt(item.key, receipt.location, already=True)
        _make_folders(files, self.config.folder, item.name)
        head, name = posixpath.split(target)
        partial = posixpath.join(head, f".{name}.{item.sha256[:8]}.partial")
        size = _upload(files, partial, item)
        if _size(files, partial) != size:
            raise TryAgainError(f"{receipt.location}: the server has not the {size} bytes that were sent")
        # Not posix_rename, which would replace a file that came meanwhile.
        files.rename(partial, target)
        return receipt


def _upload(files: paramiko.SFTPClient, partial: str, item: Item) -> int:
    size = 0
    try:
        with files.open(partial, "wb") as file:
            file.set_pipelined(True)
            for piece in item.pieces():
                for start in range(0, len(piece), _PIECE):
                    file.write(piece[start : start + _PIECE])
                size += len(piece)
    except RejectedError:
        with contextlib.suppress(OSError):
            files.remove(partial)
        raise
    return size


def _size(files: paramiko.SFTPClient, path: str) -> int | None:
    try:
        size = files.stat(path).st_size
    except FileNotFoundError:
        return None
    return int(size or 0)


def _check_there(files: paramiko.SFTPClient, target: str, item: Item) -> None:
    digest = hashlib.sha256()
    with files.open(target, "rb") as file:
        file.prefetch()
        while piece := file.read(_PIECE):
            digest.update(piece)
    if digest.hexdigest() != item.sha256:
        raise RejectedError(
            f"{target} is there with other contents (SHA-256 {digest.hexdigest()}): remove it if it is obsolete"
        )


def _make_folders(files: paramiko.SFTPClient, root: str, name: str) -> None:
    path = root
    for part in name.split("/")[:-1]:
        path = posixpath.join(path, part)
        try:
            mode = files.stat(path).st_mode
        except FileNotFoundError:
            files.mkdir(path)
        else:
            if mode is not None and not stat.S_ISDIR(mode):
                raise RejectedError(f"{path} is there and no folder")


def _judged(error: Exception, where: str) -> TryAgainError | RejectedError:
    """What a person has to change is final; a connection that ended is not."""
    if isinstance(error, paramiko.BadHostKeyException):
        return RejectedError(f"{where}: the server has another key than delivery says; it may be somebody else")
    if isinstance(error, paramiko.AuthenticationException):
        return RejectedError(f"{where}: the server does not accept user, password or key")
    if isinstance(error, paramiko.SSHException) and "not found in known_hosts" in str(error):
        return RejectedError(f"{where}: the server's key is not in known_hosts")
    if isinstance(error, PermissionError):
        return RejectedError(f"{where}: the server does not let us write there")
    words = str(error) or type(error).__name__
    return TryAgainError(f"{where}: {words}", unreachable=True)


def _host_keys(config: SftpConfig) -> list[tuple[str, str, paramiko.PKey]]:
    """(host, kind of key, key) that may be met.

    Raises:
        ConfigError: no keys, or none for the host.
    """
    name = config.host if config.port == 22 else f"[{config.host}]:{config.port}"
    keys = paramiko.HostKeys()
    try:
        if config.known_hosts is not None:
            keys.load(config.known_hosts)
        else:
            entry = paramiko.hostkeys.HostKeyEntry.from_line(f"{name} {config.host_key}")
            if entry is None or entry.key is None:
                raise ValueError("it is no public key")
            return [(name, entry.key.get_name(), entry.key)]
    except (OSError, ValueError, paramiko.SSHException, paramiko.hostkeys.InvalidHostKey) as error:
        raise ConfigError(
            explain(
                f"host key of {config.host}", expected="ssh-ed25519 AAAA…", found=error, do="ask who runs the server"
            )
        ) from None
    found = keys.lookup(name)
    if found is None:
        raise ConfigError(
            explain(f"{config.known_hosts} has no key of {name}", do="add the line that who runs the server gives you")
        )
    return [(name, kind, found[kind]) for kind in found.keys()]  # noqa: SIM118 - no mapping, but like one
