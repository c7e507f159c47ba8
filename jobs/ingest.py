"""Submit script of the stage `ingest`; its arguments are those of `scaleinv ingest --help`."""

from scaleinv.cli import job

if __name__ == "__main__":
    job("ingest")
