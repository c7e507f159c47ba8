"""Where goods on their way are, and the endpoint that is told."""

from __future__ import annotations

from scaleinv.config.section import Section


class ShipmentsConfig(Section):
    """Where goods on their way are, and the endpoint that is told."""
