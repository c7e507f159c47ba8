"""A process that delivers from an outbox of files, to be killed at any moment: ``sending.py FOLDER CONFIG``.

``FOLDER/todo/<number>`` are documents; a line in ``FOLDER/done`` says that one arrived.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

from scaleinv.config.delivery import FolderConfig, HttpConfig, SftpConfig
from scaleinv.delivery import Item, Result, connect, deliver

KINDS = {"folder": FolderConfig, "http": HttpConfig, "sftp": SftpConfig}


def main() -> None:
    folder, given = Path(sys.argv[1]), json.loads(sys.argv[2])
    done = folder / "done"
    text = done.read_text() if done.exists() else ""
    arrived = set(text[: text.rfind("\n") + 1].split())
    items = []
    for path in sorted((folder / "todo").iterdir()):
        if path.name not in arrived:
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            items.append(Item(path.name, path.name, sha256, path=path))
    destination = connect(KINDS[given["kind"]].model_validate(given))
    with done.open("a") as file:

        def keep(result: Result) -> None:
            if result.state == "delivered":
                file.write(f"{result.key}\n")
                file.flush()
                os.fsync(file.fileno())

        print("ready", flush=True)
        deliver(items, destination, on_result=keep)
    destination.close()


if __name__ == "__main__":
    main()
