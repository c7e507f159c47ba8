"""Spark: cleansed tables to the dense panel with its covariates, demand classes and training groups."""

from scaleinv.features.build import build
from scaleinv.features.changes import Base
from scaleinv.features.clusters import by_cluster

__all__ = ["Base", "build", "by_cluster"]
