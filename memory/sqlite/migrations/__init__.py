"""The schema's history, run by Alembic at start. One file a step in `versions/`, never edited once released."""
