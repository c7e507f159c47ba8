"""How lead times and reliability are predicted."""

from __future__ import annotations

from scaleinv.config.section import Section


class VendorsConfig(Section):
    """How lead times and reliability are predicted."""
