"""The only room that knows paths: Delta for Spark (:mod:`scaleinv.lake.spark`) and for plain workers."""

from scaleinv.lake.staging import StagedFile
from scaleinv.lake.tables import Lake, TableState

__all__ = ["Lake", "StagedFile", "TableState"]
