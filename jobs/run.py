"""Submit script of the whole walk; its arguments are those of `scaleinv run --help`."""

from scaleinv.cli import job

if __name__ == "__main__":
    job("run")
