"""Submit script of the stage `export`; its arguments are those of `scaleinv export --help`."""

from scaleinv.cli import job

if __name__ == "__main__":
    job("export")
