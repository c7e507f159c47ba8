"""Spark: the retailer's files to cleansed tables; what is not accepted goes to quarantine with a reason."""

from scaleinv.ingest.cleanse import Cleansed, cleanse
from scaleinv.ingest.limits import check_quarantine
from scaleinv.ingest.read import read_sources

__all__ = ["Cleansed", "check_quarantine", "cleanse", "read_sources"]
