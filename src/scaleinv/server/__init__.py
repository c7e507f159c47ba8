"""The HTTP endpoints: signed events in, orders and their state out."""
