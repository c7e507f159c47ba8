"""Submit script of the stage `train`; its arguments are those of `scaleinv train --help`."""

from scaleinv.cli import job

if __name__ == "__main__":
    job("train")
