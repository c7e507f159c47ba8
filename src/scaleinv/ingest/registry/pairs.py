"""Pairs of codes that are one product, or may be. SKUs are compared within small blocks only, never all with all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from rapidfuzz import fuzz, process

from scaleinv.ingest.registry.codes import GTIN, Rules
from scaleinv.schema.registry import HOME

_MOST_LINES: Final = 2**40
_SIDE: Final = ("kept", "other")
_SCORED: Final = (
    "kept string, other string, method string, score double, kept_description string, other_description string"
)
_BLOCKS: Final = 4
"""A SKU is looked for under this many of its words, the rarest."""
_PREFIX: Final = 10
"""Letters: where two descriptions begin alike, they are compared whatever their words."""
_TYPED: Final = 85
"""Likeness (0 to 100) of what differs in two descriptions from which it is a matter of typing: not red and blue, nor
a word more; of what differs in nothing it is 100."""


def certain(codes: DataFrame, known: DataFrame, rules: Rules) -> DataFrame:
    """Codes with the same GTIN, and codes of a system that differ in case, space or leading zeros only.

    Each is paired with the best of its group, a known one before a new one: ``method, group, evidence``, for
    ``kept`` and ``other`` the code's own SKU, ``_rank`` (smaller is better) and ``_description``, and
    ``peer_description``, of the best in the group that is of the other's system.

    Args:
        codes: ``silver/sku_codes``.
        known: ``system, code`` of those that were in the registry before.
        rules: a GTIN or key of more than ``max_block`` codes pairs none: it is a placeholder.
    """
    products = _ranked(codes.where("is_product"))
    products = products.join(known.withColumn("_known", F.lit(True)), ["system", "code"], "left")
    is_new = F.col("_known").isNull().cast("long") * (2 * _MOST_LINES)
    products = products.withColumn("rank", is_new + F.col("rank")).drop("_known")
    by_gtin = products.withColumn("group", F.explode("gtins"))
    by_key = products.where(F.col("system") != GTIN).withColumn("group", F.concat_ws(":", "system", "code_key"))
    gtin = _in_groups(by_gtin, "gtin", F.concat(F.lit("same GTIN "), "group"), rules.max_block)
    typed = F.concat(F.lit("same code but for case, space or leading zeros: "), "group")
    return gtin.unionByName(_in_groups(by_key, "variant", typed, rules.max_block))


def likely(codes: DataFrame, merged: DataFrame, rules: Rules) -> DataFrame:
    """SKUs whose codes differ in punctuation or system only, or that are called nearly the same.

    ``kept, other, method, score, kept_description, other_description``; the same pair may come by both methods.

    Args:
        codes: ``silver/sku_codes``.
        merged: ``own_id`` of the codes that mean another SKU now.
        rules: how alike, and how large a block may be.
    """
    skus = _ranked(codes.where("is_product and description is not null"))
    skus = skus.join(merged, "own_id", "left_anti").select("own_id", "rank", "system", "code_key", "description")
    called = F.trim(F.regexp_replace(F.upper("description"), r"[^\p{L}\p{N}]+", " "))
    skus = skus.withColumn("called", called).where("called != ''")
    skus = skus.withColumn("words", F.split("called", " ")).withColumns(
        {
            "numbers": _among(r"\p{N}"),  # sizes, packs and years: two products that differ in them are two
            "letters": _among(r"^\p{L}$"),
        }
    )
    bare = F.regexp_replace(F.regexp_replace("code_key", r"[^\p{L}\p{N}]", ""), "^0+(?=.)", "")
    by_code = _pairs(_small(skus.withColumn("block", bare), rules.max_block))
    by_words = _pairs(_under_rare_words(skus, rules.max_block))
    alike = by_words.where("kept_numbers = other_numbers").where(
        "kept_letters = other_letters or size(kept_letters) = 0 or size(other_letters) = 0"
    )
    return (
        by_code.where("kept_code_key != other_code_key or kept_system != other_system")
        .withColumn("method", F.lit("code"))
        .unionByName(alike.withColumn("method", F.lit("description")))
        .select(
            "method", *[f"{side}_{name}" for side in _SIDE for name in ("own_id", "called", "description")],
            _rest("kept_words", "other_words").alias("kept_rest"),
            _rest("other_words", "kept_words").alias("other_rest"),
        )
        .mapInArrow(_scoring(rules), _SCORED)
    )  # fmt: skip


def _ranked(codes: DataFrame) -> DataFrame:
    """``rank``: the retailer's own codes before others', then the one with more lines."""
    is_foreign = (F.col("system") != HOME).cast("long") * _MOST_LINES
    lines = F.lit(_MOST_LINES - 1) - F.least(F.col("n_lines"), F.lit(_MOST_LINES - 1))
    return codes.withColumn("rank", is_foreign + lines)


def _in_groups(products: DataFrame, method: str, evidence: Column, most: int) -> DataFrame:
    group = Window.partitionBy("group")
    best = F.min(F.struct("rank", "own_id", "description"))
    peer = best.over(Window.partitionBy("group", "system"))
    paired = products.withColumns({"head": best.over(group), "peer": peer, "n": F.count(F.lit(1)).over(group)})
    return paired.where((F.col("head.own_id") != F.col("own_id")) & (F.col("n") <= most)).select(
        F.lit(method).alias("method"), "group", evidence.alias("evidence"),
        F.col("peer.description").alias("peer_description"),
        F.col("head.own_id").alias("kept"), F.col("head.rank").alias("kept_rank"),
        F.col("head.description").alias("kept_description"),
        F.col("own_id").alias("other"), F.col("rank").alias("other_rank"),
        F.col("description").alias("other_description"),
    )  # fmt: skip


def _among(pattern: str) -> Column:
    """The words that hold ``pattern``, each once, sorted."""
    return F.array_sort(F.array_distinct(F.filter("words", lambda word: word.rlike(pattern))))


def _rest(words: str, others: str) -> Column:
    """What is in one description and not in the other, as one word; a single letter abbreviates (S/4, P/FRAME)."""
    return F.concat_ws("", F.filter(F.array_except(words, others), lambda word: F.length(word) > 1))


def _under_rare_words(skus: DataFrame, most: int) -> DataFrame:
    """Each SKU under its rarest words (and its first letters) that another one has too, but not too many."""
    words = F.filter("words", lambda word: F.length(word) > 1)
    start = F.concat(F.lit("^"), F.substring(F.replace("called", F.lit(" "), F.lit("")), 1, _PREFIX))
    under = skus.withColumn("block", F.explode(F.array_distinct(F.array_append(words, start))))
    rarest = Window.partitionBy("own_id").orderBy("n", "block")
    found = _small(under, most).withColumn("nth", F.row_number().over(rarest))
    return found.where(F.col("nth") <= _BLOCKS).drop("nth")


def _small(blocks: DataFrame, most: int) -> DataFrame:
    """Blocks of 2 to ``most`` SKUs; ``n`` is how many."""
    return blocks.withColumn("n", F.count(F.lit(1)).over(Window.partitionBy("block"))).where(
        F.col("n").between(2, most)
    )


def _pairs(blocks: DataFrame) -> DataFrame:
    """Every two SKUs of a block: ``kept_*`` and ``other_*``. A pair may come from several blocks."""
    names = [name for name in blocks.columns if name not in ("block", "n")]
    member = F.struct("rank", "own_id", *[name for name in names if name not in ("rank", "own_id")])
    together = blocks.groupBy("block").agg(F.collect_list(member).alias("all"))  # small: a block is
    two = together.select("all", F.explode("all").alias("kept")).select("kept", F.explode("all").alias("other"))
    two = two.where(F.struct("kept.rank", "kept.own_id") < F.struct("other.rank", "other.own_id"))
    return two.select(*[F.col(f"{side}.{name}").alias(f"{side}_{name}") for side in _SIDE for name in names])


def _scoring(rules: Rules) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for ``mapInArrow``: likeness of the descriptions, pair by pair, in C++."""

    def scored(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows == 0:
                continue
            texts = {name: batch[name].to_pylist() for name in batch.schema.names}
            left, right = texts["kept_called"], texts["other_called"]
            score = process.cpdist(left, right, scorer=fuzz.token_sort_ratio, dtype=np.float64)
            shared = process.cpdist(left, right, scorer=fuzz.token_set_ratio, dtype=np.float64)
            rest = process.cpdist(texts["kept_rest"], texts["other_rest"], scorer=fuzz.ratio, dtype=np.float64)
            by_code = pc.equal(batch["method"], "code").to_numpy(zero_copy_only=False)
            chosen = np.where(by_code, shared >= rules.agree, (score >= rules.propose) & (rest >= _TYPED))
            found = pa.record_batch(
                [
                    batch["kept_own_id"], batch["other_own_id"], batch["method"], pa.array(score),
                    batch["kept_description"], batch["other_description"],
                ],
                names=["kept", "other", "method", "score", "kept_description", "other_description"],
            )  # fmt: skip
            yield found.filter(pa.array(chosen))

    return scored
