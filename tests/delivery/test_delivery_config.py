"""Where documents go is checked when it is read; no secret stands in a file or is ever shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from scaleinv.config import load_config
from scaleinv.config.delivery import DeliveryConfig, HttpConfig, SftpConfig
from scaleinv.config.references import check_references
from scaleinv.errors import ConfigError

SFTP = {"kind": "sftp", "host": "edi.example", "username": "us", "password": "${SCALEINV_SFTP}",
        "host_key": "ssh-ed25519 AAAA"}  # fmt: skip
HTTP = {"kind": "http", "base_url": "https://erp.example/api", "responses": "kept"}
OAUTH = {"kind": "oauth2", "token_url": "https://erp.example/token", "client_id": "us",
         "client_secret": "${SCALEINV_SFTP}"}  # fmt: skip


def load(tmp_path: Path, destination: dict[str, Any]) -> Any:
    base = yaml.safe_load((Path(__file__).parents[2] / "conf" / "base.yaml").read_text(encoding="utf-8"))
    base["ingest"] = {"data": "x", "m5": {"assumptions": {"lead_times": {}}}}
    base["delivery"] = {"destinations": {"erp": destination}}
    (tmp_path / "env").mkdir(exist_ok=True)
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base))
    (tmp_path / "env" / "x.yaml").write_text("{}\n")
    return load_config("x", folder=tmp_path).delivery.destinations["erp"]


def test_a_secret_is_a_reference_to_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALEINV_SFTP", "hush-hush")
    config = load(tmp_path, SFTP)
    assert isinstance(config, SftpConfig)
    assert config.password is not None
    assert config.password.get_secret_value() == "hush-hush"
    assert "hush-hush" not in repr(config) + str(config.model_dump())
    assert isinstance(load(tmp_path, {**HTTP, "auth": OAUTH}), HttpConfig)


@pytest.mark.parametrize(
    ("destination", "key"),
    [
        ({**SFTP, "password": "hush-hush"}, "delivery.destinations.erp.password"),
        ({**SFTP, "password": "${SCALEINV_SFTP:-hush-hush}"}, "delivery.destinations.erp.password"),
        ({**SFTP, "password": 42}, "delivery.destinations.erp.password"),
        ({**HTTP, "auth": {**OAUTH, "client_secret": "hush-hush"}}, "delivery.destinations.erp.auth.client_secret"),
        ({**HTTP, "secret_headers": {"X-Key": "hush-hush"}}, "delivery.destinations.erp.secret_headers.X-Key"),
    ],
)
def test_a_secret_that_is_written_out_is_refused_and_not_shown(
    tmp_path: Path, destination: dict[str, Any], key: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, destination)
    assert f"{key} is written out" in str(caught.value)
    assert "hush-hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("destination", "words"),
    [
        ({**SFTP, "key_file": "k"}, "give either password or key_file"),
        ({key: value for key, value in SFTP.items() if key != "host_key"}, "give either host_key or known_hosts"),
        ({**SFTP, "port": 0}, "greater than or equal to 1"),
        ({**HTTP, "base_url": "http://erp.example"}, "must begin with https://"),
        ({**HTTP, "base_url": "https://us:me@erp.example"}, "must not name a user"),
        ({**HTTP, "auth": {**OAUTH, "token_url": "http://erp.example/token"}}, "must begin with https://"),
        ({**HTTP, "verify": False}, "Extra inputs are not permitted"),
        ({"kind": "http", "base_url": "https://erp.example"}, "give a folder `responses`"),
        ({"kind": "http", "base_url": "https://e", "send": "file", "when_unsure": "stop"}, "give a folder `responses`"),
        ({**HTTP, "when_unsure": "send"}, "send needs keeps_keys: true, or lookup"),
        ({**HTTP, "when_unsure": "send", "lookup": {"order": "/o"}}, "send needs keeps_keys: true, or lookup"),
        ({**HTTP, "when_unsure": "send", "send": "file", "lookup": {"order": "/o", "line": "/l"}}, "send needs keeps"),
        ({"kind": "ftp"}, "does not match any of the expected tags"),
        ({"kind": "store", "uri": "s3://key:secret@bucket"}, "without a user"),
        ({"kind": "folder"}, "Field required"),
    ],
)
def test_a_destination_that_contradicts_itself_is_refused(destination: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DeliveryConfig.model_validate({"destinations": {"erp": destination}})


def test_what_may_have_arrived_is_not_sent_again_unless_the_receiver_keeps_keys() -> None:
    assert HttpConfig.model_validate(HTTP).when_unsure == "stop"
    for more in ({"keeps_keys": True}, {"lookup": {"order": "/o", "line": "/l"}}):
        assert HttpConfig.model_validate({**HTTP, "when_unsure": "send", **more}).when_unsure == "send"


def test_a_key_that_is_no_word_hides_no_secret() -> None:
    with pytest.raises(ConfigError, match=r"lake\.storage_options\.1\.password is written out"):
        check_references({"storage_options": {1: {"password": "hunter2"}}}, "lake")
