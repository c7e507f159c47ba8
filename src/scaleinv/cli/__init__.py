"""The command line: ``commands`` has the stages and the walk, the other modules a group of commands each."""

from scaleinv.cli.commands import app, job, main

__all__ = ["app", "job", "main"]
