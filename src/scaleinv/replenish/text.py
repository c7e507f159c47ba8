"""Numbers and words put together for whole columns at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def spelled(values: NDArray[np.float64]) -> pa.Array:
    """(n,) numbers as a person writes them: at most three decimals, none where they are zero.

    >>> spelled(np.array([12.0, -0.5, 2.71828])).to_pylist()
    ['12', '-0.5', '2.718']
    """
    thousandths = pa.array(values).cast(pa.decimal128(38, 3))
    return pc.replace_substring_regex(thousandths.cast(pa.string()), r"\.?0+$", "")


def joined(*parts: object) -> pa.Array:
    """(n,) the parts one after the other; a part is a text or an array of texts."""
    return pc.binary_join_element_wise(*parts, "")


def ranks(texts: pa.Array) -> NDArray[np.int64]:
    """(n,) each text's rank among the distinct ones, in code points."""
    encoded = texts.dictionary_encode()
    ascending = pc.sort_indices(encoded.dictionary).to_numpy()
    ranks = np.empty(ascending.size, dtype=np.int64)
    ranks[ascending] = np.arange(ascending.size)
    return np.asarray(ranks[encoded.indices.to_numpy(zero_copy_only=False)], dtype=np.int64)
