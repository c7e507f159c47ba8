"""Submit script of the stage `track`; its arguments are those of `scaleinv track --help`."""

from scaleinv.cli import job

if __name__ == "__main__":
    job("track")
