"""What the SKU registry may do by itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scaleinv.config.section import Positive, Section

Likeness = Annotated[float, Field(ge=0, le=100)]


class RegistryConfig(Section):
    """One product, one ``sku_id``, over all systems and spellings of its code."""

    enabled: bool = True
    """False: the codes of the sources are the ``sku_id``s, and nothing is merged or looked up."""
    services: tuple[str, ...] = ()
    """Regular expressions over whole codes, without case, space and leading zeros: postage, fees, tests. They are no
    products and never merged."""
    agree: Likeness = 70.0
    """Likeness below which two descriptions contradict each other: the codes are not merged but proposed."""
    propose: Likeness = 90.0
    """Likeness from which two SKUs are proposed for what they are called."""
    max_block: Positive = 50
    """SKUs that share a word (or a GTIN) are compared with each other only if they are no more than this many."""
