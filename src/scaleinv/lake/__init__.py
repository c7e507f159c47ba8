"""The only room that knows paths: Delta for Spark (:mod:`scaleinv.lake.spark`) and for plain workers."""

from scaleinv.lake.tables import Lake, StagedFile, TableState

__all__ = ["Lake", "StagedFile", "TableState"]
