"""Rules of replenishment: what is done with rows that a condition finds. Checked when the configuration is read."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from scaleinv.config.expression import Node, parsed
from scaleinv.config.expression.tree import names_in
from scaleinv.config.section import Section, Share
from scaleinv.errors import ConfigError
from scaleinv.schema.facts import EARLY_ACTIONS, FACT_OF, Action
from scaleinv.schema.words import AbcClass

_NEEDS: Final[dict[str, str]] = {
    "cap": "units", "route": "queue", "substitute": "skus", "transfer_first": "locations",
}  # fmt: skip
"""Action -> the parameter that it needs, and no other may have."""
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class RuleConfig(Section):
    """One rule. Of several that match a line the one of the highest ``priority`` decides; all are recorded."""

    name: Word
    priority: int = 0
    """At the same priority the stricter one decides: hold, route, order; then the one whose name comes first."""
    when: Annotated[str, Field(min_length=1)]
    """The condition (``scaleinv.config.expression``)."""
    do: Action
    units: str | None = None
    """cap: order no more than this (a calculation)."""
    queue: Word | None = None
    """route: who approves it."""
    skus: dict[str, str] = {}
    """substitute: SKU -> the one that is ordered instead, at the same location."""
    locations: tuple[str, ...] = ()
    """transfer_first: where to look for stock to move, the first one first."""
    reason: str = ""
    """For the person who sees what it did."""

    @property
    def condition(self) -> Node:
        """The condition, read."""
        return parsed(self.when)

    @property
    def is_early(self) -> bool:
        """It changes what is ordered, before any limit of the night."""
        return self.do in EARLY_ACTIONS

    @model_validator(mode="after")
    def _reads(self) -> Self:
        try:
            self._check()
        except ConfigError as error:
            raise ValueError(f"rule {self.name}: {error}") from None
        return self

    def _check(self) -> None:
        trees = [self.condition] + ([parsed(self.units, "number")] if self.units is not None else [])
        late = sorted({name for tree in trees for name in names_in(tree) if FACT_OF[name].late})
        if self.is_early and late:
            raise ConfigError(f"{self.do} is decided before the limits of the night, {', '.join(late)} after them")
        for action, parameter in _NEEDS.items():
            is_given = bool(getattr(self, parameter))
            if is_given != (self.do == action):
                raise ConfigError(
                    f"{action} needs {parameter}" if not is_given else f"{parameter} is for {action} only"
                )
        chained = set(self.skus) & set(self.skus.values())
        if chained:
            raise ConfigError(f"{', '.join(sorted(chained))} is replaced and replaces: name the last one")

    def canonical(self) -> list[object]:
        """What it means, however it is written."""
        units = None if self.units is None else str(parsed(self.units, "number"))
        return [self.name, self.priority, str(self.condition), self.do, units, self.queue, sorted(self.skus.items()),
                list(self.locations)]  # fmt: skip


class ApprovalConfig(Section):
    """Orders above one of these do not go out by themselves: a person approves them. ``None``: no limit.

    They are rules of priority 0, named ``approval_…``: a rule of a higher priority overrules them.
    """

    max_line_value: Annotated[float, Field(ge=0)] | None = None
    max_order_value: Annotated[float, Field(ge=0)] | None = None
    """Money, of a vendor and a location."""
    max_vendor_value: dict[str, Annotated[float, Field(ge=0)]] = {}
    """Vendor -> money of a night."""
    vendors: tuple[str, ...] | None = None
    """Only orders of these go out by themselves."""
    classes: tuple[AbcClass, ...] | None = None
    """Only articles of these classes do."""
    min_confidence: Share | None = None
    """Only articles whose forecast is at least so sure (column ``confidence``) do."""

    def rules(self) -> list[RuleConfig]:
        """The same as rules."""
        found: dict[str, str] = {}
        if self.max_line_value is not None:
            found["approval_line_value"] = f"value > {self.max_line_value!r}"
        if self.max_order_value is not None:
            found["approval_order_value"] = f"order_value > {self.max_order_value!r}"
        for place, (vendor, money) in enumerate(sorted(self.max_vendor_value.items())):
            found[f"approval_vendor_value_{place + 1}"] = f"vendor_id = {_text(vendor)} and vendor_value > {money!r}"
        if self.vendors is not None:
            found["approval_vendor"] = _not_among("vendor_id", self.vendors)
        if self.classes is not None:
            found["approval_class"] = _not_among("abc_class", self.classes)
        if self.min_confidence is not None:
            found["approval_confidence"] = f"confidence < {self.min_confidence!r}"
        return [RuleConfig(name=name, when=when, do="route", queue="approval") for name, when in found.items()]


def capacity_rules(capacity: Mapping[str, float]) -> list[RuleConfig]:
    """Lines of a vendor that is asked for more than it can deliver go to a person."""
    return [
        RuleConfig(
            name=f"approval_vendor_capacity_{place + 1}", do="route", queue="vendor_management",
            when=f"vendor_id = {_text(vendor)} and vendor_quantity > {units!r}",
        )
        for place, (vendor, units) in enumerate(sorted(capacity.items()))
    ]  # fmt: skip


def _not_among(column: str, names: tuple[str, ...]) -> str:
    """Null is none of them: what is not known does not go out by itself."""
    return f"{column} is null or not {column} in ({', '.join(map(_text, names))})" if names else "true"


def _text(value: str) -> str:
    doubled = value.replace("'", "''")
    return f"'{doubled}'"


def check_rules(rules: tuple[RuleConfig, ...]) -> None:
    """Nothing, if names are unique and nobody uses those of the built-in rules.

    Raises:
        ValueError: they are not.
    """
    twice = [name for name, count in Counter(rule.name for rule in rules).items() if count > 1]
    if twice:
        raise ValueError(f"rules: names occur twice: {', '.join(twice)}")
    taken = [rule.name for rule in rules if rule.name == "base" or rule.name.startswith("approval_")]
    if taken:
        raise ValueError(f"rules: {', '.join(taken)} is the name of a built-in rule")


def rules_version(rules: tuple[RuleConfig, ...]) -> str:
    """Eight characters that are others as soon as the rules mean something else; their order plays no part."""
    meaning = sorted(rule.canonical() for rule in rules)
    text = json.dumps(meaning, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:8]
