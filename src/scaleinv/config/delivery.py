"""How documents reach the ERP."""

from __future__ import annotations

from scaleinv.config.section import Section


class DeliveryConfig(Section):
    """How documents reach the ERP."""
