"""Submit script of the stage `features`; its arguments are those of `scaleinv features --help`."""

from scaleinv.cli import job

if __name__ == "__main__":
    job("features")
