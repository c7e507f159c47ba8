"""What the database was, step by step (Alembic)."""
