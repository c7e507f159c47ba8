"""From a name in the configuration to a place that takes documents."""

from __future__ import annotations

from scaleinv.config.delivery import DestinationConfig, FolderConfig, HttpConfig, SftpConfig
from scaleinv.delivery.item import Clock, Destination


def connect(config: DestinationConfig, *, clock: Clock | None = None) -> Destination:
    """The destination; a connection is made when the first document is sent.

    Raises:
        ConfigError: a host key that is none.
    """
    # Clients are imported where they are used: who delivers to a folder waits for none of them.
    if isinstance(config, FolderConfig):
        from scaleinv.delivery.folder import Folder

        return Folder(config)
    if isinstance(config, SftpConfig):
        from scaleinv.delivery.sftp import Sftp

        return Sftp(config)
    if isinstance(config, HttpConfig):
        from scaleinv.delivery.http import Http

        return Http(config, clock=clock)
    from scaleinv.delivery.store import Store

    return Store(config)
