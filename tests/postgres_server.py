"""A real PostgreSQL server for tests: on 127.0.0.1, with a password, ended with the block that started it."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg

USER: Final = "erp"
_SECONDS: Final = 60.0
"""A start takes about two; a machine that is busy may need more."""
_QUICK: Final = ("fsync=off", "full_page_writes=off", "max_connections=20", "shared_buffers=16MB")


@dataclass(frozen=True)
class Server:
    """Where it is, and the password that it was made with."""

    port: int
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """For JDBC."""
        return f"jdbc:postgresql://127.0.0.1:{self.port}/postgres"

    def connect(self) -> psycopg.Connection[Any]:
        """A connection whose statements are committed one by one."""
        where = {"host": "127.0.0.1", "port": self.port, "dbname": "postgres"}
        return psycopg.connect(**where, user=USER, password=self.password, connect_timeout=5, autocommit=True)


def postgres_binaries() -> Path | None:
    """The folder of ``postgres`` and ``initdb``; Debian keeps them out of the PATH."""
    found = shutil.which("postgres")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda folder: folder.parent.name)


@contextmanager
def postgres_server(binaries: Path) -> Iterator[Server]:
    """A new database cluster on a free port; it and its data are gone after the block."""
    owner = _owner()
    # Not below pytest's folder, which nobody else may enter.
    folder = Path(tempfile.mkdtemp(prefix="scaleinv-postgres-"))
    server = Server(_free_port(), secrets.token_urlsafe(18))
    options: dict[str, Any] = {"cwd": folder, "env": {"LC_ALL": "C", "PATH": os.environ["PATH"]}}
    try:
        secret, log = folder / "password", folder / "server.log"
        secret.write_text(server.password)
        if owner is not None:
            options |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
            for path in (folder, secret):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        made = ["initdb", "-D", "data", "-U", USER, "-E", "UTF8", "-A", "scram-sha-256", "-N", "--pwfile=password"]
        subprocess.run([binaries / made[0], *made[1:]], check=True, timeout=_SECONDS, capture_output=True, **options)
        with log.open("w") as said:
            where = ["listen_addresses=127.0.0.1", "unix_socket_directories=", *_QUICK]
            command = [binaries / "postgres", "-D", "data", "-p", str(server.port)]
            # However the tests end, the pipe closes: the server ends, and its data go.
            ended = ["sh", "-c", '"$@" & read -r _; kill -QUIT $!; wait; rm -r "$PWD"', "sh", *command]
            process = subprocess.Popen(
                [*ended, *[part for option in where for part in ("-c", option)]],
                stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT, start_new_session=True, **options,
            )  # fmt: skip
        try:
            _wait(server, log)
            yield server
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owner() -> pwd.struct_passwd | None:
    """Who is to run it in root's place: PostgreSQL refuses to be root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait(server: Server, log: Path) -> None:
    until = time.monotonic() + _SECONDS
    while True:
        try:
            server.connect().close()
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL does not answer: {log.read_text()[-2000:]}") from error
            time.sleep(0.1)
