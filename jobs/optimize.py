"""Submit script of the stage `optimize`; its arguments are those of `scaleinv optimize --help`."""

from scaleinv.cli import job

if __name__ == "__main__":
    job("optimize")
