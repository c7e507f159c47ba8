"""Runs any function over many tasks on a pool of warm Ray actors."""

from scaleinv.fanout.cluster import cluster
from scaleinv.fanout.pool import fan_out
from scaleinv.fanout.tasks import Outcome, Task

__all__ = ["Outcome", "Task", "cluster", "fan_out"]
