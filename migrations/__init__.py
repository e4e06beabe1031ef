"""Alembic's environment and the schema's revisions, both databases from one source."""
