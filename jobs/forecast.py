"""Submit script of the stage `forecast`; its arguments are those of `scaleinv forecast --help`."""

from scaleinv.cli import job

if __name__ == "__main__":
    job("forecast")
