"""A mirror in MLflow: what was trained in a night, by which options, and how good it is. The lake stays the truth."""

from scaleinv.tracking.mirror import Night, Run, mirror, registered_name

__all__ = ["Night", "Run", "mirror", "registered_name"]
