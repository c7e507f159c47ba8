"""Pairs that may be one product, for a person to say; what was said of a pair stays with it."""

from __future__ import annotations

from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from scaleinv.schema.tables import table

_PROPOSALS: Final = table("silver/sku_proposals")
_METHODS: Final = ("gtin", "variant", "code", "description")
"""What speaks most for a pair comes first."""


def proposals(pairs: DataFrame, before: DataFrame, answers: DataFrame) -> DataFrame:
    """``silver/sku_proposals``: tonight's pairs, and those of before that a person answered.

    Args:
        pairs: ``kept, other, method, score, kept_description, other_description``.
        before: the table as it stands.
        answers: ``proposal_id, status`` of the pairs that were answered.
    """
    ends = F.concat_ws("\x1f", F.least("kept", "other"), F.greatest("kept", "other"))
    rank = F.array_position(F.array(*[F.lit(method) for method in _METHODS]), F.col("method"))
    named = pairs.withColumn("proposal_id", F.substring(F.sha2(ends, 256), 1, 10))
    columns = [name for name in _PROPOSALS.names if name not in ("proposal_id", "status")]
    old = before.join(answers.select("proposal_id"), "proposal_id", "left_semi")
    old = old.select("proposal_id", *columns, F.lit(len(_METHODS) + 1).alias("rank"))
    both = named.select("proposal_id", *columns, rank.alias("rank")).unionByName(old)
    best = both.groupBy("proposal_id").agg(F.min_by(F.struct(*columns), F.struct("rank", "kept")).alias("best"))
    said = best.select("proposal_id", "best.*").join(F.broadcast(answers), "proposal_id", "left")
    return said.withColumn("status", F.coalesce("status", F.lit("open"))).select(*_PROPOSALS.names)
