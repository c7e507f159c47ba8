"""The contract of a source: where it is, how it is read, what its columns mean and what is expected of them."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from scaleinv.config.drift import SourceDrift
from scaleinv.config.kafka import KafkaConfig
from scaleinv.config.section import Section, Share


class UnitConfig(Section):
    """A column that the source states in another unit: values are converted on the way in."""

    received: str
    """Unit in the source: a UN/CEFACT Rec 20 code (``GRM``) or a name that pint knows (``gram``)."""
    wanted: str
    """Unit in the table."""


class RuleConfig(Section):
    """A rule of the source's own: rows for which ``where`` is true go to quarantine."""

    where: str
    """A Spark SQL condition over the columns as received."""
    reason: str
    """What a person reads beside the row."""


class WideConfig(Section):
    """A table with a column per day, store or size: each of their cells is a row."""

    columns: str
    """A regular expression that the whole name of such a column fits: ``d_\\d+``."""
    name: str
    """Column as received in which the name of the cell's column stands."""
    value: str
    """Column as received in which the cell stands. Empty cells are no rows."""

    @field_validator("columns")
    @classmethod
    def _is_pattern(cls, columns: str) -> str:
        try:
            re.compile(columns)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        return columns


class JdbcConfig(Section):
    """A table or query of a database."""

    url: str
    """``jdbc:postgresql://host:5432/database``, without user and password."""
    query: str
    """``SELECT …``; runs in the database."""
    user: str | None = None
    password: SecretStr | None = None
    """From the environment (``${NAME}``), never from a file; it is never shown."""
    driver: str = "org.postgresql.Driver"
    """Class of the driver; the jar of another database's is named in ``spark.packages``."""

    @model_validator(mode="after")
    def _no_password(self) -> Self:
        if "password" in self.url.lower():
            raise ValueError("the url holds a password: name it in `password`, from the environment")
        return self


class SourceConfig(Section):
    """The contract of one source, a file of ``conf/sources``."""

    into: str | None = None
    """Silver table (without ``silver/``) that it feeds; ``None``: the one of the source's name."""
    path: str = ""
    """Glob under the data folder."""
    format: Literal["csv", "json", "parquet", "avro", "delta", "jdbc", "kafka"] = "csv"
    options: dict[str, str] = {}
    """Reader options of Spark (``sep``, ``encoding``, ``quote`` …)."""
    jdbc: JdbcConfig | None = None
    kafka: KafkaConfig | None = None
    """Topics that ``scaleinv ingest --source NAME`` lands in ``bronze/NAME``."""
    mode: Literal["increments", "whole"] | None = None
    """``increments``: each file is read once, and adds to what is known. ``whole``: the files together are all there
    is, and replace what was read before. ``None``: movements come in increments, master data whole."""
    wide: WideConfig | None = None
    """Which of its columns are to become rows."""
    columns: dict[str, str] = {}
    """Our column -> the column's name in the source. A column not named here keeps its name."""
    constants: dict[str, str] = {}
    """Our column -> a value that the source does not bring."""
    expressions: dict[str, str] = {}
    """Our column -> a Spark SQL expression over the columns as received."""
    empty: tuple[str, ...] = ()
    """Texts that stand for "no value" (``NA``, ``N/A - From RDC``), beside the empty text."""
    units: dict[str, UnitConfig] = {}
    """Our column -> from which unit to which."""
    date_format: str = "yyyy-MM-dd"
    decimal_comma: bool = False
    order_by: str | None = None
    """A Spark SQL expression over the columns as received (``bigint(SEQ)``, ``to_timestamp(CHANGED_AT)``): of several
    states of a key in one load the one with the largest value stands. ``None``: of messages the one with the largest
    offset; in files there is no order, and rows of a key that differ are conflicts."""
    rules: dict[str, RuleConfig] = {}
    """Name -> a rule that is tried before the table's own."""
    required: bool = True
    """An optional source may be absent; a required one may be neither absent nor empty."""
    max_age: Annotated[int, Field(ge=0)] | None = None
    """Days that the newest accepted row may be older than the load's day; older stops the load. ``None``: any."""
    max_quarantine_share: Share | None = None
    """``None``: ``ingest.max_quarantine_share``."""
    system: Annotated[str, Field(pattern=r"^\S+$")] = "own"
    """Whose numbering its product codes are of: the retailer's ``own``, ``gtin`` (what a scanner reads),
    ``vendor:<vendor_id>``, or a name for a system with codes of its own (``pos``)."""
    drift: SourceDrift = SourceDrift()
    """What is done when it changes, where that is not as ``ingest.drift`` has it."""

    @model_validator(mode="after")
    def _place(self) -> Self:
        if self.format == "jdbc" and (self.jdbc is None or self.path):
            raise ValueError("a source of format jdbc has `jdbc`, and no `path`")
        if (self.format == "kafka") != (self.kafka is not None):
            raise ValueError("a source of format kafka has `kafka`, and no other has")
        if self.format not in ("jdbc", "kafka") and (not self.path or self.jdbc is not None):
            raise ValueError(f"a source of format {self.format} has a `path`, and no `jdbc`")
        if self.format == "jdbc" and any(name.lower() == "password" for name in self.options):
            raise ValueError("the password of a database stands in `jdbc.password`, which is never shown")
        return self
