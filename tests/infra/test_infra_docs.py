"""The documentation: each page is in the site's navigation, links lead somewhere. `make docs` builds it strictly."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINK = re.compile(r"\]\(([^)\s]+)\)")


def in_navigation(part: object) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for below in part.values():
            yield from in_navigation(below)
    elif isinstance(part, list):
        for below in part:
            yield from in_navigation(below)


def test_the_navigation_has_every_page_once() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(in_navigation(site["nav"])) == sorted(str(page.relative_to(DOCS)) for page in PAGES)


def links(page: Path) -> set[str]:
    """Without those of code, and of other hosts."""
    text = re.sub(r"^```.*?^```|`[^`\n]+`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return {link for link in LINK.findall(text) if not re.match(r"https?://|mailto:", link)}


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda page: page.name)
def test_its_links_lead_somewhere(page: Path) -> None:
    targets = {link: page.parent / link.partition("#")[0] for link in links(page) if not link.startswith("#")}
    assert [link for link, target in targets.items() if not target.exists()] == []
    if page in PAGES:
        outside = [link for link, target in targets.items() if not target.resolve().is_relative_to(DOCS)]
        assert outside == [], "the site has no pages outside docs: write the path as code"


@pytest.mark.parametrize("picture", sorted(DOCS.rglob("images/*")), ids=lambda picture: picture.name)
def test_a_picture_is_shown_by_a_page(picture: Path) -> None:
    assert any(f"images/{picture.name}" in links(page) for page in PAGES)


def checked(page: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "index.html").write_text(page, encoding="utf-8")
    (folder / "own.js").touch()
    command = [sys.executable, str(ROOT / "infra/check-site"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_site_may_load_what_is_its_own(tmp_path: Path) -> None:
    done = checked('<script src="own.js"></script><a href="https://example.com">a link</a>', tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ('<script src="https://cdn.example/x.js"></script>', "another host"),
        ('<link rel="stylesheet" href="//fonts.example/x.css">', "another host"),
        ('<img src="gone.svg">', "is not there"),
    ],
)
def test_the_site_may_not_load_what_is_not(page: str, said: str, tmp_path: Path) -> None:
    done = checked(page, tmp_path)
    assert done.returncode == 1
    assert said in done.stdout
