"""A mirror in MLflow: what was trained in a night, by which options, and how good it is. The lake stays the truth."""

from scaleinv.tracking.mirror import Run, Version, mirror, registered_name

__all__ = ["Run", "Version", "mirror", "registered_name"]
