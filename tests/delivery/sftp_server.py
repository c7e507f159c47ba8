"""An SFTP server on this machine that serves a folder, and hangs up in the middle when it is told to."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PASSWORD = "right"


class SftpServer:
    """``hang_up_after``: bytes written in all after which the connection ends, once; ``None``: never."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = paramiko.Ed25519Key.from_private_key_file(str(new_key(folder.parent / "host_key")))
        self.hang_up_after: int | None = None
        self.written = 0
        self.connections = 0
        self.uploads: list[str] = []
        self.read_only = False
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._transports: list[paramiko.Transport] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    @property
    def host_key(self) -> str:
        return f"{self.key.get_name()} {self.key.get_base64()}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, self)
            self._transports.append(transport)
            self.connections += 1
            try:
                transport.start_server(server=_Door())
            except (paramiko.SSHException, EOFError, OSError):
                transport.close()

    def hang_up(self) -> None:
        # A copy: the client may be back before this has ended, and keeps its new connection.
        for transport in list(self._transports):
            transport.sock.close()
            transport.close()

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
        self.hang_up()
        for transport in self._transports:
            transport.join(2)
        self._thread.join(2)


def new_key(path: Path) -> Path:
    path.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
    )
    return path


class _Door(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.AUTH_SUCCESSFUL if password == PASSWORD else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_SUCCESSFUL if username == "by-key" else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class _Handle(paramiko.SFTPHandle):
    server: SftpServer

    def write(self, offset: int, data: bytes) -> int:
        self.server.written += len(data)
        limit = self.server.hang_up_after
        if limit is not None and self.server.written >= limit:
            self.server.hang_up_after = None
            self.server.hang_up()
            return paramiko.SFTP_FAILURE
        return int(super().write(offset, data))

    def stat(self) -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, door: Any, server: SftpServer) -> None:
        super().__init__(door)
        self.of = server

    def _path(self, path: str) -> Path:
        return self.of.folder / self.canonicalize(path).lstrip("/")

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        try:
            return paramiko.SFTPAttributes.from_stat(self._path(path).stat())
        except OSError as error:
            return int(paramiko.SFTPServer.convert_errno(error.errno))

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> paramiko.SFTPHandle | int:
        writing = bool(flags & (os.O_WRONLY | os.O_RDWR))
        if writing and self.of.read_only:
            return int(paramiko.SFTP_PERMISSION_DENIED)
        try:
            descriptor = os.open(self._path(path), flags, 0o600)
        except OSError as error:
            return int(paramiko.SFTPServer.convert_errno(error.errno))
        if writing:
            self.of.uploads.append(path)
        file = os.fdopen(descriptor, "wb" if writing else "rb")
        handle = _Handle(flags)
        handle.server = self.of
        handle.readfile = handle.writefile = file
        return handle

    def remove(self, path: str) -> int:
        self._path(path).unlink()
        return int(paramiko.SFTP_OK)

    def mkdir(self, path: str, attr: Any) -> int:
        self._path(path).mkdir()
        return int(paramiko.SFTP_OK)

    def rename(self, oldpath: str, newpath: str) -> int:
        if self._path(newpath).exists():
            return int(paramiko.SFTP_FAILURE)
        self._path(oldpath).rename(self._path(newpath))
        return int(paramiko.SFTP_OK)


@contextmanager
def sftp_server(folder: Path) -> Iterator[SftpServer]:
    folder.mkdir()
    server = SftpServer(folder)
    try:
        yield server
    finally:
        server.close()
