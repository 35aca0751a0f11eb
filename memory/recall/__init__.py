"""Recall storage: every message, and what was made of those that left the queue."""
