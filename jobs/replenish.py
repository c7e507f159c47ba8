"""Submit script of the stage `replenish`; its arguments are those of `scaleinv replenish --help`."""

from scaleinv.cli import job

if __name__ == "__main__":
    job("replenish")
