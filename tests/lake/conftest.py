"""What tests of the lake share: a lake, once in a folder and once on S3."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaleinv.config import LakeConfig
from scaleinv.lake import Lake


@pytest.fixture(params=["folder", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    if request.param == "folder":
        return Lake(LakeConfig(root=str(tmp_path / "lake")))
    return Lake(request.getfixturevalue("s3").lake(tmp_path.name))
