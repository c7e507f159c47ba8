"""Folders here, in an object store and on an SFTP server: a file is there whole or not at all, and once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from pyarrow import fs
from tests.delivery.sftp_server import PASSWORD, SftpServer, new_key, sftp_server

from scaleinv.config.delivery import FolderConfig, SftpConfig, StoreConfig
from scaleinv.delivery import Destination, Item, RejectedError, TryAgainError, connect
from scaleinv.delivery.folder import Folder
from scaleinv.delivery.sftp import Sftp
from scaleinv.delivery.store import Store
from scaleinv.errors import ConfigError, DataError


def item_of(content: bytes, name: str = "2026-09-20/orders.csv") -> Item:
    return Item(f"r/d/{name}", name, hashlib.sha256(content).hexdigest(), content=content)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SftpServer]:
    with sftp_server(tmp_path / "there") as running:
        yield running


def sftp_config(server: SftpServer, **options: Any) -> SftpConfig:
    given = {"kind": "sftp", "host": "127.0.0.1", "port": server.port, "username": "us", "password": PASSWORD,
             "host_key": server.host_key, "timeout": 5, **options}  # fmt: skip
    return SftpConfig.model_validate(given)


Made = Callable[[], Destination]


@pytest.fixture(params=["folder", "store", "sftp"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Made, Path]]:
    root = tmp_path / "there"
    if request.param == "sftp":
        with sftp_server(root) as server:
            yield lambda: connect(sftp_config(server)), root
        return
    root.mkdir()
    if request.param == "folder":
        yield lambda: connect(FolderConfig(kind="folder", path=str(root))), root
    else:
        yield lambda: connect(StoreConfig(kind="store", uri=root.as_uri())), root


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_file_arrives_once(made: tuple[Made, Path]) -> None:
    make, root = made
    destination, item = make(), item_of(b"line\r\n" * 100_000)
    first, second = destination.send(item), destination.send(item)
    destination.close()
    assert (first.already, second.already) == (False, True)
    assert first.location == second.location
    assert first.location.endswith("2026-09-20/orders.csv")
    assert files(root) == {"2026-09-20/orders.csv": item.content}


def test_a_file_of_other_contents_is_never_replaced(made: tuple[Made, Path]) -> None:
    make, root = made
    destination = make()
    destination.send(item_of(b"one"))
    with pytest.raises(RejectedError, match="is there with other contents"):
        destination.send(item_of(b"two"))
    destination.close()
    assert files(root) == {"2026-09-20/orders.csv": b"one"}


def test_an_empty_file_arrives(made: tuple[Made, Path]) -> None:
    make, root = made
    destination = make()
    assert not destination.send(item_of(b"")).already
    assert destination.send(item_of(b"")).already
    destination.close()
    assert files(root) == {"2026-09-20/orders.csv": b""}


def test_what_has_changed_since_its_export_is_not_published(made: tuple[Made, Path], tmp_path: Path) -> None:
    make, root = made
    path = tmp_path / "orders.csv"
    path.write_bytes(b"now")
    destination = make()
    with pytest.raises(RejectedError, match="has changed since it was exported"):
        destination.send(Item("k", "orders.csv", hashlib.sha256(b"then").hexdigest(), path=path))
    path.unlink()
    with pytest.raises(RejectedError, match="is gone"):
        destination.send(Item("k", "orders.csv", hashlib.sha256(b"then").hexdigest(), path=path))
    destination.close()
    assert files(root) == {}


def test_what_a_killed_run_left_is_no_hindrance(made: tuple[Made, Path]) -> None:
    make, root = made
    item = item_of(b"whole", "orders.csv")
    (root / f".orders.csv.{item.sha256[:8]}.partial").write_bytes(b"who")
    (root / "_partial").mkdir()
    (root / "_partial" / item.sha256).write_bytes(b"who")
    destination = make()
    destination.send(item)
    destination.close()
    assert files(root)["orders.csv"] == b"whole"


@pytest.mark.parametrize("name", ["../orders.csv", "/orders.csv", "a/../b", "", ".", "a//b", ".hidden", "a\\b", "a\nb"])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="plain relative path"):
        item_of(b"", name)


# --- a folder -------------------------------------------------------------------------------------------------------


def test_a_share_that_is_not_mounted_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(TryAgainError, match="is it mounted") as caught:
        Folder(FolderConfig(kind="folder", path=str(tmp_path / "share"))).send(item_of(b"x"))
    assert caught.value.unreachable
    assert not (tmp_path / "share").exists()


def test_a_file_that_came_meanwhile_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, item = Folder(FolderConfig(kind="folder", path=str(tmp_path))), item_of(b"ours", "orders.csv")
    write = Folder._write

    def slow(self: Folder, item: Item, partial: Path) -> None:
        write(self, item, partial)
        (tmp_path / "orders.csv").write_bytes(b"theirs")

    monkeypatch.setattr(Folder, "_write", slow)
    with pytest.raises(RejectedError, match="other contents"):
        folder.send(item)
    assert files(tmp_path) == {"orders.csv": b"theirs"}


def test_an_object_is_copied_to_its_key_when_it_is_whole(tmp_path: Path) -> None:
    store = Store(StoreConfig(kind="store", uri=tmp_path.as_uri()))
    # A store that has objects and copies, and no renames that keep a reader from half a file.
    store.files, store.root = fs._MockFileSystem(), "bucket/out"
    store.files.create_dir("bucket/out/_partial", recursive=True)
    store.files.create_dir("bucket/out/2026-09-20", recursive=True)
    item = item_of(b"object")
    assert not store.send(item).already
    assert store.send(item).already
    selector = fs.FileSelector("bucket/out", recursive=True)
    found = [info.path for info in store.files.get_file_info(selector) if info.type == fs.FileType.File]
    assert found == ["bucket/out/2026-09-20/orders.csv"]
    with pytest.raises(RejectedError, match="other contents"):
        store.send(item_of(b"another"))


# --- SFTP -----------------------------------------------------------------------------------------------------------


def test_a_connection_that_ends_in_the_middle_of_an_upload(server: SftpServer) -> None:
    sftp, item = Sftp(sftp_config(server)), item_of(bytes(range(256)) * 8_000)
    server.hang_up_after = 1_000_000
    with pytest.raises(TryAgainError) as caught:
        sftp.send(item)
    assert caught.value.unreachable
    assert "2026-09-20/orders.csv" not in files(server.folder)
    assert not sftp.send(item).already
    assert sftp.send(item).already
    sftp.close()
    assert files(server.folder) == {"2026-09-20/orders.csv": item.content}
    assert server.connections == 2
    assert all(path.endswith(".partial") for path in server.uploads)


def test_a_server_of_another_key_is_not_spoken_to(server: SftpServer, tmp_path: Path) -> None:
    key = paramiko.Ed25519Key.from_private_key_file(str(new_key(tmp_path / "other")))
    with pytest.raises(RejectedError, match="another key than delivery says"):
        Sftp(sftp_config(server, host_key=f"ssh-ed25519 {key.get_base64()}")).send(item_of(b"x"))
    assert files(server.folder) == {}
    for rubbish in ("rubbish", "ssh-ed25519 AAAA", "ssh-ed25519 A"):
        with pytest.raises(ConfigError, match="host key of 127"):
            Sftp(sftp_config(server, host_key=rubbish))
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {server.host_key}\n")
    sftp = Sftp(sftp_config(server, host_key=None, known_hosts=str(known)))
    sftp.send(item_of(b"x"))
    sftp.close()
    known.write_text(f"elsewhere {server.host_key}\n")
    with pytest.raises(ConfigError, match="has no key of"):
        Sftp(sftp_config(server, host_key=None, known_hosts=str(known)))


def test_a_wrong_password_is_final_and_not_repeated(server: SftpServer) -> None:
    with pytest.raises(RejectedError, match="does not accept user, password or key") as caught:
        Sftp(sftp_config(server, password="wr0ng")).send(item_of(b"x"))
    assert "wr0ng" not in str(caught.value)


def test_a_private_key_opens_too(server: SftpServer, tmp_path: Path) -> None:
    key = new_key(tmp_path / "own_key")
    sftp = Sftp(sftp_config(server, username="by-key", password=None, key_file=str(key)))
    sftp.send(item_of(b"x", "a.csv"))
    sftp.close()
    assert files(server.folder) == {"a.csv": b"x"}


def test_a_server_that_is_not_there_and_one_that_lets_nobody_write(server: SftpServer) -> None:
    server.read_only = True
    sftp = Sftp(sftp_config(server))
    with pytest.raises(RejectedError, match="does not let us write"):
        sftp.send(item_of(b"x", "a.csv"))
    sftp.close()
    server.close()
    with pytest.raises(TryAgainError) as caught:
        sftp.send(item_of(b"x"))
    assert caught.value.unreachable
