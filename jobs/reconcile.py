"""Submit script of the stage `reconcile`; its arguments are those of `scaleinv reconcile --help`."""

from scaleinv.cli import job

if __name__ == "__main__":
    job("reconcile")
