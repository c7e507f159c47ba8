"""Submit script of the stage `evaluate`; its arguments are those of `scaleinv evaluate --help`."""

from scaleinv.cli import job

if __name__ == "__main__":
    job("evaluate")
