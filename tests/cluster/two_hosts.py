"""A night on two hosts by the commands of docs/operations.md; both are lost while models are trained.

``python two_hosts.py FOLDER``, with the settings of the two hosts in FOLDER. The last line is JSON.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.fanout.machines import Machines

ROOT = Path(__file__).parents[2]
FIRST, NODE = "head", "node"
SECONDS = 1200
"""That a step may take on a busy machine."""


def commands() -> dict[str, str]:
    """Title -> commands, as the page has them."""
    page = (ROOT / "docs" / "operations.md").read_text()
    return dict(re.findall(r'^```sh title="([^"]+)"\n(.+?)^```$', page, re.MULTILINE | re.DOTALL))


class Hosts:
    """The two hosts, to which a person says what the page says."""

    def __init__(self, folder: Path) -> None:
        self.machines = Machines(folder)
        self._folder = folder
        self._commands = commands()

    def begin(self, host: str, title: str) -> subprocess.Popen[bytes]:
        """Runs the commands of ``title`` in a shell of ``host``, which stops at the first that fails."""
        script = f"set -eu\n. {self._folder}/{host}.sh\n{self._commands['settings.sh: for all']}"
        script += f'cd "$SHARED"\n{self._commands[title]}'
        return subprocess.Popen([*self.machines.enter(host), "bash", "-c", script], stdout=sys.stderr)

    def run(self, host: str, title: str) -> None:
        """As :meth:`begin`, and waits for its end."""
        status = self.begin(host, title).wait(timeout=SECONDS)
        assert status == 0, f"{host}: {title}: ended with {status}"

    def start(self) -> None:
        """Spark and Ray on both."""
        self.run(FIRST, "first host: start")
        self.run(NODE, "other hosts: start")
        for host in (FIRST, NODE):
            self.run(host, "every host: start")


def status_without_a_token() -> int:
    """What Ray answers to somebody who asks for its jobs and has no token."""
    try:
        with urllib.request.urlopen("http://127.0.0.1:8265/api/jobs/", timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def done(lake: Path) -> dict[str, str]:
    """The cards of the groups whose model is there."""
    return {str(path.relative_to(lake)): path.read_text() for path in lake.glob("models/*/*/*.train.json")}


def until(is_so: Callable[[], bool], night: subprocess.Popen[bytes]) -> None:
    """Waits; the night has to be under way meanwhile."""
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert night.poll() is None, f"the night ended with {night.returncode}"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def main(folder: Path) -> None:
    """Runs and prints."""
    lake = Path(os.environ["LAKE"])
    hosts = Hosts(folder)
    hosts.run(FIRST, "first host: what jobs need")
    hosts.start()
    night = hosts.begin(FIRST, "first host: a night")
    until(lambda: len(done(lake)) >= 1, night)
    asked = status_without_a_token()
    hosts.machines.crash_node(unplugged=False)
    at_loss = len(done(lake))
    until(lambda: len(done(lake)) > at_loss, night)
    hosts.machines.crash_head()
    before = done(lake)
    hosts.start()
    hosts.run(FIRST, "first host: a night")
    print(json.dumps({"asked": asked, "before": before, "after": done(lake)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
