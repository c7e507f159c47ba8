"""Partners of ``export.codes`` in what comes back: whose interchange it is, and what their codes of units mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from scaleinv.config.export import ExportConfig, ExportFormat
from scaleinv.erp.codes import Codes, read_codes

X12: Final[ExportFormat] = "x12-850"
EDIFACT: Final[ExportFormat] = "edifact-orders"


@dataclass(frozen=True)
class Partners:
    """Who sends us interchanges, as far as is configured."""

    config: ExportConfig
    codes: Codes

    @cached_property
    def units(self) -> Mapping[str, Mapping[str, str]]:
        """Format -> code of a unit -> ours; a code that stands for two of ours is left out."""
        return {format: _meanings(_pairs(self.codes, "unit", format)) for format in (X12, EDIFACT)}

    def vendors(self, format: str, sender: str) -> Sequence[str] | None:
        """The vendors that a sender speaks for; none: of no vendor. ``None``: of whomever he says.

        A vendor's interchanges come from where its orders go: its code, or our own key for it where there are none. A
        network that all orders go through speaks for all. Where we send no orders in that standard and have no codes
        for it, nobody knows.
        """
        section = self.config.x12 if format == X12 else self.config.edifact
        is_network = section is not None and section.receiver == sender
        if is_network or not (format in self.config.formats or self.codes.has_own("vendor", format)):
            return None
        known = self._vendors[format]
        return known.get(sender, []) if known else [sender]

    @cached_property
    def _vendors(self) -> Mapping[str, Mapping[str, list[str]]]:
        """Format -> code of a vendor -> those that are known by it."""
        found: dict[str, dict[str, list[str]]] = {X12: {}, EDIFACT: {}}
        for format, vendors in found.items():
            for ours, theirs in _pairs(self.codes, "vendor", format):
                vendors.setdefault(theirs, []).append(ours)
        return found


def partners_of(config: ExportConfig) -> Partners:
    """The partners of ``export.codes``.

    Raises:
        DataError: the file cannot be read.
    """
    return Partners(config, read_codes(config.codes))


def _pairs(codes: Codes, kind: str, format: str) -> list[tuple[str, str]]:
    """Ours and theirs."""
    return list(zip(*(values.to_pylist() for values in codes.of(kind, format)), strict=True))


def _meanings(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Theirs -> ours, where it is one of ours only."""
    counts = Counter(theirs for _, theirs in pairs)
    return {theirs: ours for ours, theirs in pairs if counts[theirs] == 1}
