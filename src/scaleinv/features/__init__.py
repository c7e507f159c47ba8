"""Spark: cleansed tables to the dense panel with its covariates, demand classes and training groups."""

from scaleinv.features.build import build

__all__ = ["build"]
