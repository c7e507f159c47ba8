"""What is shipped: no secrets in the repository, wheel and sdist with what they should contain and nothing else."""

from __future__ import annotations

import re
import runpy
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRETS = {
    "AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "private key": r"-----BEGIN (?:RSA |EC |OPENSSH |DSA |PGP |ENCRYPTED )?PRIVATE KEY",
    "GitHub token": r"\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36}\b|\bgithub_pat_[A-Za-z0-9_]{60,}\b",
    "GitLab token": r"\bglpat-[A-Za-z0-9_-]{20,}\b",
    "Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}\b",
    "Google API key": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "PyPI token": r"\bpypi-[A-Za-z0-9_-]{50,}\b",
    "JSON web token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\b",
    "Azure storage key": r"AccountKey=[A-Za-z0-9+/]{60,}={0,2}",
    "password in an address": r"\b(?:https?|postgres(?:ql)?|mysql|amqp|sftp)://[^\s:/@\"'{}$<>]+:(?:[^\s:/@\"'{}$<>]{6,})@",
}
ADDRESS = "password in an address"
"""In tests these are made up: they show that a password is not shown."""


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def found(text: str) -> list[str]:
    return [f"{kind}: {match[0][:12]}…" for kind, pattern in SECRETS.items() for match in re.finditer(pattern, text)]


def test_no_tracked_file_holds_a_secret() -> None:
    bad = {}
    for path in tracked():
        if path != Path(__file__):
            hits = found(path.read_text(encoding="utf-8", errors="ignore"))
            if path.is_relative_to(ROOT / "tests"):
                hits = [hit for hit in hits if not hit.startswith(ADDRESS)]
            if hits:
                bad[str(path.relative_to(ROOT))] = hits
    assert bad == {}


@pytest.mark.parametrize(
    "secret",
    [
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
        "ghp_" + "a1B2" * 9,
        "postgresql://scaleinv:" + "Xy7tqq12" + "@db.internal/orders",
        "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
        "DefaultEndpointsProtocol=https;AccountKey=" + "Ab1+" * 21 + "==",
    ],
)
def test_the_scanner_finds_what_it_should(secret: str) -> None:
    assert found(f"x = '{secret}'")


@pytest.mark.parametrize(
    "fine", ["postgresql://${USER}:${PASSWORD}@db/orders", "https://example.com/a:b@c", "sha256:" + "a" * 64]
)
def test_the_scanner_leaves_references_alone(fine: str) -> None:
    assert found(fine) == []


# --- wheel and sdist --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the backend itself, from what git tracks, so that no stray file of a working folder is in it."""
    folder = tmp_path_factory.mktemp("build")
    source = folder / "source"
    for path in tracked():
        target = source / path.relative_to(ROOT)
        if path.relative_to(ROOT).parts[0] in ("src", "conf", "jobs") or path.parent == ROOT:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    for kind in ("wheel", "sdist"):
        program = f"import hatchling.build as b; b.build_{kind}({str(folder)!r})"
        import sys

        subprocess.run([sys.executable, "-c", program], cwd=source, check=True, capture_output=True, timeout=120)
    return folder


def names_of(built: Path) -> tuple[set[str], set[str]]:
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {*archive.namelist()}
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    return in_wheel, in_sdist


def files_below(*folders: str) -> set[str]:
    return {str(path.relative_to(ROOT)) for path in tracked() if path.relative_to(ROOT).parts[0] in folders}


def test_the_wheel_is_the_package_its_configuration_and_nothing_else(built: Path) -> None:
    in_wheel, _ = names_of(built)
    package = {name.removeprefix("src/") for name in files_below("src")}
    configuration = {f"scaleinv/{name}" for name in files_below("conf")}
    about = {name for name in in_wheel if ".dist-info/" in name}
    assert in_wheel - about == package | configuration
    assert {name.rpartition("/")[2] for name in about} == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "LICENSE"}


def test_the_wheel_has_migrations_configuration_and_its_type_marker(built: Path) -> None:
    in_wheel, _ = names_of(built)
    assert {"scaleinv/py.typed", "scaleinv/conf/base.yaml", "scaleinv/conf/schedule.yaml"} <= in_wheel
    assert [name for name in in_wheel if name.startswith("scaleinv/orderbook/migrations/") and name.endswith(".py")]
    assert [name for name in in_wheel if name.startswith("scaleinv/conf/sources/demo/")]
    assert "scaleinv/erp/orders05.xsd" in in_wheel


def test_the_sdist_is_the_sources_without_tests_and_tools(built: Path) -> None:
    _, in_sdist = names_of(built)
    top = {name.partition("/")[0] for name in in_sdist if name}
    assert top == {
        "src",
        "conf",
        "jobs",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "pyproject.toml",
        "PKG-INFO",
        ".gitignore",
    }
    assert files_below("src", "conf", "jobs") <= in_sdist


def test_the_wheel_says_what_it_is(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("METADATA")]
        facts = archive.read(name).decode()
    assert "License-Expression: Apache-2.0" in facts
    assert {"gpu", "postgres", "prophet"} <= {*re.findall(r"^Provides-Extra: (.+)$", facts, re.MULTILINE)}
    assert "Requires-Python: <3.13,>=3.11" in facts


def test_the_list_of_licences_knows_every_package_that_is_locked() -> None:
    import sys

    done = subprocess.run(
        [sys.executable, str(ROOT / "infra/licences"), str(ROOT / "requirements/cpu.txt")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 100


@pytest.mark.parametrize(
    ("licence", "is_good"),
    [("MIT License", True), ("LGPLv2+", True), ("0BSD", True), ("LicenseRef-NVIDIA-Proprietary", True),
     ("UNLIMITED", False), ("DISCLAIMER", False), ("GPL-3.0-only", False), ("UNKNOWN", False)],
)  # fmt: skip
def test_a_licence_is_known_by_whole_words(licence: str, is_good: bool) -> None:
    assert bool(runpy.run_path(str(ROOT / "infra/licences"))["GOOD"].search(licence)) == is_good
