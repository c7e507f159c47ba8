"""What counts as drift of a source, and what happens then."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, Field

from scaleinv.config.section import Positive, Probability, Section, Share

DriftKind = Literal[
    "added", "missing", "renamed", "retyped", "unit_changed", "new_values", "shifted", "null_share", "rows",
    "not_profiled",
]  # fmt: skip
DriftPolicy = Literal["warn", "quarantine", "stop"]
DRIFT_KINDS: Final[tuple[DriftKind, ...]] = get_args(DriftKind)
ROW_KINDS: Final[tuple[DriftKind, ...]] = ("retyped", "new_values", "null_share")
"""Kinds of which it can be said which rows have them; of any other there is nothing to put aside."""


def _row_meaning(policies: dict[DriftKind, DriftPolicy]) -> dict[DriftKind, DriftPolicy]:
    wrong = [kind for kind, policy in policies.items() if policy == "quarantine" and kind not in ROW_KINDS]
    if wrong:
        raise ValueError(
            f"{', '.join(wrong)}: a drift of this kind is one of the whole load, no row can be put aside for it; "
            f"it may warn or stop, and `quarantine` is for {', '.join(ROW_KINDS)}"
        )
    return policies


Policies = Annotated[dict[DriftKind, DriftPolicy], AfterValidator(_row_meaning)]


DEFAULTS: Final[dict[DriftKind, DriftPolicy]] = {
    **dict.fromkeys(DRIFT_KINDS, "warn"),
    **dict.fromkeys(("missing", "retyped", "unit_changed", "null_share"), "stop"),
}
"""What happens where nobody has said anything else."""


class SourceDrift(Section):
    """What a source's contract says about its drift; what it does not say is as :class:`DriftConfig` has it."""

    enabled: bool = True
    """False: the source is not looked at, and its loads cost one pass over their rows less."""
    policies: Policies = {}
    """Kind -> policy, for all columns of the source."""
    columns: dict[str, Policies] = {}
    """Column as named in the source -> kind -> policy."""


class DriftConfig(Section):
    """How a load is compared with the last accepted one of its source."""

    enabled: bool = True
    """False: no source is looked at."""
    policies: Policies = {}
    """Kind -> policy, before :data:`DEFAULTS`."""
    psi: Annotated[float, Field(gt=0)] = 0.25
    """``shifted``: population stability index above this, and above what chance gives at this number of rows."""
    null_jump: Share = 0.05
    """``null_share``: the share rose by more than this. A column that never had a null is held to 0.001."""
    null_stop: Share = 0.2
    """``null_share``: a smaller rise warns where the policy is ``stop``."""
    retyped_share: Share = 0.1
    """``retyped``: more cells than this do not read as the type that the column had."""
    rename_score: Probability = 0.6
    """``renamed``: likeness of names (a third) and values (two thirds) from which a pair is suggested."""
    rows_factor: Annotated[float, Field(gt=1)] = 5.0
    """``rows``: as many times more or fewer rows than the median of the loads before."""
    min_rows: Positive = 100
    """Cells below which a column's distribution and unit are not judged."""
    sample_rows: Positive = 50_000
    """Rows looked at in a load; rows and nulls are counted on all of them."""
    max_cells: Positive = 2_000_000
    """A wide table is looked at in fewer rows, so that rows times columns stay below this."""
    max_columns: Positive = 2_000
    """Columns looked at, the first ones; of others presence and type are compared, and ``not_profiled`` says so."""

    def policy(self, kind: DriftKind, column: str, source: SourceDrift) -> DriftPolicy:
        """What happens to a drift: the column's word, else the source's, else the one for all.

        >>> own = SourceDrift(policies={"added": "stop"}, columns={"note": {"added": "warn"}})
        >>> [DriftConfig().policy("added", column, own) for column in ("price", "note")]
        ['stop', 'warn']
        """
        said = (source.columns.get(column, {}), source.policies, self.policies, DEFAULTS)
        return next(policies[kind] for policies in said if kind in policies)
