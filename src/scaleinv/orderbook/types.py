"""Column types that mean the same on SQLite and PostgreSQL: exact numbers, moments in UTC, JSON texts."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

import sqlalchemy as sa


class Exact(sa.types.TypeDecorator[Decimal]):
    """A decimal with a fixed number of digits after the point: NUMERIC, or a scaled integer where there is none.

    SQLite would keep a NUMERIC as a float, and sums of floats are not what the documents say.
    """

    impl = sa.Numeric
    cache_ok = True

    def __init__(self, digits: int) -> None:
        self.digits = digits
        super().__init__(20, digits)

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Integers on SQLite."""
        is_sqlite = dialect.name == "sqlite"
        return dialect.type_descriptor(sa.BigInteger() if is_sqlite else sa.Numeric(20, self.digits))

    def process_bind_param(self, value: Decimal | None, dialect: sa.Dialect) -> Any:
        """Refuses digits that would be lost."""
        if value is None:
            return None
        scaled = value.scaleb(self.digits)
        if scaled != int(scaled):
            raise ValueError(f"{value} has more than {self.digits} decimals")
        return int(scaled) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Decimal | None:
        """With all its digits."""
        if value is None:
            return None
        return Decimal(value).scaleb(-self.digits) if dialect.name == "sqlite" else Decimal(value)


class Moment(sa.types.TypeDecorator[datetime.datetime]):
    """A moment in UTC, to the microsecond."""

    impl = sa.DateTime
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(timezone=True)

    def process_bind_param(self, value: datetime.datetime | None, dialect: sa.Dialect) -> Any:
        """Refuses a moment of no time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        moment = value.astimezone(datetime.UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime.datetime | None:
        """In UTC."""
        if value is None:
            return None
        known: datetime.datetime = value
        return known.replace(tzinfo=datetime.UTC) if known.tzinfo is None else known.astimezone(datetime.UTC)


class Json(sa.types.TypeDecorator[Any]):
    """Anything that JSON can say, as text with sorted keys; a text is JSON already."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        """Of values that are not written yet."""
        return value if value is None or isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        """As it was."""
        return None if value is None else json.loads(value)
