"""One SKU per product over all systems: codes, decisions about them, and what follows from both.

The registry is a function of the codes that were seen and of the log of decisions, and of nothing else: made again it
is the same, and a merge is reversed by one more row of the log.
"""

from scaleinv.ingest.registry.automatic import automatic
from scaleinv.ingest.registry.codes import GTIN, Rules, code_key_of, codes_of, with_seen
from scaleinv.ingest.registry.decisions import By, answers, merge, reject, split, supersede, undo
from scaleinv.ingest.registry.mapping import canonical, check_registry, registry
from scaleinv.ingest.registry.pairs import certain, likely
from scaleinv.ingest.registry.periods import PERIODS, meaning, periods
from scaleinv.ingest.registry.proposals import proposals

__all__ = [
    "GTIN", "PERIODS", "By", "Rules", "answers", "automatic", "canonical", "certain", "check_registry", "code_key_of",
    "codes_of", "likely", "meaning", "merge", "periods", "proposals", "registry", "reject", "split", "supersede",
    "undo", "with_seen",
]  # fmt: skip
