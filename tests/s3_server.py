"""A real S3 server for tests: on 127.0.0.1, in memory, ended with the block that started it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow.fs as pafs

from scaleinv.config import LakeConfig

SECRET: Final = "a-secret-that-nobody-may-see"
_ROOT: Final = Path(__file__).resolve().parents[1]
_PYTHON: Final = ".tools/s3/bin/python"


@dataclass(frozen=True)
class S3Server:
    """Where it is."""

    port: int

    @property
    def options(self) -> dict[str, str]:
        """As ``lake.storage_options``."""
        return {
            "aws_endpoint_url": f"http://127.0.0.1:{self.port}",
            "aws_allow_http": "true",
            "aws_region": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": SECRET,
        }

    def lake(self, name: str, bucket: str = "lakes") -> LakeConfig:
        """A lake that nobody has written to, if nobody has used its name."""
        return LakeConfig(root=f"s3a://{bucket}/{name}", storage_options=self.options)


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server with a bucket that keeps what S3 promises, and two that do not (``s3_serve.py``)."""
    # In an environment of its own: moto's python-dateutil is not the one of matplotlib.
    subprocess.run(["make", "--silent", ".tools/s3/.made"], cwd=_ROOT, check=True, timeout=300)
    command = [_ROOT / _PYTHON, Path(__file__).with_name("s3_serve.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            server = S3Server(int(process.stdout.readline()))
            system = pafs.S3FileSystem(
                access_key="test", secret_key=SECRET, endpoint_override=server.options["aws_endpoint_url"],
                allow_bucket_creation=True,
            )  # fmt: skip
            for bucket in ("lakes", "forgetful", "deaf"):
                system.create_dir(bucket)
            yield server
        finally:
            process.stdin.close()  # however the tests end, it closes, and the server with it
            process.wait(timeout=30)
