"""The one table of fields of each format: name, size, kind, meaning. Everything written is held against it."""
