"""The words of scaleinv: every table's columns, types, units, keys and single writer."""

from scaleinv.schema.check import check, check_engine
from scaleinv.schema.table import Column, Table, empty
from scaleinv.schema.tables import TABLES, table
from scaleinv.schema.words import series_id

__all__ = ["TABLES", "Column", "Table", "check", "check_engine", "empty", "series_id", "table"]
